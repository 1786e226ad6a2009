/**
 * The `reservation add` command.
 *
 * @module
 */

import type { ReservationJson } from "../admin/api/reservations.ts";
import { setting } from "../config/settings.ts";
import { text, type ValueType } from "../config/types.ts";
import type { Arguments } from "./command.ts";
import { CLIENT, IP } from "./operands.ts";
import { optionsText } from "./reservation_list.ts";
import { operandProblem, serverCommand, SUBNET_ROW } from "./server_command.ts";
import { showable } from "./table.ts";

const RESERVATION = "Reservation";

const option: ValueType<readonly [string, string]> = {
  placeholder: "NAME=VALUE",
  wanted: "an option's name or code and its value, like ntp-server=10.6.9.1 or 224=hex:00ff",
  parse(given) {
    const match = /^([a-z0-9-]+)=(.+)$/s.exec(given);
    return match === null ? undefined : [match[1]!, match[2]!];
  },
};

const OPTION = "option";

/** Keeps an address for a client. */
export const reservationAdd = serverCommand({
  name: "reservation add",
  summary: "Reserve an address for a device, on all servers at once",
  operands: [
    { name: "MAC", help: 'The device\'s hardware address, or "id:" and its client identifier' },
    { name: "IP", help: "The address" },
  ],
  rows: {
    hostname: setting({
      flag: "hostname",
      group: RESERVATION,
      type: text("NAME", "a host name"),
      help: "The device's host name, for lists and as option 12",
    }),
    option: setting({
      flag: OPTION,
      group: RESERVATION,
      type: option,
      help: "A value of an option for this device alone; may be given again for another",
    }),
    subnet: SUBNET_ROW,
  },
  notes:
    "It takes the place of what was reserved for the device. Who has the address now keeps it\n" +
    "until its lease ends.",
  check: (args) => [
    ...operandProblem(args, "MAC", CLIENT),
    ...operandProblem(args, "IP", IP),
    ...optionProblems(args),
  ],
  async work({ client, json, own, args, edges }) {
    const given = args.repeated.get(OPTION) ?? [];
    const body = {
      client: CLIENT.parse(args.operands.get("MAC")!),
      ip: IP.parse(args.operands.get("IP")!),
      hostname: own.hostname.value,
      options: Object.fromEntries(given.map((one) => option.parse(one.text)!)),
      subnet: own.subnet.value,
    };
    const made = await client.json<ReservationJson>("/api/reservations", {
      method: "PUT",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });
    if (json) {
      edges.out(JSON.stringify(made) + "\n");
      return 0;
    }
    const where = made.subnet === "" ? "" : ` in ${made.subnet}`;
    const name = made.hostname === null ? "" : ` (${made.hostname})`;
    const options = optionsText(made.options);
    const using = options === "" ? "" : `, with ${options}`;
    edges.out(`${made.ip} is reserved for ${made.client}${name}${where}${showable(using)}\n`);
    return 0;
  },
});

/** Of each that was given; the table has looked at the last alone. */
function optionProblems(args: Arguments): string[] {
  const given = args.repeated.get(OPTION) ?? [];
  return given.slice(0, -1).filter((one) => option.parse(one.text) === undefined).map((one) =>
    `${one.label}: cannot use ${JSON.stringify(one.text)}: wanted ${option.wanted}`
  );
}
