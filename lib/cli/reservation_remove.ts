/**
 * The `reservation remove` command.
 *
 * @module
 */

import type { ReservationJson } from "../admin/api/reservations.ts";
import { CLIENT } from "./operands.ts";
import { operandProblem, serverCommand, SUBNET_ROW } from "./server_command.ts";

/** Takes back what was reserved for a client. */
export const reservationRemove = serverCommand({
  name: "reservation remove",
  summary: "Take back what was reserved for a device",
  operands: [
    { name: "MAC", help: 'The device\'s hardware address, or "id:" and its client identifier' },
  ],
  rows: { subnet: SUBNET_ROW },
  check: (args) => operandProblem(args, "MAC", CLIENT),
  async work({ client, json, own, args, edges }) {
    const key = CLIENT.parse(args.operands.get("MAC")!)!;
    const removed = await client.json<ReservationJson>(
      `/api/reservations/${encodeURIComponent(key)}`,
      { method: "DELETE", query: { subnet: own.subnet.value } },
    );
    if (json) edges.out(JSON.stringify(removed) + "\n");
    else edges.out(`${removed.ip} is reserved for ${removed.client} no more\n`);
    return 0;
  },
});
