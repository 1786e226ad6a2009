/**
 * Leases as JSON has them: instants are ISO 8601 in UTC, null stands for "never".
 *
 * @module
 */

import type { Lease, LeaseState } from "../../lease/lease.ts";
import { formatIpv4 } from "../../wire/address.ts";

/** The media type of JSON, one value a line. */
export const JSON_LINES = "application/jsonl";

/** The states that an entry can be in; see lib/lease/lease.ts. */
export const LEASE_STATES = [
  "bound",
  "released",
  "expired",
  "declined",
  "freed",
] as const satisfies readonly LeaseState[];

export interface LeaseJson {
  readonly ip: string;
  readonly subnet: string;
  readonly client: string;
  readonly mac: string;
  readonly clientId: string;
  readonly hostname: string;
  readonly state: LeaseState;
  readonly since: string;
  readonly renewed: string;
  readonly expires: string | null;
  readonly held: string | null;
  readonly server: string;
  readonly relay: string | null;
}

/** A lease that another server gave. What is not known is left out. */
export interface NewLeaseJson {
  readonly ip: string;
  readonly mac: string;
  readonly client?: string;
  readonly clientId?: string;
  readonly hostname?: string;
  readonly state?: string;
  readonly since?: string;
  readonly expires: string | null;
}

/** What became of one lease of an import. */
export interface ImportResultJson {
  readonly line: number;
  readonly ip: string;
  readonly result: "entered" | "skipped" | "taken" | "refused" | "invalid" | "unknown";
  readonly reason: string;
}

/** The latest instant that a Date can hold, milliseconds since 1970 (ECMA-262 section 21.4.1.1). */
const LAST_INSTANT = 8.64e15;

/** ISO 8601 in UTC; null for what never comes. */
export function instantJson(instant: number): string | null {
  return instant <= LAST_INSTANT ? new Date(instant).toISOString() : null;
}

export function leaseJson(lease: Lease): LeaseJson {
  return {
    ip: formatIpv4(lease.address),
    subnet: lease.subnet,
    client: lease.client,
    mac: lease.mac,
    clientId: lease.clientId,
    hostname: lease.hostname,
    state: lease.state,
    since: instantJson(lease.since)!,
    renewed: instantJson(lease.renewed)!,
    expires: instantJson(lease.expires),
    held: instantJson(lease.held),
    server: formatIpv4(lease.server),
    relay: lease.relay === 0 ? null : formatIpv4(lease.relay),
  };
}
