/**
 * The embedded store: one SQLite file on this machine, durable against a crash and a power cut.
 *
 * The whole book is kept in memory too, where every decision is made; SQLite keeps what must
 * survive. Operations that arrive in one turn of the event loop share one transaction and one
 * fsync (write-ahead log, `synchronous = FULL`). What SQLite could not commit is undone in memory
 * and reported as unknown.
 *
 * @module
 */

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { setImmediate } from "node:timers";
import type { Subnet } from "../config/model.ts";
import { type Applied, Book, type Change } from "../lease/book.ts";
import type { ClientKey, Lease, LeaseState } from "../lease/lease.ts";
import {
  type LeaseStore,
  type LeaseView,
  type Operation,
  type Result,
  StoreError,
} from "../lease/store.ts";
import type { Ipv4, Mac } from "../wire/address.ts";
import { resultOf } from "./result.ts";

/** "eDHC", in the header of the file: what kind of database this is. */
const APPLICATION_ID = 0x65444843;
const SCHEMA_VERSION = 1;

const SCHEMA = `
  create table lease (
    address   integer primary key,  -- host order
    subnet    text not null,
    client    text not null,
    mac       text not null,
    client_id text not null,        -- hex
    hostname  text not null,
    state     text not null,
    since     real not null,        -- instants: milliseconds since 1970
    renewed   real not null,
    expires   real not null,
    server    integer not null,
    relay     integer not null
  ) strict;
  create table probe (id integer primary key, written integer not null) strict;
  insert into probe values (1, 0);
  -- For people who look into the file: addresses and instants as one reads them.
  create view leases as select
    (address >> 24) || '.' || ((address >> 16) & 255) || '.' || ((address >> 8) & 255) || '.'
      || (address & 255) as address,
    subnet, client, hostname, state,
    datetime(since / 1000, 'unixepoch') as since,
    datetime(renewed / 1000, 'unixepoch') as renewed,
    datetime(expires / 1000, 'unixepoch') as expires
    from lease order by lease.address;
  pragma application_id = ${APPLICATION_ID};
  pragma user_version = ${SCHEMA_VERSION};
`;

/** A row of the table `lease`. */
interface Row {
  readonly address: number;
  readonly subnet: string;
  readonly client: string;
  readonly mac: string;
  readonly client_id: string;
  readonly hostname: string;
  readonly state: string;
  readonly since: number;
  readonly renewed: number;
  readonly expires: number;
  readonly server: number;
  readonly relay: number;
}

/** One call of `commit` that waits for the next transaction. */
interface Call {
  readonly operations: readonly Operation[];
  readonly now: number;
  readonly resolve: (results: readonly Result[]) => void;
}

/** What the embedded store is opened with. */
export interface SqliteOptions {
  /** The file; made, with its directory, when it is not there. */
  readonly path: string;
  readonly subnets: readonly Subnet[];
  /** Who opens it, for the message that a second server prints: "process 4711". */
  readonly owner: string;
  /** Told of every transaction: how long it took, in seconds, and how many operations it had. */
  readonly onCommit?: (seconds: number, operations: number) => void;
}

/** How long to wait before trouble is looked at again, milliseconds. */
const PROBE_INTERVAL = 1000;

/** The write-ahead log goes back into the main file once it has this many pages (of 4 KiB). */
const CHECKPOINT_PAGES = 4000;

export class SqliteStore implements LeaseStore {
  readonly #options: SqliteOptions;
  readonly #db: DatabaseSync;
  readonly #book: Book;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  #waiting: Call[] = [];
  #closed = false;
  #trouble: string | undefined;
  #probed = 0;

  /**
   * Opens the book and reads it.
   *
   * @throws {StoreError} when another server has it open, when it is not a lease book, or when it
   * cannot be read and written.
   */
  constructor(options: SqliteOptions) {
    this.#options = options;
    this.#db = openDatabase(options.path, options.owner);
    this.#book = new Book(options.subnets);
    this.#put = this.#db.prepare(
      "insert or replace into lease values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#delete = this.#db.prepare("delete from lease where address = ?");
    const served = new Set(options.subnets.map((subnet) => subnet.name ?? ""));
    for (const row of this.#db.prepare("select * from lease").iterate()) {
      const lease = leaseOf(row as unknown as Row);
      // The entries of a subnet that is not configured at present stay in the file, untouched.
      if (served.has(lease.subnet)) this.#book.load(lease);
    }
  }

  get view(): LeaseView {
    return this.#book;
  }

  commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    if (this.#closed) {
      return Promise.resolve(operations.map(() => unknown("the lease book is closed")));
    }
    return new Promise((resolve) => {
      this.#waiting.push({ operations, now, resolve });
      if (this.#waiting.length === 1) setImmediate(() => this.#flush());
    });
  }

  due(now: number, limit: number): readonly Ipv4[] {
    return this.#book.due(now, limit);
  }

  trouble(): string | undefined {
    if (this.#trouble !== undefined && performance.now() - this.#probed >= PROBE_INTERVAL) {
      this.#probed = performance.now();
      this.#transact(() => this.#db.exec("update probe set written = written + 1"));
    }
    return this.#trouble;
  }

  /** Settles what waits, then closes the file. */
  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#flush();
    this.#closed = true;
    this.#db.close();
    rmSync(ownerPath(this.#options.path), { force: true });
    return Promise.resolve();
  }

  #flush(): void {
    const calls = this.#waiting;
    if (calls.length === 0) return;
    this.#waiting = [];
    const started = performance.now();
    const applied: Applied[][] = [];
    const changes: Change[] = [];
    let operations = 0;
    for (const call of calls) {
      operations += call.operations.length;
      applied.push(call.operations.map((operation) => {
        const did = this.#book.apply(operation, call.now);
        if (did.kind === "changed") changes.push(...did.changes);
        return did;
      }));
    }
    const durable = changes.length === 0 || this.#transact(() => changes.forEach(this.#write));
    if (!durable) this.#book.undo(changes);
    this.#options.onCommit?.((performance.now() - started) / 1000, operations);
    calls.forEach((call, index) => {
      call.resolve(applied[index]!.map((did, which) => {
        if (durable || did.kind !== "changed") return resultOf(did);
        const operation = call.operations[which]!;
        if (operation.kind === "expire") this.#book.postpone(operation.address, call.now + 1000);
        return unknown(this.#trouble!);
      }));
    });
  }

  /** Runs statements in one transaction; false, with the reason in `#trouble`, if it failed. */
  #transact(statements: () => void): boolean {
    try {
      this.#db.exec("begin immediate");
      statements();
      this.#db.exec("commit");
      this.#trouble = undefined;
      return true;
    } catch (error) {
      this.#trouble = `cannot write ${this.#options.path}: ${reasonOf(error)}`;
      try {
        this.#db.exec("rollback");
      } catch {
        // SQLite has rolled back by itself, as it does when the disk is full.
      }
      return false;
    }
  }

  readonly #write = ({ address, after }: Change): void => {
    if (after === undefined) {
      this.#delete.run(address);
      return;
    }
    this.#put.run(
      address,
      after.subnet,
      after.client,
      after.mac,
      after.clientId,
      after.hostname,
      after.state,
      after.since,
      after.renewed,
      after.expires,
      after.server,
      after.relay,
    );
  };
}

function unknown(reason: string): Result {
  return { kind: "unknown", reason };
}

function leaseOf(row: Row): Lease {
  return {
    address: row.address as Ipv4,
    subnet: row.subnet,
    client: row.client as ClientKey,
    mac: row.mac as Mac,
    clientId: row.client_id,
    hostname: row.hostname,
    state: row.state as LeaseState,
    since: row.since,
    renewed: row.renewed,
    expires: row.expires,
    server: row.server as Ipv4,
    relay: row.relay as Ipv4,
  };
}

function openDatabase(path: string, owner: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    db = new DatabaseSync(path);
    // Exclusive mode holds the file's lock until the process ends, however it ends.
    db.exec("pragma locking_mode = exclusive; pragma journal_mode = wal");
    db.exec(`pragma synchronous = full; pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.exec("begin exclusive");
    prepareSchema(db, path);
    db.exec("commit");
    writeFileSync(ownerPath(path), `${owner}\n`);
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StoreError) throw error;
    throw new StoreError(isBusy(error) ? busyMessage(path) : openMessage(path, error));
  }
}

function prepareSchema(db: DatabaseSync, path: string): void {
  const read = (pragma: string) => Number(Object.values(db.prepare(`pragma ${pragma}`).get()!)[0]);
  const id = read("application_id");
  const tables = Number(db.prepare("select count(*) as n from sqlite_schema").get()!["n"]);
  if (id === 0 && tables === 0) {
    db.exec(SCHEMA);
  } else if (id !== APPLICATION_ID) {
    throw new StoreError(
      `${path} is an SQLite database of another program; give --store.path another file`,
    );
  } else if (read("user_version") > SCHEMA_VERSION) {
    throw new StoreError(`${path} was written by a newer etcdhcp; run that version`);
  }
}

function ownerPath(path: string): string {
  return `${path}.owner`;
}

function busyMessage(path: string): string {
  let owner = "another process";
  try {
    owner = readFileSync(ownerPath(path), "utf8").trim() || owner;
  } catch {
    // Whoever holds the lock has not said its name yet.
  }
  return `${path} is in use by ${owner}; stop it, or give this server its own --store.path`;
}

function openMessage(path: string, error: unknown): string {
  return `cannot open the lease book ${path}: ${reasonOf(error)}; ` +
    "check that its directory can be written, or choose another --store.path";
}

function isBusy(error: unknown): boolean {
  // Deno's node:sqlite gives no result code, only SQLite's text for SQLITE_BUSY.
  return reasonOf(error).includes("database is locked");
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
