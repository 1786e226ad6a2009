/**
 * Kea's memfile (`kea-leases4.csv`): a journal of rows under a header that names the columns, of
 * which the last one for an address counts until the file is cleaned up.
 *
 * @module
 */

import { hexOf, type ImportFile, type ImportLease, type ImportProblem, isoOf } from "./record.ts";
import { isIpv4, macOf } from "./record.ts";

const NEEDED = ["address", "hwaddr", "valid_lifetime", "expire"];

/** A lifetime that never ends. */
const FOR_EVER = 0xffffffff;

/** Held by its client; others are declined (1), expired and reclaimed (2), released (3). */
const HELD = "0";

export function readKea(text: string): ImportFile {
  const lines = text.split(/\r?\n/);
  const problems: ImportProblem[] = [];
  let columns: readonly string[] | undefined;
  let rows = 0;
  const byAddress = new Map<string, ImportLease | undefined>();
  for (const [index, row] of lines.entries()) {
    const line = index + 1;
    if (row.trim() === "" || row.startsWith("#")) continue;
    const cells = row.split(",");
    // Files that were joined have a header each.
    if (cells[0] === "address") {
      const missing = NEEDED.filter((name) => !cells.includes(name));
      if (missing.length > 0) {
        problems.push({ line, problem: `the header lacks ${missing.join(", ")}` });
        return { leases: [], problems, passedOver: 0 };
      }
      columns = cells;
      continue;
    }
    if (columns === undefined) {
      problems.push({ line, problem: "there is no header that names the columns" });
      return { leases: [], problems, passedOver: 0 };
    }
    rows++;
    const entry = readRow(columns, cells, line);
    if (typeof entry === "string") problems.push({ line, problem: entry });
    // Also a row that holds nothing takes the place of those before it.
    else byAddress.set(cells[columns.indexOf("address")]!, entry);
  }
  const leases = [...byAddress.values()].filter((one) => one !== undefined);
  return { leases, problems, passedOver: rows - leases.length - problems.length };
}

/** A lease, undefined for a row that holds nothing, or what is wrong with it. */
function readRow(
  columns: readonly string[],
  cells: readonly string[],
  line: number,
): ImportLease | undefined | string {
  const least = Math.max(...NEEDED.map((name) => columns.indexOf(name)));
  if (cells.length <= least) return `${cells.length} columns, wanted ${columns.length}`;
  const cell = (name: string) => unescape(cells[columns.indexOf(name)] ?? "");
  const ip = cell("address");
  if (!isIpv4(ip)) return `${JSON.stringify(ip)} is no IPv4 address`;
  const [lifetime, expire] = [cell("valid_lifetime"), cell("expire")];
  if (!/^\d{1,10}$/.test(lifetime)) {
    return `${ip}: cannot use the valid_lifetime ${JSON.stringify(lifetime)}`;
  }
  if (!/^\d{1,12}$/.test(expire)) return `${ip}: cannot use the expire ${JSON.stringify(expire)}`;
  // A lease that was deleted is a row without a lifetime.
  if ((cell("state") || HELD) !== HELD || lifetime === "0") return undefined;
  const mac = macOf(cell("hwaddr"));
  if (mac === undefined) {
    return `${ip}: cannot use the hardware address ${JSON.stringify(cell("hwaddr"))}`;
  }
  const expires = Number(lifetime) === FOR_EVER ? null : isoOf(Number(expire));
  if (expires === undefined) return `${ip}: cannot use the expire ${JSON.stringify(expire)}`;
  const since = isoOf(Number(expire) - Number(lifetime));
  const clientId = hexOf(cell("client_id"));
  if (clientId === undefined) return `${ip}: cannot use the client_id ${cell("client_id")}`;
  const hostname = cell("hostname").replace(/\.$/, "");
  return {
    line,
    lease: {
      ip,
      mac,
      ...(clientId === "" ? {} : { clientId }),
      ...(hostname === "" ? {} : { hostname }),
      ...(since === undefined ? {} : { since }),
      expires,
    },
  };
}

/** A comma within a cell is written as an entity. */
function unescape(cell: string): string {
  return cell.replaceAll(
    /&#x([0-9a-f]{2});?/gi,
    (_, hex) => String.fromCharCode(parseInt(hex, 16)),
  );
}
