/**
 * The process's own metrics, under the names that Prometheus' client libraries share.
 *
 * prom-client's collection is not used: most of it shows zeros or nonsense under Deno, some of its
 * names do not pass `promtool check metrics`, and it wakes the process a hundred times a second to
 * measure the delay of the event loop.
 *
 * @module
 */

import process from "node:process";
import { Counter, Gauge, type Registry } from "prom-client";

const OPEN_FILES = "/proc/self/fd";
const LIMITS = "/proc/self/limits";

/** Adds the process's metrics to a registry. */
export function registerProcessMetrics(registry: Registry): void {
  const registers = [registry];

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

  new Counter({
    name: "process_cpu_seconds_total",
    help: "Processor time, user and system.",
    registers,
    collect() {
      const { user, system } = process.cpuUsage();
      this.reset();
      this.inc((user + system) / 1e6);
    },
  });
  const started = Date.now() / 1000 - process.uptime();
  gauge("process_start_time_seconds", "When the process started, since 1970.", () => started);
  gauge(
    "process_resident_memory_bytes",
    "Memory that the process has in RAM.",
    () => Deno.memoryUsage().rss,
  );
  gauge(
    "nodejs_heap_size_total_bytes",
    "JavaScript heap that is set aside.",
    () => Deno.memoryUsage().heapTotal,
  );
  gauge(
    "nodejs_heap_size_used_bytes",
    "JavaScript heap in use.",
    () => Deno.memoryUsage().heapUsed,
  );
  gauge(
    "nodejs_external_memory_bytes",
    "Buffers outside the JavaScript heap.",
    () => Deno.memoryUsage().external,
  );
  registerFileMetrics(gauge);
}

/** Deno opens /proc to a program that may do everything only; a zero in its place would mislead. */
function registerFileMetrics(
  gauge: (name: string, help: string, read: () => number) => void,
): void {
  const limit = openFilesLimit();
  if (limit === undefined) return;
  gauge(
    "process_open_fds",
    "Open file descriptors.",
    () => [...Deno.readDirSync(OPEN_FILES)].length,
  );
  gauge("process_max_fds", "The most file descriptors that may be open.", () => limit);
}

function openFilesLimit(): number | undefined {
  try {
    const [, limit] = /^Max open files +(\d+)/m.exec(Deno.readTextFileSync(LIMITS)) ?? [];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    return undefined;
  }
}
