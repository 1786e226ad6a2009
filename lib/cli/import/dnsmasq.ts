/**
 * dnsmasq's `dnsmasq.leases`: a lease a line, "EXPIRES MAC ADDRESS NAME CLIENT-ID", with * for what
 * is not known. Leases of IPv6 follow after a line that begins with "duid".
 *
 * @module
 */

import {
  hexOf,
  type ImportFile,
  type ImportLease,
  type ImportProblem,
  isIpv4,
  isoOf,
  macOf,
} from "./record.ts";

export function readDnsmasq(text: string): ImportFile {
  const problems: ImportProblem[] = [];
  const byAddress = new Map<string, ImportLease>();
  let rows = 0;
  for (const [index, row] of text.split(/\r?\n/).entries()) {
    const line = index + 1;
    if (row.trim() === "") continue;
    if (row.startsWith("duid ")) break;
    rows++;
    const entry = readRow(row.trim().split(/\s+/), line);
    if (typeof entry === "string") problems.push({ line, problem: entry });
    else byAddress.set(entry.lease.ip, entry);
  }
  const leases = [...byAddress.values()];
  return { leases, problems, passedOver: rows - leases.length - problems.length };
}

function readRow(cells: readonly string[], line: number): ImportLease | string {
  const [expiry, hardware, ip, name, id] = cells;
  if (cells.length < 4) return `${cells.length} columns, wanted 4 or 5`;
  if (!isIpv4(ip!)) return `${JSON.stringify(ip)} is no IPv4 address`;
  if (!/^\d{1,12}$/.test(expiry!)) return `${ip}: cannot use the instant ${JSON.stringify(expiry)}`;
  const mac = macOf(hardware!);
  if (mac === undefined) {
    return `${ip}: cannot use the hardware address ${JSON.stringify(hardware)}`;
  }
  const expires = expiry === "0" ? null : isoOf(Number(expiry));
  if (expires === undefined) return `${ip}: cannot use the instant ${JSON.stringify(expiry)}`;
  const clientId = id === undefined || id === "*" ? "" : hexOf(id);
  if (clientId === undefined) return `${ip}: cannot use the client identifier ${id}`;
  return {
    line,
    lease: {
      ip: ip!,
      mac,
      ...(clientId === "" ? {} : { clientId }),
      ...(name === "*" ? {} : { hostname: name! }),
      expires,
    },
  };
}
