/**
 * Small subnets, clients and operations, with every field filled in.
 *
 * @module
 */

import type { Reservation, ServedInterface, Subnet } from "../../lib/config/model.ts";
import type { ClientKey } from "../../lib/lease/lease.ts";
import type { Amendment } from "../../lib/lease/management.ts";
import type { Bind, Decline, Enter, Expire, Free, Release } from "../../lib/lease/store.ts";
import {
  type Ipv4,
  maskOf,
  parseCidr,
  parseIpv4,
  parseMac,
  parseRange,
  UNSPECIFIED,
} from "../../lib/wire/address.ts";
import { domainNameServer, router, subnetMask } from "../../lib/wire/registry.ts";

/** When tests begin, milliseconds since 1970: far from zero, as in life, and a whole second. */
export const EPOCH = 1_800_000_000_000;

/** What a subnet is described by; the rest follows from it. */
export interface SubnetText {
  readonly name?: string;
  readonly cidr?: string;
  readonly pools?: readonly string[];
  readonly exclusions?: readonly string[];
  /** Addresses by short name of the client. */
  readonly reservations?: Readonly<Record<string, string>>;
  readonly router?: string;
  readonly dns?: string;
  /** More options, by code, in hex. */
  readonly options?: Readonly<Record<number, string>>;
  readonly lease?: Subnet["lease"];
  readonly offerHold?: number;
  readonly quarantine?: number;
  readonly declineShare?: number;
}

/** A subnet: 10.0.0.0/24 with four addresses to lease, for an hour, unless told otherwise. */
export function subnetOf(text: SubnetText = {}): Subnet {
  const cidr = parseCidr(text.cidr ?? "10.0.0.0/24");
  const gateway = text.router === undefined ? (cidr.network + 1) as Ipv4 : parseIpv4(text.router);
  const options = new Map<number, Uint8Array>([
    [subnetMask.code, subnetMask.codec.encode(maskOf(cidr.prefix))],
    [router.code, router.codec.encode([gateway])],
    [domainNameServer.code, domainNameServer.codec.encode([parseIpv4(text.dns ?? "10.0.0.2")])],
  ]);
  for (const [code, hex] of Object.entries(text.options ?? {})) {
    options.set(Number(code), octetsOf(hex));
  }
  return {
    name: text.name,
    cidr,
    pools: (text.pools ?? ["10.0.0.10-10.0.0.13"]).map(parseRange),
    exclusions: new Set((text.exclusions ?? []).map(parseIpv4)),
    options,
    lease: text.lease ?? { default: 3600, min: 120, max: 86_400 },
    offerHold: text.offerHold ?? 30,
    quarantine: text.quarantine ?? 600,
    declineShare: text.declineShare ?? 0.25,
    reservations: new Map(
      Object.entries(text.reservations ?? {})
        .map(([client, address]) => [
          clientKey(client),
          { address: parseIpv4(address), hostname: undefined, options: new Map() },
        ]),
    ),
  };
}

/** An interface: "lan0 10.0.0.1/24". */
export function interfaceOf(text: string): ServedInterface {
  const [name, place] = text.split(" ");
  const [address, prefix] = place!.split("/");
  const ip = parseIpv4(address!);
  return {
    name: name!,
    address: ip,
    cidr: { network: (ip & maskOf(Number(prefix))) >>> 0 as Ipv4, prefix: Number(prefix) },
    follows: false,
  };
}

/** The hardware address of a short name: "aa:01" is 02:00:00:00:aa:01; a whole one stays. */
export function macOf(client: string) {
  return parseMac(client.length === 17 ? client : `02:00:00:00:${client}`);
}

/** The key of a short name. */
export function clientKey(client: string): ClientKey {
  return macOf(client) as string as ClientKey;
}

/** The short name of a client with this number. */
export function clientNumber(n: number): string {
  const hex = n.toString(16).padStart(4, "0");
  return `${hex.slice(0, 2)}:${hex.slice(2)}`;
}

export function octetsOf(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (octet) => parseInt(octet, 16));
}

/** The claim that a REQUEST makes. */
export function bind(
  client: string,
  address: string,
  expires: number,
  more: Partial<Bind> = {},
): Bind {
  return {
    kind: "bind",
    subnet: "",
    client: clientKey(client),
    address: parseIpv4(address),
    expires,
    mac: macOf(client),
    clientId: "",
    hostname: "",
    server: SERVER,
    relay: UNSPECIFIED,
    inUse: false,
    ...more,
  };
}

/** The server that `bind` has its leases from, and that gets them back. */
export const SERVER = parseIpv4("10.0.0.1");

export function release(client: string, address: string, subnet = ""): Release {
  return {
    kind: "release",
    subnet,
    client: clientKey(client),
    address: parseIpv4(address),
    servers: [SERVER],
  };
}

export function decline(
  client: string,
  address: string,
  until: number,
  limit: number,
  subnet = "",
): Decline {
  return {
    kind: "decline",
    subnet,
    client: clientKey(client),
    address: parseIpv4(address),
    servers: [SERVER],
    until,
    limit,
  };
}

export function expire(address: string): Expire {
  return { kind: "expire", address: parseIpv4(address) };
}

/** An operator takes the address back. */
export function free(address: string, force = false, subnet = ""): Free {
  return { kind: "free", subnet, address: parseIpv4(address), force };
}

/** A lease from elsewhere. */
export function enter(
  client: string,
  address: string,
  since: number,
  expires: number,
  more: Partial<Enter> = {},
): Enter {
  return {
    kind: "enter",
    subnet: "",
    client: clientKey(client),
    address: parseIpv4(address),
    mac: macOf(client),
    clientId: "",
    hostname: "",
    since,
    expires,
    ...more,
  };
}

/** A reservation of an address, plain unless told otherwise. */
export function reservation(
  address: string,
  hostname?: string,
  options: Readonly<Record<number, string>> = {},
): Reservation {
  const values = Object.entries(options).map(([code, hex]) =>
    [Number(code), octetsOf(hex)] as const
  );
  return { address: parseIpv4(address), hostname, options: new Map(values) };
}

export function reserve(client: string, what: Reservation, subnet = ""): Amendment {
  return { kind: "reserve", subnet, client: clientKey(client), reservation: what };
}

export function unreserve(client: string, subnet = ""): Amendment {
  return { kind: "unreserve", subnet, client: clientKey(client) };
}

export function addPool(range: string, subnet = ""): Amendment {
  return { kind: "add-pool", subnet, range: parseRange(range) };
}

export function removePool(range: string, subnet = ""): Amendment {
  return { kind: "remove-pool", subnet, range: parseRange(range) };
}
