/**
 * The keys in etcd and their values. Pure.
 *
 * Three of them are read and written by operators with etcdctl and by the original etcdhcp, which
 * may run beside this program: they are the original's octet for octet.
 *
 *     <p>ips::free::<ip>        = <ip>       free to lease
 *     <p>ips::leased::<ip>      = <client>   goes when the hold on the address ends
 *     <p>nics::leased::<client> = <ip>       goes with it
 *     <p>leases::<ip>           = a record, JSON; stays
 *     <p>reservations::<client> = <ip>, or JSON with "ip"; stays
 *     <p>pools::<from>-<to>     = added, or removed; stays
 *     <p>ips::declined::<ip>    = <client>   goes when the quarantine ends, or the time for which an
 *                                            address is kept aside that an operator has freed
 *     <prefix>servers::<id>     = JSON       goes when the server has stopped
 *
 * `<p>` is the prefix, and for a subnet with a name `<name>::` after it.
 *
 * @module
 */

import type { Reservation, Subnet } from "../../config/model.ts";
import { type ClientKey, isClientKey, type Lease, type LeaseState } from "../../lease/lease.ts";
import {
  cidrContains,
  formatIpv4,
  type Ipv4,
  type Ipv4Range,
  type Mac,
  parseIpv4,
} from "../../wire/address.ts";
import {
  type PoolChange,
  readRange,
  readReservation,
  reservationName,
  RESERVATIONS,
} from "../amendment_text.ts";

/** The kinds of keys that are about one address. */
type AddressKey = "free" | "leased" | "record" | "declined";

interface AboutAddress<Kind> {
  readonly kind: Kind;
  readonly subnet: string;
  readonly address: Ipv4;
}

interface AboutClient<Kind> {
  readonly kind: Kind;
  readonly subnet: string;
  readonly client: ClientKey;
}

interface AboutRange {
  readonly kind: "pool";
  readonly subnet: string;
  readonly range: Ipv4Range;
}

/** What a key and its value say; a missing value says that the key is gone. */
export type Fact =
  | AboutAddress<"free"> & { readonly there: boolean }
  | AboutAddress<"leased"> & { readonly client: ClientKey | undefined }
  | AboutAddress<"declined"> & { readonly client: ClientKey | undefined }
  | AboutAddress<"record"> & { readonly record: Lease | undefined }
  | AboutClient<"nic"> & { readonly address: Ipv4 | undefined }
  | AboutClient<"reservation"> & { readonly reservation: Reservation | undefined }
  | AboutRange & { readonly change: PoolChange | undefined }
  | { readonly kind: "server"; readonly id: string; readonly text: string | undefined };

/** A key of ours whose name or value makes no sense. What it is about is not leased. */
export interface Unreadable {
  readonly kind: "unreadable";
  readonly key: string;
  /** What is wrong with it, to be said after the key. */
  readonly reason: string;
  /** What the key is about, as far as its name tells. */
  readonly about:
    | AboutAddress<"free">
    | AboutAddress<"leased">
    | AboutAddress<"record">
    | AboutAddress<"declined">
    | AboutClient<"nic">
    | AboutClient<"reservation">
    | AboutRange
    | undefined;
}

/** The names of one subnet's keys. */
export class SubnetKeys {
  readonly #prefix: string;
  #address: Ipv4 | undefined;
  #text = "";

  /** @param prefix The prefix of all keys. @param subnet The subnet's name, empty for none. */
  constructor(prefix: string, subnet: string) {
    this.#prefix = subnet === "" ? prefix : `${prefix}${subnet}::`;
  }

  /** An address as keys and values have it. One is asked for many times in a row. */
  text(address: Ipv4): string {
    if (address !== this.#address) {
      this.#address = address;
      this.#text = formatIpv4(address);
    }
    return this.#text;
  }

  free(address: Ipv4): string {
    return `${this.#prefix}ips::free::${this.text(address)}`;
  }

  leased(address: Ipv4): string {
    return `${this.#prefix}ips::leased::${this.text(address)}`;
  }

  declined(address: Ipv4): string {
    return `${this.#prefix}ips::declined::${this.text(address)}`;
  }

  record(address: Ipv4): string {
    return `${this.#prefix}leases::${this.text(address)}`;
  }

  nic(client: ClientKey): string {
    return `${this.#prefix}nics::leased::${client}`;
  }

  reservation(client: ClientKey): string {
    return this.amendment(reservationName(client));
  }

  /** What the keys of all reservations begin with. */
  reservations(): string {
    return this.amendment(RESERVATIONS);
  }

  /** The key of an amendment by its name (see amendment_text.ts). */
  amendment(name: string): string {
    return this.#prefix + name;
  }
}

/** The key under which a server announces itself. */
export function serverKey(prefix: string, id: string): string {
  return `${prefix}servers::${id}`;
}

/** Reads keys and values back. */
export class KeyReader {
  readonly #prefix: string;
  readonly #subnets = new Map<string, Subnet>();
  readonly #hasBare: boolean;

  constructor(prefix: string, subnets: readonly Subnet[]) {
    this.#prefix = prefix;
    for (const subnet of subnets) this.#subnets.set(subnet.name ?? "", subnet);
    this.#hasBare = this.#subnets.has("");
  }

  /**
   * What a key says; undefined when it is none of ours: another program's, or of a subnet that is
   * not configured here. Never throws.
   *
   * @param value undefined when the key is gone.
   */
  read(key: string, value: string | undefined): Fact | Unreadable | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const path = key.slice(this.#prefix.length);
    const end = path.indexOf("::");
    if (end < 0) return undefined;
    const first = path.slice(0, end);
    if (first === "servers") return { kind: "server", id: path.slice(end + 2), text: value };
    if (first !== "" && this.#subnets.has(first)) {
      return this.#readBelow(key, first, path.slice(end + 2), value);
    }
    return this.#hasBare ? this.#readBelow(key, "", path, value) : undefined;
  }

  #readBelow(key: string, subnet: string, path: string, value: string | undefined) {
    if (path.startsWith("ips::free::")) {
      return this.#ofAddress(key, "free", subnet, path.slice(11), value);
    }
    if (path.startsWith("ips::leased::")) {
      return this.#ofAddress(key, "leased", subnet, path.slice(13), value);
    }
    if (path.startsWith("leases::")) {
      return this.#ofAddress(key, "record", subnet, path.slice(8), value);
    }
    if (path.startsWith("nics::leased::")) {
      return this.#ofClient(key, "nic", subnet, path.slice(14), value);
    }
    if (path.startsWith("ips::declined::")) {
      return this.#ofAddress(key, "declined", subnet, path.slice(15), value);
    }
    if (path.startsWith("reservations::")) {
      return this.#ofClient(key, "reservation", subnet, path.slice(14), value);
    }
    if (path.startsWith("pools::")) return this.#ofRange(key, subnet, path.slice(7), value);
    return undefined;
  }

  #ofAddress(
    key: string,
    kind: AddressKey,
    subnet: string,
    text: string,
    value: string | undefined,
  ): Fact | Unreadable {
    const address = addressOf(text);
    if (address === undefined) {
      return {
        kind: "unreadable",
        key,
        reason: "its name does not end in an IPv4 address",
        about: undefined,
      };
    }
    const { cidr } = this.#subnets.get(subnet)!;
    if (!cidrContains(cidr, address)) {
      return {
        kind: "unreadable",
        key,
        reason: "the address is not in the subnet",
        about: undefined,
      };
    }
    const about = { kind, subnet, address };
    const bad = (reason: string): Unreadable => ({ kind: "unreadable", key, reason, about });
    switch (kind) {
      case "free":
        if (value !== undefined && value !== text) return bad("its value is not its own address");
        return { kind, subnet, address, there: value !== undefined };
      case "leased":
      case "declined":
        if (value !== undefined && !isClientKey(value)) return bad(`its value is ${NO_CLIENT}`);
        return { kind, subnet, address, client: value };
      case "record": {
        if (value === undefined) return { kind, subnet, address, record: undefined };
        const record = readRecord(value, subnet, address);
        if (typeof record === "string") return bad(record);
        return { kind, subnet, address, record };
      }
    }
  }

  #ofRange(
    key: string,
    subnet: string,
    text: string,
    value: string | undefined,
  ): Fact | Unreadable {
    const range = readRange(text);
    const { cidr } = this.#subnets.get(subnet)!;
    const nameless = (reason: string): Unreadable => {
      return { kind: "unreadable", key, reason, about: undefined };
    };
    if (range === undefined) {
      return nameless("its name does not end in a range, like 10.6.9.10-10.6.9.100");
    }
    if (!cidrContains(cidr, range.from) || !cidrContains(cidr, range.to)) {
      return nameless("the range is not in the subnet");
    }
    const about = { kind: "pool", subnet, range } as const;
    if (value === undefined || value === "added" || value === "removed") {
      return { ...about, change: value };
    }
    return { kind: "unreadable", key, reason: "its value is neither added nor removed", about };
  }

  #ofClient(
    key: string,
    kind: "nic" | "reservation",
    subnet: string,
    client: string,
    value: string | undefined,
  ): Fact | Unreadable {
    if (!isClientKey(client)) {
      return {
        kind: "unreadable",
        key,
        reason: `its name does not end in ${A_CLIENT}`,
        about: undefined,
      };
    }
    if (value === undefined) {
      return kind === "nic"
        ? { kind, subnet, client, address: undefined }
        : { kind, subnet, client, reservation: undefined };
    }
    const bad: Unreadable = {
      kind: "unreadable",
      key,
      reason: "its value is not an IPv4 address",
      about: { kind, subnet, client },
    };
    if (kind === "nic") {
      const address = addressOf(value);
      return address === undefined ? bad : { kind, subnet, client, address };
    }
    const reservation = readReservation(value);
    return reservation === undefined ? bad : { kind, subnet, client, reservation };
  }
}

const A_CLIENT = "a client (a hardware address in lower case with colons, or id: and hex)";
const NO_CLIENT = `not ${A_CLIENT}`;

function addressOf(text: string): Ipv4 | undefined {
  try {
    return parseIpv4(text);
  } catch {
    return undefined;
  }
}

/**
 * A record as it stands in etcd: short, because every lease writes one, and readable. Instants are
 * milliseconds since 1970. What is empty, or says the same as another field, is left out.
 */
export function writeRecord(lease: Lease): string {
  const { client, mac, clientId, hostname, state, since, renewed, expires, held } = lease;
  const { server, relay, xid, also } = lease;
  let text = `{"client":"${client}"`;
  if ((mac as string) !== client) text += `,"mac":"${mac}"`;
  if (clientId !== "") text += `,"clientId":"${clientId}"`;
  if (hostname !== "") text += `,"hostname":${JSON.stringify(hostname)}`;
  text += `,"state":"${state}","since":${since},"renewed":${renewed}` +
    `,"expires":${expires},"held":${held},"server":"${formatIpv4(server)}"`;
  if (relay !== 0) text += `,"relay":"${formatIpv4(relay)}"`;
  if (xid !== undefined) text += `,"xid":${xid}`;
  if (also !== undefined) text += `,"also":${JSON.stringify(also.map(formatIpv4))}`;
  return text + "}";
}

const STATES: readonly string[] = [
  "bound",
  "released",
  "expired",
  "declined",
  "freed",
] satisfies LeaseState[];

function addressesOf(list: unknown): Ipv4[] | undefined {
  if (!Array.isArray(list)) return undefined;
  const addresses = list.map((one) => addressOf(String(one)));
  return addresses.includes(undefined) ? undefined : addresses as Ipv4[];
}

/** A record read back, or what is wrong with it. */
function readRecord(text: string, subnet: string, address: Ipv4): Lease | string {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text);
  } catch {
    return "its value is not JSON";
  }
  if (typeof fields !== "object" || fields === null) return "its value is not a JSON object";
  const { client, state, since, renewed, expires, held } = fields;
  const { mac = client, clientId = "", hostname = "", server = "0.0.0.0", relay = "0.0.0.0" } =
    fields;
  if (typeof client !== "string" || !isClientKey(client)) return `its "client" is ${NO_CLIENT}`;
  if (typeof state !== "string" || !STATES.includes(state)) {
    return `its "state" is none of ${STATES.join(", ")}`;
  }
  for (const [name, value] of Object.entries({ since, renewed, expires, held })) {
    if (!Number.isSafeInteger(value)) return `its ${JSON.stringify(name)} is not a whole number`;
  }
  for (const [name, value] of Object.entries({ mac, clientId, hostname })) {
    if (typeof value !== "string") return `its ${JSON.stringify(name)} is not a string`;
  }
  const [serverAddress, relayAddress] = [addressOf(String(server)), addressOf(String(relay))];
  if (serverAddress === undefined) return `its "server" is not an IPv4 address`;
  if (relayAddress === undefined) return `its "relay" is not an IPv4 address`;
  const { xid, also } = fields;
  if (xid !== undefined && !Number.isSafeInteger(xid)) return `its "xid" is not a whole number`;
  const others = also === undefined ? undefined : addressesOf(also);
  if (also !== undefined && others === undefined) return `its "also" is no list of IPv4 addresses`;
  return {
    address,
    subnet,
    client,
    mac: mac as Mac,
    clientId: clientId as string,
    hostname: hostname as string,
    state: state as LeaseState,
    since: since as number,
    renewed: renewed as number,
    expires: expires as number,
    held: held as number,
    server: serverAddress,
    relay: relayAddress,
    ...(xid !== undefined && { xid: xid as number }),
    ...(others !== undefined && { also: others }),
  };
}
