/**
 * Metrics in Prometheus' text format. Loaded when the first scrape is near, for prom-client takes
 * longer to load than the server takes to start.
 *
 * @module
 */

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { StoreStatus } from "../lease/store.ts";
import type { Distribution, Gauges, Metrics } from "./metrics.ts";

const RESIDENT = "process_resident_memory_bytes";

/** Process metrics that come from /proc alone. */
const FROM_PROC = [
  "process_virtual_memory_bytes",
  "process_heap_bytes",
  "process_open_fds",
  "process_max_fds",
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
    read: () => Iterable<readonly [Record<string, string>, Distribution]>,
  ) {
    super({ name, help, registers: [registry] });
    this.#name = name;
    this.#help = help;
    this.#read = read;
  }

  /** What prom-client takes a histogram's values from, for text and for JSON. */
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

/** A registry of its own that reads the metrics at each scrape, and the process's besides. */
export function makeRegistry(metrics: Metrics, gauges: Gauges): Registry {
  const registry = new Registry();
  const registers = [registry];

  function counter(name: string, help: string, label: string, counts: Map<string, number>): void {
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, total] of counts) this.inc({ [label]: value }, total);
      },
    });
  }

  function statusGauge(name: string, help: string, field: keyof StoreStatus): void {
    if (gauges.storeStatus()[field] === undefined) return;
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(gauges.storeStatus()[field] ?? 0);
      },
    });
  }

  counter(
    "etcdhcp_packets_received_total",
    "DHCP packets received, by message type.",
    "type",
    metrics.packetsReceived,
  );
  counter(
    "etcdhcp_packets_sent_total",
    "DHCP packets sent, by message type.",
    "type",
    metrics.packetsSent,
  );
  counter(
    "etcdhcp_packets_dropped_total",
    "DHCP packets that went unanswered, by reason.",
    "reason",
    metrics.packetsDropped,
  );
  new SortedHistogram(
    registry,
    "etcdhcp_request_duration_seconds",
    "Time from packet to answer, by the request's message type.",
    function* () {
      for (const [type, distribution] of metrics.requestSeconds) yield [{ type }, distribution];
    },
  );
  new SortedHistogram(
    registry,
    "etcdhcp_store_commit_duration_seconds",
    "Time that the store took to make a batch durable.",
    () => [[{}, metrics.commitSeconds]],
  );
  new SortedHistogram(
    registry,
    "etcdhcp_store_batch_size",
    "Claims that went to the store together.",
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
  new Gauge({
    name: "etcdhcp_store_up",
    help: "1 when the store would take a commit.",
    registers,
    collect() {
      this.set(gauges.storeUp() ? 1 : 0);
    },
  });
  statusGauge(
    "etcdhcp_mirror_lag_seconds",
    "Time since the mirror was last known to be current; 0 for the embedded book.",
    "mirrorLag",
  );
  statusGauge(
    "etcdhcp_unreadable_keys",
    "Keys in etcd that make no sense; what they are about is not leased.",
    "unreadableKeys",
  );
  statusGauge(
    "etcdhcp_etcd_leases",
    "Leases of etcd's that this server keeps keys on, each shared by many clients.",
    "etcdLeases",
  );
  collectDefaultMetrics({ register: registry });
  mendProcessMetrics(registry);
  return registry;
}

/**
 * prom-client reads memory and file descriptors from /proc, which Deno opens only to a program that
 * may do everything, and shows zeros otherwise. The resident size can be had without; the others
 * are left out rather than shown wrong.
 */
function mendProcessMetrics(registry: Registry): void {
  try {
    Deno.readTextFileSync("/proc/self/status");
    return;
  } catch {
    for (const name of [RESIDENT, ...FROM_PROC]) registry.removeSingleMetric(name);
  }
  new Gauge({
    name: RESIDENT,
    help: "Resident memory size in bytes.",
    registers: [registry],
    collect() {
      this.set(Deno.memoryUsage().rss);
    },
  });
}
