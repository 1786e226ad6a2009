/**
 * Where the server stands: the interfaces that it was told to answer on, with the address and
 * network of each.
 *
 * @module
 */

import {
  AddressError,
  type Cidr,
  cidrOf,
  formatIpv4,
  type Ipv4,
  parseIpv4,
  prefixOf,
} from "../wire/address.ts";
import type { ServedInterface } from "./model.ts";
import { nearest } from "./nearest.ts";
import { hostFlaw } from "./network.ts";
import type { Resolved } from "./sources.ts";
import type { NamedInterface } from "./types.ts";

/** One address of one network interface, as `Deno.networkInterfaces()` lists them. */
export interface InterfaceAddress {
  readonly name: string;
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
  readonly netmask: string;
  /** The interface's hardware address; zeros where it has none. */
  readonly mac: string;
}

/** What there is to go by. */
export interface Ground {
  /** The machine's interfaces; undefined when the program may not look at them. */
  readonly interfaces: readonly InterfaceAddress[] | undefined;
  /** Whether another machine is meant perhaps: what this one lacks is then worth a warning. */
  readonly elsewhere: boolean;
  /** Whether an interface is there, although it may have no address yet. */
  readonly exists: (name: string) => boolean;
  readonly serverIf: Resolved<readonly NamedInterface[] | undefined>;
  /** About the first interface. */
  readonly serverIp: Resolved<Ipv4 | undefined>;
  readonly subnetMask: Resolved<number | undefined>;
  /** Which of an interface's several addresses is meant. */
  readonly prefers: (name: string, place: Place) => boolean;
  readonly problems: string[];
  readonly warnings: string[];
  /** What is only a matter of time: interfaces that are there and have no address yet. */
  readonly awaited: string[];
}

/** An address and its network. */
export interface Place {
  readonly address: Ipv4;
  readonly cidr: Cidr;
}

/** A place, and whether the machine chose it. */
interface Found extends Place {
  readonly follows: boolean;
}

/** The interfaces that were named, without those whose address cannot be had. */
export function resolveInterfaces(ground: Ground): ServedInterface[] {
  const found: ServedInterface[] = [];
  for (const [index, named] of (ground.serverIf.value ?? []).entries()) {
    const place = placeOf(named, index === 0, ground);
    if (place !== undefined) found.push({ name: named.name, ...place });
  }
  return found;
}

function placeOf(named: NamedInterface, isFirst: boolean, ground: Ground): Found | undefined {
  const { serverIf, serverIp, subnetMask, problems } = ground;
  if (!isFirst) {
    return named.place === undefined
      ? ownPlace(named.name, undefined, ground)
      : givenPlace(named.name, named.place, serverIf.label, ground);
  }
  if (!serverIp.usable || !subnetMask.usable) return undefined;
  const [address, prefix] = [serverIp.value, subnetMask.value];
  if (named.place !== undefined) {
    for (const other of [serverIp, subnetMask]) {
      if (other.value === undefined) continue;
      problems.push(`${other.label}: ${named.name} has its address in ${serverIf.label} already`);
    }
    return givenPlace(named.name, named.place, serverIf.label, ground);
  }
  if (address === undefined || prefix === undefined) {
    const own = ownPlace(named.name, address, ground);
    if (own === undefined || prefix === undefined) return own;
    return { ...own, cidr: cidrOf(own.address, prefix) };
  }
  return givenPlace(named.name, { address, cidr: cidrOf(address, prefix) }, serverIp.label, ground);
}

/** A place that was given in full, so can be waited for. */
function givenPlace(name: string, place: Place, label: string, ground: Ground): Found {
  const { problems, warnings, interfaces } = ground;
  const flaw = hostFlaw(place.address, place.cidr);
  if (flaw !== undefined) problems.push(`${label}: ${formatIpv4(place.address)} ${flaw}`);
  const own = interfaces && placesOf(name, interfaces);
  if (own !== undefined && !own.some(({ address }) => address === place.address)) {
    warnings.push(
      `${name} does not have the address ${formatIpv4(place.address)} yet; waiting for it`,
    );
  }
  return { ...place, follows: false };
}

/** An interface's own place. Of several, the one that is wanted or preferred, else the first. */
function ownPlace(name: string, wanted: Ipv4 | undefined, ground: Ground): Found | undefined {
  const { serverIf, serverIp, interfaces, elsewhere, exists, prefers } = ground;
  const { problems, warnings, awaited } = ground;
  const missing = elsewhere ? warnings : problems;
  if (interfaces === undefined) {
    missing.push(
      `${serverIf.label}: cannot look up the address of ${name}: allow it (--allow-sys=` +
        `networkInterfaces), or give --dhcp.server-ip and --dhcp.subnet-mask`,
    );
    return undefined;
  }
  const places = placesOf(name, interfaces);
  if (places.length === 0) {
    const isThere = interfaces.some((one) => one.name === name) || exists(name);
    if (isThere) (elsewhere ? warnings : awaited).push(`${name} has no IPv4 address yet`);
    else missing.push(`${serverIf.label}: ${absence(name, interfaces)}`);
    return undefined;
  }
  if (wanted === undefined) {
    const own = places.find((place) => prefers(name, place)) ?? places[0]!;
    return { ...own, follows: true };
  }
  const place = places.find(({ address }) => address === wanted);
  if (place === undefined) {
    missing.push(
      `${serverIp.label}: ${name} has no address ${formatIpv4(wanted)} (it has ` +
        `${places.map(({ address }) => formatIpv4(address)).join(", ")}); give ` +
        `--dhcp.subnet-mask too to wait for it`,
    );
  }
  return place && { ...place, follows: false };
}

function absence(name: string, interfaces: readonly InterfaceAddress[]): string {
  const names = [...new Set(interfaces.map((one) => one.name))];
  const meant = nearest(name, names);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `there is no interface ${name} (there is ${
    names.join(", ")
  })${hint}; to wait for it, give ` +
    `its address too, like ${name}=10.6.9.1/24`;
}

function placesOf(name: string, interfaces: readonly InterfaceAddress[]): Place[] {
  const places: Place[] = [];
  for (const one of interfaces) {
    if (one.name !== name || one.family !== "IPv4") continue;
    try {
      const address = parseIpv4(one.address);
      places.push({ address, cidr: cidrOf(address, prefixOf(parseIpv4(one.netmask))) });
    } catch (error) {
      // An address that cannot be read cannot be served either; others may do.
      if (!(error instanceof AddressError)) throw error;
    }
  }
  return places;
}
