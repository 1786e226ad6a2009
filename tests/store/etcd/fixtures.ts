/**
 * What tests of the shared store have in common.
 *
 * @module
 */

import type { Clock } from "../../../lib/config/clock.ts";
import type { Subnet } from "../../../lib/config/model.ts";
import type { Lease } from "../../../lib/lease/lease.ts";
import type {
  Amended,
  Amendment,
  Amendments,
  BookEvent,
  ManagedStore,
  ServerEntry,
} from "../../../lib/lease/management.ts";
import type { LeaseView, Operation, Result } from "../../../lib/lease/store.ts";
import type {
  Etcd,
  LeaseId,
  Page,
  Transaction,
  TransactionResult,
  Watch,
  WatchEvents,
} from "../../../lib/store/etcd/etcd.ts";
import { EtcdStore, type EtcdStoreOptions } from "../../../lib/store/etcd/store.ts";
import type { Ipv4 } from "../../../lib/wire/address.ts";

export const PREFIX = "etcdhcp::";

/** The machine's time, or one that shows what it is told to while waiting goes on. */
export class RealClock implements Clock {
  shown: number | undefined;

  now(): number {
    return this.shown ?? Date.now();
  }

  elapsed(): number {
    return performance.now();
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  turn(): Promise<void> {
    return this.sleep(0);
  }

  every(milliseconds: number, call: () => void): () => void {
    const timer = setInterval(call, milliseconds);
    return () => clearInterval(timer);
  }
}

/** Opens a store with everything filled in. */
export function openStore(
  etcd: Etcd,
  clock: Clock,
  subnets: readonly Subnet[],
  more: Partial<EtcdStoreOptions> = {},
): Promise<EtcdStore> {
  return EtcdStore.open({
    etcd,
    clock,
    subnets,
    prefix: PREFIX,
    server: { id: "one" },
    random: () => 0.5,
    requestTimeout: 2000,
    holdFactor: 2,
    ...more,
  });
}

/** An etcd whose leases can be ended at once, with word of it having come by the time it is done. */
export class Hasty implements Etcd {
  readonly #etcd: Etcd;
  readonly #marker: string;
  readonly #granted: LeaseId[] = [];
  readonly #waiting = new Set<() => void>();
  #seen = 0;

  /** @param marker A key that is watched and means nothing. */
  constructor(etcd: Etcd, marker: string) {
    this.#etcd = etcd;
    this.#marker = marker;
  }

  /** Ends all leases but the first, which stands for a server's being there. */
  async endLeases(): Promise<void> {
    for (const lease of this.#granted.splice(1)) await this.#etcd.revoke(lease, 5000);
    const { revision } = await this.#etcd.transact({
      compare: [],
      success: [{ kind: "put", key: this.#marker, value: "" }],
      failure: [],
    }, 5000);
    while (this.#seen < revision) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  transact(transaction: Transaction, timeout: number): Promise<TransactionResult> {
    return this.#etcd.transact(transaction, timeout);
  }

  read(from: string, end: string, limit: number, revision: number, timeout: number): Promise<Page> {
    return this.#etcd.read(from, end, limit, revision, timeout);
  }

  async grant(seconds: number, timeout: number): Promise<LeaseId> {
    const lease = await this.#etcd.grant(seconds, timeout);
    this.#granted.push(lease);
    return lease;
  }

  keepAlive(lease: LeaseId, timeout: number): Promise<number> {
    return this.#etcd.keepAlive(lease, timeout);
  }

  revoke(lease: LeaseId, timeout: number): Promise<void> {
    return this.#etcd.revoke(lease, timeout);
  }

  watch(from: string, end: string, revision: number, events: WatchEvents): Watch {
    return this.#etcd.watch(from, end, revision, {
      changed: (changes, at) => {
        events.changed(changes, at);
        this.#seen = at;
        for (const resolve of this.#waiting) resolve();
        this.#waiting.clear();
      },
      ended: (reason) => events.ended(reason),
    });
  }

  close(): Promise<void> {
    return this.#etcd.close();
  }
}

/**
 * A store whose time is what the contract's calls say it is: whenever that goes on, all TTLs fire,
 * early ones included, so that the records alone keep addresses from others.
 */
export class Timed implements ManagedStore {
  readonly #store: EtcdStore;
  readonly #etcd: Hasty;
  readonly #setClock: (now: number) => void;
  #now = 0;
  #gate: Promise<void> = Promise.resolve();

  constructor(store: EtcdStore, etcd: Hasty, setClock: (now: number) => void) {
    this.#store = store;
    this.#etcd = etcd;
    this.#setClock = setClock;
  }

  get view(): LeaseView {
    return this.#store.view;
  }

  async commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    let results: Promise<readonly Result[]>;
    // Calls reach the store in their order, but none waits for the results of the one before.
    this.#gate = this.#gate.then(async () => {
      if (now > this.#now) {
        this.#now = now;
        this.#setClock(now);
        await this.#etcd.endLeases();
      }
      results = this.#store.commit(operations, now);
    });
    await this.#gate;
    return await results!;
  }

  get subnets(): readonly Subnet[] {
    return this.#store.subnets;
  }

  entries(): Iterable<Lease> {
    return this.#store.entries();
  }

  amend(amendments: readonly Amendment[]): Promise<readonly Amended[]> {
    return this.#store.amend(amendments);
  }

  amendments(): readonly Amendments[] {
    return this.#store.amendments();
  }

  reconfigure(subnets: readonly Subnet[]): void {
    this.#store.reconfigure(subnets);
  }

  subscribe(listener: (event: BookEvent) => void): () => void {
    return this.#store.subscribe(listener);
  }

  servers(): readonly ServerEntry[] {
    return this.#store.servers();
  }

  due(now: number, limit: number): readonly Ipv4[] {
    return this.#store.due(now, limit);
  }

  clockSet(by: number): Promise<void> {
    return this.#store.clockSet(by);
  }

  trouble(): string | undefined {
    return this.#store.trouble();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
