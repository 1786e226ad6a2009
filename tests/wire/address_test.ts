import assert from "node:assert/strict";
import fc from "fast-check";
import {
  AddressError,
  broadcastOf,
  cidrContains,
  cidrOf,
  formatCidr,
  formatIpv4,
  formatMac,
  formatRange,
  type Ipv4,
  macOctets,
  maskOf,
  parseCidr,
  parseIpv4,
  parseMac,
  parseRange,
  prefixOf,
  rangeContains,
  rangeSize,
} from "../../lib/wire/address.ts";
import { anyIpv4, octets } from "./arbitraries.ts";

Deno.test("parseIpv4: dotted decimal, host order", () => {
  assert.equal(parseIpv4("10.0.0.1"), 0x0a000001);
  assert.equal(parseIpv4("255.255.255.255"), 0xffffffff);
  assert.equal(parseIpv4("0.0.0.0"), 0);
});

Deno.test("parseIpv4: everything else is refused with its text", () => {
  for (
    const text of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.-4", "1.2.3.4 ", "a"]
  ) {
    assert.throws(() => parseIpv4(text), (error) => {
      assert(error instanceof AddressError);
      assert(error.message.includes(JSON.stringify(text)));
      return true;
    });
  }
});

Deno.test("parseIpv4: undoes formatIpv4", () => {
  fc.assert(fc.property(anyIpv4, (address) => parseIpv4(formatIpv4(address)) === address));
});

Deno.test("parseMac: colons or dashes, either case, six octets", () => {
  assert.equal(parseMac("5C:96:56:a4:BE:eb"), "5c:96:56:a4:be:eb");
  assert.equal(parseMac("5c-96-56-a4-be-eb"), "5c:96:56:a4:be:eb");
  for (
    const text of ["5c:96:56:a4:be", "5c:96:56-a4:be:eb", "5c965 6a4beeb", "5c:96:56:a4:be:eg"]
  ) {
    assert.throws(() => parseMac(text), AddressError);
  }
});

Deno.test("formatMac: any number of octets", () => {
  assert.equal(formatMac(new Uint8Array(0)), "");
  assert.equal(formatMac(Uint8Array.of(0, 10, 255)), "00:0a:ff");
});

Deno.test("macOctets: undoes formatMac", () => {
  fc.assert(
    fc.property(octets({ minLength: 1, maxLength: 16 }), (bytes) => {
      assert.deepEqual(macOctets(formatMac(bytes)), bytes);
    }),
  );
  assert.deepEqual(macOctets(formatMac(new Uint8Array(0))), new Uint8Array(0));
});

Deno.test("maskOf: every prefix length, and prefixOf undoes it", () => {
  assert.equal(maskOf(0), 0);
  assert.equal(maskOf(24), parseIpv4("255.255.255.0"));
  assert.equal(maskOf(32), 0xffffffff);
  for (let prefix = 0; prefix <= 32; prefix++) assert.equal(prefixOf(maskOf(prefix)), prefix);
});

Deno.test("prefixOf: a mask with holes is refused", () => {
  assert.throws(() => prefixOf(parseIpv4("255.0.255.0")), AddressError);
  assert.throws(() => prefixOf(parseIpv4("0.0.0.1")), AddressError);
});

Deno.test("parseCidr: host bits, prefix and form are checked", () => {
  assert.deepEqual(parseCidr("10.6.9.0/24"), { network: parseIpv4("10.6.9.0"), prefix: 24 });
  assert.deepEqual(parseCidr("0.0.0.0/0"), { network: 0, prefix: 0 });
  for (const text of ["10.6.9.1/24", "10.6.9.0", "10.6.9.0/33", "10.6.9.0/", "10.6.9.0/24/1"]) {
    assert.throws(() => parseCidr(text), AddressError);
  }
  assert.throws(() => parseCidr("10.6.9.1/24"), /the subnet is 10\.6\.9\.0\/24/);
});

Deno.test("cidrContains: an address is in its own subnet, and both ends are", () => {
  fc.assert(fc.property(anyIpv4, fc.integer({ min: 0, max: 32 }), (address, prefix) => {
    const cidr = cidrOf(address, prefix);
    assert(cidrContains(cidr, address));
    assert(cidrContains(cidr, cidr.network));
    assert(cidrContains(cidr, broadcastOf(cidr)));
    assert.equal(broadcastOf(cidr) - cidr.network, 2 ** (32 - prefix) - 1);
    assert.deepEqual(parseCidr(formatCidr(cidr)), cidr);
  }));
});

Deno.test("parseRange: both ends included, in order", () => {
  const range = parseRange("10.6.9.10 - 10.6.9.100");
  assert.equal(rangeSize(range), 91);
  assert.equal(formatRange(range), "10.6.9.10-10.6.9.100");
  assert(rangeContains(range, range.from) && rangeContains(range, range.to));
  assert(!rangeContains(range, (range.to + 1) as Ipv4));
  assert(!rangeContains(range, (range.from - 1) as Ipv4));
  for (const text of ["10.6.9.100-10.6.9.10", "10.6.9.10", "1.1.1.1-1.1.1.2-1.1.1.3"]) {
    assert.throws(() => parseRange(text), AddressError);
  }
});
