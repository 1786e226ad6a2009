import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import type { Subnet } from "../../lib/config/model.ts";
import { AddressSet } from "../../lib/lease/address_set.ts";
import { type LeaseStore, StoreError } from "../../lib/lease/store.ts";
import { SqliteStore } from "../../lib/store/sqlite.ts";
import { type BookTime, leapSince } from "../../lib/store/sqlite_file.ts";
import { parseIpv4 } from "../../lib/wire/address.ts";
import {
  addPool,
  bind,
  clientKey,
  clientNumber,
  decline,
  EPOCH,
  expire,
  free,
  release,
  removePool,
  reservation,
  reserve,
  unreserve,
} from "../lease/fixtures.ts";
import { clockSetSuite } from "./clock_set.ts";
import { commit, contractSuite, HOUR, SUBNETS } from "./contract.ts";
import { FLOOD_SUBNET } from "./flood.ts";
import { HeldStore, run } from "./held_store.ts";

/** A directory of its own for a test. */
class Place implements AsyncDisposable {
  readonly directory: string;

  constructor() {
    this.directory = Deno.makeTempDirSync({ prefix: "etcdhcp-store-" });
  }

  get path(): string {
    return `${this.directory}/leases.db`;
  }

  open(
    subnets: readonly Subnet[] = SUBNETS,
    owner = "this test",
    time?: () => BookTime,
  ): Promise<SqliteStore> {
    return SqliteStore.open({ path: this.path, subnets, owner, ...(time && { time }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** An open store that is closed again. */
class Open implements AsyncDisposable {
  readonly store: SqliteStore;

  static async at(
    place: Place,
    subnets?: readonly Subnet[],
    time?: () => BookTime,
  ): Promise<Open> {
    return new Open(await place.open(subnets, undefined, time));
  }

  constructor(store: SqliteStore) {
    this.store = store;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.store.close();
  }
}

async function openNew(subnets: readonly Subnet[]) {
  const place = new Place();
  const { store } = await Open.at(place, subnets);
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await place[Symbol.asyncDispose]();
    },
  };
}

contractSuite("SqliteStore", openNew);
clockSetSuite("SqliteStore", openNew);

/** What the view tells of these subnets, as plain data. */
function facts({ view }: LeaseStore) {
  const clients = [1, 2, 3, 4, 5, 6].map(clientNumber).map(clientKey);
  return ["", "other"].map((subnet) => ({
    counts: view.counts(subnet),
    entries: Array.from(
      { length: 10 },
      (_, n) => view.ofAddress(parseIpv4(`10.${subnet === "" ? 0 : 1}.0.${10 + n}`)),
    ),
    clients: clients.map((client) => view.ofClient(subnet, client)),
    picks: [0, 3, 7].map((at) => view.pick(subnet, at, new AddressSet(view.space(subnet)))),
  }));
}

/** A little of everything. */
async function live(store: LeaseStore): Promise<void> {
  const end = EPOCH + HOUR;
  const more = { clientId: "01ff", hostname: 'a "name" \u00e9', relay: parseIpv4("10.0.0.250") };
  await commit(store, EPOCH, bind("00:01", "10.0.0.10", end, more));
  await commit(store, EPOCH + 1, bind("00:02", "10.0.0.11", end), release("00:02", "10.0.0.11"));
  await commit(store, EPOCH + 2, bind("00:02", "10.0.0.12", end));
  await commit(store, EPOCH + 3, bind("00:02", "10.0.0.13", end));
  await commit(store, EPOCH + 4, bind("00:03", "10.0.0.19", end));
  await commit(store, EPOCH + 5, decline("00:03", "10.0.0.19", end, 3));
  await commit(store, EPOCH + 6, bind("00:03", "10.0.0.14", end));
  await commit(store, EPOCH + 7, decline("00:03", "10.0.0.14", end, 3));
  await commit(store, EPOCH + 8, bind("00:01", "10.1.0.10", end, { subnet: "other" }));
  await commit(store, EPOCH + 9, bind("00:04", "10.0.0.15", EPOCH + 20));
  await store.commit([{ kind: "expire", address: parseIpv4("10.0.0.15") }], EPOCH + 20);
}

Deno.test("SqliteStore: everything is the same after it was closed and opened again", async () => {
  await using place = new Place();
  let before: unknown;
  {
    await using open = await Open.at(place);
    await live(open.store);
    before = facts(open.store);
  }
  await using again = await Open.at(place);
  assert.deepEqual(facts(again.store), before);
  const due = again.store.due(EPOCH + 2 * HOUR, 100);
  assert.equal(due.length, 5);
  // The quarantine's order too: the first that was declined is the first to return.
  await commit(again.store, EPOCH + 30, bind("00:05", "10.0.0.16", EPOCH + HOUR));
  await commit(again.store, EPOCH + 30, decline("00:05", "10.0.0.16", EPOCH + HOUR, 2));
  assert.equal(again.store.view.ofAddress(parseIpv4("10.0.0.19")), undefined);
});

Deno.test("SqliteStore: a binding that never ends is one after a stop and after a crash", async () => {
  await using place = new Place();
  await using holder = await HeldStore.start(place.path);
  assert.equal(await holder.ask("bind 00:01 10.0.1.1 Infinity"), "done");
  holder.signal("SIGKILL");
  await holder.rest();
  for (let opened = 0; opened < 2; opened++) {
    await using again = await Open.at(place, [FLOOD_SUBNET]);
    assert.equal(again.store.view.ofAddress(parseIpv4("10.0.1.1"))?.expires, Infinity);
  }
});

Deno.test("SqliteStore: leases of a subnet that is not configured wait until it is again", async () => {
  await using place = new Place();
  {
    await using open = await Open.at(place);
    await live(open.store);
  }
  {
    await using open = await Open.at(place, [SUBNETS[0]!]);
    assert.equal(open.store.view.ofAddress(parseIpv4("10.1.0.10")), undefined);
    await commit(open.store, EPOCH + 30, release("00:01", "10.0.0.10"));
  }
  await using again = await Open.at(place);
  assert.equal(again.store.view.ofAddress(parseIpv4("10.1.0.10"))?.state, "bound");
  assert.equal(again.store.view.ofAddress(parseIpv4("10.0.0.10"))?.state, "released");
});

Deno.test("SqliteStore: a subnet that goes and comes back while it runs loses nothing", async () => {
  await using place = new Place();
  let before: unknown;
  {
    await using open = await Open.at(place);
    await live(open.store);
    before = facts(open.store);
    open.store.reconfigure([SUBNETS[0]!]);
    await commit(open.store, EPOCH + 30, bind("00:06", "10.0.0.18", EPOCH + HOUR));
    await commit(open.store, EPOCH + 31, free("10.0.0.18", true));
  }
  {
    await using open = await Open.at(place, [SUBNETS[0]!]);
    open.store.reconfigure(SUBNETS);
    await commit(open.store, EPOCH + 32, bind("00:06", "10.0.0.18", EPOCH + 40));
    await commit(open.store, EPOCH + 41, expire("10.0.0.18"));
  }
  await using again = await Open.at(place);
  const found = facts(again.store);
  const without = (facts: unknown) =>
    JSON.stringify(
      facts,
      (key, value) => key === "picks" || value?.client?.endsWith("00:06") ? 0 : value,
    )
      .replaceAll(/null/g, "0");
  assert.equal(without(found), without(before));
  assert.equal(again.store.view.ofAddress(parseIpv4("10.1.0.10"))?.state, "bound");
});

Deno.test("SqliteStore: amendments are the same after a stop and after a crash", async () => {
  await using place = new Place();
  const all = [
    reserve("aa:01", reservation("10.0.0.50", 'a "tv"', { 12: "7476" })),
    reserve("aa:02", reservation("10.0.0.11")),
    reserve("aa:03", reservation("10.1.0.11"), "other"),
    unreserve("aa:02"),
    addPool("10.0.0.30-10.0.0.39"),
    removePool("10.0.0.33-10.0.0.34"),
    removePool("10.0.0.12-10.0.0.13"),
    addPool("10.9.9.1-10.9.9.2"),
  ];
  let amendments: unknown;
  let subnets: unknown;
  {
    await using open = await Open.at(place);
    const results = await open.store.amend(all);
    assert.deepEqual(results.map(({ kind }) => kind), [
      ...Array.from({ length: 7 }, () => "done"),
      "refused",
    ]);
    ({ subnets } = open.store);
    amendments = open.store.amendments();
    // As a crash leaves them.
    for (const { name } of Deno.readDirSync(place.directory)) {
      await Deno.copyFile(`${place.directory}/${name}`, `${place.directory}/copy-${name}`);
    }
  }
  for (const name of ["leases.db", "copy-leases.db"]) {
    const path = `${place.directory}/${name}`;
    const store = await SqliteStore.open({ path, subnets: SUBNETS, owner: "this test" });
    assert.deepEqual(store.subnets, subnets);
    assert.deepEqual(store.amendments(), amendments);
    assert.deepEqual(store.view.counts(""), { free: 16, bound: 0, declined: 0, freed: 0 });
    await store.close();
  }
});

Deno.test("SqliteStore: any amendments are the same after the book was opened again", async () => {
  const range = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 20 }))
    .map(([from, size]) => `10.0.0.${from}-10.0.0.${from + size}`);
  const client = fc.integer({ min: 1, max: 4 }).map(clientNumber);
  const amendment = fc.oneof(
    range.map((text) => addPool(text)),
    range.map((text) => removePool(text)),
    client.map((key) => unreserve(key)),
    fc.tuple(client, fc.integer({ min: 1, max: 60 }), fc.option(fc.string({ minLength: 1 })))
      .map(([key, last, name]) => reserve(key, reservation(`10.0.0.${last}`, name ?? undefined))),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(amendment), { maxLength: 4 }), async (calls) => {
      await using place = new Place();
      let before: unknown;
      {
        await using open = await Open.at(place);
        await Promise.all(calls.map((all) => open.store.amend(all)));
        before = [open.store.subnets, inOrder(open.store), open.store.view.counts("")];
      }
      await using again = await Open.at(place);
      const { store } = again;
      assert.deepEqual([store.subnets, inOrder(store), store.view.counts("")], before);
    }),
    { numRuns: 15 },
  );
});

/** Amendments, with ranges in the order of their addresses. */
function inOrder(store: SqliteStore) {
  return store.amendments().map(({ reservations, added, removed }) => ({
    reservations: [...reservations].toSorted(),
    added: added.toSorted((one, other) => one.from - other.from),
    removed: removed.toSorted((one, other) => one.from - other.from),
  }));
}

Deno.test("SqliteStore.open: a book of the previous version loses nothing", async () => {
  await using place = new Place();
  let before: unknown;
  {
    await using open = await Open.at(place);
    await live(open.store);
    before = facts(open.store);
  }
  const db = new DatabaseSync(place.path);
  db.exec("drop table amendment; pragma user_version = 1");
  db.close();
  await using again = await Open.at(place);
  assert.deepEqual(facts(again.store), before);
  const [result] = await again.store.amend([addPool("10.0.0.40-10.0.0.41")]);
  assert.equal(result?.kind, "done");
});

Deno.test("SqliteStore: a subnet that is called otherwise keeps its leases, for good", async () => {
  await using place = new Place();
  const renamed = [SUBNETS[0]!, { ...SUBNETS[1]!, name: "guests" }];
  const [address, end] = [parseIpv4("10.1.0.10"), EPOCH + HOUR];
  const claim = (client: string, subnet: string, expires = end) =>
    bind(client, "10.1.0.10", expires, { subnet });
  {
    await using open = await Open.at(place);
    await commit(open.store, EPOCH, claim("00:01", "other"));
    open.store.reconfigure(renamed);
    assert.equal(open.store.view.ofAddress(address)?.subnet, "guests");
    assert.equal((await commit(open.store, EPOCH, claim("00:02", "guests"))).kind, "taken");
  }
  {
    // It was written under the old name.
    await using open = await Open.at(place, renamed);
    const { view } = open.store;
    assert.equal(view.ofClient("guests", clientKey("00:01"))?.address, address);
    assert.equal(view.counts("guests").bound, 1);
    assert.equal((await commit(open.store, EPOCH, claim("00:02", "guests"))).kind, "taken");
    const renewal = claim("00:01", "guests", end + HOUR);
    assert.equal((await commit(open.store, EPOCH, renewal)).kind, "done");
  }
  await using again = await Open.at(place, renamed);
  const { subnet, expires } = again.store.view.ofAddress(address)!;
  assert.deepEqual([subnet, expires], ["guests", end + HOUR]);
});

Deno.test("SqliteStore: amendments of a book that cannot be written are unknown", async () => {
  await using place = new Place();
  await using holder = await HeldStore.start(place.path);
  assert.equal(await holder.ask("add-pool 10.0.0.40-10.0.0.41"), "done");
  const before = await holder.ask("amendments");
  await holder.starve(1);
  assert.match(await holder.ask("add-pool 10.0.0.50-10.0.0.51"), /^unknown: cannot write .*\.db/);
  assert.equal(await holder.ask("amendments"), before, "not in force");
  await holder.starve(undefined);
  assert.equal(await holder.ask("add-pool 10.0.0.60-10.0.0.61"), "done");
  const after = await holder.ask("amendments");
  assert.match(after, /^10\.0\.0\.40-10\.0\.0\.41 10\.0\.0\.60-10\.0\.0\.61$/);
  holder.signal("SIGKILL");
  await holder.rest();
  await using again = await HeldStore.start(place.path);
  assert.equal(await again.ask("amendments"), after, "neither lost nor there after all");
});

Deno.test("SqliteStore: amendments of a book that is closed are unknown", async () => {
  await using place = new Place();
  const store = await place.open();
  await store.close();
  const results = await store.amend([addPool("10.0.0.40-10.0.0.41"), addPool("10.9.0.1-10.9.0.2")]);
  assert.deepEqual(results.map(({ kind }) => kind), ["unknown", "refused"]);
  assert.deepEqual(store.subnets, SUBNETS);
});

Deno.test("SqliteStore: what is freed stays aside through a stop", async () => {
  await using place = new Place();
  {
    await using open = await Open.at(place);
    await commit(open.store, EPOCH, bind("00:01", "10.0.0.10", EPOCH + HOUR), free("10.0.0.10"));
  }
  await using again = await Open.at(place);
  const { store } = again;
  assert.deepEqual(store.view.counts(""), { free: 9, bound: 0, declined: 0, freed: 1 });
  const claim = bind("00:02", "10.0.0.10", EPOCH + 9 * HOUR);
  assert.equal((await commit(store, EPOCH + HOUR - 1, claim)).kind, "taken");
  assert.deepEqual(store.due(EPOCH + HOUR, 9), [parseIpv4("10.0.0.10")]);
});

Deno.test("SqliteStore: claims that come while one is under way share a transaction", async () => {
  await using place = new Place();
  const sizes: number[] = [];
  const store = await SqliteStore.open({
    path: place.path,
    subnets: [FLOOD_SUBNET],
    owner: "this test",
    onCommit: (seconds, operations) => {
      assert.ok(seconds >= 0);
      sizes.push(operations);
    },
  });
  const claims = Array.from(
    { length: 60 },
    (_, n) => store.commit([bind(clientNumber(n), `10.0.1.${n}`, EPOCH + HOUR)], EPOCH),
  );
  await Promise.all(claims);
  await store.close();
  assert.equal(sizes.reduce((sum, size) => sum + size, 0), 60);
  assert.ok(sizes.length < 10, `${sizes.length} transactions`);
});

Deno.test("SqliteStore.close settles what waits; after it everything is unknown", async () => {
  await using place = new Place();
  const store = await place.open();
  const late = store.commit([bind("00:01", "10.0.0.10", EPOCH + HOUR)], EPOCH);
  await Promise.all([store.close(), store.close()]);
  assert.equal((await late)[0]?.kind, "done");
  const after = await store.commit([bind("00:02", "10.0.0.11", EPOCH + HOUR)], EPOCH);
  assert.equal(after[0]?.kind, "unknown");
  await using again = await Open.at(place);
  assert.equal(again.store.view.ofAddress(parseIpv4("10.0.0.10"))?.state, "bound");
  assert.equal(again.store.view.ofAddress(parseIpv4("10.0.0.11")), undefined);
});

// What can be there already -----------------------------------------------------------------------

/** Digests of a directory's files, by name. */
function contents(directory: string): Record<string, string> {
  const files = [...Deno.readDirSync(directory)].map(({ name }) => name).toSorted();
  return Object.fromEntries(
    files.map((name) => {
      const octets = Deno.readFileSync(`${directory}/${name}`);
      return [name, createHash("sha256").update(octets).digest("hex")];
    }),
  );
}

async function refuses(place: Place, reason: RegExp): Promise<void> {
  const before = contents(place.directory);
  await assert.rejects(place.open(), (error: Error) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.match(error.message, reason);
    assert.ok(error.message.includes(place.path), error.message);
    assert.ok(!error.message.includes("\n"), error.message);
    return true;
  });
  assert.deepEqual(contents(place.directory), before, "left as it was");
}

Deno.test("SqliteStore.open makes the file and its directory", async () => {
  await using place = new Place();
  const path = `${place.directory}/a/b/leases.db`;
  const store = await SqliteStore.open({ path, subnets: SUBNETS, owner: "this test" });
  await store.close();
  assert.ok(Deno.statSync(path).isFile);
});

Deno.test("SqliteStore.open refuses a file that is no database, and leaves it alone", async () => {
  await using place = new Place();
  Deno.writeTextFileSync(place.path, "These are my holiday notes.\n".repeat(100));
  await refuses(
    place,
    /damaged, or no lease book at all \(file is not a database\): restore a backup/,
  );
});

Deno.test("SqliteStore.open refuses another program's database, and leaves it alone", async () => {
  await using place = new Place();
  const db = new DatabaseSync(place.path);
  db.exec("create table notes (text text); insert into notes values ('holiday')");
  db.close();
  await refuses(place, /another program/);
});

Deno.test("SqliteStore.open refuses a newer version's book, and leaves it alone", async () => {
  await using place = new Place();
  await (await place.open()).close();
  const db = new DatabaseSync(place.path);
  db.exec("pragma user_version = 999");
  db.close();
  await refuses(place, /newer/);
});

Deno.test("SqliteStore.open refuses a directory", async () => {
  await using place = new Place();
  Deno.mkdirSync(place.path);
  await assert.rejects(place.open(), StoreError);
});

Deno.test("SqliteStore.open says who has the book open, in this process", async () => {
  await using place = new Place();
  const store = await place.open(SUBNETS, "process 4711");
  await assert.rejects(place.open(), /in use by process 4711/);
  await assert.rejects(place.open(), /in use by process 4711/);
  assert.equal((await commit(store, EPOCH, bind("00:01", "10.0.0.10", EPOCH + HOUR))).kind, "done");
  await store.close();
  await using again = await Open.at(place);
  assert.equal(again.store.view.ofAddress(parseIpv4("10.0.0.10"))?.state, "bound");
});

Deno.test("SqliteStore.open says who has the book open, in another process", async () => {
  await using place = new Place();
  await using holder = await HeldStore.start(place.path);
  assert.equal(holder.greeting, "open");
  await assert.rejects(place.open(), new RegExp(`in use by process ${holder.pid}`));
  assert.equal(await holder.ask(`bind 00:01 10.0.1.1 ${EPOCH + HOUR}`), "done");
  // The lock ends with its holder, however it ends.
  holder.signal("SIGKILL");
  await holder.rest();
  await using again = await Open.at(place, [FLOOD_SUBNET]);
  assert.equal(again.store.view.ofAddress(parseIpv4("10.0.1.1"))?.state, "bound");
});

// Crashes -----------------------------------------------------------------------------------------

/** Reads so many lines of a flood into what must be there afterwards: address and end. */
async function follow(holder: HeldStore, lines: number, seen: Map<string, number>): Promise<void> {
  for (let n = 0; n < lines; n++) note(await holder.line(), seen);
}

function note(line: string, seen: Map<string, number>): void {
  const [address, expires] = line.split(" ");
  seen.set(address!, Math.max(seen.get(address!) ?? 0, Number(expires)));
}

/** Every lease that was reported done is in the book, to its reported end at least. */
function assertHas({ view }: LeaseStore, seen: ReadonlyMap<string, number>): void {
  assert.ok(seen.size > 0);
  for (const [address, expires] of seen) {
    const lease = view.ofAddress(parseIpv4(address));
    assert.equal(lease?.state, "bound", address);
    assert.ok(lease.expires >= expires, `${address} ends at ${lease.expires}, not ${expires}`);
  }
}

Deno.test("SqliteStore: SIGKILL at any moment loses nothing that was reported done", async () => {
  await using place = new Place();
  const seen = new Map<string, number>();
  for (const lines of [1, 400, 1500]) {
    await using holder = await HeldStore.start(place.path);
    assert.equal(holder.greeting, "open");
    await holder.tell("flood");
    await follow(holder, lines, seen);
    holder.signal("SIGKILL");
    // What it managed to say before it died counts as well; the last line may be cut short.
    for (const line of await holder.rest()) note(line, seen);
    await using open = await Open.at(place, [FLOOD_SUBNET]);
    assertHas(open.store, seen);
  }
});

Deno.test("SqliteStore: a copy of its files at any moment has what was reported done by then", async () => {
  await using place = new Place();
  await using copies = new Place();
  await using holder = await HeldStore.start(place.path);
  const seen = new Map<string, number>();
  await holder.tell("flood");
  const moments: { readonly path: string; readonly seen: ReadonlyMap<string, number> }[] = [];
  for (const lines of [7, 300, 900, 900]) {
    await follow(holder, lines, seen);
    holder.signal("SIGSTOP");
    const directory = `${copies.directory}/${moments.length}`;
    await run("cp", "-r", place.directory, directory);
    holder.signal("SIGCONT");
    moments.push({ path: `${directory}/leases.db`, seen: new Map(seen) });
  }
  for (const { path, seen } of moments) {
    const store = await SqliteStore.open({ path, subnets: [FLOOD_SUBNET], owner: "this test" });
    assertHas(store, seen);
    await store.close();
  }
});

// A disk that takes nothing more ------------------------------------------------------------------

Deno.test("SqliteStore: what cannot be written is unknown, and changes nothing", async () => {
  await using place = new Place();
  await using holder = await HeldStore.start(place.path);
  const end = EPOCH + HOUR;
  assert.equal(await holder.ask(`bind 00:01 10.0.1.1 ${end}`), "done");
  assert.equal(await holder.ask("trouble"), "none");

  await holder.starve(1);
  assert.match(
    await holder.ask(`bind 00:02 10.0.1.2 ${end}`),
    /^unknown: cannot write .*leases\.db/,
  );
  assert.equal(await holder.ask("show 10.0.1.2"), "none");
  assert.match(await holder.ask("trouble"), /^cannot write .*leases\.db/);
  assert.match(await holder.ask(`bind 00:01 10.0.1.1 ${end + HOUR}`), /^unknown/);
  assert.match(await holder.ask(`bind 00:03 10.0.1.1 ${end}`), /^taken/);
  assert.equal(await holder.ask("show 10.0.1.1"), "bound");

  await holder.starve(undefined);
  assert.equal(await holder.ask(`bind 00:02 10.0.1.2 ${end}`), "done");
  assert.equal(await holder.ask("trouble"), "none");

  await holder.starve(1);
  assert.match(await holder.ask(`bind 00:03 10.0.1.3 ${end}`), /^unknown/);
  await holder.starve(undefined);
  assert.equal(await holder.ask("recover"), "none");
  assert.equal(await holder.ask("show 10.0.1.3"), "none");

  holder.signal("SIGKILL");
  await holder.rest();
  await using open = await Open.at(place, [FLOOD_SUBNET]);
  assert.equal(open.store.view.ofAddress(parseIpv4("10.0.1.1"))?.expires, end);
  assert.equal(open.store.view.ofAddress(parseIpv4("10.0.1.2"))?.state, "bound");
});

for (const gone of ["", "-wal"]) {
  Deno.test(`SqliteStore: a book whose leases.db${gone} was removed or replaced is in trouble`, async () => {
    await using place = new Place();
    await using holder = await HeldStore.start(place.path);
    assert.equal(await holder.ask(`bind 00:01 10.0.1.1 ${EPOCH + HOUR}`), "done");
    const path = place.path + gone;
    Deno.renameSync(path, `${path}.kept`);
    assert.match(
      await holder.ask(`bind 00:02 10.0.1.2 ${EPOCH + HOUR}`),
      /^unknown: .*leases\.db.* was removed while the server had it open: put it back/,
    );
    Deno.copyFileSync(`${path}.kept`, path);
    assert.match(await holder.ask(`bind 00:02 10.0.1.2 ${EPOCH + HOUR}`), /^unknown: .*replaced/);
    Deno.renameSync(`${path}.kept`, path);
    assert.equal(await holder.ask("recover"), "none");
    assert.equal(await holder.ask(`bind 00:02 10.0.1.2 ${EPOCH + HOUR}`), "done");
  });
}

Deno.test("SqliteStore: a book that is removed is in trouble without a write", async () => {
  await using place = new Place();
  await using open = await Open.at(place, SUBNETS);
  assert.equal(open.store.trouble(), undefined);
  Deno.renameSync(place.path, `${place.path}.kept`);
  await untilTrouble(open.store, /was removed/);
  Deno.renameSync(`${place.path}.kept`, place.path);
});

Deno.test("SqliteStore: a book is its owner's to read", async () => {
  await using place = new Place();
  await using open = await Open.at(place, SUBNETS);
  await commit(open.store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  for (const end of ["", "-wal", ".owner"]) {
    assert.equal(Deno.statSync(place.path + end).mode! & 0o777, 0o600, end);
  }
});

Deno.test("SqliteStore: a second open in one process leaves the book locked", async () => {
  await using place = new Place();
  await using _open = await Open.at(place, SUBNETS);
  // Nothing here may open the file itself: closing any descriptor of a file ends every lock that
  // the process has on it.
  await assert.rejects(place.open(), /is in use by this test/);
  await using other = await HeldStore.start(place.path);
  assert.match(other.greeting, /is in use by this test/);
});

/** Opens a store whose thread is made by `make`. */
async function openWith(
  place: Place,
  make: new (url: string | URL, options?: WorkerOptions) => Worker,
  patience?: number,
): Promise<Open> {
  const { Worker } = globalThis;
  globalThis.Worker = make as typeof Worker;
  try {
    return new Open(
      await SqliteStore.open({
        path: place.path,
        subnets: SUBNETS,
        owner: "this test",
        ...(patience !== undefined && { patience }),
      }),
    );
  } finally {
    globalThis.Worker = Worker;
  }
}

/** Waits until trouble is what it should be. */
async function untilTrouble(store: SqliteStore, expected: RegExp | undefined): Promise<void> {
  const until = performance.now() + 10_000;
  const isThere = (trouble = store.trouble()) =>
    expected === undefined ? trouble === undefined : expected.test(trouble ?? "");
  while (!isThere()) {
    assert.ok(performance.now() < until, `trouble is ${store.trouble()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("SqliteStore: a write that takes longer than its patience is trouble until it is through", async () => {
  await using place = new Place();
  let held: unknown[] | undefined;
  class Stalling extends Worker {
    override postMessage(request: unknown): void {
      if (held === undefined) super.postMessage(request);
      else held.push(request);
    }
    go(): void {
      for (const request of held!.splice(0)) super.postMessage(request);
      held = undefined;
    }
  }
  let thread: Stalling;
  await using open = await openWith(
    place,
    class extends Stalling {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        thread = this;
      }
    },
    200,
  );
  const { store } = open;
  held = [];
  let isSettled = false;
  const settled = commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR))
    .finally(() => isSettled = true);
  assert.equal(store.trouble(), undefined, "no trouble yet");
  await untilTrouble(store, /leases\.db: the disk does not answer/);
  assert.equal(isSettled, false);
  thread!.go();
  assert.equal((await settled).kind, "done");
  await untilTrouble(store, undefined);
});

Deno.test("SqliteStore: a thread that has ended is trouble at once, without a write", async () => {
  await using place = new Place();
  const empty = "{ ok: true, row: 0, contents: { rows: [], amendments: [] } }";
  const code = `onmessage = () => { postMessage(${empty}); setTimeout(() => { throw 1; }, 50); };`;
  const ended = Promise.withResolvers<void>();
  await using open = await openWith(
    place,
    class extends Worker {
      constructor() {
        super(`data:application/javascript,${encodeURIComponent(code)}`, { type: "module" });
        this.addEventListener("error", () => ended.resolve());
      }
    },
  );
  await ended.promise;
  await Promise.resolve();
  assert.match(open.store.trouble() ?? "none", /its thread has ended/);
  const { kind } = await commit(open.store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  assert.equal(kind, "unknown");
});

Deno.test("SqliteStore.open says that a journal which cannot be read is damage", async () => {
  await using place = new Place();
  {
    await using _open = await Open.at(place, SUBNETS);
  }
  {
    using db = new DatabaseSync(place.path);
    db.exec("insert into journal (changes) values ('[[1,')");
  }
  await assert.rejects(place.open(), /leases\.db is damaged.*JSON.*restore a backup/);
});

Deno.test("SqliteStore: damage found while it runs is said, and how to mend it", async () => {
  await using place = new Place();
  {
    await using _open = await Open.at(place, SUBNETS);
  }
  {
    // The list of free pages begins at a page that there is not.
    using file = await Deno.open(place.path, { write: true });
    await file.seek(32, Deno.SeekMode.Start);
    await file.write(new Uint8Array([0, 0, 0x7f, 0xff, 0, 0, 0, 2]));
  }
  await using open = await Open.at(place, SUBNETS);
  const long = { hostname: "h".repeat(20_000) };
  const result = await commit(open.store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR, long));
  assert.equal(result.kind, "unknown");
  assert.match(
    (result as { reason: string }).reason,
    /leases\.db: it is damaged \(.*malformed\): stop the server, and restore a backup/,
  );
});

/** 1970 by a clock that nobody has set, and a machine that has been up for half a minute. */
const UNSET: BookTime = { now: 30_000, uptime: 30_000 };
const ADDRESS = parseIpv4("10.0.0.10");

/** A book in which aa:01 has 10.0.0.10 for an hour from this time on, closed or left as it is. */
async function leaseAt(place: Place, time: BookTime, left: "closed" | "killed"): Promise<void> {
  if (left === "closed") {
    await using open = await Open.at(place, SUBNETS, () => time);
    await commit(open.store, time.now, bind("aa:01", "10.0.0.10", time.now + HOUR));
    return;
  }
  await using original = new Place();
  await using open = await Open.at(original, SUBNETS, () => time);
  await commit(open.store, time.now, bind("aa:01", "10.0.0.10", time.now + HOUR));
  // What a killed process leaves: the files as they are while it runs.
  for (const end of ["", "-wal"]) Deno.copyFileSync(original.path + end, place.path + end);
}

/** How long the lease lasts by a book that is opened at this time, milliseconds. */
async function left(place: Place, time: BookTime): Promise<number> {
  await using open = await Open.at(place, SUBNETS, () => time);
  const { state, expires } = open.store.view.ofAddress(ADDRESS)!;
  assert.equal(state, "bound");
  const other = bind("aa:02", "10.0.0.10", time.now + HOUR);
  const { kind } = await commit(open.store, time.now, other);
  assert.equal(kind, expires > time.now ? "taken" : "done");
  return expires - time.now;
}

for (const end of ["closed", "killed"] as const) {
  Deno.test(`SqliteStore, ${end} in 1970 and opened when the clock is set: the lease goes on`, async () => {
    await using place = new Place();
    await leaseAt(place, UNSET, end);
    const minutesLater = { now: EPOCH, uptime: UNSET.uptime + 600_000 };
    assert.equal(await left(place, minutesLater), HOUR - 600_000);
    assert.equal(await left(place, minutesLater), HOUR - 600_000, "moved once");
  });

  Deno.test(`SqliteStore, ${end} while the clock was right and opened in 1970: the lease ends in time`, async () => {
    await using place = new Place();
    await leaseAt(place, { now: EPOCH, uptime: 5 * HOUR }, end);
    // The power was off; how long, nobody knows.
    const remaining = await left(place, UNSET);
    assert.equal(remaining, HOUR - UNSET.uptime);
    // NTP comes while the server does not run.
    const synced = { now: EPOCH + 600_000, uptime: UNSET.uptime + 60_000 };
    assert.equal(await left(place, synced), HOUR - UNSET.uptime - 60_000);
  });

  Deno.test(`SqliteStore, ${end} and opened again while the clock goes on: time counts as it is`, async () => {
    await using place = new Place();
    await leaseAt(place, { now: EPOCH, uptime: 5 * HOUR }, end);
    // The uptime is known in whole seconds only.
    const later = { now: EPOCH + 600_000, uptime: 5 * HOUR + 599_000 };
    assert.equal(await left(place, later), HOUR - 600_000);
    assert.equal(await left(place, { now: EPOCH + 2 * HOUR, uptime: 7 * HOUR }), -HOUR);
  });
}

Deno.test("SqliteStore: a lease is kept over a power cut, never for longer than it was", async () => {
  await using place = new Place();
  await leaseAt(place, { now: EPOCH, uptime: 30_000 }, "killed");
  // Ten days later; the new uptime does not tell that the machine was started again.
  assert.equal(await left(place, { now: EPOCH + 240 * HOUR, uptime: 60_000 }), HOUR - 30_000);
});

Deno.test("SqliteStore.clockSet is in the file, also after a crash", async () => {
  await using place = new Place();
  await using copy = new Place();
  let time = UNSET;
  await using open = await Open.at(place, SUBNETS, () => time);
  await commit(open.store, time.now, bind("aa:01", "10.0.0.10", time.now + HOUR));
  time = { now: EPOCH, uptime: UNSET.uptime };
  await open.store.clockSet(time.now - UNSET.now);
  for (const end of ["", "-wal"]) Deno.copyFileSync(place.path + end, copy.path + end);
  assert.equal(await left(copy, { now: EPOCH + 1000, uptime: UNSET.uptime + 1000 }), HOUR - 1000);
});

Deno.test("SqliteStore: a binding that never ends stays one when the clock is set", async () => {
  await using place = new Place();
  {
    await using open = await Open.at(place, SUBNETS, () => UNSET);
    await commit(open.store, UNSET.now, bind("aa:01", "10.0.0.10", Infinity));
    await open.store.clockSet(HOUR);
  }
  assert.equal(await left(place, { now: EPOCH, uptime: UNSET.uptime + 1000 }), Infinity);
});

Deno.test("leapSince: by how much the clock was set, and no less", () => {
  const last = { started: EPOCH, uptime: 60_000, written: EPOCH + HOUR };
  const at = (now: number, uptime: number) => leapSince(last, { now, uptime });
  // The machine has been running all the time.
  assert.equal(at(EPOCH + HOUR, HOUR), 0);
  assert.equal(at(EPOCH + 3 * HOUR, HOUR), 2 * HOUR);
  assert.equal(at(HOUR, HOUR), -EPOCH);
  // It was certainly started again: from the last lease to the start nothing counts.
  assert.equal(at(EPOCH + 5 * HOUR, 30_000), 4 * HOUR - 30_000);
  assert.equal(at(30_000, 30_000), -EPOCH - HOUR);
  // A book that does not say: only leases that seem to have been written in the future are known
  // to be told by another clock.
  const old = { started: undefined, uptime: 0, written: EPOCH };
  assert.equal(leapSince(old, { now: EPOCH + HOUR, uptime: 1 }), 0);
  assert.equal(leapSince(old, { now: 1000, uptime: 1 }), 1000 - EPOCH);
  const empty = { started: undefined, uptime: 0, written: -Infinity };
  assert.equal(leapSince(empty, { now: 1000, uptime: 1 }), 0);
});
