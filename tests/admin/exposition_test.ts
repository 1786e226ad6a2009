import assert from "node:assert/strict";
import { metricsReference } from "../../lib/admin/exposition.ts";
import { SilenceReason } from "../../lib/protocol/outcome.ts";
import { lacks, run } from "../tools.ts";
import { busyRegistry } from "./busy_registry.ts";

/** The metrics that design documents and dashboards of others may rely on. */
const PROMISED = [
  "etcdhcp_packets_received_total",
  "etcdhcp_packets_sent_total",
  "etcdhcp_packets_dropped_total",
  "etcdhcp_request_duration_seconds",
  "etcdhcp_store_commit_duration_seconds",
  "etcdhcp_store_batch_size",
  "etcdhcp_addresses",
  "etcdhcp_store_up",
  "etcdhcp_mirror_lag_seconds",
  "process_resident_memory_bytes",
  "process_cpu_seconds_total",
  "process_start_time_seconds",
];

/** Labels that any metric may have. All their values come from small sets of ours. */
const LABELS = ["type", "reason", "subnet", "state", "hook", "result", "version", "deno", "le"];

Deno.test("makeRegistry has what was promised", () => {
  const names = busyRegistry().getMetricsAsArray().map(({ name }) => name);
  for (const name of PROMISED) assert.ok(names.includes(name), name);
});

Deno.test("makeRegistry shows hooks, readiness and what runs", async () => {
  const text = await busyRegistry().metrics();
  for (
    const line of [
      'etcdhcp_hook_events_total{hook="1",result="failed"} 1',
      'etcdhcp_hook_events_total{hook="1",result="dropped"} 0',
      'etcdhcp_hook_queue{hook="1"} 7',
      "etcdhcp_ready 0",
      'etcdhcp_addresses{subnet="a \\"lan\\"\\\\",state="bound"} 1',
    ]
  ) assert.ok(text.split("\n").includes(line), `${line}\n${text}`);
  assert.match(text, /^etcdhcp_build_info\{version="\d+\.\d+\.\d+.*",deno="[\d.]+"\} 1$/m);
});

Deno.test("makeRegistry shows every reason before the first packet is dropped for it", async () => {
  const text = await busyRegistry().metrics();
  for (const reason of Object.values(SilenceReason)) {
    // What wants no reply is not dropped.
    const isCounted = reason !== SilenceReason.NO_REPLY_WANTED;
    assert.equal(text.includes(`{reason="${reason}"}`), isCounted, reason);
  }
});

Deno.test("makeRegistry labels nothing without bound", async () => {
  const text = await busyRegistry().metrics();
  for (const [, name = ""] of text.matchAll(/[{,](\w+)="/g)) assert.ok(LABELS.includes(name), name);
});

Deno.test({
  name: "makeRegistry passes promtool check metrics",
  ignore: lacks("promtool"),
  async fn() {
    assert.equal(run("promtool", ["check", "metrics"], await busyRegistry().metrics()), "");
  },
});

/** The cells of a Markdown table, without the white space that aligns them. */
function cellsOf(table: string): string[][] {
  return table.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/^-+$/, "---"))
  );
}

Deno.test("metricsReference: the README has it as it is", () => {
  const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
  const [, table = ""] = /<!-- metrics:.*?-->([\s\S]*?)<!-- end of metrics -->/.exec(readme) ?? [];
  assert.deepEqual(cellsOf(table), cellsOf(metricsReference(busyRegistry())));
});
