/**
 * Amendments as stores keep them: for each a name below its subnet, and a text. Pure.
 *
 *     reservations::<client>  = <ip>, or JSON {"ip", "hostname", "options": {"<code>": "<hex>"}}
 *     pools::<from>-<to>      = added or removed
 *
 * @module
 */

import type { Reservation } from "../config/model.ts";
import { mayReserveOption } from "../lease/amendments.ts";
import type { ClientKey } from "../lease/lease.ts";
import type { Amendments } from "../lease/management.ts";
import {
  formatIpv4,
  formatRange,
  type Ipv4,
  type Ipv4Range,
  parseIpv4,
  parseRange,
} from "../wire/address.ts";

/** What becomes of a range of addresses. */
export type PoolChange = "added" | "removed";

/** One name and the text that is kept under it; undefined for none. */
export interface AmendmentText {
  readonly subnet: string;
  readonly name: string;
  readonly text: string | undefined;
}

/** What the names of reservations begin with. */
export const RESERVATIONS = "reservations::";
const POOLS = "pools::";

export function reservationName(client: ClientKey): string {
  return RESERVATIONS + client;
}

export function poolName(range: Ipv4Range): string {
  return POOLS + formatRange(range);
}

/** Just the address where there is nothing else: operators read and write it with etcdctl. */
export function writeReservation({ address, hostname, options }: Reservation): string {
  const ip = formatIpv4(address);
  if (hostname === undefined && options.size === 0) return ip;
  const values = [...options].map(([code, octets]) => [code, hexOf(octets)]);
  return JSON.stringify({
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(values.length === 0 ? {} : { options: Object.fromEntries(values) }),
  });
}

/**
 * A reservation read back, undefined when it names no address. What else is in it and makes no
 * sense, or is not ours to send, is passed over: the address is what matters most.
 */
export function readReservation(text: string): Reservation | undefined {
  if (!text.startsWith("{")) {
    const address = addressOf(text);
    return address === undefined ? undefined : { address, hostname: undefined, options: new Map() };
  }
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { ip, hostname, options } = fields;
  const address = typeof ip === "string" ? addressOf(ip) : undefined;
  if (address === undefined) return undefined;
  return {
    address,
    hostname: typeof hostname === "string" && hostname !== "" ? hostname : undefined,
    options: new Map(readOptions(options)),
  };
}

function* readOptions(options: unknown): Iterable<[number, Uint8Array]> {
  if (typeof options !== "object" || options === null) return;
  for (const [code, hex] of Object.entries(options)) {
    if (!/^[1-9]\d{0,2}$/.test(code) || !mayReserveOption(Number(code))) continue;
    if (typeof hex !== "string" || !/^(?:[0-9a-f]{2})*$/i.test(hex)) continue;
    yield [Number(code), octetsOf(hex)];
  }
}

/** The range in a name; undefined when there is none, or it is written otherwise than here. */
export function readRange(text: string): Ipv4Range | undefined {
  try {
    const range = parseRange(text);
    return formatRange(range) === text ? range : undefined;
  } catch {
    return undefined;
  }
}

/** What is to be written so that texts that say one thing say the other. */
export function differences(before: Amendments, after: Amendments): AmendmentText[] {
  const { subnet } = after;
  const [old, wanted] = [textsOf(before), textsOf(after)];
  const changes: AmendmentText[] = [];
  for (const name of old.keys()) {
    if (!wanted.has(name)) changes.push({ subnet, name, text: undefined });
  }
  for (const [name, text] of wanted) {
    if (old.get(name) !== text) changes.push({ subnet, name, text });
  }
  return changes;
}

function textsOf({ reservations, added, removed }: Amendments): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [client, reservation] of reservations) {
    texts.set(reservationName(client), writeReservation(reservation));
  }
  for (const range of added) texts.set(poolName(range), "added" satisfies PoolChange);
  for (const range of removed) texts.set(poolName(range), "removed" satisfies PoolChange);
  return texts;
}

/** What texts say of one subnet. Those that make no sense are passed over. */
export function readAmendments(
  subnet: string,
  texts: Iterable<{ readonly name: string; readonly text: string }>,
): Amendments {
  const reservations = new Map<ClientKey, Reservation>();
  const added: Ipv4Range[] = [];
  const removed: Ipv4Range[] = [];
  for (const { name, text } of texts) {
    if (name.startsWith(RESERVATIONS)) {
      const reservation = readReservation(text);
      const client = name.slice(RESERVATIONS.length) as ClientKey;
      if (reservation !== undefined) reservations.set(client, reservation);
    } else if (name.startsWith(POOLS)) {
      const range = readRange(name.slice(POOLS.length));
      if (range !== undefined) (text === "added" ? added : removed).push(range);
    }
  }
  return { subnet, reservations, added, removed };
}

function addressOf(text: string): Ipv4 | undefined {
  try {
    return parseIpv4(text);
  } catch {
    return undefined;
  }
}

function hexOf(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

function octetsOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (octet) => parseInt(octet, 16));
}
