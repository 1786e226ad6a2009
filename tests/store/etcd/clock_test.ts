/** Servers whose clock is wrong, or is set while they run, beside others whose clock is right. */

import assert from "node:assert/strict";
import type { Clock } from "../../../lib/config/clock.ts";
import type { Operation } from "../../../lib/lease/store.ts";
import type { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { bind, EPOCH, expire, subnetOf } from "../../lease/fixtures.ts";
import { FakeClock } from "./fake_clock.ts";
import { type Connection, FakeEtcd } from "./fake_etcd.ts";
import { openStore } from "./fixtures.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;

/** The same time, told by a clock that has not been set, or not right. */
class WrongClock implements Clock {
  readonly #right: Clock;
  /** What it shows less what it should, milliseconds. */
  error: number;

  constructor(right: Clock, error: number) {
    this.#right = right;
    this.error = error;
  }

  now = () => this.#right.now() + this.error;
  elapsed = () => this.#right.elapsed();
  sleep = (milliseconds: number) => this.#right.sleep(milliseconds);
  turn = () => this.#right.turn();
  every = (milliseconds: number, call: () => void) => this.#right.every(milliseconds, call);
}

/** A server whose clock is right and one whose clock is not. */
class Site implements AsyncDisposable {
  readonly clock = new FakeClock(EPOCH);
  readonly wrong: WrongClock;
  readonly etcd = new FakeEtcd(this.clock);
  readonly connection: Connection = this.etcd.connect();
  readonly #stores: EtcdStore[] = [];

  constructor(error: number) {
    this.wrong = new WrongClock(this.clock, error);
  }

  async open(clock: Clock): Promise<EtcdStore> {
    const etcd = clock === this.wrong ? this.connection : this.etcd.connect();
    const server = { id: `server-${this.#stores.length}` };
    const store = await openStore(etcd, clock, [subnetOf()], { server });
    this.#stores.push(store);
    return store;
  }

  async pass(milliseconds: number): Promise<void> {
    this.clock.skipTo(this.clock.now() + milliseconds - 4000);
    await this.clock.pass(4000);
    this.etcd.expire();
    await this.clock.pass(4000);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store.close();
  }
}

async function result(store: EtcdStore, operation: Operation, clock: Clock) {
  return (await store.commit([operation], clock.now()))[0]!;
}

Deno.test("EtcdStore with a clock in 1970 gives a renewal an hour, not what is left by its clock", async () => {
  await using site = new Site(-EPOCH);
  const right = await site.open(site.clock);
  const wrong = await site.open(site.wrong);
  await result(right, bind("aa:01", "10.0.0.10", site.clock.now() + HOUR), site.clock);
  await site.clock.pass(1000);
  const before = site.etcd.transactions;
  const now = site.wrong.now();
  const renewal = bind("aa:01", "10.0.0.10", now + HOUR, { inUse: true });
  const renewed = await result(wrong, renewal, site.wrong);
  assert.equal(renewed.kind, "done");
  assert.equal(site.etcd.transactions, before + 1, "nothing is taken as covered");
  const { lease } = renewed as Extract<typeof renewed, { kind: "done" }>;
  assert.equal(lease.expires, now + HOUR);
  assert.ok(lease.held <= now + 2 * HOUR);
});

Deno.test("EtcdStore with a clock in 1970 promises nothing while etcd is away", async () => {
  await using site = new Site(-EPOCH);
  const right = await site.open(site.clock);
  const wrong = await site.open(site.wrong);
  await result(right, bind("aa:01", "10.0.0.10", site.clock.now() + HOUR), site.clock);
  await site.clock.pass(1000);
  site.connection.cut(true);
  await site.clock.pass(5000);
  const renewal = bind("aa:01", "10.0.0.10", site.wrong.now() + HOUR, { inUse: true });
  assert.equal((await result(wrong, renewal, site.wrong)).kind, "unknown");
  site.connection.cut(false);
  await site.clock.pass(5000);
});

for (const error of [-EPOCH, EPOCH]) {
  const when = error < 0 ? "in 1970" : "decades ahead";
  Deno.test(`EtcdStore with a clock ${when}: others keep its leases for as long as they last`, async () => {
    await using site = new Site(error);
    const right = await site.open(site.clock);
    const wrong = await site.open(site.wrong);
    const given = bind("aa:01", "10.0.0.10", site.wrong.now() + HOUR);
    assert.equal((await result(wrong, given, site.wrong)).kind, "done");
    const other = () => bind("aa:02", "10.0.0.10", site.clock.now() + HOUR);
    for (let minutes = 5; minutes < 60; minutes += 5) {
      await site.pass(300_000);
      assert.equal((await result(right, expire("10.0.0.10"), site.clock)).kind, "refused");
      assert.equal((await result(right, other(), site.clock)).kind, "taken");
    }
  });

  Deno.test(`EtcdStore with a clock ${when} keeps others' leases for as long as they last`, async () => {
    await using site = new Site(error);
    const right = await site.open(site.clock);
    const wrong = await site.open(site.wrong);
    const given = bind("aa:01", "10.0.0.10", site.clock.now() + HOUR);
    assert.equal((await result(right, given, site.clock)).kind, "done");
    for (let minutes = 5; minutes < 60; minutes += 5) {
      await site.pass(300_000);
      const other = bind("aa:02", "10.0.0.10", site.wrong.now() + HOUR);
      assert.equal((await result(wrong, expire("10.0.0.10"), site.wrong)).kind, "refused");
      assert.equal((await result(wrong, other, site.wrong)).kind, "taken");
    }
  });
}

Deno.test("EtcdStore.clockSet: keys written after the clock went back last as long as they should", async () => {
  await using site = new Site(0);
  const store = await site.open(site.wrong);
  await result(store, bind("aa:01", "10.0.0.11", site.wrong.now() + HOUR), site.wrong);
  const by = -12 * MINUTE;
  site.wrong.error = by;
  await store.clockSet(by);
  // Held until the very instant that the first is held until, which is now later.
  const given = bind("aa:02", "10.0.0.10", site.wrong.now() + HOUR + 6 * MINUTE);
  await result(store, given, site.wrong);
  // At once, so that the store has no time to put back what has gone early.
  site.clock.skipTo(site.clock.now() + 2 * HOUR + 10 * MINUTE);
  site.etcd.expire();
  assert.ok("etcdhcp::ips::leased::10.0.0.10" in site.etcd.dump("etcdhcp::"));
  assert.ok(!("etcdhcp::ips::leased::10.0.0.11" in site.etcd.dump("etcdhcp::")));
});
