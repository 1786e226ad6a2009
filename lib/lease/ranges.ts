/**
 * Arithmetic of address ranges. Lists of ranges are disjoint and ascending, and stay so.
 *
 * @module
 */

import type { Ipv4, Ipv4Range } from "../wire/address.ts";

/** What a list of ranges and one range have in common. */
export function common(ranges: readonly Ipv4Range[], range: Ipv4Range): Ipv4Range[] {
  const found: Ipv4Range[] = [];
  for (const { from, to } of ranges) {
    const part = { from: Math.max(from, range.from) as Ipv4, to: Math.min(to, range.to) as Ipv4 };
    if (part.from <= part.to) found.push(part);
  }
  return found;
}

/** The ranges without the addresses of others. */
export function without(ranges: readonly Ipv4Range[], others: readonly Ipv4Range[]): Ipv4Range[] {
  let left = [...ranges];
  for (const cut of others) {
    left = left.flatMap(({ from, to }) => {
      if (cut.to < from || cut.from > to) return [{ from, to }];
      const parts: Ipv4Range[] = [];
      if (from < cut.from) parts.push({ from, to: (cut.from - 1) as Ipv4 });
      if (to > cut.to) parts.push({ from: (cut.to + 1) as Ipv4, to });
      return parts;
    });
  }
  return left;
}

/** Two lists together. What both have is in the ranges of the first. */
export function union(one: readonly Ipv4Range[], other: readonly Ipv4Range[]): Ipv4Range[] {
  return sorted([...one, ...without(other, one)]);
}

/** Ranges that need neither be disjoint nor in order, made so. */
export function tidy(ranges: readonly Ipv4Range[]): Ipv4Range[] {
  return ranges.reduce<Ipv4Range[]>((all, range) => union(all, [range]), []);
}

/** Ranges in the order of their addresses. */
export function sorted(ranges: readonly Ipv4Range[]): Ipv4Range[] {
  return ranges.toSorted((one, other) => one.from - other.from);
}
