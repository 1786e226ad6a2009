/**
 * The `lease list` command.
 *
 * @module
 */

import { JSON_LINES, LEASE_STATES, type LeaseJson } from "../admin/api/lease_json.ts";
import { setting } from "../config/settings.ts";
import { choice, text } from "../config/types.ts";
import { parseIpv4 } from "../wire/address.ts";
import { ownMac } from "./lease_show.ts";
import { Progress } from "./progress.ts";
import { serverCommand, SUBNET_ROW, switchRow } from "./server_command.ts";
import { type Column, csvRow, layOut } from "./table.ts";
import { relative } from "./when.ts";

const SELECTION = "Selection";

const ROWS = {
  subnet: SUBNET_ROW,
  state: setting({
    flag: "state",
    group: SELECTION,
    type: choice(...LEASE_STATES),
    help: "Only in this state",
  }),
  mac: setting({
    flag: "mac",
    group: SELECTION,
    type: ownMac,
    help: "Only of this hardware address",
  }),
  hostname: setting({
    flag: "hostname",
    group: SELECTION,
    type: text("TEXT", "a part of a host name"),
    help: "Only with this in the host name",
  }),
  csv: switchRow("csv", "Output", "Print comma-separated values"),
};

const FIELDS = [
  ...["ip", "subnet", "client", "mac", "clientId", "hostname", "state"],
  ...["since", "renewed", "expires", "held", "server", "relay"],
] as readonly (keyof LeaseJson)[];

/** Lists what is in the book. */
export const leaseList = serverCommand({
  name: "lease list",
  summary: "List leases, and what is left of earlier ones",
  reads: true,
  rows: ROWS,
  async work({ client, json, own, edges }) {
    const query = {
      subnet: own.subnet.value,
      state: own.state.value,
      mac: own.mac.value,
      hostname: own.hostname.value,
    };
    const leases: LeaseJson[] = [];
    const headers = { accept: JSON_LINES };
    {
      using progress = new Progress(edges, "leases", undefined);
      for await (const line of client.lines("/api/leases", { query, headers })) {
        leases.push(JSON.parse(line));
        progress.at(leases.length);
      }
    }
    leases.sort((a, b) => parseIpv4(a.ip) - parseIpv4(b.ip));
    if (json) edges.out(leases.map((lease) => JSON.stringify(lease) + "\n").join(""));
    else if (own.csv.value) edges.out(csvRow(FIELDS) + leases.map(csvOf).join(""));
    else edges.out(tableOf(leases, edges.columns("out"), Date.now()));
    return 0;
  },
});

function csvOf(lease: LeaseJson): string {
  return csvRow(FIELDS.map((name) => lease[name] ?? ""));
}

function tableOf(
  leases: readonly LeaseJson[],
  width: number | undefined,
  now: number,
): string {
  const bySubnet = leases.some(({ subnet }) => subnet !== "");
  const columns: Column[] = [
    { title: "ADDRESS" },
    { title: "STATE" },
    { title: "CLIENT", shrinks: true },
    { title: "HOST NAME", shrinks: true },
    { title: "ENDS" },
    ...(bySubnet ? [{ title: "SUBNET", shrinks: true }] : []),
  ];
  const rows = leases.map((lease) => [
    lease.ip,
    lease.state,
    lease.client,
    lease.hostname,
    relative(lease.expires, now),
    ...(bySubnet ? [lease.subnet] : []),
  ]);
  return layOut(columns, rows, width);
}
