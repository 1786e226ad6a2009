/**
 * Types of what commands are given without a flag.
 *
 * @module
 */

import {
  AddressError,
  broadcastOf,
  type Cidr,
  formatIpv4,
  formatRange,
  type Ipv4Range,
  parseCidr,
  parseIpv4,
  parseMac,
  parseRange,
} from "../wire/address.ts";

type Type = { readonly wanted: string; parse(text: string): string | undefined };

function unlessAddressError(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/** An address, as it is written here. */
export const IP: Type = {
  wanted: "an IPv4 address, like 10.6.9.1",
  parse: (text) => unlessAddressError(() => formatIpv4(parseIpv4(text))),
};

/** A hardware address, or "id:" and hex. */
export const CLIENT: Type = {
  wanted: 'a hardware address, like 5c:96:56:a4:be:eb, or "id:" and hex',
  parse(text) {
    if (/^id:([0-9a-f]{2})+$/i.test(text)) return text.toLowerCase();
    return unlessAddressError(() => parseMac(text));
  },
};

export const IP_OR_MAC: Type = {
  wanted: "an IPv4 address or a hardware address",
  parse: (text) => IP.parse(text) ?? unlessAddressError(() => parseMac(text)),
};

/** Both ends included; one address is a range too, and so is all of a block. */
export const RANGE: Type = {
  wanted: "FIRST-LAST, like 10.6.9.10-10.6.9.100, or a block, like 10.6.9.64/26",
  parse(text) {
    if (text.includes("/")) return unlessAddressError(() => formatRange(blockOf(parseCidr(text))));
    return IP.parse(text) ?? unlessAddressError(() => formatRange(parseRange(text)));
  },
};

function blockOf(cidr: Cidr): Ipv4Range {
  return { from: cidr.network, to: broadcastOf(cidr) };
}
