import assert from "node:assert/strict";
import fc from "fast-check";
import { AddressSet, AddressSpace } from "../../lib/lease/address_set.ts";
import { formatIpv4, type Ipv4, parseIpv4, parseRange } from "../../lib/wire/address.ts";

const spaceOf = (...ranges: string[]) => new AddressSpace(ranges.map(parseRange));

/** Gaps between and lengths of disjoint ranges, from below to above, now and then out of order. */
const spaces = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 90 })),
  { minLength: 1, maxLength: 4 },
).chain((gaps) => {
  let at = parseIpv4("10.0.0.0") as number;
  const ranges = gaps.map(([gap, length]) => {
    const from = at + gap;
    at = from + length;
    return { from: from as Ipv4, to: (at - 1) as Ipv4 };
  });
  return fc.shuffledSubarray(ranges, { minLength: ranges.length });
}).map((ranges) => new AddressSpace(ranges));

/** A space and two sets of its addresses, as their numbers. */
const scenes = spaces.chain((space) => {
  const indexes = fc.array(fc.integer({ min: 0, max: space.size - 1 }), { maxLength: 60 });
  return fc.record({ space: fc.constant(space), members: indexes, without: indexes });
});

function setOf(space: AddressSpace, indexes: readonly number[]): AddressSet {
  const set = new AddressSet(space);
  for (const index of indexes) set.add(space.at(index));
  return set;
}

Deno.test("AddressSpace numbers the addresses of its ranges in their order", () => {
  const space = spaceOf("10.0.0.10-10.0.0.12", "10.0.0.1-10.0.0.2", "10.0.1.0-10.0.1.0");
  const addresses = ["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.1", "10.0.0.2", "10.0.1.0"];
  assert.equal(space.size, addresses.length);
  addresses.forEach((text, index) => {
    assert.equal(formatIpv4(space.at(index)), text);
    assert.equal(space.indexOf(parseIpv4(text)), index);
  });
  for (const stranger of ["10.0.0.0", "10.0.0.3", "10.0.0.9", "10.0.0.13", "10.0.1.1"]) {
    assert.equal(space.indexOf(parseIpv4(stranger)), -1, stranger);
  }
  assert.throws(() => space.at(6), RangeError);
});

Deno.test("AddressSpace: at and indexOf are each other's inverse", () => {
  fc.assert(fc.property(spaces, (space) => {
    for (let index = 0; index < space.size; index++) {
      assert.equal(space.indexOf(space.at(index)), index);
    }
  }));
});

Deno.test("AddressSpace reaches the ends of the address range", () => {
  const space = spaceOf("0.0.0.0-0.0.0.1", "255.255.255.254-255.255.255.255");
  assert.equal(space.size, 4);
  assert.equal(formatIpv4(space.at(3)), "255.255.255.255");
  assert.equal(space.indexOf(parseIpv4("255.255.255.255")), 3);
});

Deno.test("AddressSet is a set", () => {
  const operation = fc.record({
    kind: fc.constantFrom("add", "delete"),
    // Some are no addresses of the space.
    offset: fc.integer({ min: -5, max: 300 }),
  });
  fc.assert(fc.property(spaces, fc.array(operation, { maxLength: 120 }), (space, operations) => {
    const set = new AddressSet(space);
    const model = new Set<Ipv4>();
    for (const { kind, offset } of operations) {
      const address = (parseIpv4("10.0.0.0") + offset) as Ipv4;
      if (kind === "add") {
        set.add(address);
        if (space.indexOf(address) >= 0) model.add(address);
      } else {
        set.delete(address);
        model.delete(address);
      }
      assert.equal(set.size, model.size);
      assert.equal(set.has(address), model.has(address));
    }
    for (let index = 0; index < space.size; index++) {
      assert.equal(set.has(space.at(index)), model.has(space.at(index)));
    }
  }));
});

Deno.test("AddressSet.nextFrom finds the first at or after a position, going round", () => {
  const position = fc.oneof(
    fc.integer({ min: 0, max: 400 }),
    fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  );
  fc.assert(
    fc.property(scenes, position, ({ space, members, without }, position) => {
      const set = setOf(space, members);
      const other = setOf(space, without);
      const find = (excluded: readonly number[]) => {
        for (let step = 0; step < space.size; step++) {
          const index = (position + step) % space.size;
          if (members.includes(index) && !excluded.includes(index)) return space.at(index);
        }
        return undefined;
      };
      assert.equal(set.nextFrom(position), find([]));
      assert.equal(set.nextFrom(position, other), find(without));
      assert.equal(set.nextFrom(position, other, set), undefined);
      assert.equal(set.nextFrom(position, new AddressSet(space), other), find(without));
    }),
    { numRuns: 500 },
  );
});

Deno.test("AddressSet.nextFrom finds the last bit of a word and the last word of a /16", () => {
  const space = spaceOf("10.0.0.0-10.0.255.255");
  const set = setOf(space, [31]);
  assert.equal(set.nextFrom(0), space.at(31));
  assert.equal(set.nextFrom(31), space.at(31));
  assert.equal(set.nextFrom(32), space.at(31));
  const last = setOf(space, [65_535]);
  assert.equal(last.nextFrom(0), space.at(65_535));
  assert.equal(last.nextFrom(65_535), space.at(65_535));
});

Deno.test("AddressSet of nothing has nothing", () => {
  const set = new AddressSet(new AddressSpace([]));
  set.add(parseIpv4("10.0.0.1"));
  assert.equal(set.size, 0);
  assert.equal(set.nextFrom(7), undefined);
});
