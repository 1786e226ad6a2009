import assert from "node:assert/strict";
import fc from "fast-check";
import { inForce, noAmendments, propose, subnetFor } from "../../lib/lease/amendments.ts";
import type { Amendment, Amendments } from "../../lib/lease/management.ts";
import { formatIpv4, formatRange, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
import {
  addPool,
  clientKey,
  clientNumber,
  removePool,
  reservation,
  reserve,
  subnetOf,
  unreserve,
} from "./fixtures.ts";

const CONFIGURED = subnetOf({
  cidr: "10.0.0.0/27",
  pools: ["10.0.0.5-10.0.0.9", "10.0.0.12-10.0.0.20"],
  exclusions: ["10.0.0.7"],
  reservations: { "ee:01": "10.0.0.6", "ee:02": "10.0.0.25" },
});

function amended(...amendments: readonly Amendment[]): Amendments {
  return amendments.reduce((before, amendment) => {
    const proposal = propose(CONFIGURED, before, amendment);
    assert.equal(proposal.kind, "changed", JSON.stringify(proposal));
    return (proposal as Extract<typeof proposal, { kind: "changed" }>).amendments;
  }, noAmendments(""));
}

function pools(amendments: Amendments): string[] {
  return inForce(CONFIGURED, amendments).pools.map(formatRange);
}

function problem(amendment: Amendment, before = noAmendments("")): string {
  const proposal = propose(CONFIGURED, before, amendment);
  assert.equal(proposal.kind, "refused");
  return (proposal as Extract<typeof proposal, { kind: "refused" }>).problem;
}

Deno.test("inForce is the configuration itself when the book says nothing", () => {
  assert.equal(inForce(CONFIGURED, noAmendments("")), CONFIGURED);
  assert.equal(inForce(CONFIGURED, undefined), CONFIGURED);
});

Deno.test("propose: pools that are added and removed, and both taken back", () => {
  const added = amended(addPool("10.0.0.10-10.0.0.11"));
  assert.deepEqual(pools(added), [
    "10.0.0.5-10.0.0.9",
    "10.0.0.10-10.0.0.11",
    "10.0.0.12-10.0.0.20",
  ]);
  const cut = amended(addPool("10.0.0.22-10.0.0.26"), removePool("10.0.0.23-10.0.0.24"));
  assert.deepEqual(cut.added.map(formatRange), ["10.0.0.22-10.0.0.22", "10.0.0.25-10.0.0.26"]);
  assert.deepEqual(cut.removed, []);
  const gone = amended(removePool("10.0.0.8-10.0.0.13"));
  assert.deepEqual(gone.removed.map(formatRange), ["10.0.0.8-10.0.0.9", "10.0.0.12-10.0.0.13"]);
  assert.deepEqual(pools(gone), ["10.0.0.5-10.0.0.7", "10.0.0.14-10.0.0.20"]);
  const back = amended(removePool("10.0.0.8-10.0.0.13"), addPool("10.0.0.8-10.0.0.13"));
  assert.deepEqual(back.removed, []);
  assert.deepEqual(back.added.map(formatRange), ["10.0.0.10-10.0.0.11"]);
});

Deno.test("propose: pools that cannot be are refused with the reason", () => {
  assert.match(problem(addPool("10.0.0.30-10.0.0.40")), /is not within 10\.0\.0\.0\/27/);
  assert.match(problem(addPool("10.0.0.0-10.0.0.3")), /10\.0\.0\.0, the network address/);
  assert.match(problem(addPool("10.0.0.28-10.0.0.31")), /10\.0\.0\.31, the broadcast address/);
  assert.match(problem(addPool("10.0.0.13-10.0.0.15")), /is in the pools already/);
  assert.match(problem(removePool("10.0.0.21-10.0.0.24")), /no address of .* is in the pools/);
  assert.match(problem(removePool("10.0.9.1-10.0.9.2")), /is not within/);
});

Deno.test("propose: reservations that cannot be are refused with the reason", () => {
  const before = amended(reserve("aa:01", reservation("10.0.0.10")));
  const say = (client: string, address: string) =>
    problem(reserve(client, reservation(address)), before);
  assert.match(say("aa:02", "10.0.0.10"), /10\.0\.0\.10 is reserved for 02:00:00:00:aa:01/);
  assert.match(say("aa:02", "10.0.0.25"), /is reserved for 02:00:00:00:ee:02/);
  assert.match(say("aa:02", "10.0.0.7"), /10\.0\.0\.7 is excluded/);
  assert.match(say("aa:02", "10.9.9.9"), /10\.9\.9\.9 is not within 10\.0\.0\.0\/27/);
  assert.match(say("aa:02", "10.0.0.31"), /10\.0\.0\.31 is the broadcast address/);
  assert.match(say("ee:01", "10.0.0.10"), /the configuration reserves 10\.0\.0\.6 for 02:/);
  assert.match(problem(unreserve("ee:01")), /the configuration reserves .* take it out there/);
  assert.match(problem(unreserve("aa:09")), /nothing is reserved for 02:00:00:00:aa:09/);
  const bad = reserve("aa:02", reservation("10.0.0.11", undefined, { 54: "0a000001" }));
  assert.match(problem(bad), /option 54 is the protocol's own/);
  const odd = { ...reserve("aa:02", reservation("10.0.0.11")), client: "Printer" } as never;
  assert.match(problem(odd), /"Printer" is no client/);
});

Deno.test("propose: a reservation that is so already changes nothing; another takes its place", () => {
  const one = reservation("10.0.0.10", "tv", { 12: "7476" });
  const before = amended(reserve("aa:01", one));
  const again = reserve("aa:01", reservation("10.0.0.10", "tv", { 12: "7476" }));
  assert.equal(propose(CONFIGURED, before, again).kind, "same");
  const moved = amended(reserve("aa:01", one), reserve("aa:01", reservation("10.0.0.11")));
  assert.deepEqual([...moved.reservations.keys()], [clientKey("aa:01")]);
  assert.equal(
    formatIpv4(inForce(CONFIGURED, moved).reservations.get(clientKey("aa:01"))!.address),
    "10.0.0.11",
  );
});

Deno.test("inForce: of two for one address one has it, whatever the order; what cannot be is passed over", () => {
  const entries = [
    [clientKey("aa:02"), reservation("10.0.0.10")],
    [clientKey("aa:01"), reservation("10.0.0.10")],
    [clientKey("aa:03"), reservation("10.0.0.25")],
    [clientKey("aa:04"), reservation("10.0.0.7")],
    [clientKey("aa:05"), reservation("10.7.7.7")],
    [clientKey("ee:01"), reservation("10.0.0.11")],
  ] as const;
  for (const order of [entries, entries.toReversed()]) {
    const { reservations } = inForce(CONFIGURED, {
      ...noAmendments(""),
      reservations: new Map(order),
    });
    const found = [...reservations].map(([client, { address }]) => [client, formatIpv4(address)]);
    assert.deepEqual(Object.fromEntries(found), {
      [clientKey("ee:01")]: "10.0.0.6",
      [clientKey("ee:02")]: "10.0.0.25",
      [clientKey("aa:01")]: "10.0.0.10",
    });
  }
});

Deno.test("subnetFor names the subnets that there are", () => {
  const named = subnetOf({ name: "lan", cidr: "10.1.0.0/24", pools: [] });
  assert.equal(subnetFor([CONFIGURED, named], unreserve("aa:01", "lan")), named);
  assert.deepEqual(subnetFor([CONFIGURED, named], unreserve("aa:01", "wan")), {
    problem: 'there is no subnet "wan"; there is the one without a name (10.0.0.0/27), lan',
  });
});

/** Any amendment, sensible or not. */
const anyAmendment: fc.Arbitrary<Amendment> = fc.oneof(
  fc.record({
    isAdded: fc.boolean(),
    ends: fc.tuple(fc.integer({ min: 0, max: 34 }), fc.integer({ min: 0, max: 34 })),
  }).map(({ isAdded, ends }) => {
    const [from, to] = ends.toSorted((a, b) => a - b).map((n) =>
      (parseIpv4("10.0.0.0") + n) as Ipv4
    );
    return {
      kind: isAdded ? "add-pool" as const : "remove-pool" as const,
      subnet: "",
      range: { from: from!, to: to! },
    };
  }),
  fc.record({
    client: fc.integer({ min: 0, max: 4 }).map(clientNumber),
    address: fc.integer({ min: 0, max: 34 }).map((n) =>
      formatIpv4(parseIpv4("10.0.0.0") + n as Ipv4)
    ),
    isTaken: fc.integer({ min: 0, max: 2 }).map((n) => n === 0),
  }).map(({ client, address, isTaken }) =>
    isTaken ? unreserve(client) : reserve(client, reservation(address))
  ),
);

Deno.test("propose: whatever is asked for, pools are what a set of addresses would be", () => {
  fc.assert(
    fc.property(fc.array(anyAmendment, { maxLength: 30 }), (all) => {
      const addresses = new Set<number>();
      for (const { from, to } of CONFIGURED.pools) {
        for (let n = from; n <= to; n++) addresses.add(n);
      }
      const reserved = new Map<string, number>();
      let amendments = noAmendments("");
      for (const amendment of all) {
        const proposal = propose(CONFIGURED, amendments, amendment);
        if (proposal.kind === "refused") continue;
        if (proposal.kind === "changed") amendments = proposal.amendments;
        if (amendment.kind === "reserve") {
          reserved.set(amendment.client, amendment.reservation.address);
        } else if (amendment.kind === "unreserve") reserved.delete(amendment.client);
        else {
          for (let n = amendment.range.from as number; n <= amendment.range.to; n++) {
            if (amendment.kind === "add-pool") addresses.add(n);
            else addresses.delete(n);
          }
        }
        const { pools, reservations, cidr } = inForce(CONFIGURED, amendments);
        const found: number[] = [];
        for (const { from, to } of pools) for (let n = from as number; n <= to; n++) found.push(n);
        assert.deepEqual(found, [...addresses].toSorted((a, b) => a - b));
        assert.ok(found.every((n) => n > cidr.network && n < cidr.network + 31));
        const booked = [...reservations].filter(([client]) => !CONFIGURED.reservations.has(client));
        assert.deepEqual(
          new Map(booked.map(([client, { address }]) => [client, address])),
          reserved,
        );
      }
    }),
    { numRuns: 500 },
  );
});
