/**
 * An event as hooks are told of it: as JSON for webhooks and a program's standard input, and as
 * variables for a program's environment. The README documents both.
 *
 * @module
 */

import type { LeaseEvent } from "../lease/events.ts";
import type { Lease } from "../lease/lease.ts";
import { formatIpv4 } from "../wire/address.ts";

/** One event on its way to one hook. */
export interface Notice {
  /** Unique over all servers and their restarts; the same at every try. */
  readonly id: string;
  /** The host name of the server that tells. */
  readonly server: string;
  readonly event: LeaseEvent;
  /** Events that this hook should have had before this one, after the last that it got. */
  readonly missed: number;
}

/** The longest value of a variable, characters: a host name may have as many. */
const LONGEST = 255;

/** The notice as one line of JSON, without its end. */
export function noticeJson({ id, server, event, missed }: Notice): string {
  const head = { id, event: event.kind, at: instant(event.at), server };
  const about = event.kind === "pool.threshold"
    ? {
      pool: {
        subnet: event.subnet || null,
        used: event.used,
        size: event.size,
        above: event.above,
      },
    }
    : { lease: leaseJson(event.lease) };
  return JSON.stringify({ ...head, ...about, ...(missed > 0 && { missed }) });
}

/** The notice as environment variables, each of characters that no shell gives a meaning. */
export function noticeVariables({ id, server, event, missed }: Notice): Record<string, string> {
  const about = event.kind === "pool.threshold"
    ? {
      SUBNET: event.subnet,
      USED: String(event.used),
      SIZE: String(event.size),
      ABOVE: String(event.above),
    }
    : leaseVariables(event.lease);
  const all = {
    EVENT: event.kind,
    ID: id,
    AT: String(Math.floor(event.at / 1000)),
    SERVER: server,
    MISSED: String(missed),
    ...about,
  };
  return Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`ETCDHCP_${name}`, harmless(value)]),
  );
}

function leaseJson(lease: Lease) {
  return {
    ip: formatIpv4(lease.address),
    client: lease.client,
    mac: lease.mac,
    clientId: lease.clientId || null,
    hostname: lease.hostname || null,
    name: dnsName(lease.hostname) || null,
    subnet: lease.subnet || null,
    state: lease.state,
    since: instant(lease.since),
    renewed: instant(lease.renewed),
    expires: instant(lease.expires),
    server: formatIpv4(lease.server),
    relay: lease.relay === 0 ? null : formatIpv4(lease.relay),
  };
}

function leaseVariables(lease: Lease) {
  return {
    IP: formatIpv4(lease.address),
    CLIENT: lease.client,
    MAC: lease.mac,
    CLIENT_ID: lease.clientId,
    HOSTNAME: lease.hostname,
    NAME: dnsName(lease.hostname),
    SUBNET: lease.subnet,
    STATE: lease.state,
    EXPIRES: Number.isFinite(lease.expires) ? String(Math.floor(lease.expires / 1000)) : "",
    RELAY: lease.relay === 0 ? "" : formatIpv4(lease.relay),
  };
}

/**
 * A host name as DNS takes it (RFC 1123 section 2.1, lengths of RFC 1035 section 2.3.4): labels of
 * lower-case letters, digits and inner hyphens. Runs of other characters become one hyphen, letters
 * lose their accents, empty labels go; of a name without a letter or digit nothing is left.
 */
export function dnsName(hostname: string): string {
  const plain = hostname.slice(0, LONGEST).normalize("NFKD").replaceAll(/\p{M}/gu, "");
  const labels = plain.toLowerCase().split(".")
    .map((label) => label.replaceAll(/[^a-z0-9]+/g, "-").replace(/^-/, "").slice(0, 63))
    .map((label) => label.replace(/-$/, "")).filter((label) => label !== "");
  while (labels.join(".").length > 253) labels.pop();
  return labels.join(".");
}

/** ISO 8601, UTC; null for what never comes. */
function instant(milliseconds: number): string | null {
  return Number.isFinite(milliseconds) ? new Date(milliseconds).toISOString() : null;
}

/**
 * A host name comes from a stranger, and what a hook runs is often a shell script that forgets its
 * quotes: anything but letters, digits and `.:_-` becomes `_`, and so does a leading dash, which
 * would look like an option. The JSON has the name as it was sent.
 */
function harmless(value: string): string {
  return value.slice(0, LONGEST).replaceAll(/[^A-Za-z0-9.:_-]|^-/g, "_");
}
