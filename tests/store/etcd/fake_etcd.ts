/**
 * An etcd in memory, with the semantics that `Etcd` promises: revisions, leases by a clock, nested
 * transactions, watches, compaction; and failures, as a test wants them.
 *
 * @module
 */

import type { Clock } from "../../../lib/config/clock.ts";
import {
  type Change,
  type Compare,
  type Etcd,
  EtcdError,
  Failure,
  type KeyValue,
  type LeaseId,
  type Page,
  type Step,
  type StepResult,
  type Transaction,
  type TransactionResult,
  type Watch,
  type WatchEvents,
} from "../../../lib/store/etcd/etcd.ts";

/** What becomes of a call: as it should, done but not said, not done and not said, refused. */
export type Fate = "well" | "unknown-but-done" | "unknown-not-done" | "unavailable";

interface Follower {
  readonly from: string;
  readonly end: string;
  readonly events: WatchEvents;
  readonly connection: Connection;
}

/** The cluster: what all its clients share. */
export class FakeEtcd {
  readonly #clock: Clock;
  readonly #keys = new Map<string, KeyValue>();
  readonly #leases = new Map<LeaseId, { end: number; readonly seconds: number }>();
  readonly #followers = new Set<Follower>();
  /** Every change, by revision: what watches and reads of the past begin from. */
  #history: Change[] = [];
  #revision = 1;
  #compacted = 0;
  #granted = 0;
  readonly maxOperations: number;
  /** While true nothing is carried out; what was sent meanwhile is, when it thaws. */
  #isFrozen = false;
  #waiting: (() => void)[] = [];
  /** The most leases there were at once. */
  mostLeases = 0;
  transactions = 0;

  constructor(clock: Clock, maxOperations = 128) {
    this.#clock = clock;
    this.maxOperations = maxOperations;
  }

  /** A client of it. */
  connect(options: ConnectionOptions = {}): Connection {
    return new Connection(this, this.#clock, options);
  }

  get revision(): number {
    return this.#revision;
  }

  /** Keys and values that begin with a prefix. */
  dump(prefix = ""): Record<string, string> {
    this.expire();
    const found = [...this.#keys.values()].filter(({ key }) => key.startsWith(prefix));
    return Object.fromEntries(found.map(({ key, value }) => [key, value]));
  }

  get(key: string): KeyValue | undefined {
    this.expire();
    return this.#keys.get(key);
  }

  get leases(): number {
    this.expire();
    return this.#leases.size;
  }

  /** As with etcdctl. */
  put(key: string, value: string): void {
    this.transact({ compare: [], success: [{ kind: "put", key, value }], failure: [] });
  }

  delete(...keys: string[]): void {
    const success = keys.map((key): Step => ({ kind: "delete", key }));
    this.transact({ compare: [], success, failure: [] });
  }

  freeze(): void {
    this.#isFrozen = true;
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const carryOut of this.#waiting.splice(0)) carryOut();
  }

  get isFrozen(): boolean {
    return this.#isFrozen;
  }

  /** Puts a call off until it thaws. */
  later(carryOut: () => void): void {
    this.#waiting.push(carryOut);
  }

  /** Forgets all revisions before one. */
  compact(revision = this.#revision): void {
    this.#compacted = revision;
    this.#history = this.#history.filter((change) => change.revision >= revision);
  }

  /** Lets leases end whose time is over. */
  expire(): void {
    const now = this.#clock.elapsed();
    for (const [id, { end }] of this.#leases) if (end <= now) this.revoke(id);
  }

  grant(seconds: number): LeaseId {
    this.expire();
    const id = String(++this.#granted) as LeaseId;
    this.#leases.set(id, { end: this.#clock.elapsed() + seconds * 1000, seconds });
    this.mostLeases = Math.max(this.mostLeases, this.#leases.size);
    return id;
  }

  keepAlive(id: LeaseId): number {
    this.expire();
    const lease = this.#leases.get(id);
    if (lease === undefined) return 0;
    lease.end = this.#clock.elapsed() + lease.seconds * 1000;
    return lease.seconds;
  }

  revoke(id: LeaseId): void {
    this.#leases.delete(id);
    const keys = [...this.#keys.values()].filter(({ lease }) => lease === id);
    if (keys.length > 0) this.#change(keys.map(({ key }) => ({ key, now: undefined })));
  }

  /** Ends all leases, as a cluster may that has stalled. */
  revokeAll(): void {
    for (const id of [...this.#leases.keys()]) this.revoke(id);
  }

  transact(transaction: Transaction): TransactionResult {
    this.expire();
    this.transactions++;
    const size = sizeOf(transaction);
    if (size > this.maxOperations) {
      throw new EtcdError(Failure.REFUSED, `too many operations: ${size}`);
    }
    for (const steps of [transaction.success, transaction.failure]) checkPuts(steps);
    const changes = new Map<string, { key: string; now: KeyValue | undefined }>();
    this.#checkLeases(transaction);
    const revision = this.#revision + 1;
    const result = this.#run(transaction, revision, changes);
    if (changes.size > 0) this.#change([...changes.values()]);
    return stamp(result, this.#revision);
  }

  read(from: string, end: string, limit: number, revision: number): Page {
    this.expire();
    if (revision !== 0 && revision < this.#compacted) {
      throw new EtcdError(Failure.COMPACTED, `revision ${revision} has been compacted`);
    }
    const keys = revision === 0 ? this.#keys : this.#at(revision);
    const found = [...keys.values()].filter(({ key }) => key >= from && key < end)
      .sort((one, other) => one.key < other.key ? -1 : 1);
    return {
      found: found.slice(0, limit),
      more: found.length > limit,
      revision: revision === 0 ? this.#revision : revision,
    };
  }

  watch(follower: Follower, revision: number): () => void {
    if (revision < this.#compacted) {
      queueMicrotask(() => follower.events.ended(`revision ${revision} has been compacted`));
      return () => {};
    }
    const past = this.#history.filter((change) => change.revision >= revision);
    this.#followers.add(follower);
    this.#tell(follower, past);
    return () => this.#followers.delete(follower);
  }

  /** Cuts every watch. */
  cut(reason: string): void {
    for (const follower of [...this.#followers]) {
      this.#followers.delete(follower);
      queueMicrotask(() => follower.events.ended(reason));
    }
  }

  #run(
    { compare, success, failure }: Transaction,
    revision: number,
    changes: Map<string, { key: string; now: KeyValue | undefined }>,
  ): TransactionResult {
    // Conditions of nested transactions are judged before anything is written.
    const succeeded = compare.every((one) => this.#holds(one));
    const results = (succeeded ? success : failure).flatMap((step): StepResult[] => {
      switch (step.kind) {
        case "txn":
          return [{ kind: "txn", result: this.#run(step.txn, revision, changes) }];
        case "get":
          return [{ kind: "get", found: this.#keys.get(step.key) }];
        case "delete":
          if (this.#keys.has(step.key)) changes.set(step.key, { key: step.key, now: undefined });
          return [];
        case "put": {
          const { key, value, lease } = step;
          const createRevision = this.#keys.get(key)?.createRevision ?? revision;
          const now = { key, value, createRevision, modRevision: revision, lease };
          changes.set(key, { key, now });
          return [];
        }
      }
    });
    return { succeeded, results, revision };
  }

  #holds(compare: Compare): boolean {
    const found = this.#keys.get(compare.key);
    switch (compare.kind) {
      case "absent":
        return found === undefined;
      case "present":
        return found !== undefined;
      case "value":
        return found?.value === compare.value;
      case "modified":
        return (found?.modRevision ?? 0) === compare.revision;
      case "unchanged":
        return [...this.#keys.values()].every(({ key, modRevision }) =>
          key < compare.key || key >= compare.end || modRevision <= compare.revision
        );
      case "lease":
        return found !== undefined && found.lease === compare.lease;
    }
  }

  #checkLeases({ success, failure }: Transaction): void {
    for (const step of [...success, ...failure]) {
      if (step.kind === "txn") this.#checkLeases(step.txn);
      if (step.kind !== "put" || step.lease === undefined) continue;
      if (!this.#leases.has(step.lease)) {
        throw new EtcdError(Failure.NO_LEASE, "requested lease not found");
      }
    }
  }

  #change(changes: readonly { readonly key: string; readonly now: KeyValue | undefined }[]): void {
    const revision = ++this.#revision;
    const all = changes.map(({ key, now }): Change => ({ key, now, revision }));
    for (const { key, now } of all) {
      if (now === undefined) this.#keys.delete(key);
      else this.#keys.set(key, now);
    }
    this.#history.push(...all);
    for (const follower of this.#followers) this.#tell(follower, all);
  }

  #tell(follower: Follower, changes: readonly Change[]): void {
    const seen = changes.filter(({ key }) => key >= follower.from && key < follower.end);
    if (seen.length > 0) {
      follower.connection.deliver(() => {
        if (this.#followers.has(follower)) follower.events.changed(seen, seen.at(-1)!.revision);
      });
    }
  }

  /** The keys as they were at a revision. */
  #at(revision: number): Map<string, KeyValue> {
    if (revision === this.#revision) return this.#keys;
    const keys = new Map(this.#keys);
    const later = this.#history.filter((change) => change.revision > revision);
    for (const { key } of later) keys.delete(key);
    for (const { key, now, revision: at } of this.#history) {
      if (at > revision || !later.some((change) => change.key === key)) continue;
      if (now === undefined) keys.delete(key);
      else keys.set(key, now);
    }
    return keys;
  }
}

export interface ConnectionOptions {
  /** What becomes of a call that changes something. */
  readonly fate?: () => Fate;
  /** Waited for before a call is carried out, and again before its answer is given. */
  readonly pause?: (what: "call" | "answer") => Promise<void>;
}

/** One client of the cluster. */
export class Connection implements Etcd {
  readonly #cluster: FakeEtcd;
  readonly #clock: Clock;
  readonly #options: ConnectionOptions;
  readonly #unwatch = new Set<() => void>();
  #held: (() => void)[] | undefined;
  #isCut = false;

  constructor(cluster: FakeEtcd, clock: Clock, options: ConnectionOptions) {
    this.#cluster = cluster;
    this.#clock = clock;
    this.#options = options;
  }

  /** Calls are lost on the way while it is cut, and so is what the watch would bring. */
  cut(isCut: boolean): void {
    this.#isCut = isCut;
    if (!isCut) this.release();
    else this.hold();
  }

  /** Keeps what the watch brings until it is released. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const tell of held) tell();
  }

  deliver(tell: () => void): void {
    if (this.#held !== undefined) this.#held.push(tell);
    else queueMicrotask(() => this.#held === undefined ? tell() : this.#held.push(tell));
  }

  transact(transaction: Transaction, timeout: number): Promise<TransactionResult> {
    return this.#call(() => this.#cluster.transact(transaction), timeout);
  }

  read(
    from: string,
    end: string,
    limit: number,
    revision: number,
    timeout: number,
  ): Promise<Page> {
    return this.#call(() => this.#cluster.read(from, end, limit, revision), timeout);
  }

  grant(seconds: number, timeout: number): Promise<LeaseId> {
    return this.#call(() => this.#cluster.grant(seconds), timeout);
  }

  keepAlive(lease: LeaseId, timeout: number): Promise<number> {
    return this.#call(() => this.#cluster.keepAlive(lease), timeout);
  }

  revoke(lease: LeaseId, timeout: number): Promise<void> {
    return this.#call(() => this.#cluster.revoke(lease), timeout);
  }

  watch(from: string, end: string, revision: number, events: WatchEvents): Watch {
    const stop = this.#cluster.watch({ from, end, events, connection: this }, revision);
    this.#unwatch.add(stop);
    return { close: stop };
  }

  close(): Promise<void> {
    for (const stop of this.#unwatch) stop();
    return Promise.resolve();
  }

  async #call<T>(carryOut: () => T, timeout: number): Promise<T> {
    const { fate = () => "well", pause = () => Promise.resolve() } = this.#options;
    await pause("call");
    if (this.#isCut) return await this.#timeOut(timeout);
    if (this.#cluster.isFrozen) return await this.#frozen(carryOut, timeout);
    switch (fate()) {
      case "unavailable":
        throw new EtcdError(Failure.UNAVAILABLE, "etcd has no leader");
      case "unknown-not-done":
        throw new EtcdError(Failure.UNKNOWN, "etcd did not answer in time");
      case "unknown-but-done":
        carryOut();
        await pause("answer");
        throw new EtcdError(Failure.UNKNOWN, "etcd did not answer in time");
      case "well": {
        const result = carryOut();
        await pause("answer");
        return result;
      }
    }
  }

  /** It may be carried out after the caller has given up. */
  #frozen<T>(carryOut: () => T, timeout: number): Promise<T> {
    const late = new Promise<T>((resolve, reject) =>
      this.#cluster.later(() => {
        try {
          resolve(carryOut());
        } catch (error) {
          reject(error);
        }
      })
    );
    late.catch(() => {});
    return Promise.race([late, this.#timeOut(timeout)]);
  }

  async #timeOut(timeout: number): Promise<never> {
    await this.#clock.sleep(timeout);
    throw new EtcdError(Failure.UNKNOWN, `etcd did not answer within ${timeout} ms`);
  }
}

/** What etcd counts against --max-txn-ops: each level's longest list, and the largest below it. */
function sizeOf({ compare, success, failure }: Transaction): number {
  let below = 0;
  for (const step of [...success, ...failure]) {
    if (step.kind === "txn") below = Math.max(below, sizeOf(step.txn));
  }
  return Math.max(compare.length, success.length, failure.length) + below;
}

/** No key may be written twice; what only one of two branches writes counts once. */
function checkPuts(steps: readonly Step[]): { puts: Set<string>; deletes: Set<string> } {
  const puts = new Set<string>();
  const deletes = new Set<string>();
  const duplicate = (key: string) =>
    new EtcdError(Failure.REFUSED, `duplicate key given in txn request: ${key}`);
  for (const step of steps) if (step.kind === "delete") deletes.add(step.key);
  for (const step of steps) {
    if (step.kind !== "txn") continue;
    const [yes, no] = [checkPuts(step.txn.success), checkPuts(step.txn.failure)];
    for (const key of new Set([...yes.puts, ...no.puts])) {
      if (puts.has(key) || deletes.has(key)) throw duplicate(key);
      puts.add(key);
    }
    for (const key of [...yes.deletes, ...no.deletes]) deletes.add(key);
  }
  for (const step of steps) {
    if (step.kind !== "put") continue;
    if (puts.has(step.key) || deletes.has(step.key)) throw duplicate(step.key);
    puts.add(step.key);
  }
  return { puts, deletes };
}

function stamp(result: TransactionResult, revision: number): TransactionResult {
  const results = result.results.map((one): StepResult =>
    one.kind === "txn" ? { kind: "txn", result: stamp(one.result, revision) } : one
  );
  return { ...result, results, revision };
}
