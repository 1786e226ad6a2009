/**
 * The `lease import` command.
 *
 * @module
 */

import { type ImportResultJson, JSON_LINES } from "../admin/api/lease_json.ts";
import { messageOf } from "../config/operator_error.ts";
import { setting } from "../config/settings.ts";
import { choice } from "../config/types.ts";
import { type AdminClient, AdminError } from "./admin_client.ts";
import { type Format, formatOf, FORMATS, READERS } from "./import/format.ts";
import type { ImportLease } from "./import/record.ts";
import { Progress } from "./progress.ts";
import { serverCommand, switchRow } from "./server_command.ts";
import { showable } from "./table.ts";

const IMPORT = "Import";

/** Leases in one request. */
const BATCH = 500;

/** Enters leases that another server gave. */
export const leaseImport = serverCommand({
  name: "lease import",
  summary: "Enter leases from our export, or from ISC dhcpd, Kea or dnsmasq",
  operands: [{ name: "FILE", help: "dhcpd.leases, kea-leases4.csv, dnsmasq.leases or an export" }],
  reads: true,
  rows: {
    format: setting({
      flag: "format",
      group: IMPORT,
      type: choice("auto", ...FORMATS),
      fallback: "auto",
      help: "The file's format; auto looks how it begins",
    }),
    dryRun: switchRow("dry-run", IMPORT, "Only say what would become of the leases"),
  },
  notes: "Stop the other server first: what it gives after the import is not known here. Leases\n" +
    "keep their ends; their clients go on with the addresses that they have. Exit code: 0 when\n" +
    "every lease that has not ended was entered, 1 when not.",
  async work({ client, json, own, args, edges }) {
    const path = args.operands.get("FILE")!;
    const text = await read(path);
    const format = own.format.value === "auto" ? formatOf(text) : own.format.value as Format;
    if (format === undefined) {
      edges.err(
        `etcdhcp: cannot tell the format of ${path}: give --format ${FORMATS.join("|")}\n`,
      );
      return 1;
    }
    const { leases, problems, passedOver } = READERS[format](text);
    for (const { line, problem } of problems) {
      edges.err(`${path}:${line}: cannot read: ${showable(problem)}\n`);
    }
    const counts = new Map<ImportResultJson["result"], number>();
    using progress = new Progress(edges, "leases", leases.length);
    for await (const result of enter(client, leases, own.dryRun.value)) {
      counts.set(result.result, (counts.get(result.result) ?? 0) + 1);
      const done = [...counts.values()].reduce((sum, one) => sum + one, 0);
      if (json) {
        edges.out(JSON.stringify(result) + "\n");
      } else if (result.result !== "entered" && result.result !== "skipped") {
        progress.clear();
        const what = showable(`${result.ip}: ${result.result}: ${result.reason}`);
        edges.err(`${path}:${result.line}: ${what}\n`);
      }
      progress.at(done);
    }
    progress.clear();
    const [entered, ended] = [counts.get("entered") ?? 0, counts.get("skipped") ?? 0];
    const others = leases.length - entered - ended;
    const verb = own.dryRun.value ? "would be entered" : "entered";
    const summary = [
      `${entered} ${verb}`,
      `${ended + passedOver} passed over, as they hold no address`,
      `${others} not entered`,
      `${problems.length} not readable`,
    ];
    edges.err(`${path} (${format}): ${summary.join("; ")}\n`);
    return others + problems.length === 0 ? 0 : 1;
  },
});

async function read(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new AdminError(0, `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

/** What became of each lease, with the line of the file that it stands on. */
async function* enter(
  client: AdminClient,
  leases: readonly ImportLease[],
  dryRun: boolean,
): AsyncGenerator<ImportResultJson> {
  for (let from = 0; from < leases.length; from += BATCH) {
    const batch = leases.slice(from, from + BATCH);
    const ask = {
      method: "POST",
      query: { "dry-run": dryRun ? "true" : undefined },
      headers: { "content-type": JSON_LINES },
      body: batch.map(({ lease }) => JSON.stringify(lease) + "\n").join(""),
    } as const;
    for await (const line of client.lines("/api/leases", ask)) {
      const result: ImportResultJson = JSON.parse(line);
      yield { ...result, line: batch[result.line - 1]?.line ?? result.line };
    }
  }
}
