/**
 * The options of a message: octets by code, in order, with typed views on demand.
 *
 * The octets are the truth. An option that nobody knows passes through untouched, and one that is
 * malformed hurts only whoever asks for its value.
 *
 * @module
 */

import { copyInto, DecodeError } from "./bytes.ts";
import type { Codec } from "./codec.ts";

/** What is known about an option: one row of the registry. */
export interface Option<T> {
  /** 1 to 254; of a sub-option 0 to 255. */
  readonly code: number;
  /** In lower case with dashes, unique in its registry. */
  readonly name: string;
  readonly codec: Codec<T>;
  /** The text that defines it, such as "RFC 2132 section 9.2". */
  readonly source: string;
}

/** Makes a row of a registry. */
export function option<T>(code: number, name: string, codec: Codec<T>, source: string): Option<T> {
  return { code, name, codec, source };
}

const PAD = 0;
const END = 255;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const RELAY_INFORMATION = 82;

/** Octets before an option's value: code and length. */
const HEAD = 2;

/** The longest value that one instance of an option holds; a longer one takes several (RFC 3396). */
const MAX_PIECE = 255;

/** What option 52 takes. */
const OVERLOAD_SIZE = HEAD + 1;

/**
 * The options without which a reply is wrong, most important first: message type, server
 * identifier, lease time (RFC 2131 table 3), relay agent information (RFC 3046 section 2.2), client
 * identifier (RFC 6842 section 3). They get their room before any other.
 */
export const ESSENTIAL: readonly number[] = [MESSAGE_TYPE, 54, 51, RELAY_INFORMATION, 61];

/** Bits of option 52: which header fields hold options (RFC 2132 section 9.3). */
export const Overload = { FILE: 1, SNAME: 2 } as const;

/** A stretch of a packet, octets [start, end), that may hold options. */
export interface Field {
  readonly start: number;
  readonly end: number;
}

/** A header field that option 52 can turn over to options. */
export interface SpareField extends Field {
  /** Its bit in option 52. */
  readonly bit: number;
}

/** What {@linkcode Options.encodeWithin} did. */
export interface Encoded {
  /** Where the octets after END begin. */
  readonly end: number;
  /** Codes of the options that did not fit, in their order. */
  readonly omitted: readonly number[];
}

/** Where one option's value lies. Several messages may share one: it never changes its meaning. */
class Entry {
  readonly code: number;
  source: Uint8Array;
  start: number;
  end: number;
  /** The octet of the packet where the option begins; -1 when it came from no packet. */
  readonly offset: number;
  /** Start and end of each further instance, to be joined when somebody looks (RFC 3396). */
  more: number[] | undefined = undefined;
  view: Uint8Array | undefined = undefined;

  constructor(code: number, source: Uint8Array, start: number, end: number, offset: number) {
    this.code = code;
    this.source = source;
    this.start = start;
    this.end = end;
    this.offset = offset;
  }

  /** Octets in the value, once it is one value. */
  get length(): number {
    if (this.more !== undefined) this.join();
    return this.end - this.start;
  }

  /** Makes the instances one value. Costs nothing for an option that came in one piece. */
  join(): void {
    if (this.more === undefined) return;
    let length = this.end - this.start;
    for (let i = 0; i < this.more.length; i += 2) length += this.more[i + 1]! - this.more[i]!;
    const joined = new Uint8Array(length);
    let at = copyInto(joined, 0, this.source, this.start, this.end);
    for (let i = 0; i < this.more.length; i += 2) {
      at = copyInto(joined, at, this.source, this.more[i]!, this.more[i + 1]!);
    }
    this.source = joined;
    this.start = 0;
    this.end = length;
    this.more = undefined;
  }
}

/** What a value takes on the wire with the heads of as many instances as it needs. */
function sizeOnWire(length: number): number {
  return length + HEAD * (length <= MAX_PIECE ? 1 : Math.ceil(length / MAX_PIECE));
}

/** The longest value that fits in so many octets with its heads. */
function lengthWithin(room: number): number {
  const whole = Math.floor(room / (HEAD + MAX_PIECE));
  return whole * MAX_PIECE + Math.max(0, room % (HEAD + MAX_PIECE) - HEAD);
}

/** Writes octets [from, to) of the value in instances of at most 255; returns where they end. */
function put(into: Uint8Array, at: number, entry: Entry, from: number, to: number): number {
  let start = entry.start + from;
  const end = entry.start + to;
  do {
    const next = Math.min(end, start + MAX_PIECE);
    into[at] = entry.code;
    into[at + 1] = next - start;
    at = copyInto(into, at + HEAD, entry.source, start, next);
    start = next;
  } while (start < end);
  return at;
}

/**
 * Where in `#entries` a code was last put, by code. A hint that is checked before it is believed, so
 * it is never cleared, and a packet of a thousand tiny options is walked in linear time. Only one
 * walk uses it at a time: a walk does not wait for anything.
 */
const slots = new Uint8Array(256);

/** The options of a message, in order; each code at most once. */
export class Options implements Iterable<[code: number, value: Uint8Array]> {
  #entries: Entry[] = [];
  #overload = 0;

  /**
   * Reads a packet's options: the options field, then, when option 52 there says so, `file` and
   * `sname` (RFC 2131 section 4.1). Instances of one code are one option, joined in that order
   * (RFC 3396 section 7). Option 52 itself says how the others travelled and is not kept.
   *
   * Copies nothing: the options are views of `packet` and live until its buffer is used again.
   *
   * A field without END counts as whole when its last option is: some clients leave END out, and
   * nothing is lost. An option cut short is an error.
   *
   * @throws {DecodeError} of kind `truncated` or `overload`.
   */
  static decode(packet: Uint8Array, field: Field, file: Field, sname: Field): Options {
    const options = new Options();
    options.#walk(packet, field.start, field.end);
    const overload = options.#find(OVERLOAD);
    if (overload !== undefined) {
      const bits = overload.source[overload.start]!;
      if (
        overload.more !== undefined || overload.end - overload.start !== 1 || bits < 1 || bits > 3
      ) {
        throw new DecodeError(
          "overload",
          "wanted one octet that is 1, 2 or 3",
          overload.offset,
          OVERLOAD,
        );
      }
      if ((bits & Overload.FILE) !== 0) options.#walk(packet, file.start, file.end);
      if ((bits & Overload.SNAME) !== 0) options.#walk(packet, sname.start, sname.end);
      options.delete(OVERLOAD);
      options.#overload = bits;
    }
    return options;
  }

  /** Bits of {@linkcode Overload}: the header fields whose octets were options when decoded. */
  get overload(): number {
    return this.#overload;
  }

  /** How many options there are. */
  get size(): number {
    return this.#entries.length;
  }

  /** Whether the option is there. */
  has(code: number): boolean {
    return this.#find(code) !== undefined;
  }

  /** The option's octets, a view; undefined when it is not there. */
  raw(code: number): Uint8Array | undefined {
    const entry = this.#find(code);
    return entry === undefined ? undefined : rawOf(entry);
  }

  /**
   * Puts an option in the place of the one with its code, or last. The octets are kept, not copied.
   *
   * @throws {RangeError} when the code is not 1 to 254, or is 52, which is encoding's to decide.
   */
  setRaw(code: number, value: Uint8Array): void {
    if (!Number.isInteger(code) || code <= PAD || code >= END || code === OVERLOAD) {
      throw new RangeError(`Cannot set option ${code}: wanted 1 to 254 and not ${OVERLOAD}`);
    }
    this.#put(new Entry(code, value, 0, value.length, -1));
  }

  /** Removes an option; says whether it was there. */
  delete(code: number): boolean {
    const index = this.#indexOf(code);
    if (index < 0) return false;
    this.#entries.splice(index, 1);
    return true;
  }

  /** The codes in order. */
  codes(): number[] {
    return this.#entries.map((entry) => entry.code);
  }

  /** Codes and octets in order. */
  *[Symbol.iterator](): IterableIterator<[code: number, value: Uint8Array]> {
    for (const entry of this.#entries) yield [entry.code, rawOf(entry)];
  }

  /**
   * The option's value; undefined when it is not there.
   *
   * @throws {DecodeError} when it is malformed, with its code and its place in the packet.
   */
  get<T>(option: Option<T>): T | undefined {
    const entry = this.#find(option.code);
    if (entry === undefined) return undefined;
    entry.join();
    try {
      return option.codec.decode(entry.source, entry.start, entry.end);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DecodeError(error.kind, error.reason, entry.offset, option.code);
    }
  }

  /**
   * Puts an option's value in the place of the one with its code, or last.
   *
   * @throws {RangeError} when the wire cannot carry the value.
   */
  set<T>(option: Option<T>, value: T): void {
    this.setRaw(option.code, option.codec.encode(value));
  }

  /** Puts another message's option in, octet for octet; says whether that message had it. */
  echo(from: Options, code: number): boolean {
    const entry = from.#find(code);
    if (entry === undefined) return false;
    this.#put(entry);
    return true;
  }

  /** What {@linkcode encode} will write, END included, in octets. */
  get encodedSize(): number {
    let size = 1;
    for (const entry of this.#entries) size += sizeOnWire(entry.length);
    return size;
  }

  /**
   * Writes all options and END; returns where they end. There must be room for
   * {@linkcode encodedSize} octets.
   *
   * Message type comes first, where people look for it, and relay agent information last (RFC 3046
   * section 2.1). A value longer than 255 octets takes several instances (RFC 3396 section 6).
   */
  encode(into: Uint8Array, at: number): number {
    const first = this.#find(MESSAGE_TYPE);
    const last = this.#find(RELAY_INFORMATION);
    if (first !== undefined) at = put(into, at, first, 0, first.length);
    for (const entry of this.#entries) {
      if (entry === first || entry === last) continue;
      at = put(into, at, entry, 0, entry.length);
    }
    if (last !== undefined) at = put(into, at, last, 0, last.length);
    into[at] = END;
    return at + 1;
  }

  /**
   * Writes what fits in the options field and the spare fields, whose octets must be zero.
   *
   * Room is given out in order of importance: {@linkcode ESSENTIAL} first, then by place. Each
   * option goes whole into the first field with room for it; one longer than 255 octets, which is
   * in several instances anyway, may continue in the next (RFC 3396 section 6). Relay agent
   * information stays in the options field, where relays look. An option is left out only when
   * those that matter more leave no room for it.
   */
  encodeWithin(into: Uint8Array, field: Field, spare: readonly SpareField[]): Encoded {
    const order = this.#wireOrder();
    let plan = new Plan(order, field, []);
    if (plan.omitted.length > 0 && spare.length > 0) {
      // Option 52 takes room itself, so the spare fields are not always a gain.
      const wider = new Plan(order, field, spare);
      if (wider.betterThan(plan)) plan = wider;
    }
    return { end: plan.write(into), omitted: plan.omitted };
  }

  #wireOrder(): Entry[] {
    const rank = (entry: Entry) =>
      entry.code === MESSAGE_TYPE ? 0 : entry.code === RELAY_INFORMATION ? 2 : 1;
    return this.#entries.toSorted((a, b) => rank(a) - rank(b));
  }

  // A loop over a dozen entries beats a Map that would have to be filled for every packet.
  #indexOf(code: number): number {
    const entries = this.#entries;
    for (let i = 0; i < entries.length; i++) if (entries[i]!.code === code) return i;
    return -1;
  }

  #find(code: number): Entry | undefined {
    const index = this.#indexOf(code);
    return index < 0 ? undefined : this.#entries[index];
  }

  #put(entry: Entry): void {
    const index = this.#indexOf(entry.code);
    if (index < 0) this.#entries.push(entry);
    else this.#entries[index] = entry;
  }

  #walk(packet: Uint8Array, start: number, end: number): void {
    const entries = this.#entries;
    let at = start;
    while (at < end) {
      const code = packet[at]!;
      if (code === END) return;
      if (code === PAD) {
        at++;
        continue;
      }
      const value = at + HEAD;
      // Past the last octet of the array this is NaN, which is not within the field either.
      const next = value + packet[at + 1]!;
      if (!(next <= end)) {
        const left = end - value;
        const reason = left < 0
          ? "its length is missing"
          : `length is ${packet[at + 1]}, only ${left} left`;
        throw new DecodeError("truncated", reason, at, code);
      }
      const slot = slots[code]!;
      if (slot < entries.length && entries[slot]!.code === code) {
        (entries[slot]!.more ??= []).push(value, next);
      } else {
        slots[code] = entries.length;
        entries.push(new Entry(code, packet, value, next, at));
      }
      at = next;
    }
  }
}

function rawOf(entry: Entry): Uint8Array {
  entry.join();
  return entry.view ??= entry.source.subarray(entry.start, entry.end);
}

/** Octets [from, to) of a value, to be written in some field. */
interface Part {
  readonly entry: Entry;
  readonly from: number;
  readonly to: number;
}

/** A field while it is being filled. */
interface Filling {
  readonly start: number;
  /** Option 52's bit for it; zero for the options field. */
  readonly bit: number;
  /** Octets left, END already taken off. */
  room: number;
  readonly parts: Part[];
}

/** Which option goes where when not everything fits in the options field. */
class Plan {
  /** Codes of the options without a place, in wire order. */
  readonly omitted: readonly number[];
  readonly #order: readonly Entry[];
  readonly #main: Filling;
  readonly #fields: readonly Filling[];
  /** How many options, by importance, have a place before the first that has none. */
  readonly #served: number;

  constructor(order: readonly Entry[], field: Field, spare: readonly SpareField[]) {
    const filling = ({ start, end }: Field, bit: number, taken: number): Filling => ({
      start,
      bit,
      room: end - start - taken,
      parts: [],
    });
    this.#order = order;
    this.#main = filling(field, 0, spare.length > 0 ? OVERLOAD_SIZE + 1 : 1);
    this.#fields = [this.#main, ...spare.map((field) => filling(field, field.bit, 1))];

    const importance = ({ code }: Entry) => {
      const rank = ESSENTIAL.indexOf(code);
      return rank < 0 ? ESSENTIAL.length : rank;
    };
    const wanted = order.toSorted((a, b) => importance(a) - importance(b));
    const placed = wanted.map((entry) => this.#place(entry));
    this.#served = placed.includes(false) ? placed.indexOf(false) : placed.length;
    const left = new Set(wanted.filter((_, i) => !placed[i]));
    this.omitted = order.filter((entry) => left.has(entry)).map(({ code }) => code);
  }

  /** Whether this plan carries what matters more, or as much of that and more options. */
  betterThan(other: Plan): boolean {
    return this.#served > other.#served ||
      this.#served === other.#served && this.omitted.length < other.omitted.length;
  }

  /** Writes the fields, each with END; returns where the options field ends. */
  write(into: Uint8Array): number {
    const overload = this.#fields.reduce(
      (bits, { bit, parts }) => parts.length > 0 ? bits | bit : bits,
      0,
    );
    let end = 0;
    for (const field of this.#fields) {
      if (field !== this.#main && field.parts.length === 0) continue;
      // Placed by importance, written in order.
      field.parts.sort((a, b) => this.#order.indexOf(a.entry) - this.#order.indexOf(b.entry));
      let at = field.start;
      let announced = field !== this.#main || overload === 0;
      for (const { entry, from, to } of field.parts) {
        if (!announced && entry.code !== MESSAGE_TYPE) {
          at = putOverload(into, at, overload);
          announced = true;
        }
        at = put(into, at, entry, from, to);
      }
      if (!announced) at = putOverload(into, at, overload);
      into[at] = END;
      if (field === this.#main) end = at + 1;
    }
    return end;
  }

  #place(entry: Entry): boolean {
    const { length } = entry;
    const size = sizeOnWire(length);
    const fields = entry.code === RELAY_INFORMATION ? [this.#main] : this.#fields;
    const field = fields.find((field) => field.room >= size);
    if (field !== undefined) {
      field.parts.push({ entry, from: 0, to: length });
      field.room -= size;
      return true;
    }
    if (length <= MAX_PIECE) return false;
    const capacity = fields.reduce((sum, field) => sum + lengthWithin(field.room), 0);
    if (capacity < length) return false;
    let from = 0;
    for (const field of fields) {
      const to = Math.min(length, from + lengthWithin(field.room));
      if (to === from) continue;
      field.parts.push({ entry, from, to });
      field.room -= sizeOnWire(to - from);
      from = to;
    }
    return true;
  }
}

function putOverload(into: Uint8Array, at: number, bits: number): number {
  into[at] = OVERLOAD;
  into[at + 1] = 1;
  into[at + 2] = bits;
  return at + OVERLOAD_SIZE;
}
