import assert from "node:assert/strict";
import {
  concat,
  copyInto,
  DecodeError,
  putU16,
  putU32,
  u16At,
  u32At,
} from "../../lib/wire/bytes.ts";

Deno.test("DecodeError: the text names the option and the place", () => {
  const error = new DecodeError("length", "length is 3, wanted 4", 262, 50);
  assert.equal(error.message, "Cannot decode option 50 at byte 262: length is 3, wanted 4");
  assert.equal(error.kind, "length");
  assert.equal(error.reason, "length is 3, wanted 4");
  assert.equal(error.offset, 262);
  assert.equal(error.code, 50);
});

Deno.test("DecodeError: without a code it is the message, without an offset it has no place", () => {
  assert.equal(
    new DecodeError("short", "length is 7", 0).message,
    "Cannot decode message at byte 0: length is 7",
  );
  assert.equal(
    new DecodeError("length", "length is 7", -1, 50).message,
    "Cannot decode option 50: length is 7",
  );
});

Deno.test("u32At: numbers with the top bit set are positive, and putU32 undoes it", () => {
  const bytes = new Uint8Array(8);
  putU32(bytes, 1, 0xfedcba98);
  assert.equal(u32At(bytes, 1), 0xfedcba98);
  assert.deepEqual(bytes, Uint8Array.of(0, 0xfe, 0xdc, 0xba, 0x98, 0, 0, 0));
  putU16(bytes, 6, 0xfedc);
  assert.equal(u16At(bytes, 6), 0xfedc);
});

Deno.test("copyInto: short and long stretches land alike", () => {
  const source = Uint8Array.from({ length: 300 }, (_, i) => i & 255);
  for (const length of [0, 1, 47, 48, 49, 255]) {
    const into = new Uint8Array(400).fill(9);
    assert.equal(copyInto(into, 10, source, 5, 5 + length), 10 + length);
    assert.deepEqual(into.slice(10, 10 + length), source.slice(5, 5 + length));
    assert.equal(into[9], 9);
    assert.equal(into[10 + length], 9);
  }
});

Deno.test("concat: joins in order into an array of its own", () => {
  assert.deepEqual(concat([]), new Uint8Array(0));
  const part = Uint8Array.of(1, 2);
  const joined = concat([part, new Uint8Array(0), Uint8Array.of(3)]);
  assert.deepEqual(joined, Uint8Array.of(1, 2, 3));
  joined[0] = 9;
  assert.equal(part[0], 1);
});
