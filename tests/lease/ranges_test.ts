import assert from "node:assert/strict";
import fc from "fast-check";
import { common, tidy, union, without } from "../../lib/lease/ranges.ts";
import type { Ipv4, Ipv4Range } from "../../lib/wire/address.ts";

const range = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 30 }))
  .map(([one, other]): Ipv4Range => ({
    from: Math.min(one, other) as Ipv4,
    to: Math.max(one, other) as Ipv4,
  }));
const ranges = fc.array(range, { maxLength: 4 });

function members(list: readonly Ipv4Range[]): Set<number> {
  const all = new Set<number>();
  for (const { from, to } of list) for (let n = from; n <= to; n++) all.add(n);
  return all;
}

/** The addresses, and that the list is as lists of ranges are: disjoint and ascending. */
function sound(list: readonly Ipv4Range[]): number[] {
  list.forEach(({ from, to }, at) => {
    assert.ok(from <= to);
    assert.ok(at === 0 || list[at - 1]!.to < from, JSON.stringify(list));
  });
  return [...members(list)];
}

Deno.test("ranges: what they come to are the same addresses as with sets", () => {
  fc.assert(
    fc.property(ranges, ranges, range, (one, other, single) => {
      const [mine, theirs] = [tidy(one), tidy(other)];
      const [a, b, c] = [members(one), members(other), members([single])];
      const ascending = (set: Set<number>) => [...set].toSorted((x, y) => x - y);
      assert.deepEqual(sound(mine), ascending(a));
      assert.deepEqual(sound(without(mine, other)), ascending(a.difference(b)));
      assert.deepEqual(sound(union(mine, theirs)), ascending(a.union(b)));
      assert.deepEqual(sound(common(mine, single)), ascending(a.intersection(c)));
    }),
  );
});
