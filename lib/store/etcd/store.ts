/**
 * The shared store: the lease book is in etcd, any number of servers write it, and this one keeps a
 * mirror of it in memory.
 *
 * Operations that arrive while a transaction is under way travel together in the next, each as a
 * transaction of its own inside it; only a full one sets off before those ahead of it are done. Two
 * that touch one address or one client are never under way together. The mirror enters what has
 * been written at once, and follows what others write.
 *
 * @module
 */

import { messageOf } from "../../config/operator_error.ts";
import type { Clock } from "../../config/clock.ts";
import type { Subnet } from "../../config/model.ts";
import type { AddressSpace } from "../../lease/address_set.ts";
import { propose, subnetFor } from "../../lease/amendments.ts";
import { type ClientKey, type Lease, markCommitted } from "../../lease/lease.ts";
import type {
  Amended,
  Amendment,
  Amendments,
  BookEvent,
  ManagedStore,
  ServerEntry,
} from "../../lease/management.ts";
import {
  type Bind,
  type LeaseView,
  type Operation,
  type Result,
  StoreError,
  type StoreStatus,
} from "../../lease/store.ts";
import type { Ipv4 } from "../../wire/address.ts";
import { differences } from "../amendment_text.ts";
import { Listeners } from "../listeners.ts";
import {
  CLOCK_MARGIN,
  grouped,
  learnFrom,
  type Outcome,
  planFor,
  roomFor,
  stepFor,
  type Task,
  toldBy,
  type TransactionPlan,
  ungrouped,
  weightOf,
} from "./commit.ts";
import {
  type Compare,
  endOfPrefix,
  type Etcd,
  EtcdError,
  Failure,
  type KeyValue,
  type LeaseId,
  type Step,
  type TransactionResult,
  type Watch,
} from "./etcd.ts";
import { type Fact, KeyReader, serverKey, SubnetKeys } from "./keys.ts";
import { Mirror, spacesOf, type Told } from "./mirror.ts";
import { Windows } from "./windows.ts";

/** What the shared store is opened with. */
export interface EtcdStoreOptions {
  /** The connection. The store closes it. */
  readonly etcd: Etcd;
  readonly subnets: readonly Subnet[];
  /** What all keys begin with: "etcdhcp::". */
  readonly prefix: string;
  /** How this server announces itself; the id is its name among the servers. */
  readonly server: { readonly id: string } & Readonly<Record<string, unknown>>;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** The longest that a call to etcd may take, milliseconds. */
  readonly requestTimeout: number;
  /** An address is held for so many times the lease. 1 leaves nothing to ride through with. */
  readonly holdFactor: number;
  /** Whether a renewal that the hold covers is answered without writing. True when left out. */
  readonly skipWrites?: boolean;
  /** The most claims in one transaction. 300 when left out. */
  readonly mostClaims?: number;
  /** etcd's --max-txn-ops. 128 when left out. */
  readonly maxTransactionOperations?: number;
  /** Told of what an operator should know, one line each. */
  readonly onNotice?: (line: string) => void;
  /** Told of every transaction: how long it took, in seconds, and how many operations it had. */
  readonly onCommit?: (seconds: number, operations: number) => void;
}

/** A task that has not been settled. */
interface Pending {
  readonly task: Task;
  readonly now: number;
  readonly settle: (result: Result) => void;
  attempts: number;
}

/** A task on its way. */
interface Claim {
  readonly pending: Pending;
  readonly plan: TransactionPlan;
}

/** etcd's --max-txn-ops, unless it is told otherwise. */
const MOST_OPERATIONS = 128;

/** The most claims in one transaction: more of them take etcd longer than they save. */
const MOST_CLAIMS = 300;

/**
 * The most transactions under way: etcd works on one while the next travels and the answer to the
 * last waits for the loop, which has packets to look after.
 */
const MOST_FLIGHTS = 3;

/**
 * When the last transaction had so many claims, the next is not sent off sooner than so many
 * milliseconds after it, unless it is full: every transaction costs etcd and this program about as
 * much as a dozen claims do.
 */
const BUSY = 16;
const GATHER = 6;

/** How often a claim is tried with what the last try has read. */
const MOST_ATTEMPTS = 8;

const CONTENDED = "others change the same address or client all the time";

/** How often the server shows that it lives, and sees itself do so, milliseconds. */
const BEAT = 2000;

/** How long after a failed try it tries again, milliseconds. */
const RETRY = 500;

/** How long its own sign of life may take to come back through the watch, milliseconds. */
const ECHO = 2000;

/** How long a server's announcement stays once it has stopped, seconds. */
const SESSION = 15;

/** How often what was lost is looked for, milliseconds. */
const CHORES = 500;

/** Keys in a page of the first load, and how long one may take, milliseconds. */
const PAGE = 5000;
const PAGE_TIMEOUT = 5000;

/** Transactions that write `free` keys at start, so many at once. */
const FILLING = 4;

/** The comparisons of each of their parts. */
const FILL_COMPARES = 3;

/**
 * For every transaction etcd 3.4 copies the buffer of what was written lately. It grows with so
 * many keys at once, and shrinks only when etcd, which empties it every 100 ms, finds no key in it
 * but has an etcd lease to write: so after much filling there is a rest before the first lease, and
 * another after it, of so many milliseconds. That is worth a fifth of etcd's time from then on.
 */
const MUCH_FILLING = 2000;
const SHRINKING = 200;

/** The part of a short hold that is left for clocks that differ, in place of `CLOCK_MARGIN`. */
const CLOCK_MARGIN_SHARE = 1 / 20;

/** A lease that would be shorter is not worth an answer, milliseconds. */
const SHORTEST_RIDE = 1000;

export class EtcdStore implements ManagedStore {
  readonly #options: EtcdStoreOptions;
  readonly #etcd: Etcd;
  readonly #clock: Clock;
  /** As the configuration has them. */
  #configured: readonly Subnet[];
  #reader: KeyReader;
  #spaces: ReadonlyMap<string, AddressSpace>;
  readonly #windows: Windows;
  readonly #unreadable = new Set<string>();
  readonly #listeners = new Listeners();
  #mirror: Mirror;
  /** The mirror that takes over as soon as it has all that this one has. */
  #next: Mirror | undefined;
  /** Whether the mirror has everything and is being kept up. */
  #isWhole = false;
  /** Whether there are subnets whose keys the mirror has not read. */
  #isShort = false;
  #filling: Promise<unknown> = Promise.resolve();
  #watch: Watch | undefined;
  #queue: Pending[] = [];
  #chores: Task[] = [];
  /** Transactions under way, and the addresses and clients that they touch. */
  readonly #flights = new Map<number, Promise<void>>();
  #departures = 0;
  readonly #aloft = new Set<Ipv4 | string>();
  /**
   * What the watch has brought while transactions were under way, and which was the last of them.
   * It waits until they have landed: nearly all of it is their echo, which need not be read.
   */
  #echoes: { readonly flight: number; readonly hear: () => void }[] = [];
  /** When the last one set off, by the clock's `elapsed`, and with how many claims. */
  #departed = -Infinity;
  #carried = 0;
  /** etcd's --max-txn-ops. */
  readonly #mostOperations: number;
  /** How many claims fitted into the last transaction that was full. */
  #room: number;
  #isGathering = false;
  /** Clients with something in the queue or on its way, and how much. */
  readonly #busy = new Map<ClientKey, number>();
  #trouble: string | undefined = "etcd has not been reached yet";
  /** By the clock's `elapsed`: what was committed by then, the mirror has for certain. */
  #currentAt: number;
  /** How often something has failed: a sign of life that began before the last is no proof. */
  #failures = 0;
  #session: LeaseId | undefined;
  #beats = 0;
  #isClosed = false;
  #living: Promise<void> | undefined;
  #stopChores: (() => void) | undefined;
  /** Ends the rest between two signs of life. */
  #wakeUp: (() => void) | undefined;
  /** Called when the watch has brought something. */
  #onProgress: (() => void) | undefined;
  /** Stands for the watch that is followed at present. */
  #following: object | undefined;

  /**
   * Opens the book. An etcd that cannot be reached is no failure: the store is in trouble until it
   * can be, and keeps trying.
   *
   * @throws {StoreError} when etcd refuses: credentials, permission, certificate, too old.
   */
  static async open(options: EtcdStoreOptions): Promise<EtcdStore> {
    const store = new EtcdStore(options);
    try {
      await store.#comeUp();
    } catch (error) {
      if (error instanceof EtcdError && error.failure === Failure.REFUSED) {
        store.#watch?.close();
        await options.etcd.close();
        throw new StoreError(error.message);
      }
      store.#fail(messageOf(error));
    }
    store.#living = store.#live();
    store.#stopChores = options.clock.every(CHORES, () => store.#doChores());
    return store;
  }

  private constructor(options: EtcdStoreOptions) {
    const { etcd, clock, subnets, prefix, requestTimeout } = options;
    this.#options = options;
    this.#mostOperations = options.maxTransactionOperations ?? MOST_OPERATIONS;
    this.#room = options.mostClaims ?? MOST_CLAIMS;
    this.#etcd = etcd;
    this.#clock = clock;
    this.#configured = subnets;
    this.#reader = new KeyReader(prefix, subnets);
    this.#spaces = spacesOf(subnets);
    this.#windows = new Windows(etcd, clock, requestTimeout);
    this.#mirror = this.#newMirror();
    this.#currentAt = clock.elapsed();
  }

  get view(): LeaseView {
    return this.#mirror;
  }

  /** Keys whose values make no sense at present, and why: what they are about is not leased. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#mirror.unreadable;
  }

  get subnets(): readonly Subnet[] {
    return this.#mirror.subnets;
  }

  entries(): Iterable<Lease> {
    return this.#mirror.entries();
  }

  amendments(): readonly Amendments[] {
    return this.#configured.map(({ name = "" }) => this.#mirror.amendmentsOf(name));
  }

  subscribe(listener: (event: BookEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  servers(): readonly ServerEntry[] {
    const { id: own } = this.#options.server;
    return Array.from(this.#mirror.servers, ([id, text]) => {
      return { id, isThis: id === own, about: aboutOf(text) };
    });
  }

  status(): Required<StoreStatus> {
    return {
      mirrorLag: (this.#clock.elapsed() - this.#currentAt) / 1000,
      unreadableKeys: this.#mirror.unreadable.size,
      etcdLeases: this.#windows.size,
    };
  }

  commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    if (operations.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const results = new Array<Result>(operations.length);
      let left = operations.length;
      operations.forEach((task, index) =>
        this.#submit(task, now, (result) => {
          results[index] = result;
          if (--left === 0) resolve(results);
        })
      );
      this.#start();
    });
  }

  async amend(amendments: readonly Amendment[]): Promise<readonly Amended[]> {
    const results: Amended[] = [];
    for (const amendment of amendments) results.push(await this.#amend(amendment));
    // In force everywhere as soon as it is written; for what is new to be offered it needs keys.
    if (results.some(({ kind }) => kind === "done")) await this.#evenOut();
    return results;
  }

  reconfigure(subnets: readonly Subnet[]): void {
    const { prefix } = this.#options;
    this.#configured = subnets;
    this.#reader = new KeyReader(prefix, subnets);
    this.#spaces = spacesOf(subnets, this.#spaces);
    const now = this.#clock.now();
    if (this.#mirror.reconfigure(subnets, this.#spaces, this.#reader, now)) this.#isShort = true;
    // Begun with what was configured before.
    this.#next = undefined;
    this.#wake();
  }

  due(now: number, limit: number): readonly Ipv4[] {
    return this.#trouble === undefined ? this.#mirror.due(now, limit) : [];
  }

  /**
   * What is in etcd stays: the other servers' clocks were not set. But the etcd leases that keys
   * are about to hang on were reckoned by the old clock, and after it went back would end too soon.
   */
  clockSet(_by: number): Promise<void> {
    this.#windows.forget();
    return Promise.resolve();
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  /** Settles what waits, takes the announcement back and closes the connection. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#start();
    this.#stopChores?.();
    while (this.#flights.size > 0) await Promise.race(this.#flights.values());
    this.#wake();
    await this.#living;
    if (this.#trouble === undefined) {
      await this.#windows.close();
      const { requestTimeout } = this.#options;
      if (this.#session !== undefined) {
        await this.#etcd.revoke(this.#session, requestTimeout).catch(() => {});
      }
    }
    this.#watch?.close();
    await this.#etcd.close();
  }

  // Operations ---------------------------------------------------------------------------------

  #submit(task: Operation, now: number, settle: (result: Result) => void): void {
    const client = "client" in task ? task.client : this.#holderOf(task);
    const isAlone = client === undefined || !this.#busy.has(client);
    if (task.kind === "bind" && isAlone && this.#trouble === undefined) {
      const covered = this.#covered(task, now);
      if (covered !== undefined) return settle(covered);
    }
    if (this.#trouble !== undefined || this.#isClosed) {
      return settle(this.#without(task, now, this.#trouble ?? "the lease book is closed"));
    }
    if (client === undefined) {
      this.#queue.push({ task, now, settle, attempts: 0 });
      return;
    }
    this.#busy.set(client, (this.#busy.get(client) ?? 0) + 1);
    const settleIt = (result: Result) => {
      const left = this.#busy.get(client)! - 1;
      if (left === 0) this.#busy.delete(client);
      else this.#busy.set(client, left);
      settle(result);
    };
    this.#queue.push({ task, now, settle: settleIt, attempts: 0 });
  }

  /** Whose address an operator takes back: until that is settled it may not go on with it. */
  #holderOf(task: Operation): ClientKey | undefined {
    return task.kind === "free" ? this.#mirror.ofAddress(task.address)?.client : undefined;
  }

  /** Sends off what may set off now. */
  #start(): void {
    while (this.#maySetOff()) {
      const claims = this.#form();
      if (claims.length === 0) return;
      this.#departed = this.#clock.elapsed();
      this.#carried = claims.length;
      const flight = ++this.#departures;
      const scope = claims.flatMap(({ plan }) => plan.scope);
      for (const part of scope) this.#aloft.add(part);
      const landed = this.#commit(claims).then(() => {
        this.#flights.delete(flight);
        for (const part of scope) this.#aloft.delete(part);
        this.#hear();
        this.#start();
      });
      this.#flights.set(flight, landed);
    }
  }

  #maySetOff(): boolean {
    if (this.#queue.length >= this.#room) return this.#flights.size < MOST_FLIGHTS;
    if (this.#queue.length === 0 && this.#chores.length === 0) return false;
    return this.#flights.size === 0 && !this.#gather();
  }

  /** Whether more claims are to be waited for. */
  #gather(): boolean {
    const left = this.#departed + GATHER - this.#clock.elapsed();
    if (this.#carried < BUSY || left <= 0 || this.#isClosed) return false;
    if (!this.#isGathering) {
      this.#isGathering = true;
      this.#clock.sleep(left).then(() => {
        this.#isGathering = false;
        this.#start();
      });
    }
    return true;
  }

  /** Hears echoes whose transactions have all landed. */
  #hear(): void {
    const [oldest = Infinity] = this.#flights.keys();
    while (this.#echoes.length > 0 && this.#echoes[0]!.flight < oldest) {
      this.#echoes.shift()!.hear();
    }
  }

  async #commit(claims: readonly Claim[]): Promise<void> {
    const started = this.#clock.elapsed();
    const leases: (LeaseId | undefined)[] = [];
    let result: TransactionResult;
    try {
      for (const { plan } of claims) {
        const { until } = plan;
        leases.push(
          until === 0
            ? undefined
            : this.#windows.known(until) ?? await this.#windows.leaseFor(until),
        );
      }
      const steps = claims.map(({ pending, plan }, index) =>
        stepFor(plan, leases[index], pending.attempts > 0)
      );
      const weight = claims.reduce((sum, { plan }) => Math.max(sum, weightOf(plan)), 0);
      const success = grouped(steps, weight, this.#mostOperations);
      const { requestTimeout } = this.#options;
      result = await this.#etcd.transact({ compare: [], success, failure: [] }, requestTimeout);
    } catch (error) {
      return this.#abandon(claims, error);
    } finally {
      this.#options.onCommit?.((this.#clock.elapsed() - started) / 1000, claims.length);
    }
    this.#conclude(claims, leases, result);
  }

  /**
   * Takes claims for one transaction out of the queue. Two that touch one address or one client
   * never travel together, and whoever came first goes first.
   */
  #form(): Claim[] {
    const { mostClaims = MOST_CLAIMS } = this.#options;
    const claims: Claim[] = [];
    const touched = new Set(this.#aloft);
    const later: Pending[] = [];
    let weight = 0;
    /** False once there is no more room. */
    const take = (pending: Pending): boolean => {
      const { task, now } = pending;
      if (scopeOf(task).some((part) => touched.has(part))) {
        for (const part of this.#wideScopeOf(task)) touched.add(part);
        later.push(pending);
        return true;
      }
      const plan = planFor(task, this.#mirror, now, this.#options);
      if (plan.kind === "settled") {
        pending.settle(plan.result);
        return true;
      }
      if (plan.scope.some((part) => touched.has(part))) {
        for (const part of plan.scope) touched.add(part);
        later.push(pending);
        return true;
      }
      const heaviest = Math.max(weight, weightOf(plan));
      const fits = claims.length < Math.min(mostClaims, roomFor(heaviest, this.#mostOperations));
      if (!fits && claims.length > 0) {
        this.#room = claims.length;
        return false;
      }
      weight = heaviest;
      claims.push({ pending, plan });
      for (const part of plan.scope) touched.add(part);
      return true;
    };
    let taken = 0;
    while (taken < this.#queue.length && take(this.#queue[taken]!)) taken++;
    this.#queue = later.splice(0).concat(this.#queue.slice(taken));
    // What the store does of its own accord fills the room that clients leave.
    const now = this.#clock.now();
    while (this.#chores.length > 0) {
      if (!take({ task: this.#chores.at(-1)!, now, settle: () => {}, attempts: 0 })) break;
      this.#chores.pop();
    }
    return claims;
  }

  /** With what else a task that is put off may touch: nothing behind it may come before it. */
  #wideScopeOf(task: Task): (Ipv4 | string)[] {
    const scope = scopeOf(task);
    if (task.kind !== "bind") return scope;
    const others = this.#mirror.othersOf(task.subnet, task.client, task.address);
    return [...scope, ...others.map(({ address }) => address)];
  }

  #conclude(
    claims: readonly Claim[],
    leases: readonly (LeaseId | undefined)[],
    { results: groups, revision }: TransactionResult,
  ): void {
    const results = ungrouped(groups, claims.length);
    const now = this.#clock.now();
    const again: Pending[] = [];
    const done: Claim[] = [];
    const told = [];
    for (const [index, claim] of claims.entries()) {
      const result = results[index];
      if (result?.kind === "txn" && result.result.succeeded) {
        told.push(...toldBy(claim.plan, revision, leases[index]));
        done.push(claim);
        continue;
      }
      const { pending, plan } = claim;
      if (result?.kind === "txn") {
        learnFrom(plan, result.result.results, revision, this.#mirror, now);
      }
      const reason = this.#trouble ?? (++pending.attempts < MOST_ATTEMPTS ? undefined : CONTENDED);
      if (reason === undefined) again.push(pending);
      else pending.settle(this.#without(pending.task, pending.now, reason));
    }
    // A transaction that writes nothing has the revision of what was written last, by anybody.
    if (told.length > 0) this.#wrote(told, revision, now);
    for (const { pending, plan } of done) pending.settle(resultOf(plan.outcome));
    if (again.length > 0) this.#queue = again.concat(this.#queue);
  }

  /** The transaction has failed, or nobody knows. */
  #abandon(claims: readonly Claim[], error: unknown): void {
    const pendings = claims.map(({ pending }) => pending);
    if (error instanceof EtcdError && error.failure === Failure.NO_LEASE) {
      this.#windows.forget();
      if (
        this.#trouble === undefined &&
        pendings.every((pending) => ++pending.attempts < MOST_ATTEMPTS)
      ) {
        this.#queue = pendings.concat(this.#queue);
        return;
      }
    }
    // What it has done, if it has, comes through the watch; until it must have come, there is
    // trouble, and nothing is offered.
    this.#fail(messageOf(error), pendings);
  }

  /**
   * A renewal that can be answered without writing: what is in etcd already keeps the address for
   * longer than the new lease. One by another server than before is written, since the client will
   * name this one when it gives the address back.
   */
  #covered(bind: Bind, now: number): Result | undefined {
    if (this.#options.skipWrites === false) return undefined;
    const record = this.#mirror.slot(bind.address).record;
    if (record?.hostname !== bind.hostname || record.clientId !== bind.clientId) return undefined;
    if (record.server !== bind.server) return undefined;
    return this.#ride(bind, now, bind.expires);
  }

  /** The result of a task that cannot be committed. */
  #without(task: Task, now: number, reason: string): Result {
    const ridden = task.kind === "bind" ? this.#ride(task, now, now + SHORTEST_RIDE) : undefined;
    if (task.kind === "expire") this.#mirror.postpone(task.address, now + 1000);
    return ridden ?? { kind: "unknown", reason };
  }

  /**
   * Lets a client that uses an address go on with it, within what is committed: nobody frees the
   * address before the hold has ended, whatever happens. Never a new address.
   *
   * @param least The lease must reach this instant.
   */
  #ride(bind: Bind, now: number, least: number): Result | undefined {
    const { subnet, client, address, inUse } = bind;
    // Even where a longer hold is recorded, by a server that is set otherwise or was.
    if (this.#options.holdFactor <= 1) return undefined;
    const { record, leasedRevision, leasedTo, unreadable } = this.#mirror.slot(address);
    if (!inUse || unreadable !== 0 || record === undefined) return undefined;
    if (record.state !== "bound" || record.client !== client || record.subnet !== subnet) {
      return undefined;
    }
    if (leasedRevision > 0 && leasedTo?.key !== client) return undefined;
    // Another program has freed it, and may give it to somebody.
    if (leasedRevision === 0 && this.#mirror.hasFreeKey(subnet, address)) return undefined;
    const pin = this.#mirror.pinOf(subnet, client, now);
    if (pin !== undefined && pin !== address) return undefined;
    // Written in what is the future here: one of the clocks is wrong, and how much is left unknown.
    if (record.renewed > now + CLOCK_MARGIN) return undefined;
    const margin = Math.min(CLOCK_MARGIN, (record.held - record.renewed) * CLOCK_MARGIN_SHARE);
    const expires = Math.min(bind.expires, Math.floor(record.held - margin));
    if (expires < least) return undefined;
    const lease = markCommitted({ ...record, renewed: now, expires });
    return { kind: "done", lease, before: record, freed: undefined };
  }

  /** Enters what has been written, in the mirror that is to come as well. */
  #wrote(told: readonly Told[], revision: number, now: number): void {
    this.#mirror.wrote(told, revision, now);
    this.#next?.wrote(told, revision, now);
  }

  // Amendments ---------------------------------------------------------------------------------

  /** Compares the keys that it changes; who was faster is heard, and it is thought over again. */
  async #amend(amendment: Amendment): Promise<Amended> {
    const { prefix, requestTimeout } = this.#options;
    for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
      if (this.#isClosed) return { kind: "unknown", reason: "the lease book is closed" };
      if (this.#trouble !== undefined) return { kind: "unknown", reason: this.#trouble };
      const subnet = subnetFor(this.#configured, amendment);
      if ("problem" in subnet) return { kind: "refused", problem: subnet.problem };
      const name = subnet.name ?? "";
      const mirror = this.#mirror;
      if (mirror.isUnread(name)) return { kind: "unknown", reason: "its keys are being read" };
      const keys = new SubnetKeys(prefix, name);
      // Two servers that reserve one address for two clients write different keys.
      const unchanged: Compare[] = [];
      if (amendment.kind === "reserve") {
        try {
          unchanged.push(await this.#readReservations(mirror, name, keys));
        } catch (error) {
          return { kind: "unknown", reason: messageOf(error) };
        }
        // Configured otherwise meanwhile, or read anew.
        if (mirror !== this.#mirror || !this.#configured.includes(subnet)) continue;
      }
      const before = mirror.amendmentsOf(name);
      const proposal = propose(subnet, before, amendment);
      if (proposal.kind === "refused") return proposal;
      if (proposal.kind === "same") return { kind: "done" };
      const changes = differences(before, proposal.amendments).map(({ name: key, text }) => {
        return { name: key, key: keys.amendment(key), text };
      });
      const compare = changes.map(({ name: key, key: whole }): Compare => {
        return { kind: "modified", key: whole, revision: mirror.amendmentRevision(name, key) };
      });
      const success = changes.map(({ key, text }): Step =>
        text === undefined ? { kind: "delete", key } : { kind: "put", key, value: text }
      );
      const failure = changes.map(({ key }): Step => ({ kind: "get", key }));
      try {
        const transaction = { compare: [...compare, ...unchanged], success, failure };
        const result = await this.#etcd.transact(transaction, requestTimeout);
        const { succeeded, results, revision } = result;
        const now = this.#clock.now();
        if (succeeded) {
          const told = changes.flatMap(({ key, text }): Told[] => {
            const fact = this.#reader.read(key, text);
            // The subnet may have gone meanwhile.
            if (fact === undefined) return [];
            return [{ key, fact, revision: text === undefined ? 0 : revision, lease: undefined }];
          });
          this.#wrote(told, revision, now);
          return { kind: "done" };
        }
        const read = changes.flatMap(({ key }, index) => {
          const found = results[index];
          return found?.kind === "get" ? [[key, found.found] as const] : [];
        });
        this.#mirror.learn(read, revision, now);
      } catch (error) {
        return { kind: "unknown", reason: messageOf(error) };
      }
    }
    return { kind: "unknown", reason: "others change the same amendments all the time" };
  }

  /**
   * Reads what is reserved in a subnet, as it is now and not when the watch brings it.
   *
   * @returns what holds for as long as nobody else reserves anything there.
   */
  async #readReservations(mirror: Mirror, subnet: string, keys: SubnetKeys): Promise<Compare> {
    const { requestTimeout } = this.#options;
    const key = keys.reservations();
    const end = endOfPrefix(key);
    const known = mirror.amendmentsOf(subnet).reservations.keys();
    const found = new Map<string, KeyValue | undefined>();
    for (const client of known) found.set(keys.reservation(client), undefined);
    const revision = await this.#readAll(key, requestTimeout, (one) => found.set(one.key, one));
    mirror.learn(found, revision, this.#clock.now());
    return { kind: "unchanged", key, end, revision };
  }

  /** Brings the `free` keys in line with pools that have changed. */
  async #evenOut(): Promise<void> {
    try {
      while (this.#mirror.isUneven && this.#trouble === undefined) await this.#fill();
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  #doChores(): void {
    if (this.#trouble !== undefined) return;
    // Another server has changed the pools.
    if (this.#mirror.isUneven) this.#wake();
    if (this.#chores.length > 0) return;
    for (const address of this.#mirror.lost) this.#chores.push({ kind: "restore", address });
    for (const address of this.#mirror.limbo(this.#clock.now())) {
      this.#chores.push({ kind: "reclaim", address });
    }
    this.#start();
  }

  // Being up -----------------------------------------------------------------------------------

  #fail(reason: string, pendings: readonly Pending[] = []): void {
    this.#failures++;
    this.#trouble = reason;
    this.#chores = [];
    const waiting = this.#queue;
    this.#queue = [];
    for (const { task, now, settle } of [...pendings, ...waiting]) {
      settle(this.#without(task, now, reason));
    }
    this.#wake();
  }

  /**
   * Shows that it lives, again and again, and waits each time until it sees itself do so: then etcd
   * commits, and the watch has brought everything that was written before.
   */
  async #live(): Promise<void> {
    while (true) {
      // Servers that were cut off together do not come back in step.
      const rest = this.#trouble === undefined ? BEAT : RETRY * (0.5 + this.#options.random());
      const isBehind = this.#trouble === undefined && (this.#isShort || this.#mirror.isUneven);
      if (!isBehind) await this.#rest(rest, (wake) => this.#wakeUp = wake);
      if (this.#isClosed) return;
      try {
        await this.#comeUp();
      } catch (error) {
        this.#fail(messageOf(error));
      }
    }
  }

  async #comeUp(): Promise<void> {
    const failures = this.#failures;
    if (!this.#isWhole || this.#isShort) await this.#load();
    if (this.#mirror.isUneven && await this.#fill() > MUCH_FILLING) await this.#shrinkBuffer();
    await this.#beat();
    if (failures !== this.#failures || !this.#isWhole) return;
    this.#trouble = undefined;
    this.#doChores();
  }

  /** See `SHRINKING`. */
  async #shrinkBuffer(): Promise<void> {
    if (this.#session !== undefined) return;
    await this.#rest(SHRINKING, (wake) => this.#wakeUp = wake);
    this.#session = await this.#etcd.grant(SESSION, this.#options.requestTimeout);
    await this.#rest(SHRINKING, (wake) => this.#wakeUp = wake);
  }

  async #beat(): Promise<void> {
    const { prefix, server, requestTimeout } = this.#options;
    if (this.#session !== undefined) {
      const left = await this.#etcd.keepAlive(this.#session, requestTimeout);
      if (left <= 0) this.#session = undefined;
    }
    this.#session ??= await this.#etcd.grant(SESSION, requestTimeout);
    const value = JSON.stringify({ ...server, beat: ++this.#beats });
    const key = serverKey(prefix, server.id);
    const put: Step = { kind: "put", key, value, lease: this.#session };
    const sent = this.#clock.elapsed();
    const { revision } = await this.#etcd.transact(
      { compare: [], success: [put], failure: [] },
      requestTimeout,
    ).catch((error) => {
      if (error instanceof EtcdError && error.failure === Failure.NO_LEASE) {
        this.#session = undefined;
      }
      throw error;
    });
    const deadline = this.#clock.elapsed() + ECHO;
    while (this.#isWhole && this.#mirror.revision < revision && !this.#isClosed) {
      const left = deadline - this.#clock.elapsed();
      if (left <= 0) this.#isWhole = false;
      else await this.#rest(left, (wake) => this.#onProgress = wake);
    }
    if (!this.#isWhole) throw new Error("etcd's watch is silent; reading the lease book again");
    if (this.#mirror.revision >= revision) this.#currentAt = sent;
  }

  /**
   * Reads everything at one revision, in pages, and follows what comes after. While the mirror that
   * there is is whole, it serves until the new one has all that it has.
   */
  async #load(): Promise<void> {
    const { prefix } = this.#options;
    const reader = this.#reader;
    const mirror = this.#newMirror();
    const started = this.#clock.elapsed();
    const revision = await this.#readAll(prefix, PAGE_TIMEOUT, (found) => mirror.load(found));
    // Configured otherwise meanwhile.
    if (reader !== this.#reader) return await this.#load();
    mirror.loaded(revision, this.#clock.now());
    // From here on it enters what is written; what was in between comes through the watch.
    this.#next = mirror;
    for (const key of this.#unreadable) {
      if (!mirror.unreadable.has(key)) this.#unreadable.delete(key);
    }
    const target = this.#isWhole ? this.#mirror.newest : 0;
    this.#follow(mirror, revision);
    const deadline = this.#clock.elapsed() + ECHO;
    while (mirror.revision < target && this.#isWhole && !this.#isClosed) {
      const left = deadline - this.#clock.elapsed();
      if (reader !== this.#reader) break;
      if (left <= 0) this.#isWhole = false;
      else await this.#rest(left, (wake) => this.#onProgress = wake);
    }
    if (reader !== this.#reader) return await this.#load();
    // Neither has all: the one that there was is followed no more, the other not far enough.
    if (mirror.revision < target) throw new Error("etcd's watch is silent or has ended");
    this.#take(mirror, started);
  }

  /**
   * Reads all keys that begin with a prefix, at one revision, in pages.
   *
   * @param timeout The longest that a page may take, milliseconds.
   * @returns the revision.
   */
  async #readAll(
    prefix: string,
    timeout: number,
    take: (found: KeyValue) => void,
  ): Promise<number> {
    const end = endOfPrefix(prefix);
    let revision = 0;
    for (let from = prefix, more = true; more;) {
      const page = await this.#etcd.read(from, end, PAGE, revision, timeout);
      revision = page.revision;
      page.found.forEach(take);
      more = page.more;
      if (more) from = page.found.at(-1)!.key + "\0";
    }
    return revision;
  }

  /** Puts a mirror in the place of the one before, and tells what is different in it. */
  #take(mirror: Mirror, started: number): void {
    const before = this.#mirror;
    this.#mirror = mirror;
    this.#currentAt = started;
    this.#next = undefined;
    this.#isWhole = true;
    this.#isShort = false;
    mirror.speak(before.revision > 0 ? before : undefined);
  }

  #newMirror(): Mirror {
    const { prefix, onNotice } = this.#options;
    const notice = (key: string, reason: string) => {
      if (this.#unreadable.has(key)) return;
      this.#unreadable.add(key);
      onNotice?.(`cannot make sense of ${JSON.stringify(key)}: ${reason}; left alone, not leased`);
    };
    return new Mirror(
      prefix,
      this.#configured,
      this.#spaces,
      this.#reader,
      this.#listeners,
      notice,
    );
  }

  /** Follows changes after a revision. A watch that ends is taken up where it ended. */
  #follow(mirror: Mirror, revision: number): void {
    this.#watch?.close();
    const { prefix } = this.#options;
    const following = {};
    this.#following = following;
    this.#watch = this.#etcd.watch(prefix, endOfPrefix(prefix), revision + 1, {
      changed: (changes, at) => {
        const hear = () => {
          if (this.#following !== following) return;
          mirror.follow(changes, at, this.#clock.now());
          this.#onProgress?.();
        };
        this.#echoes.push({ flight: this.#departures, hear });
        this.#hear();
      },
      ended: (reason) => {
        if (this.#following !== following || this.#isClosed) return;
        if (mirror.revision > revision) return this.#follow(mirror, mirror.revision);
        this.#isWhole = false;
        this.#onProgress?.();
        this.#fail(`etcd's watch has ended: ${reason}; reading the lease book again`);
      },
    });
  }

  /**
   * Writes the `free` keys that are missing, and deletes those of ranges that have left the pools.
   * Servers that start together begin in other places.
   *
   * @returns how many keys it has written or deleted.
   */
  #fill(): Promise<number> {
    // One at a time: what one is about to delete the next may have to write.
    const filling = this.#filling.then(() => this.#fillNow());
    this.#filling = filling.catch(() => {});
    return filling;
  }

  async #fillNow(): Promise<number> {
    const mirror = this.#mirror;
    mirror.even(true);
    try {
      return await this.#fillGaps(mirror);
    } catch (error) {
      mirror.even(false);
      throw error;
    }
  }

  async #fillGaps(mirror: Mirror): Promise<number> {
    const retired = mirror.retired();
    const work = [
      ...Array.from(mirror.missing(), (place) => ({ ...place, isMissing: true })),
      ...Array.from(mirror.surplus(retired), (place) => ({ ...place, isMissing: false })),
    ];
    const { prefix, random, requestTimeout } = this.#options;
    const timeout = Math.max(requestTimeout, PAGE_TIMEOUT);
    const keys = new Map(
      [...this.#spaces.keys()].map((name) => [name, new SubnetKeys(prefix, name)]),
    );
    const size = Math.max(1, this.#mostOperations - FILL_COMPARES);
    const first = Math.floor(random() * work.length);
    let taken = 0;
    let written = 0;
    const next = () => {
      const steps: Step[] = [];
      const facts: Extract<Fact, { kind: "free" }>[] = [];
      while (steps.length < size && taken < work.length) {
        const { subnet, address, isMissing } = work[(first + taken++) % work.length]!;
        if (!mirror.hasSubnet(subnet)) continue;
        // Another server may have done it meanwhile.
        if (isMissing ? !mirror.isMissing(subnet, address) : !mirror.isSurplus(subnet, address)) {
          continue;
        }
        const subnetKeys = keys.get(subnet)!;
        const { recordRevision } = mirror.slot(address);
        steps.push(
          isMissing
            ? freeStep(subnetKeys, address, recordRevision)
            : unfreeStep(subnetKeys, address),
        );
        facts.push({ kind: "free", subnet, address, there: isMissing });
      }
      return { steps, facts };
    };
    const worker = async () => {
      for (let { steps, facts } = next(); steps.length > 0; { steps, facts } = next()) {
        const { results, revision } = await this.#etcd.transact(
          { compare: [], success: steps, failure: [] },
          timeout,
        );
        const told = facts.flatMap((fact, index): Told[] => {
          const result = results[index];
          if (result?.kind !== "txn" || !result.result.succeeded) return [];
          const key = keys.get(fact.subnet)!.free(fact.address);
          return [{ key, fact, revision: fact.there ? revision : 0, lease: undefined }];
        });
        if (told.length > 0) this.#wrote(told, revision, this.#clock.now());
        written += told.length;
      }
    };
    await Promise.all(Array.from({ length: FILLING }, worker));
    mirror.evened(retired);
    return written;
  }

  /** Waits, unless what it hands out is called. */
  #rest(milliseconds: number, hand: (wake: () => void) => void): Promise<void> {
    return new Promise((resolve) => {
      const stop = this.#clock.every(milliseconds, wake);
      function wake() {
        stop();
        resolve();
      }
      hand(wake);
    });
  }

  #wake(): void {
    this.#wakeUp?.();
    if (this.#isClosed) this.#onProgress?.();
  }
}

/**
 * A transaction that frees an address nobody has, unless it is free, or something has become of it
 * since: whatever does is recorded.
 */
function freeStep(keys: SubnetKeys, address: Ipv4, recordRevision: number): Step {
  const free = keys.free(address);
  const compare = [
    { kind: "absent", key: free },
    { kind: "absent", key: keys.leased(address) },
    { kind: "modified", key: keys.record(address), revision: recordRevision },
  ] as const;
  const put: Step = { kind: "put", key: free, value: keys.text(address) };
  return { kind: "txn", txn: { compare, success: [put], failure: [] } };
}

/** A transaction that takes the `free` key from an address, if it is still there as it was. */
function unfreeStep(keys: SubnetKeys, address: Ipv4): Step {
  const free = keys.free(address);
  const compare = [{ kind: "value", key: free, value: keys.text(address) }] as const;
  return { kind: "txn", txn: { compare, success: [{ kind: "delete", key: free }], failure: [] } };
}

/** What a server says of itself, without what its entry says already. */
function aboutOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const { id: _id, beat: _beat, ...about } = JSON.parse(text);
    return about;
  } catch {
    // Another program's, or another version's: it is there, and that is all one can say.
    return {};
  }
}

function scopeOf(task: Task): (Ipv4 | string)[] {
  return "client" in task ? [task.address, task.client] : [task.address];
}

function resultOf(outcome: Outcome): Result {
  if (outcome.kind !== "done") return outcome;
  return { ...outcome, lease: markCommitted(outcome.lease) };
}
