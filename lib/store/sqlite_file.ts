/**
 * The file of the embedded store: what is in it and every statement that touches it. Runs in a
 * thread of its own (`sqlite_worker.ts`), because SQLite waits for the disk.
 *
 * A transaction of claims appends one row, with all its changes, to the table `journal`: a few
 * pages at the end of the file, wherever in the pool the addresses lie. Little by little the
 * entries that the journal names are written to the table `lease`, one row an address, and the
 * journal is cut: an address that was renewed ten times meanwhile is written once. Opening moves
 * what is left in the journal. Amendments, which are rare, go straight to their table.
 *
 * @module
 */

import { messageOf } from "../config/operator_error.ts";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { StoreError } from "../lease/store.ts";
import type { AmendmentText } from "./amendment_text.ts";

/** "eDHC", in the header of the file: what kind of database this is. */
const APPLICATION_ID = 0x65444843;
/** 2 has amendments, and addresses that are kept aside, which 1 would take for free. */
const SCHEMA_VERSION = 2;

/** The write-ahead log goes back into the main file once it has this many pages of 4 KiB. */
const CHECKPOINT_PAGES = 4000;

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
  -- What lease does not have yet, in order: a JSON array of rows of lease, [address] for no row.
  create table journal (id integer primary key, changes text not null) strict;
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
`;

/** Done at every opening, so that a book of the previous version becomes one of this. */
const UPGRADE = `
  -- What operators add to the configuration; names and texts are those of the keys in etcd.
  create table if not exists amendment (
    subnet text not null,
    name   text not null,
    text   text not null,
    primary key (subnet, name)
  ) strict, without rowid;
  pragma user_version = ${SCHEMA_VERSION};
`;

/**
 * The clock that the book's instants are taken from: one row. Its first column is made anew with
 * each start of the machine, but does not change in between, unless the clock is set.
 */
const CLOCK = `
  create table if not exists clock (
    id      integer primary key check (id = 1),
    started real not null,          -- the machine was started then, by this clock
    uptime  real not null           -- how long ago that was when the row was written, ms
  ) strict;
`;

/** Differences up to this say nothing, milliseconds: the uptime is counted in whole seconds. */
const CLOCK_TOLERANCE = 2000;

/** What the machine's clock shows, and for how long the machine has been up, milliseconds. */
export interface BookTime {
  readonly now: number;
  readonly uptime: number;
}

/** A row of the table `lease`, in the order of its columns. */
export type LeaseRow = [
  address: number,
  subnet: string,
  client: string,
  mac: string,
  clientId: string,
  hostname: string,
  state: string,
  since: number,
  renewed: number,
  expires: number,
  server: number,
  relay: number,
];

/** A row of the table `amendment`, in the order of its columns. */
export type AmendmentRow = [subnet: string, name: string, text: string];

/** What the file has when it is opened. */
export interface Contents {
  readonly rows: readonly LeaseRow[];
  readonly amendments: readonly AmendmentRow[];
}

/** An entry as it is now: its row, or just its address when there is none. */
export type Entry = LeaseRow | [address: number];

/** The open file. Every method that writes has written durably when it returns. */
export class SqliteFile {
  readonly #path: string;
  readonly #db: DatabaseSync;
  /** Which files were opened, by path: the book's own and its write-ahead log's. */
  readonly #opened: ReadonlyMap<string, string>;
  readonly #append: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #cut: StatementSync;
  readonly #putAmendment: StatementSync;
  readonly #deleteAmendment: StatementSync;

  private constructor(path: string, owner: string) {
    this.#path = path;
    this.#db = open(path, owner);
    this.#opened = new Map(
      [path, `${path}-wal`].flatMap((one) => {
        const identity = identityOf(one);
        return identity === undefined ? [] : [[one, identity]];
      }),
    );
    this.#append = this.#db.prepare("insert into journal (changes) values (?)");
    this.#put = this.#db.prepare(
      "insert or replace into lease values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    this.#delete = this.#db.prepare("delete from lease where address = ?");
    this.#cut = this.#db.prepare("delete from journal where id <= ?");
    this.#putAmendment = this.#db.prepare("insert or replace into amendment values (?, ?, ?)");
    this.#deleteAmendment = this.#db.prepare(
      "delete from amendment where subnet = ? and name = ?",
    );
  }

  /**
   * Opens the file, makes it with its directory when it is not there, and reads it.
   *
   * @param owner Who opens it, for the message that a second server prints: "process 4711".
   * @param time When given, instants that were taken from a clock that has been set since are
   * moved to what it shows now.
   * @throws {StoreError} when another server has it open, when it is not a lease book, or when it
   * cannot be read and written.
   */
  static read(
    path: string,
    owner: string,
    time?: BookTime,
  ): { file: SqliteFile; contents: Contents } {
    try {
      const file = new SqliteFile(path, owner);
      const rows = [...file.#read(time)];
      return { file, contents: { rows, amendments: file.#readAmendments() } };
    } catch (error) {
      if (error instanceof StoreError) throw error;
      throw new StoreError(openMessage(path, error));
    }
  }

  /** Moves what the journal has to the table, and reads the table. */
  *#read(time: BookTime | undefined): Iterable<LeaseRow> {
    let last = 0;
    this.#transact(() => {
      for (const { id, changes } of this.#db.prepare("select * from journal order by id").all()) {
        for (const entry of JSON.parse(changes as string) as Entry[]) {
          // JSON has no Infinity: a lease that never ends reads as null.
          if (entry.length > 1) entry[9] ??= Infinity;
          this.#write(entry);
        }
        last = Number(id);
      }
      this.#cut.run(last);
      if (time !== undefined) {
        this.#mend(time);
        this.#note(time);
      }
    });
    for (const row of this.#db.prepare("select * from lease").iterate()) {
      yield Object.values(row) as unknown as LeaseRow;
    }
  }

  #readAmendments(): AmendmentRow[] {
    const rows = this.#db.prepare("select subnet, name, text from amendment").all();
    return rows.map((row) => Object.values(row) as unknown as AmendmentRow);
  }

  /** Writes amendments, all or none; a text that is undefined takes its row away. */
  amend(changes: readonly AmendmentText[]): void {
    this.#transact(() => {
      for (const { subnet, name, text } of changes) {
        if (text === undefined) this.#deleteAmendment.run(subnet, name);
        else this.#putAmendment.run(subnet, name, text);
      }
    });
  }

  /** Moves the instants in the table if the clock that they were taken from has been set since. */
  #mend(time: BookTime): void {
    const { now } = time;
    const by = leapSince(this.#lastTime(), time);
    if (Math.abs(by) <= CLOCK_TOLERANCE) return;
    // Never is more left of a lease than its length. The right-hand sides see the old values.
    this.#db.prepare(`update lease set
      since = min(since + $by, $now),
      renewed = min(renewed + $by, $now),
      expires = min(expires + $by, $now + (expires - renewed))`).run({ $by: by, $now: now });
  }

  /** What the file says of the clock that its instants were taken from. */
  #lastTime(): LastTime {
    const row = this.#db.prepare("select started, uptime from clock").get();
    const { written } = this.#db.prepare("select max(renewed) as written from lease").get()!;
    return {
      started: row === undefined ? undefined : Number(row["started"]),
      uptime: row === undefined ? 0 : Number(row["uptime"]),
      written: Number(written ?? -Infinity),
    };
  }

  #note({ now, uptime }: BookTime): void {
    this.#db.prepare("insert or replace into clock values (1, ?, ?)").run(now - uptime, uptime);
  }

  /** Appends changes that follow from the clock's being set, and notes what it shows now. */
  move(changes: string, time: BookTime | undefined): number {
    let row = 0;
    this.#transact(() => {
      row = this.append(changes);
      if (time !== undefined) this.#note(time);
    });
    return row;
  }

  /**
   * Appends changes to the journal.
   *
   * @param changes A JSON array of {@linkcode Entry}.
   * @returns The number of the journal's row.
   */
  append(changes: string): number {
    const row = Number(this.#append.run(changes).lastInsertRowid);
    this.look();
    return row;
  }

  /**
   * Looks whether what is open is still what the next start will find. To be called after a write:
   * what went into a file that nobody can open again is not durable.
   *
   * @throws {Error} when a file was removed or replaced.
   */
  look(): void {
    for (const [path, identity] of this.#opened) {
      const found = identityOf(path);
      if (found === identity) continue;
      const what = found === undefined ? "removed" : "replaced";
      throw new Error(
        `${path} was ${what} while the server had it open: put it back, or restore a backup, and ` +
          "start the server again",
      );
    }
  }

  /** Writes entries to the table, and cuts the journal up to a row; 0 cuts nothing. */
  fold(entries: readonly Entry[], cutTo: number): void {
    this.#transact(() => {
      for (const entry of entries) this.#write(entry);
      if (cutTo > 0) this.#cut.run(cutTo);
    });
  }

  /** Writes something, to find out whether that is possible. */
  probe(): void {
    this.#db.exec("update probe set written = written + 1");
    this.look();
  }

  close(time: BookTime | undefined): void {
    // How long the machine had been up tells whether it has been started again since.
    if (time !== undefined) this.#note(time);
    this.#db.close();
    rmSync(ownerPath(this.#path), { force: true });
  }

  #write(entry: Entry): void {
    if (entry.length === 1) this.#delete.run(entry[0]);
    else this.#put.run(...entry);
  }

  #transact(statements: () => void): void {
    let isOver = false;
    this.#db.exec("begin immediate");
    try {
      statements();
      this.#db.exec("commit");
      isOver = true;
      this.look();
    } catch (error) {
      if (isOver) throw error;
      try {
        this.#db.exec("rollback");
      } catch {
        // SQLite has rolled back by itself, as it may when the disk is full.
      }
      throw error;
    }
  }
}

function open(path: string, owner: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    // Who has which address is nobody else's business; SQLite's other files get the same mode. Only
    // a file that is not there: to close one again ends every lock that this process has on it.
    if (identityOf(path) === undefined) writeFileSync(path, "", { flag: "a", mode: 0o600 });
    db = new DatabaseSync(path);
    // Exclusive mode holds the file's lock until the process ends, however it ends.
    db.exec("pragma locking_mode = exclusive");
    // Before anything is changed: the journal's mode is recorded in the file.
    const isNew = checkSchema(db, path);
    db.exec("pragma journal_mode = wal; pragma synchronous = full");
    db.exec(`pragma wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.exec("begin exclusive");
    if (isNew) db.exec(SCHEMA);
    db.exec(UPGRADE);
    db.exec(CLOCK);
    db.exec("commit");
    writeFileSync(ownerPath(path), `${owner}\n`, { mode: 0o600 });
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof StoreError) throw error;
    throw new StoreError(isBusy(error) ? busyMessage(path) : openMessage(path, error));
  }
}

/** Whether the file is empty; else it is a lease book that this program can read. */
function checkSchema(db: DatabaseSync, path: string): boolean {
  const read = (pragma: string) => Number(Object.values(db.prepare(`pragma ${pragma}`).get()!)[0]);
  const id = read("application_id");
  const tables = Number(db.prepare("select count(*) as n from sqlite_schema").get()!["n"]);
  if (id === 0 && tables === 0) return true;
  if (id !== APPLICATION_ID) {
    throw new StoreError(
      `${path} is an SQLite database of another program; give --store.path another file`,
    );
  }
  if (read("user_version") > SCHEMA_VERSION) {
    throw new StoreError(`${path} was written by a newer etcdhcp; run that version`);
  }
  return false;
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
  if (isDamage(error)) {
    return `${path} is damaged, or no lease book at all (${messageOf(error)}): ${MEND}`;
  }
  return `cannot open the lease book ${path}: ${messageOf(error)}; ` +
    "check that its directory can be written, or choose another --store.path";
}

const MEND = "restore a backup, or save what can be with sqlite3's .recover, or move it away and " +
  "begin with an empty book, in which clients get their addresses again when they renew";

/** Why the open book could not be written; of a damaged one also how to mend it. */
export function reasonOf(error: unknown): string {
  const message = messageOf(error);
  return isDamage(error) ? `it is damaged (${message}): stop the server, and ${MEND}` : message;
}

/** Whether SQLite finds the file damaged, or a row of the journal is not JSON. */
function isDamage(error: unknown): boolean {
  return error instanceof SyntaxError || /malformed|not a database/.test(messageOf(error));
}

/** Stands for the file that a path leads to at this moment; undefined when there is none. */
function identityOf(path: string): string | undefined {
  try {
    // With every transaction: node:fs takes twice as long for the same.
    const { dev, ino } = Deno.statSync(path);
    return `${dev} ${ino}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  // Deno's node:sqlite gives no result code, only SQLite's text for SQLITE_BUSY.
  return messageOf(error).includes("database is locked");
}

/** What a book says of its time: instants by the clock that they were taken from. */
export interface LastTime {
  /** When the machine was started; undefined in a book that does not say. */
  readonly started: number | undefined;
  /** How long it had been up when that was noted, milliseconds. */
  readonly uptime: number;
  /** When a lease was last written; -Infinity when there is none. */
  readonly written: number;
}

/**
 * By how much the clock has been set since a book was written; the time during which the machine
 * was off counts too, as nobody can tell it from a clock that was set.
 *
 * While the machine runs, the instant at which it was started changes only when the clock is set.
 * If it has certainly been started again since (its uptime is less than before), then the time from
 * the last lease that was written to the start counts as nothing; if that cannot be known, the
 * time between the two starts does, which is longer.
 *
 * @returns milliseconds, more than 0 when it was set forward.
 */
export function leapSince(last: LastTime, { now, uptime }: BookTime): number {
  const started = now - uptime;
  if (last.started === undefined) return Math.min(0, now - last.written);
  if (uptime >= last.uptime) return started - last.started;
  return started - Math.max(last.written, last.started + last.uptime);
}
