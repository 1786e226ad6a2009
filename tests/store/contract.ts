/**
 * One suite over every store: the laws of `LeaseStore`, each a test.
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Subnet } from "../../lib/config/model.ts";
import { AddressSet } from "../../lib/lease/address_set.ts";
import type { Amended, Amendment, ManagedStore } from "../../lib/lease/management.ts";
import type { LeaseStore, Operation, Result } from "../../lib/lease/store.ts";
import { formatIpv4, formatRange, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
import {
  addPool,
  bind,
  clientKey,
  clientNumber,
  decline,
  enter,
  EPOCH,
  expire,
  free,
  macOf,
  release,
  removePool,
  reservation,
  reserve,
  subnetOf,
  unreserve,
} from "../lease/fixtures.ts";
import { Picture } from "./picture.ts";

/** A store with an empty book, and whatever it takes to clean up after it. */
export interface StoreFixture extends AsyncDisposable {
  /**
   * A store that keeps part of the time elsewhere sees it pass with every call of `commit`, one
   * without operations included.
   */
  readonly store: ManagedStore;
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
  const law = (title: string, body: (store: ManagedStore) => Promise<void>) =>
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

  law(
    "releases what several servers gave in answer to one REQUEST, to any of them",
    async (store) => {
      const [one, other, third] = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(ip);
      const ack = (server: Ipv4, xid: number, now: number) =>
        commit(store, now, bind("aa:01", "10.0.0.10", EPOCH + HOUR, { server, xid }));
      const give = (server: Ipv4, now: number) =>
        commit(store, now, { ...release("aa:01", "10.0.0.10"), servers: [server] });
      for (const named of [one!, other!, third!]) {
        await ack(one!, 0xffff0001, EPOCH);
        await ack(other!, 0xffff0001, EPOCH + 20);
        await ack(third!, 0xffff0001, EPOCH + 40);
        await ack(other!, 0xffff0001, EPOCH + 60);
        assert.equal((await give(named, EPOCH + 80)).kind, "done");
      }
      // An earlier REQUEST is another matter, and so is one that used the same xid long ago.
      await ack(one!, 7, EPOCH);
      await ack(other!, 8, EPOCH + 20);
      assert.equal((await give(one!, EPOCH + 40)).kind, "refused");
      await ack(one!, 8, EPOCH + 60_000);
      assert.equal((await give(other!, EPOCH + 60_001)).kind, "refused");
      assert.equal((await give(one!, EPOCH + 60_002)).kind, "done");
    },
  );

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

  law(
    "keeps what an operator frees aside until its last lease has ended (law 5)",
    async (store) => {
      await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR, { hostname: "tv" }));
      assert.equal((await commit(store, EPOCH, free("10.0.0.10", false, "other"))).kind, "refused");
      assert.equal((await commit(store, EPOCH, free("10.0.0.11"))).kind, "refused");
      const result = await commit(store, EPOCH + 5, free("10.0.0.10"));
      assert.ok(isDone(result));
      assert.equal(result.before?.state, "bound");
      const { state, client, expires, held, hostname } = result.lease;
      assert.deepEqual({ state, client, expires, held, hostname }, {
        state: "freed",
        client: clientKey("aa:01"),
        expires: EPOCH + HOUR,
        held: EPOCH + HOUR,
        hostname: "tv",
      });
      assert.deepEqual(store.view.ofAddress(ip("10.0.0.10")), result.lease);
      assert.deepEqual(store.view.counts(""), { free: 9, bound: 0, declined: 0, freed: 1 });
      assert.equal(store.view.ofClient("", clientKey("aa:01")), undefined);
      for (const client of ["aa:01", "aa:02"]) {
        const claim = bind(client, "10.0.0.10", EPOCH + 9 * HOUR);
        assert.equal((await commit(store, EPOCH + HOUR - 1, claim)).kind, "taken");
        const key = clientKey(client);
        assert.ok(!store.view.isAvailable("", ip("10.0.0.10"), key, EPOCH + HOUR - 1));
      }
      for (const again of [free("10.0.0.10"), release("aa:01", "10.0.0.10"), expire("10.0.0.10")]) {
        assert.equal((await commit(store, EPOCH + HOUR - 1, again)).kind, "refused");
      }
      // Its client gets another, and the one that was taken from it is not freed by that.
      const moved = await commit(store, EPOCH + 6, bind("aa:01", "10.0.0.11", EPOCH + 9 * HOUR));
      assert.ok(isDone(moved));
      assert.equal(moved.freed, undefined);
      await store.commit([], EPOCH + HOUR + 1000);
      assert.deepEqual(store.due(EPOCH + HOUR + 1000, 9), [ip("10.0.0.10")]);
      const over = await commit(store, EPOCH + HOUR + 1000, expire("10.0.0.10"));
      assert.ok(isDone(over));
      assert.equal(over.before?.state, "freed");
      assert.deepEqual(store.view.counts(""), { free: 9, bound: 1, declined: 0, freed: 0 });
      const claim = bind("aa:02", "10.0.0.10", EPOCH + 9 * HOUR);
      assert.equal((await commit(store, EPOCH + HOUR + 1000, claim)).kind, "done");
    },
  );

  law("frees at once by force: what is leased, freed or declined", async (store) => {
    const names = ["10.0.0.10", "10.0.0.11", "10.0.0.12"];
    for (const [n, address] of names.entries()) {
      await commit(store, EPOCH, bind(clientNumber(n), address, EPOCH + HOUR));
    }
    await commit(store, EPOCH, free("10.0.0.11"));
    await commit(store, EPOCH, decline(clientNumber(2), "10.0.0.12", EPOCH + HOUR, 9));
    assert.deepEqual(store.view.counts(""), { free: 7, bound: 1, declined: 1, freed: 1 });
    for (const address of names) {
      const result = await commit(store, EPOCH + 1, free(address, true));
      assert.ok(isDone(result));
      assert.equal((await commit(store, EPOCH + 1, free(address, true))).kind, "refused");
    }
    assert.deepEqual(store.view.counts(""), { free: 10, bound: 0, declined: 0, freed: 0 });
    for (const [n, address] of names.entries()) {
      const claim = bind(clientNumber(n + 20), address, EPOCH + HOUR);
      assert.equal((await commit(store, EPOCH + 2, claim)).kind, "done");
    }
  });

  law("does not count what was freed in the declined share", async (store) => {
    for (const n of [10, 11]) {
      await commit(store, EPOCH, bind(clientNumber(n), `10.0.0.${n}`, EPOCH + HOUR));
    }
    await commit(store, EPOCH, free("10.0.0.10"));
    const claim = decline(clientNumber(11), "10.0.0.11", EPOCH + HOUR, 1);
    const result = await commit(store, EPOCH + 1, claim);
    assert.ok(isDone(result));
    assert.equal(result.freed, undefined);
    assert.deepEqual(store.view.counts(""), { free: 8, bound: 0, declined: 1, freed: 1 });
  });

  law("enters a lease from elsewhere, with its own instants", async (store) => {
    const entry = enter("aa:01", "10.0.0.10", EPOCH - HOUR, EPOCH + HOUR, {
      clientId: "01aabb",
      hostname: "nas",
    });
    const result = await commit(store, EPOCH, entry);
    assert.ok(isDone(result));
    assert.deepEqual(result.lease, {
      address: ip("10.0.0.10"),
      subnet: "",
      client: clientKey("aa:01"),
      mac: macOf("aa:01"),
      clientId: "01aabb",
      hostname: "nas",
      state: "bound",
      since: EPOCH - HOUR,
      renewed: EPOCH,
      expires: EPOCH + HOUR,
      held: EPOCH + HOUR,
      server: 0,
      relay: 0,
    });
    assert.deepEqual(store.view.ofClient("", clientKey("aa:01")), result.lease);
    const longer = enter("aa:01", "10.0.0.10", EPOCH - 2 * HOUR, EPOCH + HOUR / 2);
    const again = await commit(store, EPOCH + 1, longer);
    assert.ok(isDone(again));
    assert.equal(again.lease.expires, EPOCH + HOUR, "nothing is shortened");
    assert.equal(again.lease.since, EPOCH - 2 * HOUR);
    const other = bind("aa:02", "10.0.0.10", EPOCH + 9 * HOUR);
    assert.equal((await commit(store, EPOCH + HOUR - 1, other)).kind, "taken");
    assert.equal((await commit(store, EPOCH + HOUR, other)).kind, "done");
  });

  law("enters what is in no pool, and nothing that it must not", async (store) => {
    const out = await commit(store, EPOCH, enter("aa:01", "10.0.0.99", EPOCH, EPOCH + HOUR));
    assert.ok(isDone(out));
    assert.ok(store.view.isAvailable("", ip("10.0.0.99"), clientKey("aa:01"), EPOCH));
    assert.ok(!store.view.isAvailable("", ip("10.0.0.99"), clientKey("aa:02"), EPOCH));
    const cases = [
      [enter("aa:02", "10.0.0.99", EPOCH, EPOCH + HOUR), "taken"],
      [enter("aa:01", "10.0.0.10", EPOCH, EPOCH + HOUR), "taken"],
      [enter("aa:02", "10.0.0.10", EPOCH - HOUR, EPOCH), "refused"],
      [enter("aa:02", "10.0.0.10", EPOCH, EPOCH + HOUR, { subnet: "other" }), "refused"],
      [enter("aa:02", "10.0.0.0", EPOCH, EPOCH + HOUR), "refused"],
      [enter("aa:02", "10.0.0.10", EPOCH, EPOCH + HOUR, { subnet: "nowhere" }), "refused"],
    ] as const;
    for (const [entry, kind] of cases) {
      assert.equal((await commit(store, EPOCH + 1, entry)).kind, kind, JSON.stringify(entry));
    }
    // Phased out: nobody gets it anew.
    await commit(store, EPOCH + 2, release("aa:01", "10.0.0.99"));
    assert.ok(!store.view.isAvailable("", ip("10.0.0.99"), clientKey("aa:02"), EPOCH + 3));
  });

  law("tells of each change once, after the view shows it", async (store) => {
    const told: string[] = [];
    const stop = store.subscribe((event) => {
      if (event.kind === "subnets") return void told.push("subnets");
      const { before, after } = event;
      const address = (after ?? before)!.address;
      assert.deepEqual(store.view.ofAddress(address), after);
      told.push(`${formatIpv4(address)} ${before?.state ?? "none"} ${after?.state ?? "none"}`);
    });
    const end = EPOCH + HOUR;
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", end));
    await commit(store, EPOCH, bind("aa:02", "10.0.0.10", end));
    await commit(store, EPOCH + 1, bind("aa:01", "10.0.0.11", end));
    await commit(store, EPOCH + 2, decline("aa:01", "10.0.0.11", end, 9));
    await commit(store, EPOCH + 3, enter("aa:02", "10.0.0.12", EPOCH, end));
    await commit(store, EPOCH + 4, free("10.0.0.12"));
    await commit(store, end, expire("10.0.0.11"), expire("10.0.0.12"));
    await store.amend([reserve("aa:05", reservation("10.0.0.15"))], end);
    stop();
    await commit(store, end, bind("aa:01", "10.0.0.10", end + HOUR));
    assert.deepEqual(told.toSorted(), [
      "10.0.0.10 bound released",
      "10.0.0.10 none bound",
      "10.0.0.11 bound declined",
      "10.0.0.11 declined none",
      "10.0.0.11 none bound",
      "10.0.0.12 bound freed",
      "10.0.0.12 freed expired",
      "10.0.0.12 none bound",
      "subnets",
    ]);
  });

  law(
    "has a listener's picture right, whatever it does; one that throws harms nobody",
    async (store) => {
      const picture = new Picture(store);
      let thrown = 0;
      store.subscribe(() => {
        thrown++;
        throw new Error("a listener's fault");
      });
      await fc.assert(
        fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 20 }), async (calls) => {
          const results = calls.map((drawn) => store.commit(drawn.map(operationAt(EPOCH)), EPOCH));
          await Promise.all(results);
          picture.compare();
        }),
        { numRuns: 10 },
      );
      assert.equal(thrown, 1);
    },
  );

  law(
    "reserves: for its client alone, wherever it is, with all that belongs to it",
    async (store) => {
      const what = reservation("10.0.0.50", "printer", { 12: "7072696e746572", 66: "61" });
      const results = await amend(
        store,
        reserve("aa:01", what),
        reserve("aa:02", reservation("10.0.0.10")),
      );
      assert.deepEqual(results, ["done", "done"]);
      const { view } = store;
      assert.deepEqual(view.reservationOf("", clientKey("aa:01")), what);
      assert.deepEqual(store.subnets[0]!.reservations.get(clientKey("aa:01")), what);
      assert.deepEqual(store.amendments()[0]!.reservations.get(clientKey("aa:01")), what);
      assert.ok(view.isReserved("", ip("10.0.0.10")));
      assert.ok(view.isAvailable("", ip("10.0.0.10"), clientKey("aa:02"), EPOCH));
      assert.ok(!view.isAvailable("", ip("10.0.0.10"), clientKey("aa:01"), EPOCH));
      assert.deepEqual(view.counts(""), { free: 9, bound: 0, declined: 0, freed: 0 });
      assert.equal(view.poolSize(""), 9);
      assert.equal(
        (await commit(store, EPOCH, bind("aa:01", "10.0.0.50", EPOCH + HOUR))).kind,
        "done",
      );
      assert.deepEqual(await amend(store, reserve("aa:01", what)), ["done"], "it is so already");
      assert.deepEqual(
        await amend(store, reserve("aa:03", reservation("10.0.0.10")), unreserve("aa:09")),
        [
          "10.0.0.10 is reserved for 02:00:00:00:aa:02",
          "nothing is reserved for 02:00:00:00:aa:09",
        ],
      );
      assert.deepEqual(await amend(store, unreserve("aa:02")), ["done"]);
      assert.ok(!view.isReserved("", ip("10.0.0.10")));
      assert.deepEqual(view.counts(""), { free: 10, bound: 1, declined: 0, freed: 0 });
    },
  );

  law("a holder of what is reserved for another keeps it until its lease ends", async (store) => {
    await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    await amend(store, reserve("aa:02", reservation("10.0.0.10")));
    assert.equal(store.view.ofAddress(ip("10.0.0.10"))?.client, clientKey("aa:01"));
    for (const client of ["aa:01", "aa:02"]) {
      assert.ok(!store.view.isAvailable("", ip("10.0.0.10"), clientKey(client), EPOCH + 1));
    }
    const claim = bind("aa:02", "10.0.0.10", EPOCH + 9 * HOUR);
    assert.equal((await commit(store, EPOCH + HOUR - 1, claim)).kind, "taken");
    assert.equal((await commit(store, EPOCH + HOUR, claim)).kind, "done");
  });

  law("adds a pool, and removes it: what is leased in it runs on", async (store) => {
    assert.deepEqual(await amend(store, addPool("10.0.0.30-10.0.0.31")), ["done"]);
    assert.deepEqual(store.view.counts(""), { free: 12, bound: 0, declined: 0, freed: 0 });
    assert.equal(store.view.poolSize(""), 12);
    await commit(store, EPOCH, bind("aa:01", "10.0.0.30", EPOCH + HOUR));
    await commit(store, EPOCH, bind("aa:02", "10.0.0.12", EPOCH + HOUR));
    assert.deepEqual(
      await amend(store, removePool("10.0.0.30-10.0.0.31"), removePool("10.0.0.12-10.0.0.14")),
      ["done", "done"],
    );
    assert.deepEqual(store.subnets[0]!.pools.map(formatRange), [
      "10.0.0.10-10.0.0.11",
      "10.0.0.15-10.0.0.19",
    ]);
    assert.deepEqual(store.amendments()[0]!.added, []);
    assert.deepEqual(store.view.counts(""), { free: 7, bound: 2, declined: 0, freed: 0 });
    for (const [client, address] of [["aa:01", "10.0.0.30"], ["aa:02", "10.0.0.12"]] as const) {
      assert.ok(store.view.isAvailable("", ip(address), clientKey(client), EPOCH));
      assert.ok(!store.view.isAvailable("", ip(address), clientKey("aa:09"), EPOCH));
      const renewal = bind(client, address, EPOCH + 2 * HOUR, { inUse: true });
      assert.equal((await commit(store, EPOCH + HOUR / 2, renewal)).kind, "done");
      await commit(store, EPOCH + HOUR, release(client, address));
      assert.ok(!store.view.isAvailable("", ip(address), clientKey(client), EPOCH + HOUR));
    }
    assert.deepEqual(store.view.counts(""), { free: 7, bound: 0, declined: 0, freed: 0 });
    // One that was removed comes back when it is added.
    assert.deepEqual(await amend(store, addPool("10.0.0.12-10.0.0.14")), ["done"]);
    assert.deepEqual(store.amendments()[0]!.removed, []);
    assert.deepEqual(store.view.counts(""), { free: 10, bound: 0, declined: 0, freed: 0 });
    assert.deepEqual(
      await amend(store, addPool("10.0.0.12-10.0.0.14"), addPool("10.7.0.1-10.7.0.2")),
      [
        "10.0.0.12-10.0.0.14 is in the pools already",
        "10.7.0.1-10.7.0.2 is not within 10.0.0.0/24",
      ],
    );
  });

  law("picks from all pools, added ones too, and from no other", async (store) => {
    await amend(store, addPool("10.0.0.200-10.0.0.203"), removePool("10.0.0.11-10.0.0.19"));
    const avoid = new AddressSet(store.view.space(""));
    const found: string[] = [];
    for (let n = 0; n < 5; n++) {
      const address = store.view.pick("", n * 1_234_567, avoid)!;
      avoid.add(address);
      found.push(formatIpv4(address));
    }
    assert.deepEqual(found.toSorted(), [
      "10.0.0.10",
      "10.0.0.200",
      "10.0.0.201",
      "10.0.0.202",
      "10.0.0.203",
    ]);
    assert.equal(store.view.pick("", 7, avoid), undefined);
  });

  law(
    "takes another configuration: leases stay, and a space whose network stays",
    async (store) => {
      const picture = new Picture(store);
      await commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
      await commit(store, EPOCH, bind("aa:02", "10.1.0.10", EPOCH + HOUR, { subnet: "other" }));
      await amend(store, addPool("10.0.0.40-10.0.0.41"));
      const space = store.view.space("");
      const smaller = subnetOf({ pools: ["10.0.0.15-10.0.0.19"], exclusions: ["10.0.0.16"] });
      store.reconfigure([smaller], EPOCH + 1);
      assert.equal(store.view.space(""), space);
      assert.deepEqual(store.subnets.map(({ pools }) => pools.map(formatRange)), [
        ["10.0.0.15-10.0.0.19", "10.0.0.40-10.0.0.41"],
      ]);
      assert.equal(store.view.poolSize(""), 6);
      picture.compare();
      assert.equal(store.view.ofAddress(ip("10.1.0.10")), undefined);
      const renewal = bind("aa:01", "10.0.0.10", EPOCH + 2 * HOUR, { inUse: true });
      assert.equal((await commit(store, EPOCH + HOUR / 2, renewal)).kind, "done");
      const late = bind("aa:09", "10.1.0.11", EPOCH + 2 * HOUR, { subnet: "other" });
      assert.equal((await commit(store, EPOCH + HOUR / 2, late)).kind, "refused");
      store.reconfigure(SUBNETS, EPOCH + HOUR / 2);
      const isThere = () =>
        store.view.counts("other").free === 9 && store.view.counts("").free === 11;
      await until(store, isThere);
      picture.compare();
      assert.equal(store.view.ofAddress(ip("10.1.0.10"))?.client, clientKey("aa:02"));
      assert.deepEqual(store.view.counts(""), { free: 11, bound: 1, declined: 0, freed: 0 });
      const claim = bind("aa:03", "10.1.0.10", EPOCH + 2 * HOUR, { subnet: "other" });
      assert.equal((await commit(store, EPOCH + HOUR - 1, claim)).kind, "taken");
    },
  );

  law(
    "counts and gives the same after any amendments as after none but the last",
    async (store) => {
      await commit(store, EPOCH, bind("aa:01", "10.0.0.12", EPOCH + 1000 * HOUR));
      await fc.assert(
        fc.asyncProperty(fc.array(poolAmendment, { minLength: 1, maxLength: 8 }), async (all) => {
          await store.amend(all, EPOCH);
          const pooled = new Set<number>();
          const { pools, reservations, exclusions } = store.subnets[0]!;
          for (const { from, to } of pools) for (let n = from; n <= to; n++) pooled.add(n);
          for (const { address } of reservations.values()) pooled.delete(address);
          for (const address of exclusions) pooled.delete(address);
          assert.equal(store.view.poolSize(""), pooled.size);
          pooled.delete(ip("10.0.0.12"));
          assert.equal(store.view.counts("").free, pooled.size);
          const avoid = new AddressSet(store.view.space(""));
          for (let left = pooled.size; left > 0; left--) {
            const picked = store.view.pick("", left * 7, avoid)!;
            assert.ok(pooled.has(picked), formatIpv4(picked));
            avoid.add(picked);
          }
        }),
        { numRuns: 20 },
      );
    },
  );

  law("names the server that it is", (store) => {
    assert.deepEqual(store.servers().map(({ isThis }) => isThis), [true]);
    return Promise.resolve();
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

/** Amends one after the other; what became of each, with the problem of what is refused. */
async function amend(store: ManagedStore, ...all: readonly Amendment[]): Promise<string[]> {
  return (await store.amend(all, EPOCH)).map(textOf);
}

function textOf(amended: Amended): string {
  return amended.kind === "refused" ? amended.problem : amended.kind;
}

/** What is so at once, or soon where a store has to read something first. */
async function until(store: ManagedStore, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, "it does not come about");
    await store.commit([], EPOCH);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const poolAmendment: fc.Arbitrary<Amendment> = fc.record({
  kind: fc.constantFrom("add-pool", "remove-pool", "reserve", "unreserve"),
  first: fc.integer({ min: 5, max: 30 }),
  size: fc.integer({ min: 0, max: 9 }),
  client: fc.integer({ min: 30, max: 32 }).map(clientNumber),
}).map(({ kind, first, size, client }) => {
  const range = `10.0.0.${first}-10.0.0.${first + size}`;
  if (kind === "reserve") return reserve(client, reservation(`10.0.0.${first + size}`));
  if (kind === "unreserve") return unreserve(client);
  return kind === "add-pool" ? addPool(range) : removePool(range);
});

/** Operations that go to the store in one call, without waiting for the call before. */
const call = fc.array(
  fc.record({
    kind: fc.constantFrom(
      ...["bind", "bind", "bind", "bind", "release", "decline", "expire", "free", "enter"],
    ),
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
    const operations = drawn.map(operationAt(at));
    return { at, operations, results: store.commit(operations, at) };
  });
  const held = new Map<Ipv4, { readonly client: string; readonly until: number }>();
  for (const { at, operations, results } of asked) {
    for (const [index, result] of (await results).entries()) {
      const { kind, address } = operations[index]!;
      if (result.kind !== "done") continue;
      const { client, expires } = result.lease;
      const holder = held.get(address);
      if (kind === "bind" || kind === "enter") {
        const isFree = holder === undefined || holder.client === client || holder.until <= at;
        assert.ok(isFree, `${formatIpv4(address)} is given to ${client} over ${holder?.client}`);
        for (const [other, { client: who }] of held) if (who === client) held.delete(other);
        held.set(address, { client, until: expires });
      } else if (kind === "expire") {
        assert.ok(holder === undefined || holder.until <= at, "expired too early");
      } else if (kind !== "free") held.delete(address);
    }
  }
  for (const [address, { client, until }] of held) {
    if (until <= now) continue;
    assert.equal(store.view.ofAddress(address)?.client, client, "the view shows what is done");
  }
}

function operationAt(at: number): (drawn: Call[number]) => Operation {
  return ({ kind, client, address, length }) => {
    switch (kind) {
      case "bind":
        return bind(client, address, at + length);
      case "release":
        return release(client, address);
      case "decline":
        return decline(client, address, at + length, 1);
      case "free":
        return free(address);
      case "enter":
        return enter(client, address, at - length, at + length);
      default:
        return expire(address);
    }
  };
}
