/**
 * Generators of everything that the wire can carry.
 *
 * @module
 */

import fc from "fast-check";
import { cidrOf, type Ipv4 } from "../../lib/wire/address.ts";
import type { Shape } from "../../lib/wire/codec.ts";
import { FqdnFlag } from "../../lib/wire/codec.ts";
import type { Message } from "../../lib/wire/message.ts";
import { Options } from "../../lib/wire/options.ts";
import { RelayInformation } from "../../lib/wire/relay.ts";

export const u8 = fc.integer({ min: 0, max: 0xff });
export const u16 = fc.integer({ min: 0, max: 0xffff });
export const u32 = fc.integer({ min: 0, max: 0xffffffff });
export const anyIpv4 = u32 as fc.Arbitrary<Ipv4>;

/** Octets, in an array whose prototype and buffer are plain so that `deepEqual` compares them. */
export function octets(bounds: { minLength?: number; maxLength?: number }) {
  return fc.uint8Array(bounds).map((bytes) => Uint8Array.from(bytes));
}

/** Plain objects, as the code under test makes them; `deepEqual` looks at prototypes. */
function record<T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

/** Text as a client sends it: UTF-8, no NUL at the end. */
const text = fc.string({ unit: "binary", maxLength: 60 }).filter((value) => !value.endsWith("\0"));

const label = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[a-z][a-z0-9-]{0,14}$/) },
  // Octets that need escapes.
  {
    weight: 1,
    arbitrary: octets({ minLength: 1, maxLength: 8 }).map((bytes) =>
      Array.from(bytes, (octet) => {
        const char = String.fromCharCode(octet);
        if (char === "." || char === "\\") return "\\" + char;
        return octet > 0x20 && octet < 0x7f ? char : "\\" + String(octet).padStart(3, "0");
      }).join("")
    ),
  },
);

/** A domain name without a dot at the end. Few labels, so that lists share endings. */
export const domainName = fc.array(
  fc.oneof(label, fc.constantFrom("example", "org", "lan")),
  { minLength: 1, maxLength: 6 },
).map((labels) => labels.join("."));

const subOptions = fc.array(record({ code: u8, data: octets({ maxLength: 20 }) }), {
  maxLength: 6,
});

const pair = fc.tuple(anyIpv4, anyIpv4);
const listed = (minLength: number) => ({ minLength, maxLength: 8 });

/** Values of each shape that decode to themselves. */
export const VALUES: Readonly<Record<Shape, fc.Arbitrary<unknown>>> = {
  "ipv4": anyIpv4,
  "ipv4-list": fc.array(anyIpv4, listed(1)),
  "ipv4-pairs": fc.array(pair, listed(1)),
  "u8": u8,
  "u16": u16,
  "u32": u32,
  "i32": fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  "seconds": u32,
  "bool": fc.boolean(),
  "flag": fc.constant(true),
  "text": text,
  "bytes": octets({ maxLength: 300 }),
  "u8-list": octets({ maxLength: 60 }),
  "u16-list": fc.array(u16, listed(1)),
  "domain-list": fc.array(fc.oneof(domainName, fc.constant(".")), listed(1)),
  "classless-routes": fc.array(
    record({
      destination: fc.tuple(anyIpv4, fc.integer({ min: 0, max: 32 })).map(([address, prefix]) =>
        cidrOf(address, prefix)
      ),
      router: anyIpv4,
    }),
    listed(1),
  ),
  "typed-bytes": record({ type: u8, id: octets({ minLength: 1, maxLength: 40 }) }),
  "client-fqdn": fc.oneof(
    record({
      flags: u8.map((flags) => flags & ~FqdnFlag.WIRE_FORM),
      rcode1: u8,
      rcode2: u8,
      name: text,
    }),
    record({
      flags: u8.map((flags) => flags | FqdnFlag.WIRE_FORM),
      rcode1: u8,
      rcode2: u8,
      name: fc.oneof(
        domainName,
        domainName.map((name) => name + "."),
        fc.constantFrom("", "."),
      ),
    }),
  ),
  "vendor-classes": fc.array(record({ enterprise: u32, data: octets({ maxLength: 40 }) }), {
    minLength: 1,
    maxLength: 4,
  }),
  "vendor-options": fc.array(record({ enterprise: u32, options: subOptions }), {
    minLength: 1,
    maxLength: 3,
  }),
  "user-class": fc.oneof(
    record({
      form: fc.constant("list"),
      classes: fc.array(octets({ minLength: 1, maxLength: 20 }), listed(1)),
    }),
    // A first octet larger than what follows can never be taken for a length.
    record({
      form: fc.constant("plain"),
      classes: octets({ maxLength: 20 }).map((
        bytes,
      ) => [Uint8Array.of(bytes.length + 1, ...bytes)]),
    }),
  ),
  "network-interface": record({ type: u8, major: u8, minor: u8 }),
  "sip-servers": fc.oneof(
    record({ form: fc.constant("names"), names: fc.array(domainName, listed(1)) }),
    record({ form: fc.constant("addresses"), addresses: fc.array(anyIpv4, listed(1)) }),
  ),
  "relay-information": subOptions.map((list) => new RelayInformation(list)),
};

/** Codes that a caller may set. */
export const settableCode = fc.integer({ min: 1, max: 254 }).filter((code) => code !== 52);

/** Makes options from pairs of code and octets. */
export function optionsOf(pairs: Iterable<readonly [number, Uint8Array]>): Options {
  const options = new Options();
  for (const [code, bytes] of pairs) options.setRaw(code, bytes);
  return options;
}

/** Options of any code, now and then longer than one instance holds. */
export function anyOptions(maxLength = 12): fc.Arbitrary<Options> {
  const value = fc.oneof(
    { weight: 8, arbitrary: octets({ maxLength: 24 }) },
    { weight: 1, arbitrary: octets({ minLength: 250, maxLength: 260 }) },
    { weight: 1, arbitrary: octets({ maxLength: 800 }) },
  );
  return fc.array(fc.tuple(settableCode, value), { maxLength }).map(optionsOf);
}

const header = {
  op: u8,
  htype: u8,
  hops: u8,
  xid: u32,
  secs: u16,
  flags: u16,
  ciaddr: anyIpv4,
  yiaddr: anyIpv4,
  siaddr: anyIpv4,
  giaddr: anyIpv4,
  chaddr: octets({ maxLength: 16 }),
};

/** A header field that is all zeros as often as not. */
function field(length: number): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    fc.constant(new Uint8Array(length)),
    octets({ minLength: length, maxLength: length }),
  );
}

/** Whole messages. */
export function anyMessage(options: fc.Arbitrary<Options> = anyOptions()): fc.Arbitrary<Message> {
  return record({ ...header, sname: field(64), file: field(128), options }).map((message) => ({
    ...message,
    hlen: message.chaddr.length,
  }));
}
