/**
 * The embedded store: one SQLite file on this machine, durable against a crash and a power cut.
 *
 * The whole book is kept in memory too, where every decision is made; the file keeps what must
 * survive. One transaction is under way at a time, in a thread of its own; operations that arrive
 * meanwhile travel together in the next and share its fsync (write-ahead log, `synchronous =
 * FULL`). What could not be committed is undone in memory and reported as unknown.
 *
 * @module
 */

import type { Subnet } from "../config/model.ts";
import { type Applied, Book, type Change } from "../lease/book.ts";
import type { ClientKey, Lease, LeaseState } from "../lease/lease.ts";
import type {
  Amended,
  Amendment,
  Amendments,
  BookEvent,
  ManagedStore,
  ServerEntry,
} from "../lease/management.ts";
import { type LeaseView, type Operation, type Result, StoreError } from "../lease/store.ts";
import type { Ipv4, Mac } from "../wire/address.ts";
import { Amender } from "./amender.ts";
import { readAmendments } from "./amendment_text.ts";
import { Listeners } from "./listeners.ts";
import { resultOf } from "./result.ts";
import type { AmendmentRow, BookTime, Entry, LeaseRow } from "./sqlite_file.ts";
import type { Request, Response } from "./sqlite_worker.ts";

/** One call of `commit` that waits for the next transaction. */
interface Call {
  readonly kind: "commit";
  readonly operations: readonly Operation[];
  readonly now: number;
  readonly resolve: (results: readonly Result[]) => void;
}

/** One call of `clockSet` that waits until it is its turn. */
interface Move {
  readonly kind: "move";
  readonly by: number;
  readonly resolve: () => void;
}

/** What the embedded store is opened with. */
export interface SqliteOptions {
  /** The file; made, with its directory, when it is not there. */
  readonly path: string;
  readonly subnets: readonly Subnet[];
  /** Who opens it, for the message that a second server prints: "process 4711". */
  readonly owner: string;
  /**
   * What the machine's clock shows, and how long the machine has been up: so that a clock that is
   * set while the book is closed does not end leases. Without it nothing is known of that.
   */
  readonly time?: () => BookTime;
  /** A write that takes longer than this is trouble, milliseconds; 2000 unless given. */
  readonly patience?: number;
  /** Told of every transaction: how long it took, in seconds, and how many operations it had. */
  readonly onCommit?: (seconds: number, operations: number) => void;
}

/** A transaction takes no more calls once it has this many operations. */
const ENOUGH_TOGETHER = 100;

const PATIENCE = 2000;

/** How often the files are looked at, and trouble is looked at again, milliseconds. */
const PROBE_INTERVAL = 1000;

/** From this length on, in characters, the journal is moved to the table: some 15,000 changes. */
const LONG_JOURNAL = 2 * 1024 * 1024;

/** How often some entries are moved then, milliseconds. */
const FOLD_INTERVAL = 100;

/** Entries moved at a time: this many, or this part of all that are to be moved. */
const FOLD_AT_LEAST = 100;
const FOLD_PART = 1 / 64;

export class SqliteStore implements ManagedStore {
  readonly #options: SqliteOptions;
  readonly #worker: Worker;
  readonly #book: Book;
  #amender: Amender;
  /** One amendment after the other: each begins from what the one before has made durable. */
  #amending: Promise<unknown> = Promise.resolve();
  readonly #listeners = new Listeners();
  /** Who waits for the worker's answers, in the order of the requests. */
  readonly #asked: { readonly tell: (response: Response) => void; readonly since: number }[] = [];
  /** The answer to every request once the worker has failed. */
  #dead: Response | undefined;
  readonly #folder: ReturnType<typeof setInterval>;
  #waiting: (Call | Move)[] = [];
  #committing: Promise<void> | undefined;
  #closed = false;
  #trouble: string | undefined;
  #probed = 0;
  /** The journal's last row. */
  #last = 0;
  /** Characters in the journal since it was last decided to move it. */
  #length = 0;
  /** Addresses that the journal names since then. */
  #dirty = new Set<Ipv4>();
  /**
   * Addresses whose entries are being moved, ascending, because neighbours share a page; the first
   * `#folded` have been. When all have, the journal is cut up to `#cutTo`.
   */
  #folding = new Uint32Array();
  #folded = 0;
  #cutTo = 0;
  /** One move at a time: the last must not cut the journal while one before it may still fail. */
  #moving: Promise<boolean> | undefined;

  /**
   * Opens the book and reads it.
   *
   * @throws {StoreError} when another server has it open, when it is not a lease book, or when it
   * cannot be read and written.
   */
  static async open(options: SqliteOptions): Promise<SqliteStore> {
    const store = new SqliteStore(options);
    const { path, owner } = options;
    const response = await store.#ask({ kind: "open", path, owner, time: options.time?.() });
    if (!response.ok) {
      store.#terminate();
      throw new StoreError(response.reason);
    }
    const { rows, amendments } = response.contents!;
    store.#amender = new Amender(options.subnets, amendmentsOf(amendments));
    store.#book.reconfigure(store.#amender.subnets);
    for (const row of rows) store.#book.load(leaseOf(row));
    return store;
  }

  private constructor(options: SqliteOptions) {
    this.#options = options;
    this.#book = new Book(options.subnets);
    this.#amender = new Amender(options.subnets);
    this.#worker = new Worker(new URL("./sqlite_worker.ts", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#asked.shift()!.tell(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const reason = `its thread has ended: ${event.message}`;
      this.#dead = { ok: false, reason };
      this.#trouble = this.#cannotWrite(reason);
      for (const { tell } of this.#asked.splice(0)) tell(this.#dead);
    };
    this.#folder = setInterval(() => this.#tidy(), FOLD_INTERVAL);
  }

  get view(): LeaseView {
    return this.#book;
  }

  commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    if (this.#closed) {
      return Promise.resolve(operations.map(() => unknown("the lease book is closed")));
    }
    return new Promise((resolve) => {
      this.#waiting.push({ kind: "commit", operations, now, resolve });
      this.#committing ??= this.#commitAll();
    });
  }

  clockSet(by: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ kind: "move", by, resolve });
      this.#committing ??= this.#commitAll();
    });
  }

  get subnets(): readonly Subnet[] {
    return this.#amender.subnets;
  }

  entries(): Iterable<Lease> {
    return this.#book.entries();
  }

  amend(amendments: readonly Amendment[]): Promise<readonly Amended[]> {
    const amended = this.#amending.then(() => this.#amendAll(amendments));
    this.#amending = amended;
    return amended;
  }

  amendments(): readonly Amendments[] {
    return this.#amender.amendments();
  }

  reconfigure(subnets: readonly Subnet[]): void {
    this.#amender.reconfigure(subnets);
    this.#refit();
  }

  subscribe(listener: (event: BookEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  servers(): readonly ServerEntry[] {
    const { owner: id, path } = this.#options;
    return [{ id, isThis: true, about: { path } }];
  }

  due(now: number, limit: number): readonly Ipv4[] {
    return this.#book.due(now, limit);
  }

  trouble(): string | undefined {
    const now = performance.now();
    const [oldest] = this.#asked;
    if (oldest !== undefined) {
      const { patience = PATIENCE } = this.#options;
      if (now - oldest.since <= patience) return this.#trouble;
      return this.#cannotWrite("the disk does not answer");
    }
    if (!this.#closed && now - this.#probed >= PROBE_INTERVAL) {
      this.#probed = now;
      this.#write({ kind: this.#trouble === undefined ? "look" : "probe" });
    }
    return this.#trouble;
  }

  /** Settles what waits, moves what the journal has, and closes the file. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#committing;
    await this.#amending;
    await this.#moving;
    let durable = true;
    while (durable && this.#folded < this.#folding.length) durable = await this.#fold(Infinity);
    this.#startFolding();
    if (durable && this.#folding.length > 0) await this.#fold(Infinity);
    await this.#ask({ kind: "close", time: this.#options.time?.() });
    this.#terminate();
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first?.kind === "move") await this.#move(first);
      else await this.#commitSome();
    }
    this.#committing = undefined;
  }

  /** Moves every instant, in memory and in the file. Memory is right whatever the file does. */
  async #move({ by, resolve }: Move): Promise<void> {
    this.#waiting.shift();
    const changes = this.#book.move(by);
    const durable = await this.#record(changes, (text) => ({
      kind: "move",
      changes: text,
      time: this.#options.time?.(),
    }));
    if (!durable) {
      // Then entry by entry, as soon as it can be written.
      for (const { address } of changes) this.#dirty.add(address);
      this.#length += LONG_JOURNAL;
    }
    resolve();
  }

  async #commitSome(): Promise<void> {
    const started = performance.now();
    const changes: Change[] = [];
    const done: { readonly call: Call; readonly applied: readonly Applied[] }[] = [];
    let operations = 0;
    while (operations < ENOUGH_TOGETHER) {
      const call = this.#waiting[0];
      if (call?.kind !== "commit") break;
      this.#waiting.shift();
      operations += call.operations.length;
      const applied = call.operations.map((operation) => this.#book.apply(operation, call.now));
      for (const one of applied) if (one.kind === "changed") changes.push(...one.changes);
      done.push({ call, applied });
    }
    const durable = changes.length === 0 || await this.#record(changes);
    if (durable) this.#listeners.tellChanges(changes);
    else this.#book.undo(changes);
    this.#options.onCommit?.((performance.now() - started) / 1000, operations);
    for (const { call, applied } of done) {
      call.resolve(applied.map((one, index) => {
        if (durable || one.kind !== "changed") return resultOf(one);
        const operation = call.operations[index]!;
        if (operation.kind === "expire") this.#book.postpone(operation.address, call.now + 1000);
        return unknown(this.#trouble!);
      }));
    }
  }

  /** Those that can be made share one transaction; what is refused is so in any case. */
  async #amendAll(amendments: readonly Amendment[]): Promise<readonly Amended[]> {
    const draft = this.#amender.draft(amendments);
    if (draft.changes.length === 0) return draft.results;
    const unsure = (reason: string) =>
      draft.results.map((one): Amended => one.kind === "done" ? { kind: "unknown", reason } : one);
    if (this.#closed) return unsure("the lease book is closed");
    const { ok } = await this.#write({ kind: "amend", changes: draft.changes });
    if (!ok) return unsure(this.#trouble!);
    this.#amender.adopt(draft);
    this.#refit();
    return draft.results;
  }

  #refit(): void {
    const changes = this.#book.reconfigure(this.#amender.subnets);
    this.#listeners.tell({ kind: "subnets" });
    this.#listeners.tellChanges(changes);
  }

  /** Makes changes durable: one row of the journal, so one transaction and one fsync. */
  async #record(
    changes: readonly Change[],
    request: (text: string) => Request = (text) => ({ kind: "append", changes: text }),
  ): Promise<boolean> {
    const entries = changes.map(({ address, after }) => entryOf(address, after));
    const text = JSON.stringify(entries);
    const response = await this.#write(request(text));
    if (!response.ok) return false;
    this.#last = response.row;
    this.#length += text.length;
    for (const { address } of changes) this.#dirty.add(address);
    return true;
  }

  /** Keeps the journal from growing for ever, a little at a time. */
  #tidy(): void {
    if (this.#moving !== undefined) return;
    if (this.#folded === this.#folding.length) {
      if (this.#length < LONG_JOURNAL) return;
      this.#startFolding();
    }
    const some = Math.max(FOLD_AT_LEAST, Math.ceil(this.#folding.length * FOLD_PART));
    this.#moving = this.#fold(some).finally(() => this.#moving = undefined);
  }

  /** Decides to move what the journal has by now. */
  #startFolding(): void {
    this.#folding = Uint32Array.from(this.#dirty).sort();
    this.#folded = 0;
    this.#cutTo = this.#last;
    this.#dirty.clear();
    this.#length = 0;
  }

  /** Moves some entries from the journal to the table; false when they could not be written. */
  async #fold(some: number): Promise<boolean> {
    const end = Math.min(this.#folding.length, this.#folded + some);
    // An entry may be newer than the part of the journal that is moved, or not durable yet. The
    // journal has whatever is durable, so reading it over the table comes to the same in any case.
    const entries = Array.from(
      this.#folding.subarray(this.#folded, end),
      (address) => entryOf(address as Ipv4, this.#book.entryAt(address as Ipv4)),
    );
    const cutTo = end === this.#folding.length ? this.#cutTo : 0;
    const { ok } = await this.#write({ kind: "fold", entries, cutTo });
    if (ok) this.#folded = end;
    return ok;
  }

  async #write(request: Request): Promise<Response> {
    const response = await this.#ask(request);
    this.#trouble = response.ok ? undefined : this.#cannotWrite(response.reason);
    return response;
  }

  #cannotWrite(reason: string): string {
    return `cannot write ${this.#options.path}: ${reason}`;
  }

  #ask(request: Request): Promise<Response> {
    if (this.#dead !== undefined) return Promise.resolve(this.#dead);
    return new Promise((resolve) => {
      this.#asked.push({ tell: resolve, since: performance.now() });
      this.#worker.postMessage(request);
    });
  }

  #terminate(): void {
    clearInterval(this.#folder);
    this.#worker.terminate();
  }
}

function amendmentsOf(rows: readonly AmendmentRow[]): Map<string, Amendments> {
  const bySubnet = Map.groupBy(rows, ([subnet]) => subnet);
  return new Map(
    Array.from(bySubnet, ([subnet, texts]) => [
      subnet,
      readAmendments(subnet, texts.map(([, name, text]) => ({ name, text }))),
    ]),
  );
}

function unknown(reason: string): Result {
  return { kind: "unknown", reason };
}

function entryOf(address: Ipv4, lease: Lease | undefined): Entry {
  if (lease === undefined) return [address];
  return [
    lease.address,
    lease.subnet,
    lease.client,
    lease.mac,
    lease.clientId,
    lease.hostname,
    lease.state,
    lease.since,
    lease.renewed,
    lease.expires,
    lease.server,
    lease.relay,
  ];
}

function leaseOf(row: LeaseRow): Lease {
  return {
    address: row[0] as Ipv4,
    subnet: row[1],
    client: row[2] as ClientKey,
    mac: row[3] as Mac,
    clientId: row[4],
    hostname: row[5],
    state: row[6] as LeaseState,
    since: row[7],
    renewed: row[8],
    expires: row[9],
    held: row[9],
    server: row[10] as Ipv4,
    relay: row[11] as Ipv4,
  };
}
