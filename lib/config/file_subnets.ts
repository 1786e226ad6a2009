/**
 * The subnets of a configuration file: read from its tables, and checked against each other and
 * against the interfaces.
 *
 * @module
 */

import {
  type Cidr,
  cidrContains,
  formatCidr,
  formatIpv4,
  formatRange,
  type Ipv4,
  type Ipv4Range,
  type Mac,
  rangeContains,
  rangeSize,
} from "../wire/address.ts";
import { DecodeError } from "../wire/bytes.ts";
import {
  classlessStaticRoute,
  domainName,
  domainNameServer,
  hostName,
  router,
} from "../wire/registry.ts";
import type { Surroundings } from "./config_file.ts";
import type { Reservation, ServedInterface, Subnet } from "./model.ts";
import { DECLINE_SHARE, hostFlaw, leaseTimes, type Settled, wireOptions } from "./network.ts";
import { optionCode, readOptionValue } from "./option_values.ts";
import { isTable, type Placed, type Section, shown } from "./section.ts";
import type { Resolved } from "./sources.ts";
import { keysOf, RESERVATION_FIELDS, SUBNET_FIELDS } from "./structure.ts";
import type { Addresses } from "./types.ts";

/** More addresses than this are better left out of the pools than listed one by one. */
const MAX_EXCLUDED = 65_536;

/** One [[subnet.reservation]]. */
interface ReservationEntry {
  readonly mac: Placed<Mac> | undefined;
  readonly ip: Placed<Ipv4> | undefined;
  readonly hostname: Placed<string> | undefined;
  readonly options: ReadonlyMap<number, Placed<Uint8Array>>;
}

/** One [[subnet]], as far as it could be read. */
export interface SubnetEntry {
  readonly section: Section;
  readonly name: Placed<string> | undefined;
  readonly cidr: Placed<Cidr> | undefined;
  readonly interface: Placed<string> | undefined;
  readonly pools: readonly Placed<Addresses>[];
  readonly exclude: readonly Placed<Addresses>[];
  readonly router: readonly Placed<Ipv4>[] | undefined;
  readonly dns: readonly Placed<Ipv4>[] | undefined;
  readonly domain: Placed<string> | undefined;
  readonly lease: Placed<number> | undefined;
  readonly minLease: Placed<number> | undefined;
  readonly maxLease: Placed<number> | undefined;
  readonly offerHold: Placed<number> | undefined;
  readonly quarantine: Placed<number> | undefined;
  readonly declineShare: Placed<number> | undefined;
  readonly options: ReadonlyMap<number, Placed<Uint8Array>>;
  readonly reservations: readonly ReservationEntry[];
}

/** Reads one [[subnet]]; what is wrong with it alone is told at once. */
export function readSubnet(unnamed: Section): SubnetEntry {
  const fields = SUBNET_FIELDS;
  const name = unnamed.one(fields.name.key, fields.name.type);
  // From here on messages name it; so does a reader of the file.
  const section = name === undefined ? unnamed : unnamed.called(`subnet.${name.value}`);
  section.refuseUnknown([...keysOf(fields), "options", "reservation"]);
  return {
    section,
    name,
    cidr: required(section, fields.cidr.key, fields.cidr.type),
    interface: section.one(fields.interface.key, fields.interface.type),
    pools: section.many(fields.pools.key, fields.pools.type) ?? [],
    exclude: section.many(fields.exclude.key, fields.exclude.type) ?? [],
    router: section.many(fields.router.key, fields.router.type),
    dns: section.many(fields.dns.key, fields.dns.type),
    domain: section.one(fields.domain.key, fields.domain.type),
    lease: section.one(fields.lease.key, fields.lease.type),
    minLease: section.one(fields.minLease.key, fields.minLease.type),
    maxLease: section.one(fields.maxLease.key, fields.maxLease.type),
    offerHold: section.one(fields.offerHold.key, fields.offerHold.type),
    quarantine: section.one(fields.quarantine.key, fields.quarantine.type),
    declineShare: section.one(fields.declineShare.key, fields.declineShare.type),
    options: readOptions(section),
    reservations: section.tables("reservation").map(readReservation),
  };
}

function readReservation(section: Section): ReservationEntry {
  const { mac, ip, hostname } = RESERVATION_FIELDS;
  section.refuseUnknown([...keysOf(RESERVATION_FIELDS), "options"]);
  const entry = {
    mac: required(section, mac.key, mac.type),
    ip: required(section, ip.key, ip.type),
    hostname: section.one(hostname.key, hostname.type),
  };
  const options = readOptions(section);
  const twice = entry.hostname && options.get(hostName.code);
  if (twice !== undefined) {
    section.problem(twice.label, `the host name is given in ${entry.hostname!.label} already`);
  }
  return { ...entry, options };
}

function required<T>(
  section: Section,
  key: string,
  type: Parameters<typeof section.one<T>>[1],
): Placed<T> | undefined {
  if (section.has(key)) return section.one(key, type);
  section.problem(section.label(), `missing: ${key}: wanted ${type.wanted}`);
  return undefined;
}

/** Reads `options`: a table by name or code, or a list of tables with `name` or `code`. */
function readOptions(section: Section): Map<number, Placed<Uint8Array>> {
  const found = new Map<number, Placed<Uint8Array>>();
  const add = (key: string, value: unknown, label: string) => {
    const code = optionCode(key);
    if (typeof code === "string") return section.problem(label, code);
    const octets = readOptionValue(code, value);
    if (typeof octets === "string") return section.problem(label, octets);
    const other = found.get(code);
    if (other === undefined) found.set(code, { value: octets, label });
    else section.problem(label, `option ${code} is given in ${other.label} already`);
  };
  const given = section.table["options"];
  if (given === undefined) return found;
  if (isTable(given)) {
    const options = section.within("options", given);
    for (const [key, value] of Object.entries(given)) add(key, value, options.label(key));
  } else if (Array.isArray(given)) {
    for (const item of section.tables("options")) {
      const { name, code = name, hex, type, value } = item.table;
      item.refuseUnknown(["name", "code", "hex", "type", "value"]);
      if (code === undefined || (name !== undefined && code !== name)) {
        item.problem(item.label(), "wanted either name or code");
        continue;
      }
      const words = Object.entries({ hex, type, value }).filter(([, word]) => word !== undefined);
      add(String(code), Object.fromEntries(words), item.label());
    }
  } else {
    section.problem(section.label("options"), `cannot use ${shown(given)}: wanted a table`);
  }
  return found;
}

/** Makes subnets of what was read, telling everything that is wrong with them. */
export function resolveSubnets(
  entries: readonly SubnetEntry[],
  surroundings: Surroundings,
): Subnet[] {
  const subnets = entries.flatMap((entry, index) => {
    const subnet = resolveSubnet(entry, index, surroundings);
    return subnet === undefined ? [] : [{ entry, subnet }];
  });
  const { problems, interfaces, warnings } = surroundings;
  checkNames(entries, problems);
  checkOverlaps(subnets, problems);
  for (const { name, address } of interfaces) {
    if (subnets.length < entries.length) break;
    if (subnets.some(({ subnet }) => cidrContains(subnet.cidr, address))) continue;
    warnings.push(
      `no subnet has the address of ${name}, ${formatIpv4(address)}: clients on it are answered ` +
        "through relays alone",
    );
  }
  return subnets.map(({ subnet }) => subnet);
}

function checkNames(entries: readonly SubnetEntry[], problems: string[]): void {
  const seen = new Map<string, string>();
  for (const { name, section } of entries) {
    const label = name?.label ?? section.label();
    const other = seen.get(name?.value ?? "");
    if (other === undefined) {
      // One whose name could not be read has one, and that has been told.
      if (name !== undefined || !section.has("name")) seen.set(name?.value ?? "", label);
    } else if (name !== undefined) {
      problems.push(`${label}: cannot use "${name.value}": another subnet has it (${other})`);
    } else if (!section.has("name")) {
      problems.push(`${label}: missing: name: one subnet may go without, and one does (${other})`);
    }
  }
}

interface Made {
  readonly entry: SubnetEntry;
  readonly subnet: Subnet;
}

function checkOverlaps(subnets: readonly Made[], problems: string[]): void {
  for (const [index, { entry: { cidr } }] of subnets.entries()) {
    for (const { entry: { cidr: other } } of subnets.slice(0, index)) {
      const [one, two] = [cidr!.value, other!.value];
      if (!cidrContains(one, two.network) && !cidrContains(two, one.network)) continue;
      problems.push(
        `${cidr!.label}: ${formatCidr(one)} overlaps with ${formatCidr(two)} (${other!.label})`,
      );
    }
  }
}

function resolveSubnet(
  entry: SubnetEntry,
  index: number,
  surroundings: Surroundings,
): Subnet | undefined {
  const { settings, interfaces, problems, warnings, origins } = surroundings;
  const { cidr, section } = entry;
  if (cidr === undefined) return undefined;
  const standing = interfaces.filter(({ address }) => cidrContains(cidr.value, address));
  const originOf = (key: string) => `subnet[${index}].${key}`;
  checkInterface(entry, cidr.value, surroundings);

  const settle = <T>(setting: Resolved<T>, own: Placed<T & unknown> | undefined, key: string) => {
    const isOwn = own !== undefined && !isStronger(setting);
    const settled: Settled<T> = isOwn ? { ...own, usable: true } : setting;
    if (isOwn || setting.source !== "default") origins.set(originOf(key), settled.label);
    return settled;
  };
  const lease = settle(settings.lease, entry.lease, "lease");
  const minLease = settle(settings.minLease, entry.minLease, "min-lease");
  const maxLease = settle(settings.maxLease, entry.maxLease, "max-lease");
  const offerHold = settle(settings.offerHold, entry.offerHold, "offer-hold");
  const quarantine = settle(settings.quarantine, entry.quarantine, "quarantine");
  const domain = settle(settings.domain, entry.domain, "domain");
  const ownDns = entry.dns && together(entry.dns, section.label("dns"));
  const dns = settle(settings.dns, ownDns, "dns").value ?? standing.slice(0, 1).map(addressOf);
  const routers = entry.router?.map(({ value }) => value) ?? standing.slice(0, 1).map(addressOf);
  for (const key of ["name", "cidr", "interface", "pools", "exclude", "router", "decline-share"]) {
    if (section.has(key)) origins.set(originOf(key), section.label(key));
  }
  for (const { value, label } of entry.router ?? []) {
    const flaw = hostFlaw(value, cidr.value);
    if (flaw !== undefined) problems.push(`${label}: ${formatIpv4(value)} ${flaw}`);
  }

  const options = wireOptions(cidr.value, routers, dns, domain.value);
  const dedicated: [number, string, boolean][] = [
    [router.code, "router", entry.router !== undefined],
    [domainNameServer.code, "dns", entry.dns !== undefined],
    [domainName.code, "domain", entry.domain !== undefined],
  ];
  for (const [code, { value, label }] of entry.options) {
    const key = dedicated.find(([one, , given]) => one === code && given)?.[1];
    if (key !== undefined) problems.push(`${label}: given in ${section.label(key)} already`);
    if (code === hostName.code) {
      problems.push(`${label}: all clients would have one host name: it belongs in a reservation`);
    }
    options.set(code, value);
    origins.set(originOf(`options.${code}`), label);
  }
  warnOfMissingDefaultRoute(entry, warnings);

  const own = new Set([...interfaces.map(addressOf), ...routers]);
  const excluded = excludedAddresses(entry, cidr.value, problems);
  const pools = resolvePools(entry, cidr.value, new Set([...own, ...excluded]), problems);
  const reservations = resolveReservations(entry, index, cidr.value, {
    routers: new Set(routers),
    servers: new Set(interfaces.map(addressOf)),
    excluded,
  }, surroundings);
  if (entry.pools.length === 0 && reservations.size === 0 && !section.has("pools")) {
    warnings.push(`${section.label()}: nothing to lease: it has neither pools nor reservations`);
  }
  return {
    name: entry.name?.value,
    cidr: cidr.value,
    pools,
    exclusions: new Set(
      [...own].filter((one) => cidrContains(cidr.value, one)).concat(
        [...excluded],
      ),
    ),
    options,
    lease: leaseTimes(lease, minLease, maxLease, problems),
    offerHold: offerHold.value,
    quarantine: quarantine.value,
    declineShare: entry.declineShare?.value ?? DECLINE_SHARE,
    reservations,
  };
}

/** What was said on the command line or in the environment beats what the file says. */
function isStronger({ source }: Resolved<unknown>): boolean {
  return source === "flag" || source === "environment";
}

function together<T>(items: readonly Placed<T>[], label: string): Placed<T[]> {
  return { value: items.map(({ value }) => value), label };
}

function addressOf({ address }: ServedInterface): Ipv4 {
  return address;
}

function checkInterface(
  { interface: named, cidr }: SubnetEntry,
  network: Cidr,
  { settings, interfaces, problems }: Surroundings,
): void {
  if (named === undefined) return;
  const { serverIf } = settings;
  const known = serverIf.value ?? [];
  if (serverIf.usable && !known.some(({ name }) => name === named.value)) {
    problems.push(
      `${named.label}: ${named.value} is not among the interfaces to answer on ` +
        `(${serverIf.label})`,
    );
  }
  const served = interfaces.find(({ name }) => name === named.value);
  if (served !== undefined && !cidrContains(network, served.address)) {
    problems.push(
      `${named.label}: the address of ${named.value}, ${formatIpv4(served.address)}, is outside ` +
        `the subnet (${cidr!.label}, ${formatCidr(network)})`,
    );
  }
}

/** RFC 3442: a client that takes classless routes takes no notice of the routers. */
function warnOfMissingDefaultRoute({ options }: SubnetEntry, warnings: string[]): void {
  const routes = options.get(classlessStaticRoute.code);
  if (routes === undefined) return;
  if (hasDefaultRoute(routes.value)) return;
  warnings.push(
    `${routes.label}: clients that take these routes ignore the routers: add ` +
      '"0.0.0.0/0 via ROUTER" if they are to reach anything else',
  );
}

function hasDefaultRoute(octets: Uint8Array): boolean {
  try {
    const routes = classlessStaticRoute.codec.decode(octets);
    return routes.some(({ destination }) => destination.prefix === 0);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    // Octets that the operator wrote out and that are no routes: what they mean is theirs to know.
    return true;
  }
}

function excludedAddresses(
  { exclude }: SubnetEntry,
  network: Cidr,
  problems: string[],
): Set<Ipv4> {
  const excluded = new Set<Ipv4>();
  for (const { value: { range }, label } of exclude) {
    if (!isWithin(range, network)) {
      problems.push(`${label}: ${textOf(range)} is outside the subnet ${formatCidr(network)}`);
    } else if (rangeSize(range) > MAX_EXCLUDED) {
      problems.push(
        `${label}: ${textOf(range)} is more than ${MAX_EXCLUDED} addresses: leave them out of ` +
          "the pools instead",
      );
    } else {
      for (let at = range.from; at <= range.to; at++) excluded.add(at);
    }
  }
  return excluded;
}

function isWithin(range: Ipv4Range, cidr: Cidr): boolean {
  return cidrContains(cidr, range.from) && cidrContains(cidr, range.to);
}

function textOf(range: Ipv4Range): string {
  return range.from === range.to ? formatIpv4(range.from) : formatRange(range);
}

function resolvePools(
  entry: SubnetEntry,
  network: Cidr,
  unleasable: ReadonlySet<Ipv4>,
  problems: string[],
): Ipv4Range[] {
  const pools: Placed<Ipv4Range>[] = [];
  for (const { value, label } of entry.pools) {
    const range = poolRange(value, network);
    const text = textOf(value.range);
    if (!isWithin(range, network)) {
      problems.push(`${label}: ${text} is outside the subnet ${formatCidr(network)}`);
      continue;
    }
    for (const end of new Set([range.from, range.to])) {
      const flaw = hostFlaw(end, network);
      if (flaw !== undefined) problems.push(`${label}: ${formatIpv4(end)} ${flaw}`);
    }
    const other = pools.find(({ value: { from, to } }) => from <= range.to && range.from <= to);
    if (other !== undefined) {
      problems.push(`${label}: ${text} overlaps with ${textOf(other.value)} (${other.label})`);
      continue;
    }
    pools.push({ value: range, label });
    // Counted from the smaller side: a pool may have millions.
    const taken = [...unleasable].filter((one) => rangeContains(range, one)).length;
    if (taken >= rangeSize(range)) {
      problems.push(
        `${label}: nothing is left to lease: every address of ${text} is the server's, a ` +
          "router's or excluded",
      );
    }
  }
  return pools.map(({ value }) => value);
}

/** A pool that was written as a subnet means the addresses that hosts can have. */
function poolRange({ range, asSubnet }: Addresses, network: Cidr): Ipv4Range {
  if (!asSubnet) return range;
  const { from, to } = range;
  const first = hostFlaw(from, network)?.includes("network") ? from + 1 : from;
  const last = hostFlaw(to, network)?.includes("broadcast") ? to - 1 : to;
  return { from: first as Ipv4, to: last as Ipv4 };
}

interface Unreservable {
  readonly routers: ReadonlySet<Ipv4>;
  readonly servers: ReadonlySet<Ipv4>;
  readonly excluded: ReadonlySet<Ipv4>;
}

function resolveReservations(
  entry: SubnetEntry,
  index: number,
  network: Cidr,
  { routers, servers, excluded }: Unreservable,
  { problems, origins }: Surroundings,
): Map<string, Reservation> {
  const found = new Map<string, Reservation>();
  const macs = new Map<Mac, string>();
  const addresses = new Map<Ipv4, string>();
  for (const { mac, ip, hostname, options } of entry.reservations) {
    if (mac !== undefined) {
      const other = macs.get(mac.value);
      if (other !== undefined) {
        problems.push(`${mac.label}: ${mac.value} has a reservation already (${other})`);
      } else macs.set(mac.value, mac.label);
    }
    if (ip === undefined) continue;
    const flaw = hostFlaw(ip.value, network) ??
      (servers.has(ip.value) ? "is the server's own address" : undefined) ??
      (routers.has(ip.value) ? "is a router's address" : undefined) ??
      (excluded.has(ip.value) ? "is excluded" : undefined);
    if (flaw !== undefined) problems.push(`${ip.label}: ${formatIpv4(ip.value)} ${flaw}`);
    const other = addresses.get(ip.value);
    if (other !== undefined) {
      problems.push(`${ip.label}: ${formatIpv4(ip.value)} is reserved already (${other})`);
    } else addresses.set(ip.value, ip.label);
    if (mac === undefined) continue;
    const octets = new Map([...options].map(([code, { value }]) => [code, value]));
    if (hostname !== undefined) octets.set(hostName.code, hostName.codec.encode(hostname.value));
    found.set(mac.value, { address: ip.value, hostname: hostname?.value, options: octets });
    origins.set(`subnet[${index}].reservation.${mac.value}`, ip.label);
  }
  return found;
}
