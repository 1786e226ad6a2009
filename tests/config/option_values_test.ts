import assert from "node:assert/strict";
import fc from "fast-check";
import {
  OPTION_TYPES,
  optionCode,
  PROTOCOL_OPTIONS,
  readOptionValue,
  showOptionValue,
} from "../../lib/config/option_values.ts";
import { formatMac } from "../../lib/wire/address.ts";
import { OPTIONS } from "../../lib/wire/registry.ts";

/** The octets that a value comes to, in hex. */
function octets(key: string, value: unknown): string {
  const code = optionCode(key);
  if (typeof code === "string") return code;
  const read = readOptionValue(code, value);
  return typeof read === "string" ? read : `${code} ${formatMac(read)}`;
}

Deno.test("readOptionValue reads each shape as a file has it", () => {
  const table: [string, unknown, string][] = [
    ["ntp-server", ["10.6.9.5", "10.6.9.6"], "42 0a:06:09:05:0a:06:09:06"],
    ["ntp-servers", ["10.6.9.5"], "42 0a:06:09:05"],
    ["42", "10.6.9.5", "42 0a:06:09:05"],
    ["swap-server", "10.6.9.5", "16 0a:06:09:05"],
    ["static-route", ["10.8.0.0 10.6.9.2"], "33 0a:08:00:00:0a:06:09:02"],
    ["default-ip-ttl", 64, "23 40"],
    ["interface-mtu", 1492, "26 05:d4"],
    ["time-offset", -3600, "2 ff:ff:f1:f0"],
    ["arp-cache-timeout", "2m", "35 00:00:00:78"],
    ["arp-cache-timeout", 120, "35 00:00:00:78"],
    ["ip-forwarding", true, "19 01"],
    ["66", "tftp", "66 74:66:74:70"],
    ["path-mtu-plateau-table", [68, 296], "25 00:44:01:28"],
    ["vendor-specific", "01:02-0A 0b", "43 01:02:0a:0b"],
    ["domain-search", ["a.b", "b"], "119 01:61:01:62:00:c0:02"],
    ["classless-static-route", ["10.8.0.0/16 via 10.6.9.2"], "121 10:0a:08:0a:06:09:02"],
    ["classless-static-routes", "0.0.0.0/0 via 10.6.9.1", "121 00:0a:06:09:01"],
    ["sip-servers", ["10.6.9.5"], "120 01:0a:06:09:05"],
    ["sip-server", ["a.b"], "120 00:01:61:01:62:00"],
    ["user-class", { hex: "0141" }, "77 01:41"],
    ["224", { hex: "" }, "224 "],
    ["224", { type: "u16", value: 258 }, "224 01:02"],
    ["224", { type: "flag", value: true }, "224 "],
    ["224", { type: "u8-list", value: [1, 2] }, "224 01:02"],
    // The file knows better: vendors give meaning to octets.
    ["43", { type: "text", value: "ab" }, "43 61:62"],
    ["66", { value: "tftp" }, "66 74:66:74:70"],
  ];
  for (const [key, value, wanted] of table) assert.equal(octets(key, value), wanted, key);
});

Deno.test("optionCode refuses what the protocol owns, and knows no option twice", () => {
  for (const [code, reason] of PROTOCOL_OPTIONS) {
    const said = optionCode(String(code)) as string;
    assert.ok(said.startsWith(`option ${code} `) && said.endsWith(reason), said);
  }
  for (const code of [51, 53, 54, 58, 59, 61, 82]) assert.ok(PROTOCOL_OPTIONS.has(code));
  for (const { code, name } of OPTIONS) {
    if (PROTOCOL_OPTIONS.has(code)) continue;
    assert.equal(optionCode(name), code);
    assert.equal(optionCode(String(code)), code);
  }
});

Deno.test("showOptionValue: reading what it shows gives the same octets, whatever they are", () => {
  const codes = fc.oneof(
    fc.constantFrom(...OPTIONS.map(({ code }) => code)),
    fc.integer({ min: 1, max: 254 }),
  );
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 24 }),
    fc.array(fc.constantFrom(0, 1, 2, 4, 10, 97, 192), { maxLength: 16 })
      .map((list) => Uint8Array.from(list)),
  );
  fc.assert(fc.property(codes, bytes, (code, given) => {
    const shown = showOptionValue(code, given);
    const again = readOptionValue(code, shown);
    assert.ok(again instanceof Uint8Array, String(again));
    assert.equal(formatMac(again), formatMac(given));
  }));
});

Deno.test("showOptionValue shows a value that was read in the words it was read from", () => {
  const ipv4 = fc.ipV4();
  const values: [string, fc.Arbitrary<unknown>][] = [
    ["ntp-server", fc.array(ipv4, { minLength: 1, maxLength: 8 })],
    ["swap-server", ipv4],
    [
      "static-route",
      fc.array(fc.tuple(ipv4, ipv4).map((pair) => pair.join(" ")), { minLength: 1 }),
    ],
    ["interface-mtu", fc.integer({ min: 0, max: 65535 })],
    ["time-offset", fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
    ["arp-cache-timeout", fc.integer({ min: 0, max: 2 ** 32 - 1 })],
    ["ip-forwarding", fc.boolean()],
    ["tftp-server-name", fc.string({ minLength: 1 }).filter((text) => !text.includes("\0"))],
    ["domain-search", fc.array(fc.domain(), { minLength: 1, maxLength: 3 })],
    [
      "classless-static-route",
      fc.array(
        fc.tuple(ipv4, ipv4).map(([host, router]) => `${host}/32 via ${router}`),
        { minLength: 1, maxLength: 4 },
      ),
    ],
    ["sip-servers", fc.array(ipv4, { minLength: 1, maxLength: 3 })],
  ];
  for (const [key, value] of values) {
    const code = optionCode(key) as number;
    fc.assert(fc.property(value, (given) => {
      const read = readOptionValue(code, given);
      assert.ok(read instanceof Uint8Array, `${key}: ${read}`);
      assert.deepEqual(showOptionValue(code, read), given);
    }));
  }
});

Deno.test("readOptionValue never throws, and each type that it names can be used", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 254 }), fc.anything(), (code, given) => {
    const read = readOptionValue(code, given);
    assert.ok(read instanceof Uint8Array || read.length > 0);
  }));
  for (const type of OPTION_TYPES) {
    const read = readOptionValue(224, { type, value: {} });
    assert.match(read as string, /^cannot use a table: wanted /, type);
  }
});
