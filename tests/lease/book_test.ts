import assert from "node:assert/strict";
import fc from "fast-check";
import { AddressSet } from "../../lib/lease/address_set.ts";
import { Book, type Change } from "../../lib/lease/book.ts";
import { isHeld, type Lease } from "../../lib/lease/lease.ts";
import type { Bind, Enter, Operation } from "../../lib/lease/store.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
import {
  bind,
  clientKey,
  clientNumber,
  decline,
  enter,
  EPOCH,
  expire,
  free,
  release,
  subnetOf,
} from "./fixtures.ts";

const HOUR = 3_600_000;
const ip = parseIpv4;

const SUBNET = subnetOf({
  pools: ["10.0.0.10-10.0.0.13", "10.0.0.20-10.0.0.21"],
  exclusions: ["10.0.0.12"],
  reservations: { "00:00": "10.0.0.13", "00:01": "10.0.0.50" },
});
const OTHER = subnetOf({ name: "other", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.11"] });

/** Everything that one can learn from a book about these subnets, as plain data. */
function facts(book: Book, clients: readonly string[]) {
  const addresses = [
    ...[10, 11, 12, 13, 20, 21, 50, 60].map((n) => ip(`10.0.0.${n}`)),
    ip("10.1.0.10"),
    ip("10.1.0.11"),
  ];
  return {
    entries: [...book.entries()].toSorted((a, b) => a.address - b.address),
    ofAddress: addresses.map((address) => book.ofAddress(address)),
    ofClient: clients.flatMap((client) =>
      ["", "other"].map((subnet) => book.ofClient(subnet, clientKey(client)))
    ),
    counts: ["", "other"].map((subnet) => book.counts(subnet)),
    picks: ["", "other"].flatMap((subnet) => {
      const none = new AddressSet(book.space(subnet));
      return [0, 1, 2, 3, 4, 5].map((position) => book.pick(subnet, position, none));
    }),
  };
}

Deno.test("Book.isLeasable: in a pool, not excluded, and reserved for nobody else", () => {
  const book = new Book([SUBNET]);
  const may = (address: string, client: string) =>
    book.isLeasable("", ip(address), clientKey(client));
  assert.equal(may("10.0.0.10", "00:07"), true);
  assert.equal(may("10.0.0.20", "00:07"), true);
  assert.equal(may("10.0.0.12", "00:07"), false);
  assert.equal(may("10.0.0.14", "00:07"), false);
  assert.equal(may("10.0.0.13", "00:07"), false);
  assert.equal(may("10.0.0.13", "00:00"), true);
  assert.equal(may("10.0.0.50", "00:01"), true);
  assert.equal(may("10.0.0.50", "00:00"), false);
  assert.deepEqual(book.counts(""), { free: 4, bound: 0, declined: 0, freed: 0 });
  assert.equal(book.poolSize(""), 4);
});

Deno.test("Book.isAvailable: leasable and held by nobody else", () => {
  const book = new Book([SUBNET]);
  book.apply(bind("00:05", "10.0.0.10", EPOCH + HOUR), EPOCH);
  const may = (client: string, now: number) =>
    book.isAvailable("", ip("10.0.0.10"), clientKey(client), now);
  assert.equal(may("00:05", EPOCH), true);
  assert.equal(may("00:06", EPOCH), false);
  assert.equal(may("00:06", EPOCH + HOUR - 1), false);
  assert.equal(may("00:06", EPOCH + HOUR), true);
  book.apply(decline("00:05", "10.0.0.10", EPOCH + HOUR, 9), EPOCH);
  assert.equal(may("00:05", EPOCH), false);
});

Deno.test("Book.pick: what nobody has held comes before what somebody has", () => {
  const book = new Book([subnetOf()]);
  const none = new AddressSet(book.space(""));
  book.apply(bind("00:01", "10.0.0.11", EPOCH + HOUR), EPOCH);
  book.apply(release("00:01", "10.0.0.11"), EPOCH);
  assert.equal(formatIpv4(book.pick("", 1, none)!), "10.0.0.12");
  for (const n of [10, 12, 13]) {
    book.apply(bind(clientNumber(n), `10.0.0.${n}`, EPOCH + HOUR), EPOCH);
  }
  assert.equal(formatIpv4(book.pick("", 0, none)!), "10.0.0.11");
  none.add(ip("10.0.0.11"));
  assert.equal(book.pick("", 0, none), undefined);
});

Deno.test("Book.bind: since is when this client got the address, across renewals", () => {
  const book = new Book([SUBNET]);
  const at = () => book.ofAddress(ip("10.0.0.10"))!;
  book.apply(bind("00:05", "10.0.0.10", EPOCH + HOUR), EPOCH);
  book.apply(bind("00:05", "10.0.0.10", EPOCH + 2 * HOUR), EPOCH + HOUR / 2);
  assert.deepEqual([at().since, at().renewed, at().expires], [
    EPOCH,
    EPOCH + HOUR / 2,
    EPOCH + 2 * HOUR,
  ]);
  book.apply(bind("00:05", "10.0.0.10", EPOCH + 9 * HOUR), EPOCH + 8 * HOUR);
  assert.equal(at().since, EPOCH + 8 * HOUR);
});

Deno.test("Book.due: an expiry that could not be committed waits until it is postponed to", () => {
  const book = new Book([SUBNET]);
  book.apply(bind("00:05", "10.0.0.10", EPOCH + HOUR), EPOCH);
  const end = EPOCH + HOUR;
  assert.deepEqual(book.due(end, 9), [ip("10.0.0.10")]);
  const applied = book.apply(expire("10.0.0.10"), end);
  assert.equal(applied.kind, "changed");
  book.undo((applied as { changes: readonly Change[] }).changes);
  book.postpone(ip("10.0.0.10"), end + 1000);
  assert.deepEqual(book.due(end, 9), []);
  assert.deepEqual(book.due(end + 999, 9), []);
  assert.deepEqual(book.due(end + 1000, 9), [ip("10.0.0.10")]);
});

Deno.test("Book.undo: the order of the quarantine is kept", () => {
  const book = new Book([SUBNET]);
  for (const [n, address] of ["10.0.0.10", "10.0.0.11", "10.0.0.20"].entries()) {
    book.apply(bind("00:05", address, EPOCH + HOUR), EPOCH + n);
    if (n < 2) book.apply(decline("00:05", address, EPOCH + HOUR, 2), EPOCH + n);
  }
  const storm = decline("00:05", "10.0.0.20", EPOCH + HOUR, 2);
  const once = book.apply(storm, EPOCH + 5) as { changes: readonly Change[] };
  book.undo(once.changes);
  const again = book.apply(storm, EPOCH + 6) as { changes: readonly Change[] };
  assert.equal(formatIpv4(again.changes[1]!.address), "10.0.0.10");
});

Deno.test("Book: an entry belongs to the subnet that has its address, whatever that is called", () => {
  const end = EPOCH + HOUR;
  const called = (name: string, more: Parameters<typeof subnetOf>[0] = {}) =>
    subnetOf({ name, cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.11"], ...more });
  const book = new Book([OTHER]);
  book.apply(bind("00:01", "10.1.0.10", end, { subnet: "other" }), EPOCH);
  const old = book.ofAddress(ip("10.1.0.10"))!;
  const claim = (client: string, subnet: string) =>
    book.apply(bind(client, "10.1.0.10", end, { subnet }), EPOCH).kind;

  const changes = book.reconfigure([called("guests")]);
  assert.deepEqual(changes.map(({ before, after }) => [before?.subnet, after?.subnet]), [
    ["other", "guests"],
  ]);
  assert.equal(claim("00:02", "guests"), "taken");
  assert.deepEqual(book.counts("guests"), { free: 1, bound: 1, declined: 0, freed: 0 });
  assert.equal(book.ofClient("guests", clientKey("00:01"))?.address, ip("10.1.0.10"));
  // Under way while the name changed.
  assert.equal(claim("00:01", "other"), "changed");
  assert.equal(book.ofAddress(ip("10.1.0.10"))?.subnet, "guests");

  // The names change places; what was of the one network stays with it.
  const swapped = [called("up"), called("guests", { cidr: "10.2.0.0/24", pools: [] })];
  assert.equal(book.reconfigure(swapped).length, 1);
  assert.equal(claim("00:02", "up"), "taken");
  assert.deepEqual(book.counts("up"), { free: 1, bound: 1, declined: 0, freed: 0 });
  assert.deepEqual(book.counts("guests"), { free: 0, bound: 0, declined: 0, freed: 0 });
  assert.equal(book.ofClient("guests", clientKey("00:01")), undefined);

  // Gone, and back under yet another name.
  assert.deepEqual(book.reconfigure([SUBNET]).map(({ after }) => after), [undefined]);
  assert.equal(book.ofAddress(ip("10.1.0.10")), undefined);
  assert.deepEqual(book.reconfigure([SUBNET, called("back")]).map(({ after }) => after?.subnet), [
    "back",
  ]);
  assert.equal(claim("00:02", "back"), "taken");
  assert.equal(claim("00:01", "back"), "changed");

  const read = new Book([called("guests")]);
  read.load(old);
  assert.deepEqual(read.ofAddress(ip("10.1.0.10")), { ...old, subnet: "guests" });
});

Deno.test("Book.undo: also when the subnet is called otherwise by then", () => {
  const book = new Book([OTHER]);
  const claim = (client: string, subnet: string, expires: number) =>
    book.apply(bind(client, "10.1.0.10", expires, { subnet }), EPOCH);
  claim("00:01", "other", EPOCH + HOUR);
  const before = book.ofAddress(ip("10.1.0.10"))!;
  const applied = claim("00:01", "other", EPOCH + 2 * HOUR);
  assert(applied.kind === "changed");
  const guests = subnetOf({ name: "guests", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.11"] });
  book.reconfigure([guests]);
  book.undo(applied.changes);
  assert.deepEqual(book.ofAddress(ip("10.1.0.10")), { ...before, subnet: "guests" });
  assert.deepEqual(book.counts("guests"), { free: 1, bound: 1, declined: 0, freed: 0 });
  assert.equal(book.ofClient("guests", clientKey("00:01"))?.expires, EPOCH + HOUR);
});

Deno.test("Book.load: the order in which a book is read back does not matter", () => {
  const leases = fc.uniqueArray(
    fc.record({
      address: fc.constantFrom("10.0.0.10", "10.0.0.11", "10.0.0.13", "10.0.0.20", "10.0.0.50"),
      state: fc.constantFrom("released", "expired", "declined", "freed", "bound"),
      renewed: fc.integer({ min: 0, max: 3 }),
      client: fc.constantFrom("00:00", "00:01"),
    }),
    { selector: ({ address }) => address },
  ).filter((all) =>
    ["00:00", "00:01"].every((client) =>
      all.filter((one) => one.client === client && one.state === "bound").length < 2
    )
  );
  const twice = leases.chain((all) =>
    fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))
  );
  fc.assert(fc.property(twice, ([one, other]) => {
    const [first, second] = [one, other].map((entries) => {
      const book = new Book([SUBNET, OTHER]);
      for (const { address, state, renewed, client } of entries) {
        const { kind: _, inUse: __, ...claim } = bind(client, address, EPOCH + HOUR);
        book.load({
          ...claim,
          state: state as Lease["state"],
          since: EPOCH,
          renewed: EPOCH + renewed,
          held: claim.expires,
        });
      }
      return facts(book, ["00:00", "00:01"]);
    });
    assert.deepEqual(first, second);
  }));
});

// A book as one would write it without caring for speed ----------------------------------------

/** States that keep an address from others. */
const KEPT: ReadonlySet<string> = new Set(["bound", "declined", "freed"]);

class NaiveBook {
  entries: Lease[] = [];

  apply(operation: Operation, now: number): "changed" | "taken" | "refused" {
    const before = this.entries.find(({ address }) => address === operation.address);
    switch (operation.kind) {
      case "bind": {
        const mine = before?.client === operation.client && before.state === "bound";
        if (before !== undefined && isHeld(before, now) && !mine) return "taken";
        const same = before !== undefined && mine && before.expires > now;
        const { kind: _, inUse: __, ...claim } = operation;
        this.#leaveOthers(operation, now);
        const expires = same ? Math.max(before.expires, operation.expires) : operation.expires;
        this.#put({
          ...claim,
          state: "bound",
          since: same ? before.since : now,
          renewed: now,
          expires,
          held: expires,
        });
        return "changed";
      }
      case "release":
      case "decline": {
        const holds = before !== undefined && before.state === "bound" && before.expires > now &&
          before.client === operation.client && before.subnet === operation.subnet;
        if (!holds) return "refused";
        if (operation.kind === "release") {
          this.#put({ ...before, state: "released", expires: now, held: now });
          return "changed";
        }
        this.#put({
          ...before,
          state: "declined",
          renewed: now,
          expires: operation.until,
          held: operation.until,
        });
        const aside = this.entries
          .filter(({ state, subnet }) => state === "declined" && subnet === operation.subnet)
          .toSorted((a, b) => a.renewed - b.renewed);
        if (aside.length > operation.limit) this.#drop(aside[0]!.address);
        return "changed";
      }
      case "expire": {
        const over = before !== undefined && before.expires <= now && KEPT.has(before.state);
        if (!over) return "refused";
        if (before.state === "declined") this.#drop(operation.address);
        else this.#put({ ...before, state: "expired" });
        return "changed";
      }
      case "free": {
        if (before?.subnet !== operation.subnet || !KEPT.has(before.state)) return "refused";
        const isBound = before.state === "bound" && before.expires > now;
        if (!operation.force && !isBound) return "refused";
        if (before.state === "declined") this.#drop(operation.address);
        else if (operation.force) {
          this.#put({ ...before, state: "released", expires: now, held: now });
        } else this.#put({ ...before, state: "freed" });
        return "changed";
      }
      case "enter": {
        const { kind: _, ...claim } = operation;
        const isPlace = operation.address !== ip("10.0.0.12") &&
          operation.subnet === (operation.address >= ip("10.1.0.0") ? "other" : "");
        if (!isPlace || operation.expires <= now) return "refused";
        const isHolder = (one: Lease) =>
          one.client === operation.client && one.state === "bound" && one.expires > now;
        const mine = before !== undefined && isHolder(before);
        if (before !== undefined && isHeld(before, now) && !mine) return "taken";
        const elsewhere = this.entries.some((one) =>
          isHolder(one) && one.subnet === operation.subnet && one.address !== operation.address
        );
        if (elsewhere) return "taken";
        this.#leaveOthers(operation, now);
        const expires = mine ? Math.max(before.expires, operation.expires) : operation.expires;
        const since = mine ? Math.min(before.since, operation.since) : operation.since;
        const fresh = { ...claim, state: "bound" as const, renewed: now, server: ip("0.0.0.0") };
        this.#put({
          ...(mine ? before : { ...fresh, relay: ip("0.0.0.0") }),
          since,
          expires,
          held: expires,
        });
        return "changed";
      }
    }
  }

  #leaveOthers({ client, subnet, address }: Bind | Enter, now: number): void {
    this.entries = this.entries.map((one) => {
      const left = one.client === client && one.subnet === subnet && one.state === "bound" &&
        one.address !== address;
      return left ? { ...one, state: "released", expires: now, held: now } : one;
    });
  }

  #put(lease: Lease): void {
    this.#drop(lease.address);
    this.entries.push(lease);
  }

  #drop(address: Ipv4): void {
    this.entries = this.entries.filter((one) => one.address !== address);
  }

  ofClient(subnet: string, client: string): Lease | undefined {
    return this.entries
      .filter((one) => one.subnet === subnet && one.client === client)
      .filter(({ state }) => state !== "declined" && state !== "freed")
      .toSorted((a, b) =>
        Number(b.state === "bound") - Number(a.state === "bound") || b.renewed - a.renewed ||
        a.address - b.address
      )[0];
  }

  state(address: Ipv4): string {
    return this.entries.find((one) => one.address === address)?.state ?? "new";
  }
}

const CLIENTS = [0, 1, 2, 3].map(clientNumber);
const POOLED = ["10.0.0.10", "10.0.0.11", "10.0.0.20", "10.0.0.21"];
const ADDRESSES = [...POOLED, "10.0.0.12", "10.0.0.13", "10.0.0.50", "10.1.0.10", "10.1.0.11"];

/** An operation, by how long after the one before it comes. */
const operations = fc.array(
  fc.record({
    kind: fc.constantFrom(
      ...["bind", "bind", "bind", "bind", "release", "decline", "expire", "due"],
      ...["free", "free", "enter"],
    ),
    client: fc.constantFrom(...CLIENTS),
    address: fc.constantFrom(...ADDRESSES),
    // Never zero: which of two entries of one instant is the later one is nobody's business.
    wait: fc.oneof(fc.integer({ min: 1, max: 2000 }), fc.constantFrom(60_000, HOUR)),
    length: fc.constantFrom(1, 60_000, HOUR, Infinity),
    limit: fc.integer({ min: 0, max: 3 }),
    wrongSubnet: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  }),
  { maxLength: 60 },
);

type Drawn = typeof operations extends fc.Arbitrary<(infer T)[]> ? T : never;

function operationOf(drawn: Drawn, now: number): Operation {
  const { client, address, length, limit } = drawn;
  const subnet = address.startsWith("10.1.") ? "other" : "";
  const named = drawn.wrongSubnet ? (subnet === "" ? "other" : "") : subnet;
  switch (drawn.kind) {
    case "bind":
      return bind(client, address, now + length, { subnet });
    case "release":
      return release(client, address, named);
    case "decline":
      return decline(client, address, now + length, limit, named);
    case "free":
      return free(address, limit === 0, named);
    case "enter":
      return enter(client, address, now - 60_000, now + length, { subnet });
    default:
      return expire(address);
  }
}

Deno.test("Book agrees with a naive one, and what is undone has not been", () => {
  fc.assert(
    fc.property(operations, (drawn) => {
      const book = new Book([SUBNET, OTHER]);
      const naive = new NaiveBook();
      let now = EPOCH;
      for (const one of drawn) {
        now += one.wait;
        if (one.kind === "due") {
          const due = book.due(now, Infinity);
          for (const address of due) {
            const operation: Operation = { kind: "expire", address };
            assert.equal(book.apply(operation, now).kind, "changed");
            assert.equal(naive.apply(operation, now), "changed");
          }
          const late = naive.entries
            .filter(({ state, expires }) => KEPT.has(state) && expires <= now - 1000);
          assert.deepEqual(late, [], "everything over for a second was due");
          continue;
        }
        const operation = operationOf(one, now);
        const before = facts(book, CLIENTS);
        const first = book.apply(operation, now);
        if (first.kind === "changed") {
          book.undo(first.changes);
          assert.deepEqual(facts(book, CLIENTS), before, "undone");
        }
        const applied = book.apply(operation, now);
        assert.equal(applied.kind, naive.apply(operation, now));
        compare(book, naive);
      }
    }),
    { numRuns: 400 },
  );
});

function compare(book: Book, naive: NaiveBook): void {
  const byAddress = (a: Lease, b: Lease) => a.address - b.address;
  assert.deepEqual([...book.entries()].toSorted(byAddress), naive.entries.toSorted(byAddress));
  for (const client of CLIENTS) {
    for (const subnet of ["", "other"]) {
      assert.deepEqual(
        book.ofClient(subnet, clientKey(client)),
        naive.ofClient(subnet, clientKey(client)),
      );
    }
  }
  const idle = POOLED.map(ip).filter((address) => !KEPT.has(naive.state(address)));
  const inSubnet = naive.entries.filter(({ subnet }) => subnet === "");
  assert.deepEqual(book.counts(""), {
    free: idle.length,
    bound: inSubnet.filter(({ state }) => state === "bound").length,
    declined: inSubnet.filter(({ state }) => state === "declined").length,
    freed: inSubnet.filter(({ state }) => state === "freed").length,
  });
  const fresh = idle.filter((address) => naive.state(address) === "new");
  const picked = book.pick("", 0, new AddressSet(book.space("")));
  assert.equal(picked, fresh[0] ?? idle[0]);
}

Deno.test("Book: operations that are undone together, in a batch, leave no trace", () => {
  fc.assert(
    fc.property(operations, operations, (history, batch) => {
      const book = new Book([SUBNET, OTHER]);
      let now = EPOCH;
      for (const one of history) book.apply(operationOf(one, now += one.wait), now);
      const before = facts(book, CLIENTS);
      const changes: Change[] = [];
      for (const one of batch) {
        const applied = book.apply(operationOf(one, now += one.wait), now);
        if (applied.kind === "changed") changes.push(...applied.changes);
      }
      book.undo(changes);
      assert.deepEqual(facts(book, CLIENTS), before);
    }),
    { numRuns: 400 },
  );
});
