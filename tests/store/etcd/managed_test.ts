/** Amendments, freed addresses and other configurations, where several servers share an etcd. */

import assert from "node:assert/strict";
import type { ManagedStore } from "../../../lib/lease/management.ts";
import type { Change } from "../../../lib/store/etcd/etcd.ts";
import type { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { formatRange, parseIpv4 } from "../../../lib/wire/address.ts";
import {
  addPool,
  bind,
  clientKey,
  clientNumber,
  enter,
  EPOCH,
  expire,
  free,
  macOf,
  removePool,
  reservation,
  reserve,
  subnetOf,
  unreserve,
} from "../../lease/fixtures.ts";
import { Picture } from "../picture.ts";
import { PREFIX } from "./fixtures.ts";
import { HOUR, MINUTE, Site } from "./site.ts";

const A = "10.0.0.10";
const ip = parseIpv4;

/** The site's keys that are not about what is free. */
function keysOf(site: Site): Record<string, string> {
  const all = Object.entries(site.keys());
  return Object.fromEntries(all.filter(([key]) => !key.startsWith("ips::free::")));
}

function freeOf(site: Site): string[] {
  return Object.values(site.etcd.dump(`${PREFIX}ips::free::`))
    .map((text) => text.slice("10.0.0.".length)).toSorted((a, b) => Number(a) - Number(b));
}

function pools(store: ManagedStore): string[] {
  return store.subnets[0]!.pools.map(formatRange);
}

async function amended(store: EtcdStore, ...all: Parameters<EtcdStore["amend"]>[0]): Promise<void> {
  for (const result of await store.amend(all)) {
    assert.equal(result.kind, "done", JSON.stringify(result));
  }
}

Deno.test("EtcdStore writes amendments as operators read them, and every server heeds them", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  const picture = new Picture(two);
  const what = reservation("10.0.0.50", "tv", { 12: "7476", 66: "ff00" });
  await amended(
    one,
    reserve("aa:01", reservation("10.0.0.11")),
    reserve("aa:02", what),
    addPool("10.0.0.20-10.0.0.22"),
    removePool("10.0.0.13-10.0.0.13"),
  );
  assert.deepEqual(keysOf(site), {
    [`reservations::${macOf("aa:01")}`]: "10.0.0.11",
    [`reservations::${macOf("aa:02")}`]:
      '{"ip":"10.0.0.50","hostname":"tv","options":{"12":"7476","66":"ff00"}}',
    "pools::10.0.0.20-10.0.0.22": "added",
    "pools::10.0.0.13-10.0.0.13": "removed",
  });
  assert.deepEqual(freeOf(site), ["10", "11", "12", "20", "21", "22"]);
  await site.clock.turn();
  const three = await site.open();
  for (const store of [one, two, three]) {
    assert.deepEqual(store.subnets, one.subnets);
    assert.deepEqual(store.amendments(), one.amendments());
    assert.deepEqual(pools(store), ["10.0.0.10-10.0.0.12", "10.0.0.20-10.0.0.22"]);
    assert.deepEqual(store.view.reservationOf("", clientKey("aa:02")), what);
    assert.deepEqual(store.view.counts(""), { free: 5, bound: 0, declined: 0, freed: 0 });
    assert.equal(store.view.poolSize(""), 5);
  }
  assert.equal(picture.told.filter((text) => text === "subnets").length, 4);
  await amended(two, unreserve("aa:01"), unreserve("aa:02"), removePool("10.0.0.21-10.0.0.21"));
  await amended(two, addPool("10.0.0.13-10.0.0.13"));
  assert.deepEqual(keysOf(site), {
    "pools::10.0.0.20-10.0.0.20": "added",
    "pools::10.0.0.22-10.0.0.22": "added",
  });
  assert.deepEqual(freeOf(site), ["10", "11", "12", "13", "20", "22"]);
  await site.clock.turn();
  assert.deepEqual(one.subnets, two.subnets);
  assert.deepEqual(one.view.counts(""), two.view.counts(""));
});

Deno.test("EtcdStore: what operators reserve and remove with etcdctl is heeded like the rest", async () => {
  await using site = new Site();
  const store = await site.open();
  const plain = `${PREFIX}reservations::${macOf("aa:01")}`;
  const whole = `${PREFIX}reservations::${macOf("aa:02")}`;
  site.etcd.put(plain, "10.0.0.10");
  site.etcd.put(
    whole,
    '{"ip":"10.0.0.11","hostname":7,"owner":"Ada","options":{"12":"7476","51":"ffffffff","x":"00","66":"zz"}}',
  );
  site.etcd.put(`${PREFIX}pools::10.0.0.12-10.0.0.12`, "removed");
  await site.clock.turn();
  assert.deepEqual(site.notices, []);
  assert.equal(store.view.reservationOf("", clientKey("aa:01"))?.address, ip("10.0.0.10"));
  assert.deepEqual(
    store.view.reservationOf("", clientKey("aa:02")),
    reservation("10.0.0.11", undefined, { 12: "7476" }),
  );
  assert.deepEqual(store.view.counts(""), { free: 1, bound: 0, declined: 0, freed: 0 });
  // The key of what was removed goes, so that no other program gives the address.
  await site.pass(5000);
  assert.deepEqual(freeOf(site), ["10", "11", "13"]);
  site.etcd.delete(plain, whole, `${PREFIX}pools::10.0.0.12-10.0.0.12`);
  await site.pass(5000);
  assert.deepEqual(freeOf(site), ["10", "11", "12", "13"]);
  assert.deepEqual(store.view.counts(""), { free: 4, bound: 0, declined: 0, freed: 0 });
});

Deno.test("EtcdStore: amendments that make no sense are named; what they are about is not leased", async () => {
  await using site = new Site();
  const store = await site.open();
  for (
    const [key, value] of [
      ["pools::10.0.0.10-10.0.0.11", "maybe"],
      ["pools::10.0.0.9", "added"],
      ["pools::10.0.0.9-10.9.0.0", "added"],
      ["pools::10.0.0.30 - 10.0.0.31", "added"],
    ] as const
  ) site.etcd.put(PREFIX + key, value);
  await site.clock.turn();
  assert.equal(store.unreadable.size, 4);
  assert.match(site.notices.join("\n"), /10\.0\.0\.10-10\.0\.0\.11.*neither added nor removed/);
  assert.match(site.notices.join("\n"), /pools::10\.0\.0\.9".*does not end in a range/);
  assert.match(site.notices.join("\n"), /10\.0\.0\.9-10\.9\.0\.0.*not in the subnet/);
  assert.deepEqual(pools(store), ["10.0.0.12-10.0.0.13"]);
  await amended(store, addPool("10.0.0.10-10.0.0.11"));
  assert.deepEqual(pools(store), ["10.0.0.10-10.0.0.13"]);
  assert.equal(store.unreadable.size, 3);
});

Deno.test("EtcdStore: servers that amend at once overwrite nothing of each other's", async () => {
  await using site = new Site();
  const lagging = site.etcd.connect();
  const [one, two] = [await site.open(), await site.open({}, undefined, lagging)];
  lagging.hold();
  await amended(one, reserve("aa:01", reservation("10.0.0.11")), addPool("10.0.0.20-10.0.0.25"));
  // It has not heard of either, and finds out by what it compares.
  await amended(two, reserve("aa:01", reservation("10.0.0.12")));
  await amended(two, addPool("10.0.0.20-10.0.0.25")).catch(() => {});
  lagging.release();
  await site.clock.turn();
  for (const store of [one, two]) {
    assert.equal(store.view.reservationOf("", clientKey("aa:01"))?.address, ip("10.0.0.12"));
    assert.deepEqual(pools(store), ["10.0.0.10-10.0.0.13", "10.0.0.20-10.0.0.25"]);
  }
  await Promise.all([
    amended(one, removePool("10.0.0.22-10.0.0.23")),
    amended(two, reserve("aa:02", reservation("10.0.0.21"))),
    amended(two, reserve("aa:03", reservation("10.0.0.13"))),
  ]);
  await site.pass(3000);
  assert.deepEqual(one.subnets, two.subnets);
  assert.deepEqual(one.view.counts(""), two.view.counts(""));
  assert.equal(one.view.poolSize(""), 4 + 4 - 3);
});

Deno.test("EtcdStore: one address is reserved for one client, although two servers are asked at once", async () => {
  await using site = new Site();
  const lagging = site.etcd.connect();
  const [one, two] = [await site.open(), await site.open({}, undefined, lagging)];
  const [mine, theirs] = await Promise.all([
    one.amend([reserve("aa:01", reservation("10.0.0.50"))]),
    two.amend([reserve("aa:02", reservation("10.0.0.50"))]),
  ]);
  const kinds = [mine[0]!.kind, theirs[0]!.kind].toSorted();
  assert.deepEqual(kinds, ["done", "refused"]);
  // Nor when one of them has not heard of the other's for a while, or of its end.
  lagging.hold();
  await amended(one, reserve("aa:03", reservation("10.0.0.51")));
  assert.deepEqual(await two.amend([reserve("aa:04", reservation("10.0.0.51"))]), [
    { kind: "refused", problem: `10.0.0.51 is reserved for ${macOf("aa:03")}` },
  ]);
  await amended(one, unreserve("aa:03"));
  await amended(two, reserve("aa:04", reservation("10.0.0.51")));
  lagging.release();
  await site.clock.turn();
  assert.deepEqual(one.amendments(), two.amendments());
});

Deno.test("EtcdStore: amendments are unknown while etcd is away, and nothing changes", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  const store = await site.open({}, undefined, connection);
  connection.cut(true);
  const asked = store.amend([addPool("10.0.0.20-10.0.0.25"), addPool("10.7.0.1-10.7.0.2")]);
  await site.clock.pass(5000);
  assert.deepEqual((await asked).map(({ kind }) => kind), ["unknown", "refused"]);
  connection.cut(false);
  await site.clock.pass(8000);
  assert.deepEqual(pools(store), ["10.0.0.10-10.0.0.13"]);
  await amended(store, addPool("10.0.0.20-10.0.0.25"));
});

Deno.test("EtcdStore keeps what is freed aside as long as anybody may have ridden on it", async () => {
  await using site = new Site();
  const lagging = site.etcd.connect();
  const [one, two] = [await site.open(), await site.open({}, undefined, lagging)];
  await site.done(one, bind("aa:01", A, EPOCH + HOUR));
  await site.clock.turn();
  lagging.hold();
  const { lease } = await site.done(one, free(A));
  assert.equal(lease.expires, EPOCH + 2 * HOUR, "the hold, not the lease");
  assert.deepEqual(keysOf(site), { [`ips::declined::${A}`]: macOf("aa:01") });
  assert.deepEqual(freeOf(site), ["11", "12", "13"]);
  // The other has not heard of it, and renews without asking: within the hold.
  const renewal = bind("aa:01", A, site.now + HOUR, { inUse: true });
  const ridden = await site.done(two, renewal);
  assert.ok(ridden.lease.expires <= EPOCH + 2 * HOUR);
  lagging.release();
  await site.clock.turn();
  assert.equal((await site.commit(two, renewal)).kind, "taken");
  for (const store of [one, two]) {
    assert.deepEqual(store.view.counts(""), { free: 3, bound: 0, declined: 0, freed: 1 });
  }
  await site.pass(2 * HOUR - MINUTE - (site.now - EPOCH));
  assert.equal((await site.commit(two, bind("aa:02", A, site.now + HOUR))).kind, "taken");
  assert.equal((await site.commit(two, expire(A))).kind, "refused");
  await site.pass(HOUR / 2);
  assert.deepEqual(keysOf(site), {});
  assert.deepEqual(freeOf(site), ["10", "11", "12", "13"]);
  await site.done(two, bind("aa:02", A, site.now + HOUR));
});

Deno.test("EtcdStore: a TTL that fires early does not bring back what was freed", async () => {
  await using site = new Site();
  const store = await site.open();
  await site.done(store, bind("aa:01", A, EPOCH + HOUR));
  await site.done(store, free(A));
  site.etcd.revokeAll();
  await site.pass(MINUTE);
  assert.deepEqual(store.view.counts(""), { free: 3, bound: 0, declined: 0, freed: 1 });
  assert.equal((await site.commit(store, bind("aa:02", A, site.now + HOUR))).kind, "taken");
});

Deno.test("EtcdStore frees a pin, and a lease of another program's for as long as one may last", async () => {
  await using site = new Site();
  const store = await site.open();
  site.etcd.put(`${PREFIX}nics::leased::${macOf("aa:01")}`, A);
  site.etcd.put(`${PREFIX}ips::leased::${A}`, macOf("aa:01"));
  site.etcd.delete(`${PREFIX}ips::free::${A}`);
  await site.clock.turn();
  const { lease } = await site.done(store, free(A));
  assert.equal(lease.state, "freed");
  assert.equal(lease.expires, EPOCH + store.subnets[0]!.lease.max * 1000);
  assert.deepEqual(keysOf(site), { [`ips::declined::${A}`]: macOf("aa:01") });
  await site.done(store, free(A, true));
  assert.deepEqual(keysOf(site), {});
  assert.deepEqual(freeOf(site), ["10", "11", "12", "13"]);
});

Deno.test("EtcdStore enters a lease that is held as long as it lasts, not longer", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  const { lease } = await site.done(one, enter("aa:01", A, EPOCH - HOUR, EPOCH + HOUR));
  assert.equal(lease.held, EPOCH + HOUR);
  await site.clock.turn();
  assert.deepEqual(two.view.ofAddress(ip(A)), lease);
  assert.deepEqual(keysOf(site), {
    [`ips::leased::${A}`]: macOf("aa:01"),
    [`nics::leased::${macOf("aa:01")}`]: A,
  });
  // From then on it is a lease like any other.
  const renewed = await site.done(two, bind("aa:01", A, site.now + HOUR, { inUse: true }));
  assert.ok(renewed.lease.held > EPOCH + HOUR);
});

Deno.test("EtcdStore tells of what other servers do, each once, and nothing of the first load", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  const [mine, theirs] = [new Picture(one), new Picture(two)];
  await site.done(one, bind("aa:01", A, EPOCH + HOUR));
  await site.done(one, bind("aa:01", "10.0.0.11", EPOCH + HOUR));
  await site.done(two, bind("aa:02", A, EPOCH + HOUR));
  await site.done(one, free("10.0.0.11"));
  await site.clock.turn();
  const wanted = [
    "10.0.0.10 bound released",
    "10.0.0.10 none bound",
    "10.0.0.10 released bound",
    "10.0.0.11 bound freed",
    "10.0.0.11 none bound",
  ];
  for (const picture of [mine, theirs]) {
    assert.deepEqual(picture.told.toSorted(), wanted);
    picture.compare();
  }
  const late = new Picture(await site.open());
  assert.deepEqual(late.told, []);
  late.compare();
});

Deno.test("EtcdStore tells of several changes that the watch brings together, each by itself", async () => {
  await using site = new Site();
  const gathering = site.etcd.connect();
  const gathered: Change[] = [];
  let bring = () => {};
  const watch = gathering.watch.bind(gathering);
  gathering.watch = (from, end, revision, events) =>
    watch(from, end, revision, {
      changed: (changes, at) => {
        gathered.push(...changes);
        bring = () => events.changed(gathered.splice(0), at);
        // Its own signs of life would wait for ever.
        if (changes.some(({ key }) => key.includes("servers::"))) bring();
      },
      ended: (reason) => events.ended(reason),
    });
  const [one, two] = [await site.open(), await site.open({}, undefined, gathering)];
  await site.clock.turn();
  const picture = new Picture(two);
  await site.done(one, bind("aa:01", A, EPOCH + HOUR));
  await site.done(one, bind("aa:01", A, EPOCH + 3 * HOUR));
  await site.done(one, free(A, true));
  await site.done(one, bind("aa:02", A, EPOCH + HOUR));
  await site.clock.turn();
  assert.deepEqual(picture.told, []);
  bring();
  assert.deepEqual(picture.told, [
    "10.0.0.10 none bound",
    "10.0.0.10 bound bound",
    "10.0.0.10 bound released",
    "10.0.0.10 released bound",
  ]);
  picture.compare();
});

Deno.test("EtcdStore is not told again of what it found out by itself", async () => {
  await using site = new Site();
  const lagging = site.etcd.connect();
  const [one, two] = [await site.open(), await site.open({}, undefined, lagging)];
  const picture = new Picture(two);
  lagging.hold();
  await site.done(one, bind("aa:01", A, EPOCH + HOUR));
  await site.done(one, bind("aa:01", A, EPOCH + HOUR + MINUTE));
  await site.done(one, free(A, true));
  await site.done(one, bind("aa:02", A, EPOCH + HOUR));
  // What it finds out by itself it is not told again.
  assert.equal((await site.commit(two, bind("aa:03", A, EPOCH + HOUR))).kind, "taken");
  assert.deepEqual(picture.told, ["10.0.0.10 none bound"]);
  lagging.release();
  await site.clock.turn();
  assert.deepEqual(picture.told, ["10.0.0.10 none bound"]);
  picture.compare();
  await site.done(one, free(A, true));
  await site.clock.turn();
  assert.deepEqual(picture.told.slice(1), ["10.0.0.10 bound released"]);
  picture.compare();
});

Deno.test("EtcdStore: after the book was read anew listeners know what they missed", async () => {
  await using site = new Site();
  const cut = site.etcd.connect();
  const [one, two] = [await site.open(), await site.open({}, undefined, cut)];
  await site.done(one, bind("aa:01", A, EPOCH + HOUR));
  await site.clock.turn();
  const picture = new Picture(two);
  cut.cut(true);
  await site.done(one, bind("aa:01", "10.0.0.11", EPOCH + HOUR));
  await site.done(one, bind("aa:02", "10.0.0.12", EPOCH + HOUR));
  await amended(one, addPool("10.0.0.30-10.0.0.31"));
  site.etcd.compact();
  site.etcd.cut("compacted");
  await site.clock.pass(10_000);
  cut.cut(false);
  await site.clock.pass(10_000);
  assert.equal(two.trouble(), undefined);
  picture.compare();
  assert.ok(picture.told.includes("10.0.0.12 none bound"));
  assert.ok(picture.told.includes("subnets"));
  assert.deepEqual(one.subnets, two.subnets);
});

Deno.test("EtcdStore.reconfigure brings the free keys in line, whoever else does so", async () => {
  await using site = new Site();
  const before = [subnetOf({ pools: ["10.0.0.10-10.0.0.200"] })];
  const after = [subnetOf({ pools: ["10.0.0.20-10.0.0.29", "10.0.0.210-10.0.0.215"] })];
  const stores = [await site.open({}, before), await site.open({}, before)];
  await site.done(stores[0]!, bind("aa:01", "10.0.0.100", EPOCH + HOUR));
  site.etcd.put(`${PREFIX}ips::free::10.0.0.250`, "10.0.0.250");
  await site.clock.turn();
  for (const store of stores) store.reconfigure(after);
  await site.pass(5000);
  const wanted = [
    ...Array.from({ length: 10 }, (_, n) => 20 + n),
    210,
    211,
    212,
    213,
    214,
    215,
    250,
  ];
  assert.deepEqual(freeOf(site).map(Number), wanted, "what an operator added stays");
  for (const store of stores) {
    assert.deepEqual(store.view.counts(""), { free: 17, bound: 1, declined: 0, freed: 0 });
    assert.equal(store.trouble(), undefined);
  }
  const renewal = bind("aa:01", "10.0.0.100", site.now + HOUR, { inUse: true });
  await site.done(stores[1]!, renewal);
  const other = bind("aa:02", "10.0.0.101", site.now + HOUR);
  assert.equal((await site.commit(stores[0]!, other)).kind, "taken");
});

Deno.test("EtcdStore.reconfigure: a subnet whose keys are to be read first frees nothing before", async () => {
  await using site = new Site();
  const lan = subnetOf({ name: "lan", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.12"] });
  const both = await site.open({}, [subnetOf(), lan]);
  await site.done(both, bind("aa:01", "10.1.0.10", EPOCH + HOUR, { subnet: "lan" }));
  await site.done(both, bind("aa:02", "10.1.0.11", EPOCH + HOUR, { subnet: "lan" }));
  await site.done(both, free("10.1.0.11", false, "lan"));
  const one = await site.open({}, [subnetOf()]);
  const picture = new Picture(one);
  one.reconfigure([subnetOf(), lan]);
  assert.equal(one.trouble(), undefined, "others go on being served");
  assert.deepEqual(one.view.counts("lan"), { free: 0, bound: 0, declined: 0, freed: 0 });
  // It knows nothing of that subnet yet; what it compares does.
  const claim = bind("aa:03", "10.1.0.11", EPOCH + 9 * HOUR, { subnet: "lan" });
  assert.equal((await site.commit(one, claim)).kind, "taken");
  await site.done(one, bind("aa:04", A, site.now + HOUR));
  await site.pass(3000);
  assert.deepEqual(one.view.counts("lan"), { free: 1, bound: 1, declined: 0, freed: 1 });
  assert.deepEqual(one.view.counts(""), both.view.counts(""));
  picture.compare();
  one.reconfigure([lan]);
  assert.equal(one.view.ofAddress(ip(A)), undefined);
  picture.compare();
  assert.equal((await site.commit(one, bind("aa:05", "10.0.0.11", EPOCH + HOUR))).kind, "refused");
});

Deno.test("EtcdStore.reconfigure while clients are served: nothing that is done is forgotten", async () => {
  await using site = new Site();
  const lan = (n: number) =>
    subnetOf({ name: `lan${n}`, cidr: `10.${n}.0.0/24`, pools: [`10.${n}.0.10-10.${n}.0.12`] });
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.250"] });
  const store = await site.open({}, [subnet]);
  for (let n = 1; n <= 20; n++) {
    const claims = Array.from(
      { length: 5 },
      (_, m) => bind(clientNumber(n * 5 + m), `10.0.0.${100 + n * 5 + m}`, site.now + HOUR),
    );
    const asked = claims.map((claim) => site.done(store, claim));
    store.reconfigure([subnet, lan(n)]);
    await Promise.all(asked);
    await site.clock.pass(n % 3 === 0 ? 3000 : 0);
    assert.equal(store.view.counts("").bound, n * 5);
  }
  await site.pass(3000);
  assert.deepEqual(store.view.counts("lan20"), { free: 3, bound: 0, declined: 0, freed: 0 });
});

Deno.test("EtcdStore.reconfigure: a subnet that goes while claims of it are under way breaks nothing", async () => {
  await using site = new Site();
  const lan = subnetOf({ name: "lan", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.12"] });
  const store = await site.open({}, [subnetOf(), lan]);
  const picture = new Picture(store);
  const at = (client: string, address: string) =>
    site.commit(store, bind(client, address, EPOCH + HOUR, { subnet: "lan" }));
  // One on its way, the others put off behind it.
  const asked = [
    at("aa:01", "10.1.0.10"),
    at("aa:01", "10.1.0.11"),
    at("aa:02", "10.1.0.10"),
    site.commit(store, bind("aa:03", A, EPOCH + HOUR)),
  ];
  const amending = store.amend([addPool("10.1.0.30-10.1.0.31", "lan")]);
  store.reconfigure([subnetOf()]);
  const kinds = (await Promise.all(asked)).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["done", "refused", "refused", "done"]);
  assert.deepEqual(await amending, [{ kind: "done" }]);
  picture.compare();
  store.reconfigure([subnetOf(), lan]);
  await site.pass(3000);
  assert.equal(store.view.ofAddress(ip("10.1.0.10"))?.client, clientKey("aa:01"));
  assert.deepEqual(store.subnets[1]!.pools.map(formatRange), [
    "10.1.0.10-10.1.0.12",
    "10.1.0.30-10.1.0.31",
  ]);
  assert.deepEqual(store.view.counts("lan"), { free: 4, bound: 1, declined: 0, freed: 0 });
  picture.compare();
});
