/**
 * What a configuration file has beyond settings: subnets with their reservations, and hooks. One
 * row a key; the reader, the schema for editors and the README's reference come from here.
 *
 * @module
 */

import { HOOK_EVENTS } from "./model.ts";
import {
  addresses,
  choice,
  cidr,
  domainName,
  duration,
  interfaceName,
  ipv4,
  macAddress,
  share,
  subnetName,
  text,
  type ValueType,
  webUrl,
} from "./types.ts";

/** One key of a table in the file. */
export interface Field<T = unknown> {
  readonly key: string;
  /** Of a list, the type of one item. */
  readonly type: ValueType<T>;
  readonly isList: boolean;
  readonly required: boolean;
  /** What stands where the key is missing, for help; undefined where there is nothing to say. */
  readonly fallback: string | undefined;
  readonly help: string;
}

interface Row<T> {
  readonly type: ValueType<T>;
  readonly help: string;
  readonly isList?: true;
  readonly required?: true;
  readonly fallback?: string;
}

function field<T>(key: string, row: Row<T>): Field<T> {
  const { type, help, isList = false, required = false, fallback } = row;
  return { key, type, help, isList, required, fallback };
}

/** Lease lengths on the wire are u32 seconds, of which the highest value means "for ever". */
const LEASE = duration("seconds", "1s", "4294967294s", "1h or 30m");

/** Keys of [[subnet]], without `options` and `reservation`. */
export const SUBNET_FIELDS = {
  name: field("name", {
    type: subnetName,
    fallback: "none, for one subnet at most",
    help: "What logs, lists and keys in the store call it",
  }),
  cidr: field("cidr", { type: cidr, required: true, help: "Its addresses" }),
  interface: field("interface", {
    type: interfaceName,
    fallback: "whichever has an address in it; else it is reached through relays",
    help: "The interface that the subnet is on, one of server.interfaces",
  }),
  pools: field("pools", {
    type: addresses,
    isList: true,
    fallback: "none: reservations only",
    help: "Addresses to lease: ranges, subnets, single ones",
  }),
  exclude: field("exclude", {
    type: addresses,
    isList: true,
    fallback: "none; the server and the routers always are",
    help: "Addresses that are never leased, even inside a pool",
  }),
  router: field("router", {
    type: ipv4,
    isList: true,
    fallback: "the server's address in the subnet, if it has one",
    help: "Routers sent to clients, best first; an empty list sends none",
  }),
  dns: field("dns", {
    type: ipv4,
    isList: true,
    fallback: "dhcp.dns, else the server's address in the subnet",
    help: "DNS servers sent to clients, best first; an empty list sends none",
  }),
  domain: field("domain", {
    type: domainName,
    fallback: "dhcp.domain, else not sent",
    help: "Domain name sent to clients",
  }),
  lease: field("lease", {
    type: LEASE,
    fallback: "dhcp.lease",
    help: "Length of a lease when the client asks for none",
  }),
  minLease: field("min-lease", {
    type: LEASE,
    fallback: "dhcp.min-lease",
    help: "A client that asks for a shorter lease gets this",
  }),
  maxLease: field("max-lease", {
    type: LEASE,
    fallback: "dhcp.max-lease",
    help: "A client that asks for a longer lease gets this",
  }),
  offerHold: field("offer-hold", {
    type: duration("seconds", "1s", "1h", "60s"),
    fallback: "dhcp.offer-hold",
    help: "How long an offered address is kept for its client",
  }),
  quarantine: field("quarantine", {
    type: duration("seconds", "1s", "8760h", "1h"),
    fallback: "dhcp.quarantine",
    help: "How long a declined address is kept aside",
  }),
  declineShare: field("decline-share", {
    type: share,
    fallback: "25%",
    help: "The largest part of the pools that may be kept aside at once",
  }),
};

/** Keys of [[subnet.reservation]], without `options`. */
export const RESERVATION_FIELDS = {
  mac: field("mac", { type: macAddress, required: true, help: "Whose it is" }),
  ip: field("ip", { type: ipv4, required: true, help: "The address, in a pool or not" }),
  hostname: field("hostname", {
    type: domainName,
    fallback: "none",
    help: "Host name sent to the client, shown in lists and told to hooks",
  }),
};

/** Keys of [[hook]]. */
export const HOOK_FIELDS = {
  events: field("events", {
    type: choice(...HOOK_EVENTS),
    isList: true,
    required: true,
    help: "What to tell of",
  }),
  run: field("run", {
    type: text("PROGRAM", 'a program\'s path and its arguments, like ["/usr/local/bin/told"]'),
    isList: true,
    help: "The program to run: its path, and arguments; or give url",
  }),
  url: field("url", { type: webUrl, help: "Where to post the event; or give run" }),
  secretFile: field("secret-file", {
    type: text("FILE", "the path of a file"),
    fallback: "none: not signed",
    help: "File with the key that posts are signed with",
  }),
  timeout: field("timeout", {
    type: duration("milliseconds", "100ms", "5m", "10s"),
    fallback: "10s",
    help: "How long one call may take",
  }),
};

/** The tables with their fields, and what else stands in them. */
const STRUCTURE: readonly {
  readonly header: string;
  readonly fields: Readonly<Record<string, Field>>;
  readonly options: boolean;
}[] = [
  { header: "[[subnet]]", fields: SUBNET_FIELDS, options: true },
  { header: "[[subnet.reservation]]", fields: RESERVATION_FIELDS, options: true },
  { header: "[[hook]]", fields: HOOK_FIELDS, options: false },
];

/** The reference of these tables in Markdown, for the README. Ends with a line break. */
export function structureReference(): string {
  const lines = ["| In | Key | Default | Meaning |", "| --- | --- | --- | --- |"];
  for (const { header, fields, options } of STRUCTURE) {
    for (const { key, type, isList, required, fallback = "", help } of Object.values(fields)) {
      const shape = isList ? `list of ${type.placeholder}` : type.placeholder;
      const word = required ? "required" : fallback;
      const cells = [`\`${header}\``, `\`${key}\` ${shape}`, word, help];
      lines.push(`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
    }
    if (options) {
      lines.push(`| \`${header}\` | \`options\` table | none | DHCP options, by name or code |`);
    }
  }
  return lines.join("\n") + "\n";
}

/** The keys of a table. */
export function keysOf(fields: Readonly<Record<string, Field>>): string[] {
  return Object.values(fields).map(({ key }) => key);
}
