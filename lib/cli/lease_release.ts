/**
 * The `lease release` command.
 *
 * @module
 */

import type { LeaseJson } from "../admin/api/lease_json.ts";
import { IP } from "./operands.ts";
import { operandProblem, serverCommand, switchRow } from "./server_command.ts";
import { showable } from "./table.ts";
import { relative } from "./when.ts";

/** Takes an address back from its client. */
export const leaseRelease = serverCommand({
  name: "lease release",
  summary: "Take an address back; it is kept aside until its client can use it no more",
  operands: [{ name: "IP", help: "The address" }],
  rows: {
    force: switchRow(
      "force",
      "Release",
      "Free the address at once: its client may go on to use it while another gets it",
    ),
  },
  notes:
    "A DHCP client cannot be told that its lease has ended: it uses the address until it has\n" +
    "to ask again. So the address is kept aside until then, unless --force is given.",
  check: (args) => operandProblem(args, "IP", IP),
  async work({ client, json, own, args, edges }) {
    const ip = IP.parse(args.operands.get("IP")!)!;
    const before = await client.json<LeaseJson>(`/api/leases/${ip}`);
    const freed = await client.json<{ lease: LeaseJson; until: string | null }>(
      `/api/leases/${ip}`,
      { method: "DELETE", query: { force: own.force.value ? "true" : undefined } },
    );
    if (json) {
      edges.out(JSON.stringify(freed) + "\n");
      return 0;
    }
    const name = before.hostname === "" ? "" : ` (${showable(before.hostname)})`;
    const whose = `${before.client}${name}`;
    const now = Date.now();
    const aside = freed.until === null
      ? before.state === "bound" && Date.parse(before.held ?? "9999") > now
        ? `It is free now. ${before.client} may use it until it next asks: until then two devices ` +
          "may have one address"
        : "It is free now"
      : `It is kept aside until ${freed.until} (${
        relative(freed.until, now)
      }), as its client may ` +
        "use it until then";
    edges.out(`${ip} is taken back from ${whose}. ${aside}.\n`);
    return 0;
  },
});
