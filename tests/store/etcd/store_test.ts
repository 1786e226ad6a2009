import assert from "node:assert/strict";
import type { LeaseStore } from "../../../lib/lease/store.ts";
import { StoreError } from "../../../lib/lease/store.ts";
import { type Etcd, EtcdError, Failure } from "../../../lib/store/etcd/etcd.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../../lib/wire/address.ts";
import {
  bind,
  clientKey,
  clientNumber,
  decline,
  EPOCH,
  expire,
  macOf,
  release,
  subnetOf,
} from "../../lease/fixtures.ts";
import { AddressSet } from "../../../lib/lease/address_set.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeEtcd, type Fate } from "./fake_etcd.ts";
import { openStore, PREFIX } from "./fixtures.ts";
import { HOUR, MINUTE, Site } from "./site.ts";

const FREE = {
  "ips::free::10.0.0.10": "10.0.0.10",
  "ips::free::10.0.0.11": "10.0.0.11",
  "ips::free::10.0.0.12": "10.0.0.12",
  "ips::free::10.0.0.13": "10.0.0.13",
};

/** FREE without some. */
function freeBut(...last: number[]): Record<string, string> {
  const keys = Object.entries(FREE);
  return Object.fromEntries(keys.filter(([, ip]) => !last.includes(Number(ip.split(".")[3]))));
}

const A = "ips::leased::10.0.0.10";
const NIC = `nics::leased::${macOf("aa:01")}`;

function pick(store: LeaseStore): string | undefined {
  const address = store.view.pick("", 0, new AddressSet(store.view.space("")));
  return address === undefined ? undefined : formatIpv4(address);
}

Deno.test("EtcdStore writes the keys that operators know, octet for octet", async () => {
  await using site = new Site();
  const store = await site.open();
  assert.deepEqual(site.keys(), FREE);
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR, { hostname: 'a "b"' }));
  assert.deepEqual(site.keys(), { ...freeBut(10), [A]: macOf("aa:01"), [NIC]: "10.0.0.10" });
  assert.deepEqual(JSON.parse(site.etcd.get(`${PREFIX}leases::10.0.0.10`)!.value), {
    client: macOf("aa:01"),
    hostname: 'a "b"',
    state: "bound",
    since: EPOCH,
    renewed: EPOCH,
    expires: EPOCH + HOUR,
    held: EPOCH + 2 * HOUR,
    server: "10.0.0.1",
  });
  assert.equal(site.etcd.get(`${PREFIX}leases::10.0.0.10`)!.lease, undefined);
  assert.notEqual(site.etcd.get(PREFIX + A)!.lease, undefined);
  assert.equal(site.etcd.get(PREFIX + A)!.lease, site.etcd.get(PREFIX + NIC)!.lease);
  assert.match(site.etcd.get(`${PREFIX}servers::server-0`)!.value, /"id":"server-0"/);

  await site.done(store, bind("aa:01", "10.0.0.11", site.now + HOUR));
  assert.deepEqual(site.keys(), {
    ...freeBut(11),
    "ips::leased::10.0.0.11": macOf("aa:01"),
    [NIC]: "10.0.0.11",
  });
  await site.done(store, decline("aa:01", "10.0.0.11", site.now + MINUTE, 9));
  assert.deepEqual(site.keys(), {
    ...freeBut(11),
    "ips::declined::10.0.0.11": macOf("aa:01"),
  });
  assert.notEqual(site.etcd.get(`${PREFIX}ips::declined::10.0.0.11`)!.lease, undefined);
  await site.done(store, bind("aa:02", "10.0.0.12", site.now + HOUR));
  await site.done(store, release("aa:02", "10.0.0.12"));
  assert.deepEqual(site.keys(), {
    ...freeBut(11),
    "ips::declined::10.0.0.11": macOf("aa:01"),
  });
});

Deno.test("EtcdStore keeps each named subnet's keys below its name", async () => {
  await using site = new Site();
  const named = subnetOf({ name: "lan", cidr: "10.1.0.0/24", pools: ["10.1.0.5-10.1.0.5"] });
  const store = await site.open({}, [subnetOf(), named]);
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.done(store, bind("aa:01", "10.1.0.5", EPOCH + HOUR, { subnet: "lan" }));
  assert.deepEqual(site.keys(), {
    ...freeBut(10),
    [A]: macOf("aa:01"),
    [NIC]: "10.0.0.10",
    "lan::ips::leased::10.1.0.5": macOf("aa:01"),
    [`lan::${NIC}`]: "10.1.0.5",
  });
});

Deno.test("EtcdStore reads back what it wrote, and so does another server at once", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR, { hostname: "tv" }));
  await site.done(one, bind("aa:02", "10.0.0.11", EPOCH + HOUR));
  await site.done(one, release("aa:02", "10.0.0.11"));
  await site.clock.turn();
  const three = await site.open();
  for (const store of [two, three]) {
    for (const address of ["10.0.0.10", "10.0.0.11", "10.0.0.12"].map(parseIpv4)) {
      assert.deepEqual(store.view.ofAddress(address), one.view.ofAddress(address));
    }
    assert.deepEqual(store.view.counts(""), { free: 3, bound: 1, declined: 0, freed: 0 });
    assert.equal(pick(store), pick(one));
  }
  assert.equal((await site.commit(three, bind("aa:03", "10.0.0.10", EPOCH + HOUR))).kind, "taken");
});

Deno.test("EtcdStore settles races of two servers whose mirrors lag", async () => {
  await using site = new Site();
  const [slow, late] = [site.etcd.connect(), site.etcd.connect()];
  const one = await site.open({}, undefined, slow);
  const two = await site.open({}, undefined, late);
  late.hold();
  await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  // Its mirror still has the address free: the transaction reads, and the answer is right.
  assert.equal((await site.commit(two, bind("aa:02", "10.0.0.10", EPOCH + HOUR))).kind, "taken");
  // The same client at both: one lease, and a renewal.
  const again = await site.done(two, bind("aa:01", "10.0.0.10", EPOCH + HOUR + 1));
  assert.equal(again.before?.client, clientKey("aa:01"));
  // A client that moves by the other server leaves nothing behind.
  slow.hold();
  await site.done(two, bind("aa:01", "10.0.0.11", EPOCH + HOUR));
  await site.done(one, bind("aa:01", "10.0.0.12", EPOCH + HOUR));
  late.release();
  slow.release();
  assert.deepEqual(site.keys(), {
    ...freeBut(12),
    "ips::leased::10.0.0.12": macOf("aa:01"),
    [NIC]: "10.0.0.12",
  });
  await site.clock.turn();
  assert.deepEqual(one.view.counts(""), two.view.counts(""));
});

Deno.test("EtcdStore: a REQUEST read late takes no newer lease of another server's away", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  const server = parseIpv4("10.0.0.2");
  await site.done(two, bind("aa:01", "10.0.0.11", EPOCH + HOUR, { server }));
  await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  for (const store of [one, two]) {
    const other = bind("aa:02", "10.0.0.11", EPOCH + HOUR);
    assert.equal((await site.commit(store, other)).kind, "taken");
  }
  // The client goes on with either, and the one that it left comes back in the end.
  const again = bind("aa:01", "10.0.0.11", EPOCH + HOUR + MINUTE, { server, inUse: true });
  await site.done(two, again);
  await site.pass(2 * HOUR + 30 * MINUTE);
  assert.deepEqual(site.keys(), FREE);
  assert.equal(one.view.counts("").free, 4);
});

Deno.test("EtcdStore writes a renewal by another server, whom a RELEASE will name", async () => {
  await using site = new Site();
  const store = await site.open();
  const renewal = bind("aa:01", "10.0.0.10", EPOCH + HOUR + MINUTE, { inUse: true });
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.done(store, renewal);
  assert.equal(store.view.ofAddress(parseIpv4("10.0.0.10"))?.expires, EPOCH + HOUR, "skipped");
  const server = parseIpv4("10.0.0.2");
  await site.done(store, { ...renewal, server });
  assert.equal(store.view.ofAddress(parseIpv4("10.0.0.10"))?.server, server);
});

// Time ---------------------------------------------------------------------------------------

Deno.test("EtcdStore frees an address when the hold and the TTL are over, and not before", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.pass(HOUR + MINUTE);
  // The lease is over, the hold is not.
  assert.equal((await site.commit(two, bind("aa:02", "10.0.0.10", site.now + HOUR))).kind, "taken");
  await site.pass(HOUR - 2 * MINUTE);
  assert.equal(one.view.counts("").bound, 1);
  await site.pass(2 * HOUR / 8 + 3 * MINUTE);
  assert.deepEqual(site.keys(), FREE);
  for (const store of [one, two]) {
    assert.deepEqual(store.view.counts(""), { free: 4, bound: 0, declined: 0, freed: 0 });
    assert.equal(store.view.ofClient("", clientKey("aa:01"))?.state, "expired");
  }
  await site.done(two, bind("aa:02", "10.0.0.10", site.now + HOUR));
});

Deno.test("EtcdStore ends a quarantine at its time", async () => {
  await using site = new Site();
  const store = await site.open();
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.done(store, decline("aa:01", "10.0.0.10", EPOCH + 10 * MINUTE, 9));
  await site.pass(9 * MINUTE);
  assert.deepEqual(store.view.counts(""), { free: 3, bound: 0, declined: 1, freed: 0 });
  await site.pass(4 * MINUTE);
  assert.deepEqual(store.view.counts(""), { free: 4, bound: 0, declined: 0, freed: 0 });
  assert.deepEqual(site.keys(), FREE);
  assert.deepEqual(Object.keys(site.etcd.dump(`${PREFIX}leases::`)), []);
});

for (
  const [how, lose] of [
    ["the etcd lease is revoked", (etcd: FakeEtcd) => etcd.revokeAll()],
    ["its keys are deleted", (etcd: FakeEtcd) => etcd.delete(PREFIX + A, PREFIX + NIC)],
    ["the address's key is deleted", (etcd: FakeEtcd) => etcd.delete(PREFIX + A)],
  ] as const
) {
  Deno.test(`EtcdStore restores a binding when ${how} early`, async () => {
    await using site = new Site();
    const [one, two] = [await site.open(), await site.open()];
    await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    await site.pass(10_000);
    lose(site.etcd);
    await site.clock.turn();
    const other = bind("aa:02", "10.0.0.10", site.now + HOUR);
    assert.equal((await site.commit(two, other)).kind, "taken");
    await site.pass(10_000);
    assert.deepEqual(site.keys(), { ...freeBut(10), [A]: macOf("aa:01"), [NIC]: "10.0.0.10" });
    assert.notEqual(site.etcd.get(PREFIX + A)!.lease, undefined);
    assert.deepEqual(two.view.counts(""), { free: 3, bound: 1, declined: 0, freed: 0 });
    // It still comes back in the end.
    await site.pass(3 * HOUR);
    assert.deepEqual(site.keys(), FREE);
  });
}

Deno.test("EtcdStore restores what was lost while no server was there", async () => {
  await using site = new Site();
  const first = await site.open();
  await site.done(first, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await first.close();
  site.etcd.revokeAll();
  assert.deepEqual(site.keys(), freeBut(10));
  const second = await site.open();
  await site.pass(5000);
  assert.deepEqual(site.keys(), { ...freeBut(10), [A]: macOf("aa:01"), [NIC]: "10.0.0.10" });
  assert.equal(second.view.counts("").bound, 1);
});

Deno.test("EtcdStore needs few etcd leases, however many clients there are", async () => {
  await using site = new Site();
  const pools = ["10.0.0.10-10.0.3.250"];
  const subnet = subnetOf({ cidr: "10.0.0.0/16", pools });
  const stores = [await site.open({}, [subnet]), await site.open({}, [subnet])];
  const first = parseIpv4("10.0.0.10");
  for (let n = 0; n < 600; n++) {
    const address = formatIpv4(first + n as Ipv4);
    const seconds = n % 5 === 0 ? 1800 : 3600;
    await site.done(stores[n % 2]!, bind(clientNumber(n), address, site.now + seconds * 1000));
    await site.pass(30_000);
  }
  assert.ok(site.etcd.mostLeases <= 2 * (16 + 2) * 2 + 2, `${site.etcd.mostLeases} etcd leases`);
  assert.ok(site.etcd.mostLeases > 4);
  await site.pass(8 * HOUR);
  assert.deepEqual(Object.keys(site.keys()).length, 3 * 256 + 241, "all are free again");
  assert.ok(site.etcd.leases <= 2 + 2, `${site.etcd.leases} are left`);
});

// Operators ----------------------------------------------------------------------------------

Deno.test("EtcdStore: an operator pins a device with two puts and a delete", async () => {
  await using site = new Site();
  const store = await site.open();
  const nic = PREFIX + NIC;
  const ip = "10.0.0.77";
  const leased = `${PREFIX}ips::leased::${ip}`;
  site.etcd.put(nic, ip);
  site.etcd.put(leased, macOf("aa:01"));
  site.etcd.delete(`${PREFIX}ips::free::${ip}`);
  await site.clock.turn();
  const { view } = store;
  assert.equal(view.ofClient("", clientKey("aa:01"))?.address, parseIpv4(ip));
  assert.ok(view.isAvailable("", parseIpv4(ip), clientKey("aa:01"), site.now));
  assert.ok(!view.isAvailable("", parseIpv4(ip), clientKey("aa:02"), site.now));
  assert.equal(view.ofAddress(parseIpv4(ip))?.expires, Infinity);
  for (let n = 0; n < 3; n++) {
    const { lease } = await site.done(store, bind("aa:01", ip, site.now + HOUR));
    assert.equal(lease.expires, Infinity);
    assert.equal(site.etcd.get(nic)?.lease, undefined, "no TTL is attached");
    assert.equal(site.etcd.get(leased)?.lease, undefined, "no TTL is attached");
    assert.equal(site.etcd.get(leased)?.createRevision, site.etcd.get(leased)?.modRevision);
    await site.pass(HOUR);
  }
  await site.pass(5 * HOUR);
  assert.equal((await site.commit(store, release("aa:01", ip))).kind, "refused");
  assert.equal(site.etcd.get(leased)?.value, macOf("aa:01"));
  assert.equal((await site.commit(store, bind("aa:02", ip, site.now + HOUR))).kind, "taken");
  // It does not get another address while it is pinned.
  assert.equal(
    (await site.commit(store, bind("aa:01", "10.0.0.10", site.now + HOUR))).kind,
    "taken",
  );
});

Deno.test("EtcdStore: a device that holds another address moves to its pin", async () => {
  await using site = new Site();
  const store = await site.open();
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  site.etcd.put(PREFIX + NIC, "10.0.0.12");
  await site.clock.turn();
  assert.equal(store.view.ofClient("", clientKey("aa:01"))?.address, parseIpv4("10.0.0.12"));
  site.etcd.put(`${PREFIX}ips::leased::10.0.0.12`, macOf("aa:01"));
  site.etcd.delete(`${PREFIX}ips::free::10.0.0.12`);
  await site.clock.turn();
  const renewal = bind("aa:01", "10.0.0.10", site.now + HOUR, { inUse: true });
  assert.equal((await site.commit(store, renewal)).kind, "taken");
  const { freed } = await site.done(store, bind("aa:01", "10.0.0.12", site.now + HOUR));
  assert.equal(freed?.address, parseIpv4("10.0.0.10"));
  assert.deepEqual(site.keys(), {
    ...freeBut(12),
    "ips::leased::10.0.0.12": macOf("aa:01"),
    [NIC]: "10.0.0.12",
  });
  assert.equal(site.etcd.get(PREFIX + NIC)?.lease, undefined);
});

Deno.test("EtcdStore: addresses an operator adds serve until they are freed, then are phased out", async () => {
  await using site = new Site();
  const store = await site.open();
  const added = "10.0.0.200";
  assert.equal((await site.commit(store, bind("aa:01", added, EPOCH + HOUR))).kind, "taken");
  site.etcd.put(`${PREFIX}ips::free::${added}`, added);
  site.etcd.put(`${PREFIX}ips::free::10.9.9.9`, "10.9.9.9");
  await site.clock.turn();
  assert.deepEqual(store.view.counts(""), { free: 5, bound: 0, declined: 0, freed: 0 });
  assert.match(site.notices.join(), /10\.9\.9\.9.*not in the subnet/);
  for (let n = 10; n < 14; n++) {
    await site.done(store, bind(clientNumber(n), `10.0.0.${n}`, EPOCH + HOUR));
  }
  assert.equal(pick(store), added);
  await site.done(store, bind("aa:01", added, EPOCH + HOUR));
  await site.done(store, bind("aa:01", added, EPOCH + HOUR + 1));
  await site.done(store, release("aa:01", added));
  assert.equal(site.etcd.get(`${PREFIX}ips::free::${added}`), undefined);
  assert.equal((await site.commit(store, bind("aa:01", added, EPOCH + HOUR))).kind, "taken");
  site.etcd.delete(`${PREFIX}ips::free::10.9.9.9`);
  assert.equal(store.status().unreadableKeys, 1);
  // The same when its lease runs out.
  site.etcd.put(`${PREFIX}ips::free::${added}`, added);
  await site.clock.turn();
  await site.done(store, bind("aa:01", added, EPOCH + HOUR));
  await site.pass(4 * HOUR);
  assert.deepEqual(site.keys(), FREE);
});

Deno.test("EtcdStore: values that make no sense are named, left alone, and not leased", async () => {
  await using site = new Site();
  const store = await site.open();
  const bad = {
    "ips::free::10.0.0.10": "10.0.0.99",
    "ips::leased::10.0.0.11": "Printer",
    "leases::10.0.0.12": "{",
    [`nics::leased::${macOf("aa:09")}`]: "somewhere",
  };
  for (const [key, value] of Object.entries(bad)) site.etcd.put(PREFIX + key, value);
  await site.clock.turn();
  assert.equal(store.unreadable.size, 4);
  assert.equal(store.status().unreadableKeys, 4);
  assert.equal(site.notices.length, 4);
  assert.deepEqual(store.view.counts("").free, 1);
  for (let n = 10; n < 13; n++) {
    const result = await site.commit(store, bind("aa:01", `10.0.0.${n}`, EPOCH + HOUR));
    assert.equal(result.kind, "unknown", `10.0.0.${n}`);
    assert.equal(
      store.view.isAvailable("", parseIpv4(`10.0.0.${n}`), clientKey("aa:01"), EPOCH),
      false,
    );
  }
  assert.equal(
    (await site.commit(store, bind("aa:09", "10.0.0.13", EPOCH + HOUR))).kind,
    "unknown",
  );
  assert.equal(store.trouble(), undefined);
  await site.pass(5 * HOUR);
  for (const [key, value] of Object.entries(bad)) {
    assert.equal(site.etcd.get(PREFIX + key)?.value, value, "left alone");
  }
  assert.equal(site.notices.length, 4, "said once");
  // Once put right they serve.
  site.etcd.put(`${PREFIX}ips::free::10.0.0.10`, "10.0.0.10");
  site.etcd.delete(`${PREFIX}ips::leased::10.0.0.11`, `${PREFIX}leases::10.0.0.12`);
  await site.clock.turn();
  assert.equal(store.status().unreadableKeys, 1);
  for (let n = 10; n < 13; n++) {
    await site.done(store, bind(clientNumber(n), `10.0.0.${n}`, site.now + HOUR));
  }
});

Deno.test("EtcdStore: an address that is reserved is its owner's alone", async () => {
  await using site = new Site();
  const subnet = subnetOf({ reservations: { "aa:05": "10.0.0.11", "aa:06": "10.0.0.99" } });
  const store = await site.open({}, [subnet]);
  assert.deepEqual(site.keys(), freeBut(11));
  site.etcd.put(`${PREFIX}reservations::${macOf("aa:07")}`, '{"ip":"10.0.0.12","note":"tv"}');
  await site.clock.turn();
  assert.equal(store.view.reservationOf("", clientKey("aa:07"))?.address, parseIpv4("10.0.0.12"));
  assert.equal(store.view.counts("").free, 2);
  for (const [owner, ip] of [["aa:05", 11], ["aa:06", 99], ["aa:07", 12]] as const) {
    const claim = bind("aa:01", `10.0.0.${ip}`, EPOCH + HOUR);
    assert.equal((await site.commit(store, claim)).kind, "taken");
    await site.done(store, bind(owner, `10.0.0.${ip}`, EPOCH + HOUR));
    await site.done(store, release(owner, `10.0.0.${ip}`));
  }
  assert.deepEqual(site.keys()[`ips::free::10.0.0.99`], undefined);
});

Deno.test("EtcdStore: an address an operator frees is kept aside while its client may use it", async () => {
  await using site = new Site();
  const store = await site.open();
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  site.etcd.put(`${PREFIX}ips::free::10.0.0.10`, "10.0.0.10");
  site.etcd.delete(PREFIX + A, PREFIX + NIC);
  await site.pass(5000);
  assert.equal(site.etcd.get(PREFIX + A), undefined, "it is not put back");
  assert.equal(
    (await site.commit(store, bind("aa:02", "10.0.0.10", site.now + HOUR))).kind,
    "taken",
  );
  assert.equal(store.view.counts("").free, 3);
  await site.pass(2 * HOUR);
  await site.done(store, bind("aa:02", "10.0.0.10", site.now + HOUR));
});

// Trouble ------------------------------------------------------------------------------------

Deno.test("EtcdStore answers renewals out of the hold, and writes when that is used up", async () => {
  await using site = new Site();
  const store = await site.open();
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  const renew = () =>
    site.done(store, bind("aa:01", "10.0.0.10", site.now + HOUR, { inUse: true }));
  const writes = async (act: () => Promise<unknown>) => {
    const before = site.etcd.transactions;
    await act();
    return site.etcd.transactions - before;
  };
  await site.pass(HOUR / 2);
  let lease;
  assert.equal(await writes(async () => ({ lease } = await renew())), 0);
  assert.equal(lease!.expires, EPOCH + 1.5 * HOUR);
  await site.pass(HOUR / 2);
  assert.equal(await writes(async () => ({ lease } = await renew())), 1);
  assert.equal(lease!.expires, EPOCH + 2 * HOUR);
  assert.equal(lease!.held, EPOCH + 3 * HOUR);
  // A client that starts anew, or has changed its name, is written down.
  const anew = bind("aa:01", "10.0.0.10", site.now + HOUR);
  assert.equal(await writes(() => site.done(store, anew)), 1);
  assert.equal(await writes(() => site.done(store, { ...anew, inUse: true, hostname: "x" })), 1);
});

Deno.test("EtcdStore rides through while etcd is away: renewals only, within the hold", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  const store = await site.open({}, undefined, connection);
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  connection.cut(true);
  await site.clock.pass(5000);
  assert.match(store.trouble()!, /did not answer/);
  for (
    const operation of [
      bind("aa:02", "10.0.0.11", site.now + HOUR),
      bind("aa:02", "10.0.0.11", site.now + HOUR, { inUse: true }),
      bind("aa:01", "10.0.0.11", site.now + HOUR),
      bind("aa:01", "10.0.0.10", site.now + HOUR),
      bind("aa:02", "10.0.0.10", site.now + HOUR, { inUse: true }),
      release("aa:01", "10.0.0.10"),
      expire("10.0.0.10"),
    ]
  ) assert.equal((await site.commit(store, operation)).kind, "unknown", operation.kind);
  await site.jump(HOUR);
  const renew = () => bind("aa:01", "10.0.0.10", site.now + HOUR, { inUse: true });
  const { lease } = await site.done(store, renew());
  assert.ok(lease.expires <= EPOCH + 2 * HOUR - 10_000);
  await site.jump(HOUR - 2 * MINUTE);
  assert.ok((await site.done(store, renew())).lease.expires < EPOCH + 2 * HOUR);
  await site.jump(2 * MINUTE);
  assert.equal((await site.commit(store, renew())).kind, "unknown");
  connection.cut(false);
  await site.clock.pass(5000);
  assert.equal(store.trouble(), undefined);
  await site.done(store, renew());
});

Deno.test("EtcdStore with a hold of one lease neither rides through nor skips writes", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  const [store, longer] = [
    await site.open({ holdFactor: 1 }, undefined, connection),
    await site.open(),
  ];
  const renew = (client: string, address: string, seconds = 3600) =>
    bind(client, address, site.now + seconds * 1000, { inUse: true });
  const { lease } = await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  assert.deepEqual([lease.expires, lease.held], [EPOCH + HOUR, EPOCH + HOUR]);
  // The other server holds twice as long, and both keep to what is recorded.
  await site.done(longer, bind("aa:02", "10.0.0.11", EPOCH + HOUR));
  await site.pass(MINUTE);
  for (
    const [renewal, held] of [
      [renew("aa:01", "10.0.0.10"), EPOCH + MINUTE + HOUR],
      [renew("aa:01", "10.0.0.10", 600), EPOCH + MINUTE + HOUR],
      [renew("aa:02", "10.0.0.11"), EPOCH + 2 * HOUR],
      [renew("aa:02", "10.0.0.11", 600), EPOCH + 2 * HOUR],
    ] as const
  ) {
    const before = site.etcd.transactions;
    assert.equal((await site.done(store, renewal)).lease.held, held);
    assert.equal(site.etcd.transactions, before + 1);
  }
  connection.cut(true);
  await site.clock.pass(5000);
  for (const [client, address] of [["aa:01", "10.0.0.10"], ["aa:02", "10.0.0.11"]] as const) {
    assert.equal((await site.commit(store, renew(client, address))).kind, "unknown");
  }
  connection.cut(false);
  await site.clock.pass(5000);
  await site.done(store, renew("aa:01", "10.0.0.10"));
});

Deno.test("EtcdStore with a hold of one lease frees an address soon after it, and not before", async () => {
  for (const holdFactor of [1, 1.5]) {
    await using site = new Site();
    const [one, two] = [await site.open({ holdFactor }), await site.open({ holdFactor })];
    await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const hold = holdFactor * HOUR;
    const end = site.etcd.get(PREFIX + A)!.lease!;
    await site.pass(hold - MINUTE);
    assert.equal(site.etcd.get(PREFIX + A)?.lease, end, "the key has not gone before the lease");
    const claim = bind("aa:02", "10.0.0.10", site.now + HOUR);
    assert.equal((await site.commit(two, claim)).kind, "taken");
    await site.pass(MINUTE + hold / 8 + 3 * MINUTE);
    assert.deepEqual(site.keys(), FREE);
    assert.equal(two.view.counts("").free, 4);
    // By the record too: the keys may go early.
    await site.done(one, bind("aa:01", "10.0.0.10", site.now + HOUR));
    site.etcd.revokeAll();
    await site.clock.turn();
    const other = bind("aa:02", "10.0.0.10", site.now + HOUR);
    assert.equal((await site.commit(two, other)).kind, "taken");
  }
});

Deno.test("EtcdStore writes every renewal when told to, and rides through all the same", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  const store = await site.open({ skipWrites: false }, undefined, connection);
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.pass(MINUTE);
  const renew = () => bind("aa:01", "10.0.0.10", site.now + HOUR, { inUse: true });
  const before = site.etcd.transactions;
  assert.equal((await site.done(store, renew())).lease.held, EPOCH + MINUTE + 2 * HOUR);
  assert.equal(site.etcd.transactions, before + 1);
  connection.cut(true);
  await site.clock.pass(5000);
  await site.done(store, renew());
  connection.cut(false);
  await site.clock.pass(5000);
});

Deno.test("EtcdStore.status: how long ago the mirror was known to be current", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  const store = await site.open({}, undefined, connection);
  for (let n = 0; n < 20; n++) {
    await site.clock.pass(700);
    assert.ok(store.status().mirrorLag <= 2.1, `${store.status().mirrorLag} s`);
  }
  for (
    const [fail, mend] of [
      [() => connection.cut(true), () => connection.cut(false)],
      [() => site.etcd.freeze(), () => site.etcd.thaw()],
    ] as const
  ) {
    fail();
    await site.clock.pass(10_000);
    assert.ok(store.status().mirrorLag >= 10, `${store.status().mirrorLag} s`);
    mend();
    await site.clock.pass(8000);
    assert.ok(store.status().mirrorLag <= 2.1, `${store.status().mirrorLag} s`);
  }
  // When the watch alone is silent, the book is read anew again and again, which is as good.
  connection.hold();
  await site.clock.pass(20_000);
  assert.ok(store.status().mirrorLag <= 5, `${store.status().mirrorLag} s`);
  connection.release();
  await site.clock.pass(5000);
});

Deno.test("EtcdStore.status: an etcd that was never there is behind since the start", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  connection.cut(true);
  const opening = site.open({}, undefined, connection);
  await site.clock.pass(20_000);
  assert.equal((await opening).status().mirrorLag, 20);
  connection.cut(false);
  await site.clock.pass(5000);
  assert.ok((await opening).status().mirrorLag <= 2.1);
});

Deno.test("EtcdStore.status counts the etcd leases that live", async () => {
  await using site = new Site();
  const store = await site.open();
  assert.equal(store.status().etcdLeases, 0);
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.clock.turn();
  // The window's, and the next one's ahead of need.
  assert.equal(store.status().etcdLeases, 2);
  await site.done(store, bind("aa:02", "10.0.0.11", EPOCH + HOUR));
  assert.equal(store.status().etcdLeases, 2);
  await site.pass(4 * HOUR);
  assert.equal(store.status().etcdLeases, 0);
});

Deno.test("EtcdStore never calls an unknown outcome a success, and finds out afterwards", async () => {
  for (const fate of ["unknown-but-done", "unknown-not-done", "unavailable"] as const) {
    await using site = new Site();
    let next: Fate = "well";
    const connection = site.etcd.connect({
      fate: () => {
        const now = next;
        next = "well";
        return now;
      },
    });
    const store = await site.open({}, undefined, connection);
    await site.done(store, bind("aa:09", "10.0.0.13", EPOCH + HOUR));
    next = fate;
    const claim = bind("aa:01", "10.0.0.10", EPOCH + HOUR);
    assert.equal((await site.commit(store, claim)).kind, "unknown");
    assert.notEqual(store.trouble(), undefined, "nothing is offered until it is known");
    await site.clock.pass(1000);
    assert.equal(store.trouble(), undefined);
    const isDone = fate === "unknown-but-done";
    assert.equal(store.view.counts("").bound, isDone ? 2 : 1);
    const other = await site.commit(store, bind("aa:02", "10.0.0.10", EPOCH + HOUR));
    assert.equal(other.kind, isDone ? "taken" : "done");
    if (isDone) await site.done(store, claim);
  }
});

Deno.test("EtcdStore: what a frozen etcd carries out late does no harm", async () => {
  await using site = new Site();
  const store = await site.open();
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.pass(MINUTE);
  site.etcd.freeze();
  const asked = Promise.all([
    site.commit(store, release("aa:01", "10.0.0.10")),
    site.commit(store, bind("aa:02", "10.0.0.11", site.now + HOUR)),
  ]);
  await site.clock.pass(3000);
  assert.deepEqual((await asked).map(({ kind }) => kind), ["unknown", "unknown"]);
  assert.match(store.trouble()!, /did not answer/);
  site.etcd.thaw();
  await site.clock.pass(3000);
  assert.equal(store.trouble(), undefined);
  const expected = Object.keys(site.keys()).some((key) => key === A) ? 1 : 0;
  assert.ok(store.view.counts("").bound >= expected);
  const { lease } = await site.done(store, bind("aa:01", "10.0.0.10", site.now + HOUR));
  assert.equal(lease.client, clientKey("aa:01"));
});

Deno.test("EtcdStore says what is wrong within seconds, and recovers", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  const store = await site.open({}, undefined, connection);
  for (
    const [fail, mend] of [
      [() => site.etcd.freeze(), () => site.etcd.thaw()],
      [() => connection.cut(true), () => connection.cut(false)],
      // The watch alone falls silent: the mirror is made anew.
      [() => connection.hold(), () => connection.release()],
    ] as const
  ) {
    fail();
    await site.clock.pass(4500);
    assert.notEqual(store.trouble(), undefined);
    mend();
    await site.clock.pass(5000);
    assert.equal(store.trouble(), undefined);
  }
});

Deno.test("EtcdStore takes a watch up where it was cut, and reads anew after a compaction", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  await site.done(one, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  await site.clock.turn();
  site.etcd.cut("the member has gone");
  await site.done(one, bind("aa:02", "10.0.0.11", EPOCH + HOUR));
  await site.clock.pass(3000);
  assert.equal(two.view.counts("").bound, 2);
  site.etcd.cut("compacted");
  await site.done(one, bind("aa:03", "10.0.0.12", EPOCH + HOUR));
  site.etcd.compact();
  await site.clock.pass(6000);
  for (const store of [one, two]) {
    assert.equal(store.trouble(), undefined);
    assert.equal(store.view.counts("").bound, 3);
  }
});

Deno.test("EtcdStore opens although etcd is away, is not ready, and becomes it", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  connection.cut(true);
  const opening = site.open({}, undefined, connection);
  await site.clock.pass(6000);
  const store = await opening;
  assert.notEqual(store.trouble(), undefined);
  assert.equal(
    (await site.commit(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR))).kind,
    "unknown",
  );
  connection.cut(false);
  await site.clock.pass(8000);
  assert.equal(store.trouble(), undefined);
  await site.done(store, bind("aa:01", "10.0.0.10", site.now + HOUR));
});

Deno.test("EtcdStore does not open when etcd refuses it", async () => {
  await using site = new Site();
  const connection = site.etcd.connect();
  connection.read = () =>
    Promise.reject(new EtcdError(Failure.REFUSED, "etcd refuses the password of dhcp; check it"));
  await assert.rejects(site.open({}, undefined, connection), {
    name: StoreError.name,
    message: "etcd refuses the password of dhcp; check it",
  });
});

Deno.test("EtcdStore: servers that start together share the work and free nothing that is held", async () => {
  await using site = new Site();
  const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.0.10-10.0.6.250"] });
  const first = await site.open({}, [subnet]);
  await site.done(first, bind("aa:01", "10.0.1.1", EPOCH + HOUR));
  await site.done(first, bind("aa:02", "10.0.1.2", EPOCH + HOUR));
  await site.done(first, decline("aa:02", "10.0.1.2", EPOCH + HOUR, 9));
  await first.close();
  for (const key of Object.keys(site.etcd.dump(`${PREFIX}ips::free::`))) {
    if (key.length % 2 === 0) site.etcd.delete(key);
  }
  const before = site.etcd.revision;
  const stores = await Promise.all(
    [0, 0.3, 0.6].map((random) => site.open({ random: () => random }, [subnet])),
  );
  const written = site.etcd.revision - before;
  assert.ok(written < 40, `${written} writes`);
  const size = 6 * 256 + 241;
  assert.equal(Object.keys(site.etcd.dump(`${PREFIX}ips::free::`)).length, size - 2);
  for (const store of stores) {
    assert.deepEqual(store.view.counts(""), { free: size - 2, bound: 1, declined: 1, freed: 0 });
  }
});

Deno.test("EtcdStore rests before and after the first etcd lease when it has filled a large pool", async () => {
  for (const [last, isLarge] of [["10.0.9.250", true], ["10.0.3.250", false]] as const) {
    const clock = new FakeClock(EPOCH);
    const inner = new FakeEtcd(clock).connect();
    const calls: { kind: string; at: number }[] = [];
    const etcd = new Proxy<Etcd>(inner, {
      get: (_, kind: keyof Etcd) => (...call: never[]) => {
        if (kind === "transact" || kind === "grant") calls.push({ kind, at: clock.elapsed() });
        return (inner[kind] as (...call: never[]) => unknown).apply(inner, call);
      },
    });
    const opening = openStore(etcd, clock, [
      subnetOf({ cidr: "10.0.0.0/16", pools: [`10.0.0.10-${last}`] }),
    ]);
    for (let passed = 0; passed < 1000; passed += 10) await clock.pass(10);
    const store = await opening;
    const at = calls.findIndex(({ kind }) => kind === "grant");
    const [fill, grant, beat] = calls.slice(at - 1, at + 2);
    assert.deepEqual([fill!.kind, beat!.kind], ["transact", "transact"]);
    assert.deepEqual([grant!.at - fill!.at >= 200, beat!.at - grant!.at >= 200], [
      isLarge,
      isLarge,
    ]);
    assert.equal(store.trouble(), undefined);
    await store.close();
  }
});

Deno.test("EtcdStore announces itself and takes that back", async () => {
  await using site = new Site();
  const [one, two] = [await site.open(), await site.open()];
  await site.clock.turn();
  assert.deepEqual(one.servers().map(({ id }) => id).toSorted(), ["server-0", "server-1"]);
  await two.close();
  await site.clock.turn();
  assert.deepEqual(one.servers().map(({ id }) => id), ["server-0"]);
});

Deno.test("EtcdStore carries on when its etcd leases are revoked under its hands", async () => {
  await using site = new Site();
  const store = await site.open();
  for (let n = 0; n < 4; n++) {
    await site.done(store, bind(clientNumber(n), `10.0.0.${10 + n}`, site.now + HOUR));
    site.etcd.revokeAll();
  }
  await site.pass(10_000);
  assert.equal(store.trouble(), undefined);
  assert.equal(Object.keys(site.etcd.dump(`${PREFIX}ips::leased::`)).length, 4);
});

Deno.test("EtcdStore puts hundreds of claims in a transaction, and respects a smaller limit", async () => {
  for (const [limit, most] of [[128, 300], [20, 64], [6, 2]] as const) {
    const clock = new FakeClock(EPOCH);
    const etcd = new FakeEtcd(clock, limit);
    const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.0.10-10.0.3.250"] });
    const sizes: number[] = [];
    const store = await openStore(etcd.connect(), clock, [subnet], {
      maxTransactionOperations: limit,
      onCommit: (_, operations) => sizes.push(operations),
    });
    const first = parseIpv4("10.0.0.10");
    const claims = Array.from(
      { length: 700 },
      (_, n) => bind(clientNumber(n), formatIpv4(first + n as Ipv4), EPOCH + HOUR),
    );
    const settled = store.commit(claims, EPOCH);
    // After a full transaction the next, which is not full, waits a moment for more.
    await clock.pass(0);
    await clock.pass(10);
    const results = await settled;
    assert.ok(results.every(({ kind }) => kind === "done"));
    assert.equal(Math.max(...sizes), most);
    await store.close();
  }
});
