/**
 * IPv4 addresses, hardware addresses, subnets and ranges: parse, format, contain.
 *
 * An address is a number (u32, host order) and a hardware address is a string, so both work as
 * `Map` keys and neither costs an object per packet.
 *
 * @module
 */

/** An IPv4 address as an unsigned 32-bit number, host order: 10.0.0.1 is 0x0a000001. */
export type Ipv4 = number & { readonly __brand: "Ipv4" };

/** A hardware address in lower case with colons: "5c:96:56:a4:be:eb". Ethernet's has six octets. */
export type Mac = string & { readonly __brand: "Mac" };

/** A subnet: its network address (host bits zero) and prefix length in bits, 0 to 32. */
export interface Cidr {
  readonly network: Ipv4;
  readonly prefix: number;
}

/** A run of addresses, both ends included; `from` is never above `to`. */
export interface Ipv4Range {
  readonly from: Ipv4;
  readonly to: Ipv4;
}

/** The address that stands for "none" in every header field (RFC 2131 section 2). */
export const UNSPECIFIED = 0 as Ipv4;

/** The limited broadcast address, 255.255.255.255 (RFC 919 section 7). */
export const LIMITED_BROADCAST = 0xffffffff as Ipv4;

/** Text that is not the address, subnet or range it was read as. */
export class AddressError extends Error {
  override readonly name = "AddressError";

  constructor(what: string, text: string, reason: string) {
    super(`Cannot parse ${what} ${JSON.stringify(text)}: ${reason}`);
  }
}

/**
 * Parses dotted decimal: four numbers 0 to 255, without leading zeros (which some read as octal).
 *
 * @throws {AddressError} for anything else.
 */
export function parseIpv4(text: string): Ipv4 {
  const parts = text.split(".");
  if (parts.length !== 4) {
    throw new AddressError("IPv4 address", text, "wanted four numbers separated by dots");
  }
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) {
      throw new AddressError("IPv4 address", text, `${JSON.stringify(part)} is not 0 to 255`);
    }
    value = value * 256 + Number(part);
  }
  return value as Ipv4;
}

/** Formats as dotted decimal. */
export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).padStart(2, "0"));

/** Formats octets as lower-case hex with colons; an empty array gives an empty string. */
export function formatMac(octets: Uint8Array): Mac {
  let text = octets.length > 0 ? HEX[octets[0]!]! : "";
  for (let i = 1; i < octets.length; i++) text += ":" + HEX[octets[i]!]!;
  return text as Mac;
}

/**
 * Parses six octets in hex, separated by colons or dashes, in either case.
 *
 * @throws {AddressError} for anything else.
 */
export function parseMac(text: string): Mac {
  if (!/^[0-9a-f]{2}([:-])(?:[0-9a-f]{2}\1){4}[0-9a-f]{2}$/i.test(text)) {
    throw new AddressError(
      "hardware address",
      text,
      "wanted six octets in hex, like 5c:96:56:a4:be:eb",
    );
  }
  return text.toLowerCase().replaceAll("-", ":") as Mac;
}

/** The octets of a hardware address; of an empty one none. */
export function macOctets(mac: Mac): Uint8Array {
  if (mac === "") return new Uint8Array(0);
  return Uint8Array.from(mac.split(":"), (octet) => parseInt(octet, 16));
}

/** The netmask of a prefix length: 24 gives 255.255.255.0. */
export function maskOf(prefix: number): Ipv4 {
  return (prefix === 0 ? 0 : (0xffffffff << (32 - prefix)) >>> 0) as Ipv4;
}

/**
 * The prefix length of a netmask: 255.255.255.0 gives 24.
 *
 * @throws {AddressError} when the one bits are not contiguous (RFC 4632 section 5.1).
 */
export function prefixOf(mask: Ipv4): number {
  const prefix = Math.clz32(~mask);
  if (maskOf(prefix) !== mask) {
    throw new AddressError("netmask", formatIpv4(mask), "its one bits are not contiguous");
  }
  return prefix;
}

/** The subnet of this prefix length (bits) that an address lies in. */
export function cidrOf(address: Ipv4, prefix: number): Cidr {
  return { network: (address & maskOf(prefix)) >>> 0 as Ipv4, prefix };
}

/**
 * Parses "10.6.9.0/24".
 *
 * @throws {AddressError} when malformed or when host bits are set.
 */
export function parseCidr(text: string): Cidr {
  const [address, prefix, ...rest] = text.split("/");
  if (prefix === undefined || rest.length > 0 || !/^(\d|[12]\d|3[0-2])$/.test(prefix)) {
    throw new AddressError("subnet", text, "wanted address/prefix, like 10.6.9.0/24");
  }
  const network = parseIpv4(address!);
  const cidr = cidrOf(network, Number(prefix));
  if (cidr.network !== network) {
    throw new AddressError("subnet", text, `host bits are set; the subnet is ${formatCidr(cidr)}`);
  }
  return cidr;
}

/** Formats as "10.6.9.0/24". */
export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.network)}/${cidr.prefix}`;
}

/** Whether the address lies in the subnet. */
export function cidrContains(cidr: Cidr, address: Ipv4): boolean {
  return (address & maskOf(cidr.prefix)) >>> 0 === cidr.network;
}

/** The subnet's directed broadcast address: all host bits one (RFC 922 section 7). */
export function broadcastOf(cidr: Cidr): Ipv4 {
  return (cidr.network | ~maskOf(cidr.prefix)) >>> 0 as Ipv4;
}

/**
 * Parses "10.6.9.10-10.6.9.100", both ends included; spaces around the dash are allowed.
 *
 * @throws {AddressError} when malformed or when the first address is above the last.
 */
export function parseRange(text: string): Ipv4Range {
  const [first, last, ...rest] = text.split("-").map((end) => end.trim());
  if (last === undefined || rest.length > 0) {
    throw new AddressError("range", text, "wanted FIRST-LAST, like 10.6.9.10-10.6.9.100");
  }
  const range = { from: parseIpv4(first!), to: parseIpv4(last) };
  if (range.from > range.to) {
    throw new AddressError("range", text, "its first address is above its last");
  }
  return range;
}

/** Formats as "10.6.9.10-10.6.9.100". */
export function formatRange(range: Ipv4Range): string {
  return `${formatIpv4(range.from)}-${formatIpv4(range.to)}`;
}

/** Whether the address is one of the range's. */
export function rangeContains(range: Ipv4Range, address: Ipv4): boolean {
  return address >= range.from && address <= range.to;
}

/** How many addresses the range holds. */
export function rangeSize(range: Ipv4Range): number {
  return range.to - range.from + 1;
}
