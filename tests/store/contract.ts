/**
 * One suite over every store: the laws of `LeaseStore`, each a test.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Subnet } from "../../lib/config/model.ts";
import { AddressSet } from "../../lib/lease/address_set.ts";
import type { LeaseStore, Operation, Result } from "../../lib/lease/store.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
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
} from "../lease/fixtures.ts";

/** A store with an empty book, and whatever it takes to clean up after it. */
export interface StoreFixture extends AsyncDisposable {
  /**
   * A store that keeps part of the time elsewhere sees it pass with every call of `commit`, one
   * without operations included.
   */
  readonly store: LeaseStore;
}

export type OpenStore = (subnets: readonly Subnet[]) => Promise<StoreFixture>;

export const HOUR = 3_600_000;

/** Two subnets, so that what happens in one can be seen not to happen in the other. */
export const SUBNETS: readonly Subnet[] = [
  subnetOf({ pools: ["10.0.0.10-10.0.0.19"] }),
  subnetOf({ name: "other", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.19"] }),
];

const ip = parseIpv4;

/** Commits operations, each by itself, and gives what became of the last. */
export async function commit(
  store: LeaseStore,
  now: number,
  ...operations: readonly Operation[]
): Promise<Result> {
  let last: Result | undefined;
  for (const operation of operations) [last] = await store.commit([operation], now);
  return last!;
}

function isDone(result: Result | undefined): result is Extract<Result, { kind: "done" }> {
  assert.equal(result?.kind, "done", JSON.stringify(result));
  return true;
}

/** Registers the suite for one kind of store. */
export function contractSuite(name: string, open: OpenStore): void {
  const law = (title: string, body: (store: LeaseStore) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      await using fixture = await open(SUBNETS);
      await body(fixture.store);
    });

  law("binds a free address, and the view shows it by then", async (store) => {
    const claim = bind("aa:01", "10.0.0.10", EPOCH + HOUR, {
      clientId: "01aabb",
      hostname: "printer",
      relay: ip("10.0.0.250"),
    });
    const [result] = await store.commit([claim], EPOCH);
    assert.ok(isDone(result));
    const lease = {
      address: ip("10.0.0.10"),
      subnet: "",
      client: clientKey("aa:01"),
      mac: macOf("aa:01"),
      clientId: "01aabb",
      hostname: "printer",
      state: "bound",
      since: EPOCH,
      renewed: EPOCH,
      expires: EPOCH + HOUR,
      held: EPOCH + HOUR,
      server: ip("10.0.0.1"),
      relay: ip("10.0.0.250"),
    };
    assert.deepEqual(result.lease, lease);
    assert.equal(result.before, undefined);
    assert.equal(result.freed, undefined);
    assert.deepEqual(store.view.ofAddress(ip("10.0.0.10")), lease);
    assert.deepEqual(store.view.ofClient("", clientKey("aa:01")), lease);
    assert.deepEqual(store.view.counts(""), { free: 9, bound: 1, declined: 0, freed: 0 });
    assert.deepEqual(store.view.counts("other"), { free: 10, bound: 0, declined: 0, freed: 0 });
  });

  law("has nothing to do for no operations", async (store) => {
    assert.deepEqual(await store.commit([], EPOCH), []);
    assert.equal(store.trouble(), undefined);
  });

  law("renews what the client holds", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const later = EPOCH + HOUR / 2;
    const claim = bind("aa:01", "10.0.0.10", later + HOUR, { hostname: "laptop" });
    const result = await commit(store, later, claim);
    assert.ok(isDone(result));
    assert.equal(result.before?.expires, EPOCH + HOUR);
    const { since, renewed, expires, hostname } = result.lease;
    assert.deepEqual({ since, renewed, expires, hostname }, {
      since: EPOCH,
      renewed: later,
      expires: later + HOUR,
      hostname: "laptop",
    });
    assert.deepEqual(store.view.counts(""), { free: 9, bound: 1, declined: 0, freed: 0 });
  });

  law("never shortens a lease that its client may still count on", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const result = await commit(store, EPOCH + 1, bind("aa:01", "10.0.0.10", EPOCH + 1000));
    assert.ok(isDone(result));
    assert.equal(result.lease.expires, EPOCH + HOUR);
    const other = await commit(store, EPOCH + 2000, bind("aa:02", "10.0.0.10", EPOCH + 2 * HOUR));
    assert.equal(other.kind, "taken");
  });

  law("keeps an address from others to the very end of its lease, and no longer", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const claim = bind("aa:02", "10.0.0.10", EPOCH + 9 * HOUR);
    assert.equal((await commit(store, EPOCH, claim)).kind, "taken");
    assert.equal((await commit(store, EPOCH + HOUR - 1, claim)).kind, "taken");
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.client, clientKey("aa:01"));
    const result = await commit(store, EPOCH + HOUR, claim);
    assert.ok(isDone(result));
    assert.equal(result.before?.client, clientKey("aa:01"));
    assert.equal(result.lease.since, EPOCH + HOUR);
    assert.equal(store.view.ofClient("", clientKey("aa:01")), undefined);
  });

  law("moves a client: the old address is free in the same step", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const result = await commit(store, EPOCH + 1, bind("aa:01", "10.0.0.11", EPOCH + HOUR));
    assert.ok(isDone(result));
    assert.equal(formatIpv4(result.freed!.address), "10.0.0.10");
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.state, "released");
    assert.equal(store.view.ofClient("", clientKey("aa:01"))?.address, ip("10.0.0.11"));
    const next = await commit(store, EPOCH + 2, bind("aa:02", "10.0.0.10", EPOCH + HOUR));
    assert.equal(next.kind, "done");
  });

  law("does not free the old address when the new one is taken", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    await commit(store, EPOCH, bind("aa:02", "10.0.0.11", EPOCH + HOUR));
    const result = await commit(store, EPOCH, bind("aa:01", "10.0.0.11", EPOCH + HOUR));
    assert.equal(result.kind, "taken");
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.state, "bound");
  });

  law("gives a client one address in each subnet", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const claim = bind("aa:01", "10.1.0.10", EPOCH + HOUR, { subnet: "other" });
    const result = await commit(store, EPOCH, claim);
    assert.ok(isDone(result));
    assert.equal(result.freed, undefined);
    assert.equal(store.view.ofClient("", clientKey("aa:01"))?.address, ip("10.0.0.10"));
    assert.equal(store.view.ofClient("other", clientKey("aa:01"))?.address, ip("10.1.0.10"));
  });

  law("releases only what its holder gives back", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const refused = [
      release("aa:02", "10.0.0.10"),
      release("aa:01", "10.0.0.11"),
      release("aa:01", "10.0.0.10", "other"),
    ];
    for (const operation of refused) {
      assert.equal((await commit(store, EPOCH, operation)).kind, "refused");
    }
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.state, "bound");
    const result = await commit(store, EPOCH + 5, release("aa:01", "10.0.0.10"));
    assert.ok(isDone(result));
    assert.equal(result.before?.state, "bound");
    assert.equal(result.lease.state, "released");
    assert.equal(result.lease.expires, EPOCH + 5);
    assert.equal((await commit(store, EPOCH + 6, release("aa:01", "10.0.0.10"))).kind, "refused");
    const next = await commit(store, EPOCH + 7, bind("aa:02", "10.0.0.10", EPOCH + HOUR));
    assert.equal(next.kind, "done");
  });

  law("releases nothing that another server has given since", async (store) => {
    const second = ip("10.0.0.2");
    const lease = (server: Ipv4) => bind("aa:01", "10.0.0.10", EPOCH + HOUR, { server });
    await commit(store, EPOCH, lease(ip("10.0.0.1")));
    await commit(store, EPOCH + 1, lease(second));
    const late = release("aa:01", "10.0.0.10");
    assert.equal((await commit(store, EPOCH + 2, late)).kind, "refused");
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.state, "bound");
    const timely = { ...late, servers: [ip("10.0.0.3"), second] };
    assert.equal((await commit(store, EPOCH + 3, timely)).kind, "done");
  });

  law("releases nothing that has run out", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const result = await commit(store, EPOCH + HOUR, release("aa:01", "10.0.0.10"));
    assert.equal(result.kind, "refused");
  });

  law("keeps what its holder declines from everybody, its holder too", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const until = EPOCH + 600_000;
    for (
      const operation of [
        decline("aa:02", "10.0.0.10", until, 9),
        decline("aa:01", "10.0.0.11", until, 9),
        decline("aa:01", "10.0.0.10", until, 9, "other"),
      ]
    ) assert.equal((await commit(store, EPOCH, operation)).kind, "refused");
    const result = await commit(store, EPOCH, decline("aa:01", "10.0.0.10", until, 9));
    assert.ok(isDone(result));
    assert.equal(result.lease.state, "declined");
    assert.equal(result.freed, undefined);
    assert.deepEqual(store.view.counts(""), { free: 9, bound: 0, declined: 1, freed: 0 });
    assert.equal(store.view.ofClient("", clientKey("aa:01")), undefined);
    for (const client of ["aa:01", "aa:02"]) {
      const claim = bind(client, "10.0.0.10", until + HOUR);
      assert.equal((await commit(store, until - 1, claim)).kind, "taken");
    }
    assert.equal((await commit(store, until - 1, release("aa:01", "10.0.0.10"))).kind, "refused");
    const next = await commit(store, until, bind("aa:02", "10.0.0.10", until + HOUR));
    assert.equal(next.kind, "done");
  });

  law("returns what was declined longest ago when more would be kept aside", async (store) => {
    const addresses = ["10.0.0.14", "10.0.0.11", "10.0.0.17"];
    for (const [n, address] of addresses.entries()) {
      const at = EPOCH + n * 1000;
      await commit(store, at, bind("aa:01", address, at + HOUR));
      const result = await commit(store, at, decline("aa:01", address, at + HOUR, 2));
      assert.ok(isDone(result));
      assert.equal(result.freed?.address, n < 2 ? undefined : ip("10.0.0.14"));
    }
    assert.deepEqual(store.view.counts(""), { free: 8, bound: 0, declined: 2, freed: 0 });
    assert.equal(store.view.ofAddress(ip("10.0.0.14")), undefined);
    assert.equal(store.view.ofAddress(ip("10.0.0.11"))?.state, "declined");
    const claim = bind("aa:02", "10.0.0.14", EPOCH + HOUR);
    assert.equal((await commit(store, EPOCH + 9000, claim)).kind, "done");
  });

  law("expires what is over and nothing before; the last holder is remembered", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    assert.equal((await commit(store, EPOCH + HOUR - 1, expire("10.0.0.10"))).kind, "refused");
    assert.equal((await commit(store, EPOCH + HOUR, expire("10.0.0.11"))).kind, "refused");
    const result = await commit(store, EPOCH + HOUR, expire("10.0.0.10"));
    assert.ok(isDone(result));
    assert.equal(result.before?.state, "bound");
    assert.equal(result.lease.state, "expired");
    assert.equal(store.view.ofClient("", clientKey("aa:01"))?.address, ip("10.0.0.10"));
    assert.deepEqual(store.view.counts(""), { free: 10, bound: 0, declined: 0, freed: 0 });
    assert.equal((await commit(store, EPOCH + 2 * HOUR, expire("10.0.0.10"))).kind, "refused");
  });

  law("forgets a quarantine that is over", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    await commit(store, EPOCH, decline("aa:01", "10.0.0.10", EPOCH + 1000, 9));
    assert.equal((await commit(store, EPOCH + 999, expire("10.0.0.10"))).kind, "refused");
    const result = await commit(store, EPOCH + 1000, expire("10.0.0.10"));
    assert.ok(isDone(result));
    assert.equal(result.before?.state, "declined");
    assert.equal(store.view.ofAddress(ip("10.0.0.10")), undefined);
    assert.deepEqual(store.view.counts(""), { free: 10, bound: 0, declined: 0, freed: 0 });
  });

  law("names what is due, not earlier, and a second later at most", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + 10_500));
    await commit(store, EPOCH, bind("aa:02", "10.0.0.11", EPOCH + 10_500));
    await commit(store, EPOCH, bind("aa:03", "10.0.0.12", EPOCH + 60_000));
    await commit(store, EPOCH, bind("aa:04", "10.0.0.13", EPOCH + HOUR));
    await commit(store, EPOCH, decline("aa:04", "10.0.0.13", EPOCH + 20_000, 9));
    // Renewed: not due when its first lease would have ended.
    await commit(store, EPOCH, bind("aa:02", "10.0.0.11", EPOCH + 30_000));
    const due = async (now: number) => {
      await store.commit([], now);
      return store.due(now, 100).map(formatIpv4);
    };
    assert.deepEqual(await due(EPOCH + 10_499), []);
    assert.deepEqual(await due(EPOCH + 11_500), ["10.0.0.10"]);
    assert.deepEqual(await due(EPOCH + 21_000), ["10.0.0.13"]);
    assert.deepEqual((await due(EPOCH + HOUR)).toSorted(), ["10.0.0.11", "10.0.0.12"]);
  });

  law("names no more than asked for at once, and the rest afterwards", async (store) => {
    for (let n = 10; n < 15; n++) {
      await commit(store, EPOCH, bind(clientNumber(n), `10.0.0.${n}`, EPOCH + 1000));
    }
    await store.commit([], EPOCH + 5000);
    const first = store.due(EPOCH + 5000, 3);
    const second = store.due(EPOCH + 5000, 3);
    assert.equal(first.length, 3);
    assert.deepEqual(
      [...first, ...second].toSorted().map(formatIpv4),
      [10, 11, 12, 13, 14].map((n) => `10.0.0.${n}`),
    );
  });

  law("does not name what was given back", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + 1000));
    await commit(store, EPOCH, release("aa:01", "10.0.0.10"));
    await store.commit([], EPOCH + HOUR);
    assert.deepEqual(store.due(EPOCH + HOUR, 9), []);
  });

  law("settles the operations of one call in their order", async (store) => {
    const results = await store.commit([
      bind("aa:01", "10.0.0.10", EPOCH + HOUR),
      bind("aa:02", "10.0.0.10", EPOCH + HOUR),
      release("aa:02", "10.0.0.10"),
      bind("aa:01", "10.0.0.11", EPOCH + HOUR),
      bind("aa:02", "10.0.0.10", EPOCH + HOUR),
      decline("aa:02", "10.0.0.10", EPOCH + HOUR, 9),
      expire("10.0.0.11"),
    ], EPOCH);
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ["done", "taken", "refused", "done", "done", "done", "refused"],
    );
    assert.ok(isDone(results[3]));
    assert.equal(formatIpv4(results[3].freed!.address), "10.0.0.10");
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.state, "declined");
  });

  law("picks what nobody has held, then what is free again", async (store) => {
    const avoid = new AddressSet(store.view.space(""));
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    await commit(store, EPOCH, release("aa:01", "10.0.0.10"));
    await commit(store, EPOCH, bind("aa:02", "10.0.0.11", EPOCH + HOUR));
    assert.equal(formatIpv4(store.view.pick("", 0, avoid)!), "10.0.0.12");
    for (let n = 12; n < 20; n++) avoid.add(ip(`10.0.0.${n}`));
    assert.equal(formatIpv4(store.view.pick("", 5, avoid)!), "10.0.0.10");
    avoid.add(ip("10.0.0.10"));
    assert.equal(store.view.pick("", 5, avoid), undefined);
  });

  law("gives one address to one of many clients that claim it at once", async (store) => {
    const claims = Array.from(
      { length: 60 },
      (_, n) => store.commit([bind(clientNumber(n), "10.0.0.10", EPOCH + HOUR)], EPOCH),
    );
    const results = (await Promise.all(claims)).flat();
    const winners = results.filter(({ kind }) => kind === "done");
    assert.equal(winners.length, 1);
    assert.equal(results.filter(({ kind }) => kind === "taken").length, 59);
    assert.ok(isDone(winners[0]));
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.client, winners[0].lease.client);
  });

  law("leaves one client that claims many addresses at once with one", async (store) => {
    const claims = Array.from(
      { length: 10 },
      (_, n) => store.commit([bind("aa:01", `10.0.0.${10 + n}`, EPOCH + HOUR)], EPOCH),
    );
    for (const [result] of await Promise.all(claims)) assert.equal(result?.kind, "done");
    assert.deepEqual(store.view.counts(""), { free: 9, bound: 1, declined: 0, freed: 0 });
  });

  law("has at most one holder, whatever is asked of it at once (law 1)", async (store) => {
    let epoch = EPOCH;
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 40 }), async (calls) => {
        // Each run has the book to itself: what the one before left has ended.
        epoch += 1000 * HOUR;
        await judge(store, calls, epoch);
      }),
      { numRuns: 25 },
    );
  });
}

/** Operations that go to the store in one call, without waiting for the call before. */
const call = fc.array(
  fc.record({
    kind: fc.constantFrom("bind", "bind", "bind", "release", "decline", "expire"),
    client: fc.integer({ min: 1, max: 4 }).map(clientNumber),
    address: fc.integer({ min: 10, max: 12 }).map((n) => `10.0.0.${n}`),
    wait: fc.integer({ min: 0, max: 400 }),
    length: fc.integer({ min: 1, max: 2000 }),
  }),
  { minLength: 1, maxLength: 4 },
);

type Call = typeof call extends fc.Arbitrary<infer T> ? T : never;

/** Plays calls and judges by the results alone: done means held until the end or given back. */
async function judge(store: LeaseStore, calls: readonly Call[], epoch: number): Promise<void> {
  let now = epoch;
  const asked = calls.map((drawn) => {
    now += drawn[0]!.wait;
    const at = now;
    const operations = drawn.map(({ kind, client, address, length }): Operation => {
      switch (kind) {
        case "bind":
          return bind(client, address, at + length);
        case "release":
          return release(client, address);
        case "decline":
          return decline(client, address, at + length, 1);
        default:
          return expire(address);
      }
    });
    return { at, operations, results: store.commit(operations, at) };
  });
  const held = new Map<Ipv4, { readonly client: string; readonly until: number }>();
  for (const { at, operations, results } of asked) {
    for (const [index, result] of (await results).entries()) {
      const { kind, address } = operations[index]!;
      if (result.kind !== "done") continue;
      const { client, expires } = result.lease;
      const holder = held.get(address);
      if (kind === "bind") {
        const free = holder === undefined || holder.client === client || holder.until <= at;
        assert.ok(free, `${formatIpv4(address)} is given to ${client} over ${holder?.client}`);
        for (const [other, { client: who }] of held) if (who === client) held.delete(other);
        held.set(address, { client, until: expires });
      } else if (kind === "expire") {
        assert.ok(holder === undefined || holder.until <= at, "expired too early");
      } else held.delete(address);
    }
  }
  for (const [address, { client, until }] of held) {
    if (until <= now) continue;
    assert.equal(store.view.ofAddress(address)?.client, client, "the view shows what is done");
  }
}
