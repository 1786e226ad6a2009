/**
 * The `pool remove` command.
 *
 * @module
 */

import type { PoolJson } from "../admin/api/pools.ts";
import { RANGE } from "./operands.ts";
import { poolTable } from "./pool_status.ts";
import { operandProblem, serverCommand, SUBNET_ROW } from "./server_command.ts";

/** Takes addresses from what may be leased. */
export const poolRemove = serverCommand({
  name: "pool remove",
  summary: "Lease from a range no more, on all servers at once",
  operands: [{
    name: "RANGE",
    help: "FIRST-LAST, both included, a block like 10.6.9.64/26, or one address",
  }],
  rows: { subnet: SUBNET_ROW },
  notes: "Leases in it run on and are renewed; as they end, their addresses are leased no more.",
  check: (args) => operandProblem(args, "RANGE", RANGE),
  async work({ client, json, own, args, edges }) {
    const range = RANGE.parse(args.operands.get("RANGE")!)!;
    const pool = await client.json<PoolJson>("/api/pools", {
      method: "DELETE",
      query: { range, subnet: own.subnet.value },
    });
    if (json) edges.out(JSON.stringify(pool) + "\n");
    else edges.out(`${range} is leased no more\n\n${poolTable([pool], edges.columns("out"))}`);
    return 0;
  },
});
