import assert from "node:assert/strict";
import fc from "fast-check";
import { parseIpv4 } from "../../lib/wire/address.ts";
import { DecodeError } from "../../lib/wire/bytes.ts";
import { Options } from "../../lib/wire/options.ts";
import {
  hostName,
  leaseTime,
  messageType,
  parameterRequestList,
  requestedAddress,
  router,
} from "../../lib/wire/registry.ts";
import { anyOptions, octets, optionsOf, settableCode } from "./arbitraries.ts";
import { wireOrder } from "./examine.ts";
import { formatHex, parseHex } from "./golden.ts";

/** A field of a packet that is made of nothing else. */
const only = (packet: Uint8Array) => ({ start: 0, end: packet.length });
const NOWHERE = { start: 0, end: 0 };

function decode(hex: string): Options {
  const packet = parseHex(hex);
  return Options.decode(packet, only(packet), NOWHERE, NOWHERE);
}

/** Options, `file` and `sname` one after the other. */
function decodeFields(main: string, file: string, sname: string): Options {
  const [first, second, third] = [parseHex(main), parseHex(file), parseHex(sname)];
  const packet = Uint8Array.of(...first, ...second, ...third);
  const atSname = first.length + second.length;
  return Options.decode(
    packet,
    { start: 0, end: first.length },
    { start: first.length, end: atSname },
    { start: atSname, end: packet.length },
  );
}

/** Codes and octets as text, in order: "53:01 12:6162". */
const shown = (options: Options) =>
  Array.from(options, ([code, value]) => `${code}:${formatHex(value)}`).join(" ");

function encode(options: Options): string {
  const into = new Uint8Array(options.encodedSize).fill(0xa5);
  assert.equal(options.encode(into, 0), into.length);
  return formatHex(into);
}

Deno.test("Options.decode: walks code, length, value; pads go, END ends (RFC 2132 section 2)", () => {
  assert.equal(shown(decode("350101 00 00 0c026162 ff 3204")), "53:01 12:6162");
  assert.equal(shown(decode("ff")), "");
  assert.equal(shown(decode("")), "");
  assert.equal(shown(decode("0c00 ff")), "12:");
});

Deno.test("Options.decode: a missing END is no error when the last option is whole", () => {
  assert.equal(shown(decode("350101 0c026162")), "53:01 12:6162");
  assert.equal(shown(decode("350101 0000")), "53:01");
});

Deno.test("Options.decode: an option cut short is named and located", () => {
  const rows: [string, RegExp][] = [
    ["350101 0c036162", /^Cannot decode option 12 at byte 3: length is 3, only 2 left$/],
    ["350101 0c", /^Cannot decode option 12 at byte 3: its length is missing$/],
    ["350101 0c01", /^Cannot decode option 12 at byte 3: length is 1, only 0 left$/],
    ["00 32ff 00", /^Cannot decode option 50 at byte 1: length is 255, only 1 left$/],
  ];
  for (const [hex, text] of rows) {
    assert.throws(() => decode(hex), (error) => {
      assert(error instanceof DecodeError);
      assert.equal(error.kind, "truncated");
      assert.match(error.message, text);
      return true;
    });
  }
});

Deno.test("Options.decode: instances of one code are one option (RFC 3396 section 7)", () => {
  assert.equal(shown(decode("0c0161 350101 0c0162 0c00 0c026364 ff")), "12:61626364 53:01");
});

Deno.test("Options.decode: option, file, sname, in that order (RFC 2131 section 4.1)", () => {
  const options = decodeFields("350105 340103 0c0161 ff", "0c0162 060462 636465 ff 99", "0c0163");
  assert.equal(shown(options), "53:05 12:616263 6:62636465");
  assert.equal(options.overload, 3);
});

Deno.test("Options.decode: reads only the fields that option 52 names", () => {
  assert.equal(shown(decodeFields("340101 ff", "0c0166", "0d0173")), "12:66");
  assert.equal(shown(decodeFields("340102 ff", "0c0166", "0d0173")), "13:73");
  assert.equal(shown(decodeFields("ff", "0c0166", "0d0173")), "");
});

Deno.test("Options.decode: an option 52 inside file or sname means nothing and is not kept", () => {
  assert.equal(shown(decodeFields("340101 ff", "0c0166 ff", "0d0173")), "12:66");
  const options = decodeFields("340101 ff", "340102 0c0166 ff", "0d0173");
  assert.equal(shown(options), "12:66");
  assert.equal(options.overload, 1);
});

Deno.test("Options.decode: an option 52 without meaning is refused (RFC 2132 section 9.3)", () => {
  for (const hex of ["340100", "340104", "3400", "34020101", "340101340102"]) {
    assert.throws(() => decode(hex + "ff"), {
      name: "DecodeError",
      kind: "overload",
      code: 52,
      offset: 0,
    });
  }
});

Deno.test("Options.decode: an option ends with its field, whatever follows in the packet", () => {
  const refused = { kind: "truncated", offset: 4, code: 12 };
  assert.throws(() => decodeFields("340101 ff", "0c0566", ""), refused);
  assert.throws(() => decodeFields("340103 ff", "0c0266", "0d0173 ff"), refused);
  assert.throws(() => decodeFields("340103 ff", "0c", "0d0173 ff"), refused);
});

Deno.test("Options.decode: thousands of tiny instances take no longer than their length", () => {
  const tiny = new Uint8Array(60_000);
  for (let at = 0; at < tiny.length; at += 3) tiny.set([1 + (at / 3) % 250, 1, at], at);
  // By option 52's rules it would be refused.
  for (let at = 0; at < tiny.length; at += 3) if (tiny[at] === 52) tiny[at] = 251;
  const options = Options.decode(tiny, only(tiny), NOWHERE, NOWHERE);
  assert.equal(options.size, 250);
  let total = 0;
  for (const [, value] of options) total += value.length;
  assert.equal(total, 20_000);
});

Deno.test("Options.get: decodes on demand, and says where it cannot", () => {
  const options = decode("350101 3203 0a0000 ff");
  assert.equal(options.get(messageType), 1);
  assert.equal(options.get(hostName), undefined);
  assert.throws(() => options.get(requestedAddress), {
    message: "Cannot decode option 50 at byte 3: length is 3, wanted 4",
  });
});

Deno.test("Options.get: of joined instances, the place is the first one's", () => {
  assert.throws(() => decode("350101 32020a00 32020000 320101").get(requestedAddress), {
    message: "Cannot decode option 50 at byte 3: length is 5, wanted 4",
  });
  assert.equal(decode("32020a00 32020001").get(requestedAddress), parseIpv4("10.0.0.1"));
});

Deno.test("Options.get: an option that came from no packet has no place", () => {
  assert.throws(() => optionsOf([[50, Uint8Array.of(1)]]).get(requestedAddress), {
    message: "Cannot decode option 50: length is 1, wanted 4",
    offset: -1,
  });
});

Deno.test("Options.set: replaces in place, adds at the end", () => {
  const options = new Options();
  options.set(messageType, 2);
  options.set(leaseTime, 60);
  options.set(router, [parseIpv4("10.0.0.1")]);
  options.set(leaseTime, 3600);
  assert.equal(shown(options), "53:02 51:00000e10 3:0a000001");
  assert.deepEqual(options.codes(), [53, 51, 3]);
  assert.equal(options.size, 3);
  assert(options.delete(51));
  assert(!options.delete(51));
  assert(!options.has(51));
  assert.equal(shown(options), "53:02 3:0a000001");
});

Deno.test("Options.setRaw: pad, END, option 52 and what is no code are refused", () => {
  for (const code of [0, 255, 52, -1, 256, 1.5]) {
    assert.throws(() => new Options().setRaw(code, new Uint8Array(0)), RangeError);
  }
});

Deno.test("Options.raw: a view of the packet, the same one each time", () => {
  const packet = parseHex("0c026162ff");
  const options = Options.decode(packet, only(packet), NOWHERE, NOWHERE);
  const raw = options.raw(12)!;
  assert.equal(raw.buffer, packet.buffer);
  assert.equal(options.raw(12), raw);
  assert.equal(options.raw(13), undefined);
});

Deno.test("Options.echo: carries an option over octet for octet, joined or not", () => {
  const request = decode("52010a 3d0101 3d0102 ff");
  const reply = new Options();
  assert(reply.echo(request, 82));
  assert(reply.echo(request, 61));
  assert(!reply.echo(request, 12));
  assert.equal(shown(reply), "82:0a 61:0102");
  reply.setRaw(61, Uint8Array.of(9));
  assert.equal(shown(request), "82:0a 61:0102");
});

Deno.test("Options.encode: message type first, relay information last (RFC 3046 section 2.1)", () => {
  assert.equal(
    encode(decode("520101 0c0161 350105 060462636465")),
    "350105" + "0c0161" + "060462636465" + "520101" + "ff",
  );
});

Deno.test("Options.encode: a value of more than 255 octets takes several (RFC 3396 section 6)", () => {
  for (const [length, instances] of [[255, 1], [256, 2], [510, 2], [511, 3]] as const) {
    const value = Uint8Array.from({ length }, (_, i) => i);
    const options = optionsOf([[56, value]]);
    assert.equal(options.encodedSize, length + 2 * instances + 1);
    assert.deepEqual(decode(encode(options)).raw(56), value);
  }
});

Deno.test("Options.encode: what is encoded decodes to the same, whatever the codes", () => {
  fc.assert(fc.property(anyOptions(20), (options) => {
    const again = decode(encode(options));
    assert.deepEqual([...again], wireOrder(options));
  }));
});

Deno.test("Options.encode: every code but 52 goes through, known or not", () => {
  fc.assert(fc.property(settableCode, octets({ maxLength: 700 }), (code, value) => {
    assert.deepEqual(decode(encode(optionsOf([[code, value]]))).raw(code), value);
  }));
});

/** Encodes into an options field and spare fields of these sizes, and decodes that. */
function within(options: Options, main: number, spare: { file?: number; sname?: number }) {
  const { file = 0, sname = 0 } = spare;
  const packet = new Uint8Array(main + file + sname + 1);
  packet[packet.length - 1] = 0xa5;
  const field = { start: 0, end: main };
  const fileField = { start: main, end: main + file, bit: 1 };
  const snameField = { start: main + file, end: main + file + sname, bit: 2 };
  const fields = [];
  if (file > 0) fields.push(fileField);
  if (sname > 0) fields.push(snameField);
  const { end, omitted } = options.encodeWithin(packet, field, fields);
  assert(end <= main);
  assert.equal(packet[end - 1], 255);
  assert.equal(packet.at(-1), 0xa5, "wrote past the last field");
  const again = Options.decode(packet, { start: 0, end }, fileField, snameField);
  return { again, omitted, packet };
}

const filled = (length: number, octet: number) => new Uint8Array(length).fill(octet);

Deno.test("Options.encodeWithin: no option 52 when everything fits without", () => {
  const { again, omitted, packet } = within(decode("350105 0c0161"), 7, { file: 128 });
  assert.equal(shown(again), "53:05 12:61");
  assert.deepEqual(omitted, []);
  assert.equal(formatHex(packet.subarray(0, 7)), "3501050c0161ff");
});

Deno.test("Options.encodeWithin: file first, then sname, option 52 after the message type", () => {
  const options = optionsOf([
    [53, Uint8Array.of(5)],
    [10, filled(20, 1)],
    [11, filled(100, 2)],
    [12, filled(50, 3)],
    [13, filled(20, 4)],
  ]);
  const { again, omitted, packet } = within(options, 30, { file: 128, sname: 64 });
  assert.deepEqual(omitted, []);
  assert.equal(again.overload, 3);
  assert.equal(formatHex(packet.subarray(0, 8)), "3501053401030a14");
  assert.equal(packet[30], 11);
  // 102 of file's 128 are taken, so 12 went to sname and 13, being small, beside 11.
  assert.equal(packet[30 + 102], 13);
  assert.equal(packet[30 + 128], 12);
  assert.deepEqual(again.raw(13), filled(20, 4));
});

Deno.test("Options.encodeWithin: names in option 52 only the fields that it uses", () => {
  const options = optionsOf([[53, Uint8Array.of(5)], [11, filled(40, 2)]]);
  assert.equal(within(options, 20, { file: 128, sname: 64 }).again.overload, 1);
  assert.equal(within(options, 20, { sname: 64 }).again.overload, 2);
});

Deno.test("Options.encodeWithin: option 52 takes no room when the spare fields are of no use", () => {
  // 200 octets fit nowhere; without option 52 there is just room for the rest.
  const options = optionsOf([[53, Uint8Array.of(5)], [10, filled(200, 1)], [11, filled(4, 2)]]);
  const { again, omitted } = within(options, 10, { file: 128, sname: 64 });
  assert.equal(again.overload, 0);
  assert.deepEqual(omitted, [10]);
  const alone = within(optionsOf([[53, filled(1, 5)], [10, filled(200, 1)]]), 5, { file: 128 });
  assert.equal(alone.again.overload, 0);
  assert.deepEqual(alone.omitted, [10]);
});

Deno.test("Options.encodeWithin: option 52 displaces nothing that matters more", () => {
  // Without option 52 the large option just fits; with it, it would make way for the small one.
  const options = optionsOf([[53, Uint8Array.of(5)], [10, filled(200, 1)], [11, filled(4, 2)]]);
  const { again, omitted } = within(options, 1 + 3 + 202, { file: 128, sname: 64 });
  assert.deepEqual(again.codes(), [53, 10]);
  assert.deepEqual(omitted, [11]);
});

Deno.test("Options.encodeWithin: a long option goes on in the next field (RFC 3396 section 6)", () => {
  const value = Uint8Array.from({ length: 300 }, (_, i) => i);
  const options = optionsOf([[53, Uint8Array.of(5)], [121, value], [12, filled(3, 7)]]);
  const { again, omitted } = within(options, 200, { file: 128, sname: 64 });
  assert.deepEqual(omitted, []);
  assert.deepEqual(again.raw(121), value);
  assert.deepEqual(again.raw(12), filled(3, 7));
});

Deno.test("Options.encodeWithin: the last options go first, the essential ones never", () => {
  const options = optionsOf([
    [10, filled(30, 1)],
    [11, filled(30, 2)],
    [12, filled(7, 3)],
    [61, filled(7, 61)],
    [51, filled(4, 51)],
    [54, filled(4, 54)],
    [82, filled(10, 82)],
    [53, filled(1, 53)],
  ]);
  const { again, omitted, packet } = within(options, 80, {});
  assert.deepEqual(omitted, [11]);
  assert.deepEqual(again.codes(), [53, 10, 12, 61, 51, 54, 82]);
  assert.equal(packet[0], 53);
  const tight = within(options, 1 + 3 + 6 + 6 + 12 + 9, {});
  assert.deepEqual(tight.omitted, [10, 11, 12]);
  assert.deepEqual(tight.again.codes(), [53, 61, 51, 54, 82]);
});

Deno.test("Options.encodeWithin: relay information stays in the options field, at its end", () => {
  const options = optionsOf([
    [82, filled(30, 82)],
    [53, filled(1, 53)],
    [10, filled(60, 1)],
  ]);
  const { packet, omitted, again } = within(options, 40, { file: 128 });
  assert.deepEqual(omitted, []);
  assert.deepEqual(again.codes(), [53, 82, 10]);
  assert.equal(packet[6], 82);
  assert.equal(packet[40], 10);
  assert.deepEqual(within(options, 20, { file: 128 }).omitted, [82]);
});

Deno.test("Options.encodeWithin: everything is either kept whole or reported", () => {
  const sizes = fc.record({
    main: fc.integer({ min: 60, max: 600 }),
    file: fc.constantFrom(0, 128),
    sname: fc.constantFrom(0, 64),
  });
  fc.assert(
    fc.property(anyOptions(20), sizes, (options, { main, file, sname }) => {
      const { again, omitted } = within(options, main, { file, sname });
      const byCode = (a: readonly [number, unknown], b: readonly [number, unknown]) => a[0] - b[0];
      const kept = [...options].filter(([code]) => !omitted.includes(code));
      assert.deepEqual([...again].toSorted(byCode), kept.toSorted(byCode));
      if (options.encodedSize <= main) assert.deepEqual(omitted, []);
    }),
    { numRuns: 500 },
  );
});

Deno.test("parameterRequestList: octets in the client's order", () => {
  assert.deepEqual(decode("3703 010306").get(parameterRequestList), Uint8Array.of(1, 3, 6));
});
