import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCidr, parseIpv4 } from "../../lib/wire/address.ts";
import { DecodeError } from "../../lib/wire/bytes.ts";
import {
  bool,
  bytes,
  classlessRoutes,
  clientFqdnCodec,
  type Codec,
  domainList,
  encodeNames,
  flag,
  FqdnFlag,
  i32,
  INFINITE,
  ipv4,
  ipv4List,
  ipv4ListOrNone,
  ipv4Pairs,
  networkInterface,
  plainDomainList,
  seconds,
  sipServersCodec,
  text,
  typedBytes,
  u16,
  u16List,
  u32,
  u8,
  u8List,
  userClassCodec,
  vendorClasses,
  vendorOptions,
} from "../../lib/wire/codec.ts";
import { relayInformation } from "../../lib/wire/relay.ts";
import { domainName, octets, VALUES } from "./arbitraries.ts";
import { formatHex, parseHex } from "./golden.ts";

const CODECS: Readonly<Record<string, Codec<unknown>>> = {
  bool,
  bytes,
  classlessRoutes,
  clientFqdnCodec,
  domainList,
  flag,
  i32,
  ipv4,
  ipv4List,
  ipv4ListOrNone,
  ipv4Pairs,
  networkInterface,
  plainDomainList,
  relayInformation,
  seconds,
  sipServersCodec,
  text,
  typedBytes,
  u16,
  u16List,
  u32,
  u8,
  u8List,
  userClassCodec,
  vendorClasses,
  vendorOptions,
};

const a = parseIpv4("10.0.0.1");
const b = parseIpv4("192.168.255.2");
const ascii = (value: string) => formatHex(new TextEncoder().encode(value));
const octetsOf = (value: string) => new TextEncoder().encode(value);
/** example.org with root, as hex. */
const EXAMPLE_ORG = "076578616d706c65036f726700";

/** Octets and the value that they are, both ways. */
function same<T>(codec: Codec<T>, rows: readonly (readonly [string, T])[]): void {
  for (const [hex, value] of rows) {
    assert.deepEqual(codec.decode(parseHex(hex)), value, hex);
    assert.equal(formatHex(codec.encode(value)), hex.replaceAll(" ", ""));
  }
}

/** Octets that are no such value, with the reason. */
function refused<T>(codec: Codec<T>, rows: readonly (readonly [string, RegExp])[]): void {
  for (const [hex, reason] of rows) {
    assert.throws(() => codec.decode(parseHex(hex)), (error) => {
      assert(error instanceof DecodeError, hex);
      assert.match(error.reason, reason, hex);
      return true;
    });
  }
}

/** Values that no octets are. */
function unencodable<T>(codec: Codec<T>, values: readonly T[]): void {
  for (const value of values) assert.throws(() => codec.encode(value), RangeError);
}

for (const [name, codec] of Object.entries(CODECS)) {
  const value = VALUES[codec.shape];

  Deno.test(`${name}: what is encoded decodes to the same`, () => {
    fc.assert(fc.property(value, (value) => {
      assert.deepEqual(codec.decode(codec.encode(value)), value);
    }));
  });

  Deno.test(`${name}: reads only the octets that it is given`, () => {
    fc.assert(fc.property(value, octets({ maxLength: 9 }), (value, around) => {
      const encoded = codec.encode(value);
      const source = Uint8Array.of(...around, ...encoded, ...around);
      const start = around.length;
      assert.deepEqual(codec.decode(source, start, start + encoded.length), value);
    }));
  });

  Deno.test(`${name}: any octets decode or are refused, and what decodes can be encoded`, () => {
    const small = fc.uint8Array({ maxLength: 20, max: 12 });
    fc.assert(
      fc.property(fc.oneof(octets({ maxLength: 300 }), small), (source) => {
        let value: unknown;
        try {
          value = codec.decode(source);
        } catch (error) {
          assert(error instanceof DecodeError);
          return;
        }
        assert.deepEqual(codec.decode(codec.encode(value)), value);
      }),
      { numRuns: 300 },
    );
  });
}

Deno.test("u8: one octet", () => {
  same(u8, [["00", 0], ["ff", 255]]);
  refused(u8, [["", /length is 0, wanted 1/], ["0000", /length is 2, wanted 1/]]);
  unencodable(u8, [-1, 256, 1.5, NaN]);
});

Deno.test("u16: two octets", () => {
  same(u16, [["0000", 0], ["05dc", 1500], ["ffff", 0xffff]]);
  refused(u16, [["00", /wanted 2/]]);
  unencodable(u16, [-1, 0x10000]);
});

Deno.test("u32: four octets", () => {
  same(u32, [["00000000", 0], ["ffffffff", 0xffffffff]]);
  refused(u32, [["000000", /length is 3, wanted 4/], ["0000000000", /wanted 4/]]);
  unencodable(u32, [-1, 2 ** 32]);
});

Deno.test("seconds: all ones is for ever (RFC 2131 section 3.3)", () => {
  same(seconds, [["00000e10", 3600], ["ffffffff", INFINITE]]);
});

Deno.test("i32: west of Greenwich is negative (RFC 2132 section 3.4)", () => {
  same(i32, [["ffffb9b0", -18000], ["00000e10", 3600], ["80000000", -0x80000000]]);
  unencodable(i32, [0x80000000, -0x80000001]);
});

Deno.test("bool: 0 or 1 (RFC 2132 section 4.1)", () => {
  same(bool, [["00", false], ["01", true]]);
  refused(bool, [["02", /value is 2, wanted 0 or 1/], ["", /length is 0/]]);
});

Deno.test("flag: no octets (RFC 4039 section 4)", () => {
  same(flag, [["", true]]);
  refused(flag, [["00", /length is 1, wanted 0/]]);
});

Deno.test("ipv4: four octets", () => {
  same(ipv4, [["0a000001", a], ["c0a8ff02", b]]);
  refused(ipv4, [["0a0000", /length is 3, wanted 4/]]);
});

Deno.test("ipv4List: at least one (RFC 2132 section 3.5)", () => {
  same(ipv4List, [["0a000001", [a]], ["0a000001 c0a8ff02", [a, b]]]);
  refused(ipv4List, [["", /positive multiple of 4/], ["0a00000101", /positive multiple of 4/]]);
  unencodable(ipv4List, [[]]);
});

Deno.test("ipv4ListOrNone: may be empty (RFC 2132 section 8.13)", () => {
  same(ipv4ListOrNone, [["", []], ["0a000001", [a]]]);
  refused(ipv4ListOrNone, [["0a", /multiple of 4/]]);
});

Deno.test("ipv4Pairs: at least one pair (RFC 2132 section 5.8)", () => {
  same(ipv4Pairs, [["0a000001 c0a8ff02", [[a, b]]]]);
  refused(ipv4Pairs, [["", /multiple of 8/], ["0a000001", /multiple of 8/]]);
  unencodable(ipv4Pairs, [[]]);
});

Deno.test("u16List: at least one (RFC 2132 section 4.7)", () => {
  same(u16List, [["0000", [0]], ["00070009", [7, 9]]]);
  refused(u16List, [["", /multiple of 2/], ["000700", /multiple of 2/]]);
  unencodable(u16List, [[], [65536]]);
});

Deno.test("classlessRoutes: only the octets that the prefix reaches (RFC 3442)", () => {
  const to = (destination: string, router: string) => ({
    destination: parseCidr(destination),
    router: parseIpv4(router),
  });
  same(classlessRoutes, [
    ["00 0a000001", [to("0.0.0.0/0", "10.0.0.1")]],
    ["08 0a 0a000001", [to("10.0.0.0/8", "10.0.0.1")]],
    ["18 0a0011 0a000001", [to("10.0.17.0/24", "10.0.0.1")]],
    ["19 0a811180 0a000001", [to("10.129.17.128/25", "10.0.0.1")]],
    ["20 0a810001 00000000", [to("10.129.0.1/32", "0.0.0.0")]],
    ["00 0a000001 10 0a11 0a000001", [
      to("0.0.0.0/0", "10.0.0.1"),
      to("10.17.0.0/16", "10.0.0.1"),
    ]],
  ]);
  refused(classlessRoutes, [
    ["", /wanted at least 5/],
    ["21 0a0a0a0a 0a000001", /prefix length is 33/],
    ["18 0a00 0a000001", /route 1 is cut short/],
    ["00 0a000001 00", /route 2 is cut short/],
  ]);
  unencodable(classlessRoutes, [[]]);
});

Deno.test("classlessRoutes: host bits are cleared (RFC 3442)", () => {
  assert.deepEqual(classlessRoutes.decode(parseHex("0c0aff0a000001")), [
    { destination: parseCidr("10.240.0.0/12"), router: a },
  ]);
});

Deno.test("text: NULs at the end are dropped (RFC 2132 section 2)", () => {
  same(text, [["", ""], [ascii("kettle"), "kettle"], [ascii("käse"), "käse"]]);
  assert.equal(text.decode(parseHex(ascii("kettle") + "00")), "kettle");
  assert.equal(text.decode(parseHex(ascii("kettle") + "000000")), "kettle");
  assert.equal(text.decode(parseHex("000000")), "");
  assert.equal(text.decode(parseHex("610062")), "a\0b");
});

Deno.test("text: what is no UTF-8 is replaced, never refused", () => {
  assert.equal(text.decode(parseHex("6be473ff")), "k\ufffds\ufffd");
});

Deno.test("bytes: a view, not a copy", () => {
  const source = parseHex("0102030405");
  const value = bytes.decode(source, 1, 3);
  assert.deepEqual(value, Uint8Array.of(2, 3));
  assert.equal(value.buffer, source.buffer);
});

Deno.test("typedBytes: a type and at least one octet (RFC 2132 section 9.14)", () => {
  same(typedBytes, [
    ["01 02005e100001", { type: 1, id: parseHex("02005e100001") }],
    ["00 61", { type: 0, id: octetsOf("a") }],
  ]);
  refused(typedBytes, [["", /at least 2/], ["01", /at least 2/]]);
  unencodable(typedBytes, [{ type: 1, id: new Uint8Array(0) }, { type: 256, id: octetsOf("a") }]);
});

Deno.test("networkInterface: type and version (RFC 4578 section 2.2)", () => {
  same(networkInterface, [["010201", { type: 1, major: 2, minor: 1 }]]);
  refused(networkInterface, [["0102", /wanted 3/]]);
});

Deno.test("domainList: names share endings (RFC 3397 section 2)", () => {
  same(domainList, [
    [EXAMPLE_ORG, ["example.org"]],
    [`03656e67 ${EXAMPLE_ORG} 096d61726b6574696e67 c004`, [
      "eng.example.org",
      "marketing.example.org",
    ]],
    [`${EXAMPLE_ORG} c000 01 61 c008`, ["example.org", "example.org", "a.org"]],
    ["00", ["."]],
    ["02 5c2e 01 20 00", ["\\\\\\..\\032"]],
  ]);
  assert.deepEqual(domainList.encode(["example.org."]), domainList.encode(["example.org"]));
  unencodable(domainList, [
    [],
    ["a..b"],
    [".a"],
    [".."],
    ["ä.org"],
    ["a\\"],
    ["a\\256"],
    ["a".repeat(64)],
    [("a".repeat(49) + ".").repeat(6)],
  ]);
});

Deno.test("domainList: pointers cannot loop or lead out", () => {
  refused(domainList, [
    ["", /at least 1/],
    ["c000", /does not lead backwards/],
    ["c002 0161 00", /does not lead backwards/],
    ["0161 c000", /does not lead backwards/],
    ["0161 0162 c002", /does not lead backwards/],
    ["00 0161 c001", /does not lead backwards/],
    ["00 c3ff", /does not lead backwards/],
    // Octets inside a label that would be a pointer to themselves, and two to one another.
    ["03c00161 00 c001", /does not lead backwards/],
    ["04c003c001 00 c001", /does not lead backwards/],
    ["00 c0", /pointer is cut short/],
    ["0361", /label is cut short/],
    ["0161", /last name is cut short/],
    ["40 61", /length octet is 64/],
    ["80 61", /length octet is 128/],
  ]);
});

Deno.test("domainList: a pointer to a pointer is followed, further and further back", () => {
  assert.deepEqual(domainList.decode(parseHex(`${EXAMPLE_ORG} c000 c00d 0161 c00f`)), [
    "example.org",
    "example.org",
    "example.org",
    "a.example.org",
  ]);
});

Deno.test("domainList: no name is longer than 255 octets, however it is pieced together", () => {
  // 1-octet labels, each name one label longer than the one that it points to.
  let hex = "016100";
  let last = 0;
  for (let labels = 2; labels <= 127; labels++) {
    const at = hex.length / 2;
    hex += "0161" + (0xc000 | last).toString(16);
    last = at;
  }
  assert.equal(domainList.decode(parseHex(hex)).at(-1)!.length, 2 * 127 - 1);
  hex += "0161" + (0xc000 | last).toString(16);
  refused(domainList, [[hex, /longer than 255/]]);
});

Deno.test("encodeNames: compression saves octets and changes no name", () => {
  fc.assert(fc.property(fc.array(domainName, { minLength: 1, maxLength: 12 }), (names) => {
    const packed = encodeNames(names, { compress: true });
    const loose = encodeNames(names, { compress: false });
    assert(packed.length <= loose.length);
    assert.deepEqual(domainList.decode(packed), names);
    assert.deepEqual(domainList.decode(loose), names);
  }));
});

Deno.test("encodeNames: does not point beyond what 14 bits can tell", () => {
  const names = Array.from({ length: 400 }, (_, i) => `${"x".repeat(50)}${i}.example`);
  const twice = [...names, ...names];
  assert.deepEqual(domainList.decode(encodeNames(twice, { compress: true })), twice);
});

Deno.test("plainDomainList: repeats endings", () => {
  same(plainDomainList, [[EXAMPLE_ORG + EXAMPLE_ORG, ["example.org", "example.org"]]]);
});

Deno.test("clientFqdnCodec: wire form, complete, partial and empty (RFC 4702 section 2.3)", () => {
  const flags = FqdnFlag.WIRE_FORM | FqdnFlag.SERVER_UPDATES;
  same(clientFqdnCodec, [
    [`050000 04686f7374 ${EXAMPLE_ORG}`, {
      flags,
      rcode1: 0,
      rcode2: 0,
      name: "host.example.org.",
    }],
    ["05ffff 04686f7374", { flags, rcode1: 255, rcode2: 255, name: "host" }],
    ["050000", { flags, rcode1: 0, rcode2: 0, name: "" }],
    ["050000 00", { flags, rcode1: 0, rcode2: 0, name: "." }],
    ["050000 02612e", { flags, rcode1: 0, rcode2: 0, name: "a\\." }],
  ]);
  refused(clientFqdnCodec, [
    ["0500", /at least 3/],
    ["050000 04686f73", /label is cut short/],
    ["050000 0161 c000", /does not lead backwards/],
    ["050000 0161 00 0162", /octets follow the name/],
  ]);
});

Deno.test("clientFqdnCodec: ASCII, as old clients send it (RFC 4702 section 2.3.1)", () => {
  same(clientFqdnCodec, [
    ["010000" + ascii("kettle.lan"), { flags: 1, rcode1: 0, rcode2: 0, name: "kettle.lan" }],
    ["000000", { flags: 0, rcode1: 0, rcode2: 0, name: "" }],
  ]);
});

Deno.test("vendorClasses: enterprise, length, octets (RFC 3925 section 3)", () => {
  same(vendorClasses, [
    ["0000118b 03 616263", [{ enterprise: 4491, data: octetsOf("abc") }]],
    ["0000118b 00 00000009 01 00", [
      { enterprise: 4491, data: new Uint8Array(0) },
      { enterprise: 9, data: Uint8Array.of(0) },
    ]],
  ]);
  refused(vendorClasses, [
    ["", /at least 5/],
    ["0000118b 01", /vendor 1 is cut short/],
    ["0000118b 00 0000", /vendor 2 is cut short/],
  ]);
  unencodable(vendorClasses, [[], [{ enterprise: 1, data: new Uint8Array(256) }]]);
});

Deno.test("vendorOptions: each vendor's options (RFC 3925 section 4)", () => {
  same(vendorOptions, [
    ["00000de9 06 0102 6162 0200", [{
      enterprise: 3561,
      options: [{ code: 1, data: octetsOf("ab") }, { code: 2, data: new Uint8Array(0) }],
    }]],
    ["00000de9 00", [{ enterprise: 3561, options: [] }]],
  ]);
  refused(vendorOptions, [
    ["00000de9 01 01", /sub-option 1 is cut short/],
    ["00000de9 03 010261", /sub-option 1 is cut short/],
  ]);
});

Deno.test("userClassCodec: a list by RFC 3004, else plain text as boot loaders send it", () => {
  same(userClassCodec, [
    ["03 6c6162 05 62656e6368", { form: "list", classes: [octetsOf("lab"), octetsOf("bench")] }],
    [ascii("iPXE"), { form: "plain", classes: [octetsOf("iPXE")] }],
    ["00", { form: "plain", classes: [Uint8Array.of(0)] }],
    ["01 61 00", { form: "plain", classes: [Uint8Array.of(1, 0x61, 0)] }],
  ]);
  refused(userClassCodec, [["", /at least 1/]]);
  unencodable(userClassCodec, [
    { form: "list", classes: [] },
    { form: "list", classes: [new Uint8Array(0)] },
    { form: "list", classes: [new Uint8Array(256)] },
  ]);
});

Deno.test("sipServersCodec: names or addresses (RFC 3361 section 3)", () => {
  same(sipServersCodec, [
    ["00" + EXAMPLE_ORG, { form: "names", names: ["example.org"] }],
    ["01 0a000001", { form: "addresses", addresses: [a] }],
  ]);
  refused(sipServersCodec, [["02", /encoding is 2/], ["", /at least 1/], ["01", /multiple of 4/]]);
});
