/**
 * What a book says of a subnet beyond the configuration, and what comes of the two together. Pure.
 *
 * @module
 */

import type { Reservation, Subnet } from "../config/model.ts";
import {
  cidrContains,
  formatCidr,
  formatIpv4,
  formatRange,
  type Ipv4,
  type Ipv4Range,
  rangeContains,
} from "../wire/address.ts";
import { hostsOf } from "./address_set.ts";
import { type ClientKey, isClientKey } from "./lease.ts";
import type { Amendment, Amendments } from "./management.ts";
import { common, sorted, tidy, union, without } from "./ranges.ts";

/** What comes of an amendment: the book's amendments as they are then, or why it cannot be. */
export type Proposal =
  | { readonly kind: "changed"; readonly amendments: Amendments }
  /** Everything is so already. */
  | { readonly kind: "same" }
  | { readonly kind: "refused"; readonly problem: string };

/**
 * Options that only the protocol writes: padding and end, times, identities, what tells of the
 * message itself. A reservation that brought its own would break every reply.
 */
const PROTOCOLS_OWN: ReadonlySet<number> = new Set([
  0,
  50,
  51,
  52,
  53,
  54,
  55,
  56,
  57,
  58,
  59,
  61,
  82,
  255,
]);

/** Whether a reservation may bring a value for an option. */
export function mayReserveOption(code: number): boolean {
  return Number.isInteger(code) && code > 0 && code < 255 && !PROTOCOLS_OWN.has(code);
}

/** A book that says nothing of a subnet. */
export function noAmendments(subnet: string): Amendments {
  return { subnet, reservations: new Map(), added: [], removed: [] };
}

/**
 * The subnet as it is in force. The configuration's reservations come before the book's; of two
 * clients for which the book reserves one address the first in alphabetical order has it, so that
 * every server sees the same. A reservation that cannot be had, because the address is excluded or
 * not in the subnet, is passed over.
 *
 * @returns The configured subnet itself when there is nothing to add.
 */
export function inForce(configured: Subnet, amendments: Amendments | undefined): Subnet {
  if (amendments === undefined) return configured;
  const { added, removed } = amendments;
  const hasPools = added.length > 0 || removed.length > 0;
  const hasReservations = amendments.reservations.size > 0;
  if (!hasPools && !hasReservations) return configured;
  return {
    ...configured,
    pools: hasPools ? poolsInForce(configured, added, removed) : configured.pools,
    reservations: hasReservations
      ? reservationsInForce(configured, amendments.reservations)
      : configured.reservations,
  };
}

function poolsInForce(
  { cidr, pools }: Subnet,
  added: readonly Ipv4Range[],
  removed: readonly Ipv4Range[],
): Ipv4Range[] {
  const within = common(tidy(added), hostsOf(cidr));
  return without(union(sorted(pools), within), removed);
}

function reservationsInForce(
  { cidr, exclusions, reservations }: Subnet,
  booked: ReadonlyMap<ClientKey, Reservation>,
): Map<string, Reservation> {
  const all = new Map(reservations);
  const owners = new Map<Ipv4, string>();
  const hosts = hostsOf(cidr);
  for (const [client, { address }] of reservations) owners.set(address, client);
  for (const [client, reservation] of booked) {
    const { address } = reservation;
    if (reservations.has(client) || exclusions.has(address)) continue;
    if (!rangeContains(hosts, address)) continue;
    const owner = owners.get(address);
    if (owner !== undefined) {
      if (reservations.has(owner) || owner < client) continue;
      all.delete(owner);
    }
    owners.set(address, client);
    all.set(client, reservation);
  }
  return all;
}

/** What comes of an amendment to a subnet. */
export function propose(
  configured: Subnet,
  amendments: Amendments,
  amendment: Amendment,
): Proposal {
  switch (amendment.kind) {
    case "reserve":
      return reserve(configured, amendments, amendment.client, amendment.reservation);
    case "unreserve":
      return unreserve(configured, amendments, amendment.client);
    case "add-pool":
      return addPool(configured, amendments, amendment.range);
    case "remove-pool":
      return removePool(configured, amendments, amendment.range);
  }
}

/** The subnet of an amendment among those configured, or why there is none. */
export function subnetFor(
  subnets: readonly Subnet[],
  { subnet }: Amendment,
): Subnet | { readonly problem: string } {
  const found = subnets.find(({ name = "" }) => name === subnet);
  if (found !== undefined) return found;
  const names = subnets.map(({ name, cidr }) =>
    name ?? `the one without a name (${formatCidr(cidr)})`
  );
  const wanted = subnet === "" ? "without a name" : JSON.stringify(subnet);
  return { problem: `there is no subnet ${wanted}; there is ${names.join(", ")}` };
}

function reserve(
  configured: Subnet,
  amendments: Amendments,
  client: ClientKey,
  reservation: Reservation,
): Proposal {
  const { address, hostname, options } = reservation;
  const ip = formatIpv4(address);
  if (!isClientKey(client)) {
    return refused(`${JSON.stringify(client)} is no client: wanted a hardware address or id:HEX`);
  }
  const place = placeProblem(configured, { from: address, to: address }, ip);
  if (place !== undefined) return refused(place);
  if (configured.exclusions.has(address)) {
    return refused(`${ip} is excluded: it is a router's or a server's, and never leased`);
  }
  const own = configured.reservations.get(client);
  if (own !== undefined) {
    return refused(`the configuration reserves ${formatIpv4(own.address)} for ${client}`);
  }
  for (
    const [other, { address: theirs }] of [
      ...configured.reservations,
      ...amendments.reservations,
    ]
  ) {
    if (theirs === address && other !== client) return refused(`${ip} is reserved for ${other}`);
  }
  const bad = [...options.keys()].find((code) => !mayReserveOption(code));
  if (bad !== undefined) return refused(`option ${bad} is the protocol's own; leave it out`);
  const before = amendments.reservations.get(client);
  if (before !== undefined && isSameReservation(before, reservation)) return { kind: "same" };
  const reservations = new Map(amendments.reservations);
  reservations.set(client, { address, hostname, options: new Map(options) });
  return { kind: "changed", amendments: { ...amendments, reservations } };
}

function unreserve(configured: Subnet, amendments: Amendments, client: ClientKey): Proposal {
  if (!amendments.reservations.has(client)) {
    const own = configured.reservations.get(client);
    return refused(
      own === undefined
        ? `nothing is reserved for ${client}`
        : `the configuration reserves ${formatIpv4(own.address)} for ${client}; take it out there`,
    );
  }
  const reservations = new Map(amendments.reservations);
  reservations.delete(client);
  return { kind: "changed", amendments: { ...amendments, reservations } };
}

function addPool(configured: Subnet, amendments: Amendments, range: Ipv4Range): Proposal {
  const problem = placeProblem(configured, range, formatRange(range));
  if (problem !== undefined) return refused(problem);
  const missing = without([range], inForce(configured, amendments).pools);
  if (missing.length === 0) return refused(`${formatRange(range)} is in the pools already`);
  const removed = without(tidy(amendments.removed), [range]);
  const added = union(tidy(amendments.added), without(missing, configured.pools));
  return { kind: "changed", amendments: { ...amendments, added, removed } };
}

function removePool(configured: Subnet, amendments: Amendments, range: Ipv4Range): Proposal {
  const problem = placeProblem(configured, range, formatRange(range));
  if (problem !== undefined) return refused(problem);
  if (common(inForce(configured, amendments).pools, range).length === 0) {
    return refused(`no address of ${formatRange(range)} is in the pools`);
  }
  const added = without(tidy(amendments.added), [range]);
  const removed = union(tidy(amendments.removed), common(sorted(configured.pools), range));
  return { kind: "changed", amendments: { ...amendments, added, removed } };
}

/** What is wrong with the place of addresses, undefined when they may be leased. */
function placeProblem({ cidr }: Subnet, range: Ipv4Range, text: string): string | undefined {
  if (!cidrContains(cidr, range.from) || !cidrContains(cidr, range.to)) {
    return `${text} is not within ${formatCidr(cidr)}`;
  }
  const hosts = hostsOf(cidr);
  for (const [edge, what] of [[hosts.from - 1, "network"], [hosts.to + 1, "broadcast"]] as const) {
    const address = edge as Ipv4;
    if (!rangeContains(range, address) || !cidrContains(cidr, address)) continue;
    const has = range.from === range.to ? "is" : `has ${formatIpv4(address)},`;
    return `${text} ${has} the ${what} address of ${formatCidr(cidr)}, which no client may have`;
  }
  return undefined;
}

function isSameReservation(one: Reservation, other: Reservation): boolean {
  if (one.address !== other.address || one.hostname !== other.hostname) return false;
  if (one.options.size !== other.options.size) return false;
  return [...one.options].every(([code, value]) => {
    const theirs = other.options.get(code);
    return theirs?.length === value.length && value.every((octet, at) => octet === theirs[at]);
  });
}

function refused(problem: string): Proposal {
  return { kind: "refused", problem };
}
