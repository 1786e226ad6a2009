/**
 * Octets in network order, and the one error that reading them throws.
 *
 * @module
 */

/**
 * What is wrong with a message, in a word. The set is small and fixed, so it can label a metric.
 *
 * - `short`: fewer octets than a DHCP header has
 * - `hardware-length`: hlen is more than chaddr holds
 * - `magic`: no DHCP magic cookie, so perhaps plain BOOTP
 * - `truncated`: an option runs past the end of its field
 * - `overload`: option 52 has no meaning that RFC 2132 gives it
 * - `length`: an option's length is none that its type can have
 * - `value`: the length is right and the content is not
 */
export type DecodeErrorKind =
  | "short"
  | "hardware-length"
  | "magic"
  | "truncated"
  | "overload"
  | "length"
  | "value";

/**
 * Octets that are not the message, or not the option value, that they were read as.
 *
 * The text names the place: "Cannot decode option 50 at byte 262: length is 3, wanted 4".
 */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
  readonly kind: DecodeErrorKind;
  /** What is wrong, without the place. */
  readonly reason: string;
  /**
   * The octet of the packet, from 0, where the trouble starts; for an option that of its code.
   * Minus one when the octets came from no packet.
   */
  readonly offset: number;
  /** The option's code; undefined when the message itself is malformed. */
  readonly code: number | undefined;

  constructor(kind: DecodeErrorKind, reason: string, offset = -1, code?: number) {
    const what = code === undefined ? "message" : `option ${code}`;
    const where = offset < 0 ? "" : ` at byte ${offset}`;
    super(`Cannot decode ${what}${where}: ${reason}`);
    this.kind = kind;
    this.reason = reason;
    this.offset = offset;
    this.code = code;
  }
}

/** Reads two octets as an unsigned number, 0 to 65535. */
export function u16At(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 8 | bytes[at + 1]!;
}

/** Reads four octets as an unsigned number, 0 to 4294967295. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) >>> 0;
}

/** Writes the low 16 bits of a number as two octets. */
export function putU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes the low 32 bits of a number as four octets. */
export function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Below this many octets a loop beats making a view for `set`; measured, and not critical. */
const SHORT_COPY = 48;

/** Copies octets [start, end) of one array into another from `at`; returns where the copy ends. */
export function copyInto(
  into: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  end: number,
): number {
  if (end - start < SHORT_COPY) {
    while (start < end) into[at++] = source[start++]!;
    return at;
  }
  into.set(source.subarray(start, end), at);
  return at + end - start;
}

/** Joins arrays end to end into a new one. */
export function concat(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Small arrays are cut from one block of this size, octets. */
const BLOCK = 8192;

/** The longest array that is cut from a block, octets. */
const SMALL = 256;

let block = new Uint8Array(BLOCK);
let used = 0;

/**
 * A new array of zeros. A reply takes half a dozen of a few octets each; cutting them from a shared
 * block takes a fifth of the time of giving each a buffer of its own.
 */
export function allocate(length: number): Uint8Array {
  if (length > SMALL) return new Uint8Array(length);
  if (used + length > BLOCK) {
    block = new Uint8Array(BLOCK);
    used = 0;
  }
  const start = used;
  used += length;
  return block.subarray(start, used);
}
