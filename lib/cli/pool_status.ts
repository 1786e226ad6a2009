/**
 * The `pool status` command.
 *
 * @module
 */

import type { PoolJson } from "../admin/api/pools.ts";
import { bar } from "./progress.ts";
import { serverCommand, SUBNET_ROW } from "./server_command.ts";
import { layOut } from "./table.ts";

/** Columns of the bar. */
const BAR = 20;

/** Shows how much of what there is to lease is left. */
export const poolStatus = serverCommand({
  name: "pool status",
  summary: "Show by subnet how many addresses are used and left",
  reads: true,
  rows: { subnet: SUBNET_ROW },
  async work({ client, json, own, edges }) {
    const query = { subnet: own.subnet.value };
    const { pools } = await client.json<{ pools: PoolJson[] }>("/api/pools", { query });
    if (json) edges.out(pools.map((one) => JSON.stringify(one) + "\n").join(""));
    else edges.out(poolTable(pools, edges.columns("out")));
    return 0;
  },
});

const COLUMNS = [
  { title: "SUBNET", shrinks: true },
  { title: "NETWORK" },
  { title: "IN USE" },
  { title: "USED", right: true },
  { title: "FREE", right: true },
  { title: "DECLINED", right: true },
  { title: "FREED", right: true },
  { title: "RESERVED", right: true },
  { title: "SIZE", right: true },
];

/** Pools as a table, and their ranges below it. */
export function poolTable(pools: readonly PoolJson[], width: number | undefined): string {
  const rows = pools.map((pool) => {
    // What is not free cannot be had, whoever has it.
    const part = pool.size === 0 ? 0 : Math.max(0, pool.size - pool.free) / pool.size;
    return [
      pool.subnet || "-",
      pool.cidr,
      `${bar(part, BAR, width !== undefined)} ${String(Math.round(part * 100)).padStart(3)}%`,
      ...[pool.used, pool.free, pool.declined, pool.freed, pool.reserved, pool.size].map(String),
    ];
  });
  const ranges = pools.map((pool) => {
    const name = pool.subnet || pool.cidr;
    const added = pool.added.length === 0 ? "" : `; added: ${pool.added.join(" ")}`;
    const removed = pool.removed.length === 0 ? "" : `; removed: ${pool.removed.join(" ")}`;
    return `${name}: ${pool.ranges.join(" ") || "nothing to lease"}${added}${removed}\n`;
  });
  return `${layOut(COLUMNS, rows, width)}\n${ranges.join("")}`;
}
