/**
 * What must hold for every packet, whatever its octets. The property tests and scripts/fuzz.ts
 * both look through this glass.
 *
 * @module
 */

import assert from "node:assert/strict";
import { DecodeError, type DecodeErrorKind } from "../../lib/wire/bytes.ts";
import { decodeMessage, encodeMessage, type Message } from "../../lib/wire/message.ts";
import type { Option } from "../../lib/wire/options.ts";
import { OPTIONS } from "../../lib/wire/registry.ts";
import { RELAY_SUB_OPTIONS, RelayInformation } from "../../lib/wire/relay.ts";

/** What became of a packet: it decoded, or why not. */
export type Finding = "decoded" | DecodeErrorKind;

// Larger than what any packet of 64 KiB decodes to.
const roomy = new Uint8Array(1 << 17);

/** Something that `deepEqual` sees all of; `Options` hides its parts. Order of options included. */
export function plain({ options, ...header }: Message) {
  return { ...header, options: [...options] };
}

/** The order in which options are written: 53 first, 82 last. */
export function wireOrder<T extends readonly [number, unknown]>(pairs: Iterable<T>): T[] {
  const rank = ([code]: T) => code === 53 ? 0 : code === 82 ? 2 : 1;
  return [...pairs].toSorted((a, b) => rank(a) - rank(b));
}

/**
 * Decodes a packet, looks at every option in it through its type, encodes it again with much room
 * and with little, and decodes that.
 *
 * @param packet its octets are the caller's and not changed.
 * @throws whatever but `DecodeError` comes out of the wire layer, and `AssertionError` when a round
 * trip changes something.
 */
export function examine(packet: Uint8Array): Finding {
  let message: Message;
  try {
    message = decodeMessage(packet);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    assert(error.offset >= 0 && error.offset <= packet.length, error.message);
    return error.kind;
  }
  for (const row of OPTIONS) view(row, () => message.options.get(row));
  roundTrip(message);
  return "decoded";
}

function view(row: Option<unknown>, get: () => unknown): void {
  let value: unknown;
  try {
    value = get();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    assert.equal(typeof error.code, "number");
    return;
  }
  if (value === undefined) return;
  // What decodes can be encoded, and means the same afterwards.
  assert.deepEqual(row.codec.decode(row.codec.encode(value)), value);
  if (value instanceof RelayInformation) {
    for (const subRow of RELAY_SUB_OPTIONS) view(subRow, () => value.get(subRow));
  }
}

function roundTrip(message: Message): void {
  const expected = { ...plain(message), options: wireOrder(message.options) };
  roomy.fill(0xa5);
  const whole = encodeMessage(message, roomy, roomy.length);
  assert.deepEqual(whole.omitted, []);
  assert.deepEqual(plain(decodeMessage(roomy.subarray(0, whole.length))), expected);

  for (const maxSize of [300, 548]) {
    roomy.fill(0xa5);
    const { length, omitted } = encodeMessage(message, roomy, maxSize);
    assert(length >= 300 && length <= maxSize);
    const again = decodeMessage(roomy.subarray(0, length));
    const kept = expected.options.filter(([code]) => !omitted.includes(code));
    assert.equal(kept.length + omitted.length, expected.options.length);
    const byCode = (a: readonly [number, unknown], b: readonly [number, unknown]) => a[0] - b[0];
    assert.deepEqual(
      { ...plain(again), options: [...again.options].toSorted(byCode) },
      { ...expected, options: kept.toSorted(byCode) },
    );
  }
}
