/**
 * The store that a configuration asks for, opened.
 *
 * @module
 */

import type { Metrics } from "../admin/metrics.ts";
import type { Clock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import type { EtcdStoreConfig, ServerConfig } from "../config/model.ts";
import type { ManagedStore } from "../lease/management.ts";
import { SqliteStore } from "../store/sqlite.ts";
import { uptime } from "./uptime.ts";

/**
 * Opens the store.
 *
 * @throws {OperatorError} when it cannot be had at all. An etcd that is merely not there yet is
 * waited for: the store says so, and is ready later.
 */
export async function openStore(
  config: ServerConfig,
  clock: Clock,
  log: Log,
  metrics: Metrics,
): Promise<ManagedStore> {
  const onCommit = (seconds: number, operations: number) => metrics.commit(seconds, operations);
  const { store, subnets } = config;
  if (store.kind === "embedded") {
    return await SqliteStore.open({
      path: store.path,
      subnets,
      owner: `process ${Deno.pid}`,
      patience: config.requestTimeout,
      ...(uptime() === undefined ? {} : {
        time: () => ({ now: clock.now(), uptime: uptime()! }),
      }),
      onCommit,
    });
  }
  // Loaded only when it is used: the embedded book does without gRPC.
  const { connect } = await import("../store/etcd/connection.ts");
  const { EtcdStore } = await import("../store/etcd/store.ts");
  const host = Deno.hostname();
  return await EtcdStore.open({
    etcd: await connect(store),
    subnets,
    prefix: store.prefix,
    server: { id: `${host}:${Deno.pid}`, host, pid: Deno.pid },
    clock,
    random: Math.random,
    requestTimeout: config.requestTimeout,
    holdFactor: store.holdFactor,
    skipWrites: store.skipRenewals,
    onNotice: (line) => log.warn(line),
    onCommit,
  });
}

/** Where the leases are, for the log: a path, or etcd's endpoints. */
export function placeOf(store: ServerConfig["store"]): string {
  return store.kind === "embedded" ? store.path : `etcd at ${addressesOf(store)}`;
}

function addressesOf({ endpoints, srv }: EtcdStoreConfig): string {
  return [...endpoints, ...(srv === undefined ? [] : [`the SRV records of ${srv}`])].join(", ");
}
