/**
 * A set of addresses out of a fixed universe, one bit each, that finds the next member after any
 * position: a /16 is scanned in two thousand steps at worst, typically in one.
 *
 * @module
 */

import { broadcastOf, type Cidr, type Ipv4, type Ipv4Range } from "../wire/address.ts";
import { rangeContains, rangeSize } from "../wire/address.ts";

/** The addresses of a subnet that hosts may have: not its own, nor its broadcast address. */
export function hostsOf(cidr: Cidr): Ipv4Range {
  // A /31 and a /32 have neither (RFC 3021).
  const edge = cidr.prefix < 31 ? 1 : 0;
  return {
    from: (cidr.network + edge) as Ipv4,
    to: (broadcastOf(cidr) - edge) as Ipv4,
  };
}

/** Addresses in disjoint ranges, numbered 0 to size - 1 in their order. */
export class AddressSpace {
  readonly size: number;
  readonly #ranges: readonly { readonly range: Ipv4Range; readonly start: number }[];

  constructor(ranges: readonly Ipv4Range[]) {
    let start = 0;
    this.#ranges = ranges.map((range) => {
      const entry = { range, start };
      start += rangeSize(range);
      return entry;
    });
    this.size = start;
  }

  /** The address's number, or -1 when it is in none of the ranges. */
  indexOf(address: Ipv4): number {
    for (const { range, start } of this.#ranges) {
      if (rangeContains(range, address)) return start + address - range.from;
    }
    return -1;
  }

  /** The address with this number, 0 to size - 1. */
  at(index: number): Ipv4 {
    for (const { range, start } of this.#ranges) {
      if (index < start + rangeSize(range)) return (range.from + index - start) as Ipv4;
    }
    throw new RangeError(`Cannot find address ${index} of ${this.size}`);
  }
}

/** A changing set of addresses of one space. Addresses outside the space are never members. */
export class AddressSet {
  readonly space: AddressSpace;
  readonly #words: Uint32Array;
  #size = 0;
  /** No word before or after these has ever had a member. */
  #low = Infinity;
  #high = -1;

  constructor(space: AddressSpace) {
    this.space = space;
    this.#words = new Uint32Array(Math.ceil(space.size / 32));
  }

  get size(): number {
    return this.#size;
  }

  has(address: Ipv4): boolean {
    const index = this.space.indexOf(address);
    return index >= 0 && (this.#words[index >>> 5]! & (1 << (index & 31))) !== 0;
  }

  add(address: Ipv4): void {
    const index = this.space.indexOf(address);
    if (index < 0) return;
    const word = this.#words[index >>> 5]!;
    const bit = 1 << (index & 31);
    if ((word & bit) !== 0) return;
    this.#words[index >>> 5] = word | bit;
    this.#size++;
    if (index >>> 5 < this.#low) this.#low = index >>> 5;
    if (index >>> 5 > this.#high) this.#high = index >>> 5;
  }

  delete(address: Ipv4): void {
    const index = this.space.indexOf(address);
    if (index < 0) return;
    const word = this.#words[index >>> 5]!;
    const bit = 1 << (index & 31);
    if ((word & bit) === 0) return;
    this.#words[index >>> 5] = word & ~bit;
    this.#size--;
  }

  /** The members, in the order of the space. */
  *[Symbol.iterator](): Iterator<Ipv4> {
    for (let at = 0; at < this.#words.length; at++) {
      for (let word = this.#words[at]!; word !== 0; word &= word - 1) {
        yield this.space.at(at * 32 + 31 - Math.clz32(word & -word));
      }
    }
  }

  /**
   * The first member at or after a position, going round, that is in none of the other sets.
   *
   * @param position Any u32; taken modulo the size of the space.
   * @param without Sets over the same space.
   */
  nextFrom(position: number, ...without: readonly AddressSet[]): Ipv4 | undefined {
    if (this.#size === 0) return undefined;
    const start = position % this.space.size;
    const [low, high] = [this.#low, this.#high];
    const first = start >>> 5;
    const isWithin = first >= low && first <= high;
    let at = isWithin ? first : low;
    // The word of the start is visited twice: first its upper part, at the end its lower part.
    for (let step = 0; step <= high - low + 1; step++) {
      let word = this.#words[at]!;
      for (const other of without) word &= ~other.#words[at]!;
      if (step === 0 && isWithin) word &= -1 << (start & 31);
      if (word !== 0) return this.space.at(at * 32 + 31 - Math.clz32(word & -word));
      at = at === high ? low : at + 1;
    }
    return undefined;
  }
}
