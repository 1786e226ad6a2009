/**
 * A registry with something in every metric.
 *
 * @module
 */

import { makeRegistry } from "../../lib/admin/exposition.ts";
import { Metrics } from "../../lib/admin/metrics.ts";

/** A registry of a server that has seen something of everything. */
export function busyRegistry() {
  const metrics = new Metrics();
  metrics.received("discover");
  metrics.sent("offer");
  metrics.dropped("overload");
  metrics.requestDuration("discover", 0.001);
  metrics.commit(0.002, 3);
  metrics.addHook("1", ["delivered", "failed", "dropped"]);
  metrics.hookEvent("1", "failed");
  const gauges = {
    addresses: () => [
      { subnet: "", state: "free", count: 9 },
      { subnet: 'a "lan"\\', state: "bound", count: 1 },
    ],
    storeUp: () => true,
    storeStatus: () => ({ mirrorLag: 0.5, unreadableKeys: 1, etcdLeases: 20 }),
    hookQueues: () => [{ hook: "1", count: 7 }],
  };
  return makeRegistry(metrics, gauges, () => false);
}
