/**
 * The `pool add` command.
 *
 * @module
 */

import type { PoolJson } from "../admin/api/pools.ts";
import { RANGE } from "./operands.ts";
import { poolTable } from "./pool_status.ts";
import { operandProblem, serverCommand, SUBNET_ROW } from "./server_command.ts";

/** Adds addresses to what may be leased. */
export const poolAdd = serverCommand({
  name: "pool add",
  summary: "Lease from a range too, on all servers at once",
  operands: [{
    name: "RANGE",
    help: "FIRST-LAST, both included, a block like 10.6.9.64/26, or one address",
  }],
  rows: { subnet: SUBNET_ROW },
  notes: "It must lie within the subnet's network.",
  check: (args) => operandProblem(args, "RANGE", RANGE),
  async work({ client, json, own, args, edges }) {
    const range = RANGE.parse(args.operands.get("RANGE")!)!;
    const pool = await client.json<PoolJson>("/api/pools", {
      method: "POST",
      body: JSON.stringify({ range, subnet: own.subnet.value }),
      headers: { "content-type": "application/json" },
    });
    if (json) edges.out(JSON.stringify(pool) + "\n");
    else edges.out(`${range} may be leased now\n\n${poolTable([pool], edges.columns("out"))}`);
    return 0;
  },
});
