/**
 * The `lease show` command.
 *
 * @module
 */

import type { LeaseJson } from "../admin/api/lease_json.ts";
import type { ValueType } from "../config/types.ts";
import type { AdminClient } from "./admin_client.ts";
import { IP, IP_OR_MAC } from "./operands.ts";
import { operandProblem, serverCommand } from "./server_command.ts";
import { showable } from "./table.ts";
import { relative } from "./when.ts";
import { AddressError, parseMac } from "../wire/address.ts";

const WHICH = "IP|MAC";

/** A hardware address, as it is written here. */
export const ownMac: ValueType<string> = {
  placeholder: "MAC",
  wanted: "a hardware address, like 5c:96:56:a4:be:eb",
  parse(given) {
    try {
      return parseMac(given);
    } catch (error) {
      if (error instanceof AddressError) return undefined;
      throw error;
    }
  },
};

/** Shows what the book says of an address or a device. */
export const leaseShow = serverCommand({
  name: "lease show",
  summary: "Show all about an address, or all addresses of a device",
  operands: [{ name: WHICH, help: "An address, or a device's hardware address" }],
  reads: true,
  rows: {},
  check: (args) => operandProblem(args, WHICH, IP_OR_MAC),
  async work({ client, json, args, edges }) {
    const which = args.operands.get(WHICH)!;
    const leases = await find(client, which);
    if (leases.length === 0) {
      edges.err(`etcdhcp: ${IP_OR_MAC.parse(which)} has no entry in the book\n`);
      return 1;
    }
    const now = Date.now();
    edges.out(
      json
        ? leases.map((lease) => JSON.stringify(lease) + "\n").join("")
        : leases.map((lease) => shown(lease, now)).join("\n"),
    );
    return 0;
  },
});

async function find(client: AdminClient, which: string): Promise<readonly LeaseJson[]> {
  const ip = IP.parse(which);
  if (ip !== undefined) return [await client.json<LeaseJson>(`/api/leases/${ip}`)];
  const query = { mac: IP_OR_MAC.parse(which) };
  return (await client.json<{ leases: LeaseJson[] }>("/api/leases", { query })).leases;
}

/** A lease in lines. A binding without a record has no instants: they are zero, and not shown. */
export function shown(lease: LeaseJson, now: number): string {
  const known = (at: string) => Date.parse(at) === 0 ? "" : instant(at);
  const instant = (at: string | null) => at === null ? "never" : `${at} (${relative(at, now)})`;
  const ends = lease.state === "bound" ? "ends" : lease.state === "released" ? "ended" : "until";
  const lines: [string, string][] = [
    ["address", lease.ip],
    ["state", lease.state],
    ["client", lease.client],
    ["hardware", lease.mac === lease.client ? "" : lease.mac],
    ["client-id", lease.clientId],
    ["host name", lease.hostname],
    ["subnet", lease.subnet],
    ["since", known(lease.since)],
    ["renewed", known(lease.renewed)],
    [ends, instant(lease.expires)],
    ["held until", lease.held === lease.expires ? "" : instant(lease.held)],
    ["server", lease.server],
    ["relay", lease.relay ?? ""],
  ];
  return lines.filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(10)}  ${showable(value)}\n`).join("");
}
