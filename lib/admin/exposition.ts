/**
 * Metrics in Prometheus' text format. Loaded when the first scrape is near, for prom-client takes
 * longer to load than the server takes to start.
 *
 * @module
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";
import manifest from "../../deno.json" with { type: "json" };
import type { StoreStatus } from "../lease/store.ts";
import { SilenceReason } from "../protocol/outcome.ts";
import type { Distribution, Gauges, Metrics } from "./metrics.ts";
import { registerProcessMetrics } from "./process_metrics.ts";

/**
 * Labels that are shown before the first of their kind too: a rate that is to be watched needs the
 * zero that it rises from.
 */
const RECEIVED = ["discover", "request", "decline", "release", "inform", "other"];
const SENT = ["offer", "ack", "nak"];
const DROPPED = [
  ...Object.values(SilenceReason).filter((reason) => reason !== SilenceReason.NO_REPLY_WANTED),
  "send-failed",
];

/** A histogram whose observations were sorted elsewhere. */
class SortedHistogram extends Histogram<string> {
  readonly #name: string;
  readonly #help: string;
  readonly #read: () => Iterable<readonly [Record<string, string>, Distribution]>;

  constructor(
    registry: Registry,
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<readonly [Record<string, string>, Distribution]>,
  ) {
    super({ name, help, labelNames, registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  /** What prom-client takes a histogram's values from, for text. */
  getForPromString() {
    const [name, help] = [this.#name, this.#help];
    const values = [];
    for (const [labels, { bounds, counts, sum }] of this.#read()) {
      let total = 0;
      for (const [bucket, count] of counts.entries()) {
        total += count;
        const le = bucket < bounds.length ? bounds[bucket]! : "+Inf";
        values.push({ labels: { ...labels, le }, value: total, metricName: `${name}_bucket` });
      }
      values.push({ labels, value: sum, metricName: `${name}_sum` });
      values.push({ labels, value: total, metricName: `${name}_count` });
    }
    return Promise.resolve({ name, help, type: "histogram", aggregator: "sum", values });
  }
}

/**
 * A registry of its own that reads the metrics at each scrape, and the process's besides.
 *
 * @param ready Whether clients would be answered.
 */
export function makeRegistry(metrics: Metrics, gauges: Gauges, ready: () => boolean): Registry {
  const registry = new Registry();
  const registers = [registry];

  function counter(
    name: string,
    help: string,
    label: string,
    known: readonly string[],
    counts: ReadonlyMap<string, number>,
  ): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const value of known) this.inc({ [label]: value }, 0);
        for (const [value, total] of counts) this.inc({ [label]: value }, total);
      },
    });
  }

  function gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }

  /** What the store does not tell of at first, it never does. */
  function statusGauge(name: string, help: string, field: keyof StoreStatus): void {
    if (gauges.storeStatus()[field] === undefined) return;
    gauge(name, help, () => gauges.storeStatus()[field] ?? 0);
  }

  new Gauge({
    name: "etcdhcp_build_info",
    help: "Always 1; the labels say what runs.",
    labelNames: ["version", "deno"],
    registers,
  }).set({ version: manifest.version, deno: Deno.version.deno }, 1);
  gauge("etcdhcp_ready", "1 when clients would be answered, as /readyz says.", () => +ready());
  counter(
    "etcdhcp_packets_received_total",
    "DHCP packets received, by message type.",
    "type",
    RECEIVED,
    metrics.packetsReceived,
  );
  counter(
    "etcdhcp_packets_sent_total",
    "DHCP packets sent, by message type.",
    "type",
    SENT,
    metrics.packetsSent,
  );
  counter(
    "etcdhcp_packets_dropped_total",
    "DHCP packets that went unanswered, by reason.",
    "reason",
    DROPPED,
    metrics.packetsDropped,
  );
  new SortedHistogram(
    registry,
    "etcdhcp_request_duration_seconds",
    "Time from packet to answer, by the request's message type.",
    ["type"],
    function* () {
      for (const [type, distribution] of metrics.requestSeconds) yield [{ type }, distribution];
    },
  );
  new SortedHistogram(
    registry,
    "etcdhcp_store_commit_duration_seconds",
    "Time that the store took to make a batch durable.",
    [],
    () => [[{}, metrics.commitSeconds]],
  );
  new SortedHistogram(
    registry,
    "etcdhcp_store_batch_size",
    "Claims that went to the store together.",
    [],
    () => [[{}, metrics.batchSize]],
  );
  new Gauge({
    name: "etcdhcp_addresses",
    help: "Addresses by subnet and state.",
    labelNames: ["subnet", "state"],
    registers,
    collect() {
      this.reset();
      for (const { subnet, state, count } of gauges.addresses()) this.set({ subnet, state }, count);
    },
  });
  gauge(
    "etcdhcp_store_up",
    "1 when the store would take a commit.",
    () => gauges.storeUp() ? 1 : 0,
  );
  statusGauge(
    "etcdhcp_mirror_lag_seconds",
    "Time since the mirror of etcd was last known to be current, by the heartbeat: up to two " +
      "seconds and a little are normal; 0 with the embedded book.",
    "mirrorLag",
  );
  statusGauge(
    "etcdhcp_unreadable_keys",
    "Keys in etcd that make no sense; what they are about is not leased. With etcd only.",
    "unreadableKeys",
  );
  statusGauge(
    "etcdhcp_etcd_leases",
    "Leases of etcd's that this server keeps keys on, each shared by many clients: tens. With " +
      "etcd only.",
    "etcdLeases",
  );
  new Counter({
    name: "etcdhcp_hook_events_total",
    help: "Events for hooks, by the hook's number in the configuration and by what became of " +
      "them: delivered, failed for good, or dropped because the hook could not keep up.",
    labelNames: ["hook", "result"],
    registers,
    collect() {
      this.reset();
      for (const [hook, results] of metrics.hookEvents) {
        for (const [result, total] of results) this.inc({ hook, result }, total);
      }
    },
  });
  new Gauge({
    name: "etcdhcp_hook_queue",
    help: "Events that wait for a hook, by its number in the configuration.",
    labelNames: ["hook"],
    registers,
    collect() {
      this.reset();
      for (const { hook, count } of gauges.hookQueues?.() ?? []) this.set({ hook }, count);
    },
  });
  registerProcessMetrics(registry);
  return registry;
}

/** The metrics as a Markdown table for the README. */
export function metricsReference(registry: Registry): string {
  const lines = ["| Metric | Kind | Meaning |", "| --- | --- | --- |"];
  for (const metric of registry.getMetricsAsArray() as unknown as Described[]) {
    const { name, help, labelNames } = metric;
    const labels = labelNames.length === 0 ? "" : `{${labelNames.join(",")}}`;
    lines.push(`| \`${name}${labels}\` | ${kindOf(metric)} | ${help} |`);
  }
  return lines.join("\n") + "\n";
}

/** What prom-client's metrics have, though their types do not say so. */
interface Described {
  readonly name: string;
  readonly help: string;
  readonly labelNames: readonly string[];
}

function kindOf(metric: unknown): string {
  if (metric instanceof Counter) return "counter";
  return metric instanceof Gauge ? "gauge" : "histogram";
}
