/**
 * A server whose interfaces have no address yet: it says so, at the admin endpoint as in the log,
 * and goes on by itself when they have. A router starts before its network does.
 *
 * @module
 */

import { startAdmin } from "../admin/http.ts";
import { Metrics } from "../admin/metrics.ts";
import type { Clock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import type { ServerConfig } from "../config/model.ts";
import type { PendingConfig, Resolution } from "../config/resolve.ts";
import type { ServiceManager } from "../notify/service_manager.ts";
import { MemoryStore } from "../store/memory.ts";
import type { Signals } from "./signals.ts";
import { VERSION } from "./version.ts";

/** How often the configuration is read again, milliseconds. */
const LOOK = 500;

/** What waiting takes. */
export interface Waiting {
  readonly clock: Clock;
  readonly log: Log;
  readonly signals: Pick<Signals, "stop" | "onReload">;
  readonly manager: Pick<ServiceManager, "ready" | "status">;
  /** Reads the whole configuration anew. */
  readonly read: () => Promise<Resolution>;
}

/**
 * Waits until the configuration is whole.
 *
 * @returns It, or undefined when the server is told to stop meanwhile.
 * @throws {OperatorError} when the admin endpoint cannot be had.
 */
export async function awaitInterfaces(
  pending: PendingConfig,
  { clock, log, signals, manager, read }: Waiting,
): Promise<ServerConfig | undefined> {
  let reasons = pending.awaited;
  let said = "";
  const say = () => {
    const text = reasons.join("; ");
    if (text === said) return;
    said = text;
    log.warn("not ready", { reasons: text });
    manager.status(`not serving: ${text}`);
  };
  // Until there is a network there is no book: an empty one, in which nothing can be changed.
  const store = new MemoryStore([]);
  const admin = await startAdmin(pending.admin, {
    metrics: new Metrics(),
    gauges: { addresses: () => [], storeUp: () => false, storeStatus: () => ({ mirrorLag: 0 }) },
    hostnames: [Deno.hostname()],
    ready: () => ({ ok: false, reasons }),
    version: VERSION,
    managed: {
      store,
      commit: (operations) =>
        Promise.resolve(
          operations.map(() => ({ kind: "unknown", reason: reasons.join("; ") })),
        ),
      now: clock.now,
      turn: clock.turn,
    },
    warn: (line) => log.warn(line),
  });
  let stopped = false;
  signals.stop.then(() => stopped = true);
  // It is read again all the time.
  signals.onReload(() => Promise.resolve());
  try {
    say();
    // It runs, as for a server whose etcd is away: see `run_server.ts`.
    manager.ready();
    while (!stopped) {
      await Promise.race([clock.sleep(LOOK), signals.stop]);
      const resolution = await read();
      if (resolution.ok) return resolution.config;
      reasons = resolution.pending?.config.awaited ?? resolution.problems;
      say();
    }
    return undefined;
  } finally {
    await admin.stop();
    await store.close();
  }
}
