/**
 * The `reservation list` command.
 *
 * @module
 */

import type { ReservationJson } from "../admin/api/reservations.ts";
import { serverCommand, SUBNET_ROW } from "./server_command.ts";
import { layOut } from "./table.ts";

/** Lists which address is kept for whom. */
export const reservationList = serverCommand({
  name: "reservation list",
  summary: "List which address is reserved for whom",
  reads: true,
  rows: { subnet: SUBNET_ROW },
  async work({ client, json, own, edges }) {
    const query = { subnet: own.subnet.value };
    const { reservations } = await client.json<{ reservations: ReservationJson[] }>(
      "/api/reservations",
      { query },
    );
    if (json) {
      edges.out(reservations.map((one) => JSON.stringify(one) + "\n").join(""));
      return 0;
    }
    const bySubnet = reservations.some(({ subnet }) => subnet !== "");
    const columns = [
      { title: "ADDRESS" },
      { title: "CLIENT", shrinks: true },
      { title: "HOST NAME", shrinks: true },
      { title: "OPTIONS", shrinks: true },
      { title: "KEPT IN" },
      ...(bySubnet ? [{ title: "SUBNET", shrinks: true }] : []),
    ];
    const rows = reservations.map(({ ip, client, hostname, options, source, subnet }) => [
      ip,
      client,
      hostname ?? "",
      optionsText(options),
      source,
      ...(bySubnet ? [subnet] : []),
    ]);
    edges.out(layOut(columns, rows, edges.columns("out")));
    return 0;
  },
});

/** As `--option` takes them. */
export function optionsText(options: ReservationJson["options"]): string {
  return Object.entries(options).map(([name, value]) => `${name}=${value}`).join(" ");
}
