/**
 * `/api/reservations`: which address is kept for whom.
 *
 * @module
 */

import type { Reservation, Subnet } from "../../config/model.ts";
import type { Amended } from "../../lease/management.ts";
import type { ClientKey } from "../../lease/lease.ts";
import { formatIpv4 } from "../../wire/address.ts";
import { type Call, HttpError, json, type Parameter, type Route } from "../route.ts";
import { optionsJson, readOptions } from "./option_text.ts";
import { readClient, readIp, readMac, readObject } from "./read.ts";
import { inJson, ref } from "./schema.ts";
import { type Managed, nameOf, subnetFor } from "./subject.ts";

export interface ReservationJson {
  readonly client: string;
  readonly ip: string;
  readonly hostname: string | null;
  readonly options: Readonly<Record<string, string>>;
  readonly subnet: string;
  readonly source: "book" | "configuration";
}

/** A name that a device can have: letters, digits, dashes, dots (RFC 1123 section 2.1). */
const HOSTNAME =
  /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;

export const SUBNET: Parameter = {
  name: "subnet",
  help: "The subnet, where there are several; empty is the one without a name",
  schema: { type: "string" },
};

const CHANGE_ANSWERS = {
  404: { description: "There is none", content: inJson(ref("Error")) },
  409: { description: "The book does not take it", content: inJson(ref("Error")) },
  503: { description: "The book cannot be written", content: inJson(ref("Error")) },
};

export function reservationRoutes(managed: Managed): readonly Route[] {
  const put = (method: "PUT" | "POST"): Route => ({
    method,
    path: "/api/reservations",
    id: method === "PUT" ? "putReservation" : "addReservation",
    summary: "Reserve an address for a client, in place of what was reserved for it",
    body: { description: "For whom and which", content: inJson(ref("NewReservation")) },
    answers: {
      200: { description: "It is reserved", content: inJson(ref("Reservation")) },
      ...CHANGE_ANSWERS,
    },
    handle: (call) => reserve(managed, call),
  });
  return [
    {
      method: "GET",
      path: "/api/reservations",
      id: "listReservations",
      summary: "List what is reserved for whom",
      query: [SUBNET],
      answers: {
        200: { description: "Reservations", content: inJson(ref("Reservations")) },
        404: { description: "There is no such subnet", content: inJson(ref("Error")) },
      },
      handle: (call) => list(managed, call),
    },
    put("PUT"),
    put("POST"),
    {
      method: "DELETE",
      path: "/api/reservations/{client}",
      id: "removeReservation",
      summary: "Take back what was reserved for a client",
      place: [{
        name: "client",
        help: 'Its hardware address, or "id:" and hex',
        schema: { type: "string" },
      }],
      query: [SUBNET],
      answers: {
        200: { description: "What was reserved", content: inJson(ref("Reservation")) },
        ...CHANGE_ANSWERS,
      },
      handle: (call) => remove(managed, call),
    },
  ];
}

function reservationJson(
  client: string,
  { address, hostname, options }: Reservation,
  subnet: string,
  source: ReservationJson["source"],
): ReservationJson {
  return {
    client,
    ip: formatIpv4(address),
    hostname: hostname ?? null,
    options: optionsJson(options),
    subnet,
    source,
  };
}

function list({ store }: Managed, call: Call): Response {
  const name = call.query.get("subnet");
  const subnets = name === undefined ? store.subnets : [subnetFor(store.subnets, name)];
  const reservations = subnets.flatMap((subnet) => {
    const own = ownReservations(store, subnet);
    return [...subnet.reservations]
      .toSorted(([, a], [, b]) => a.address - b.address)
      .map(([client, reservation]) => {
        const source = own.has(client as ClientKey) ? "book" : "configuration";
        return reservationJson(client, reservation, nameOf(subnet), source);
      });
  });
  return json({ reservations });
}

function ownReservations(store: Managed["store"], subnet: Subnet) {
  const entry = store.amendments().find((one) => one.subnet === nameOf(subnet));
  return entry?.reservations ?? new Map<ClientKey, Reservation>();
}

const FIELDS = ["client", "mac", "ip", "hostname", "options", "subnet"];

async function reserve(managed: Managed, call: Call): Promise<Response> {
  const { store } = managed;
  const body = await readObject(call);
  for (const name of Object.keys(body)) {
    if (FIELDS.includes(name)) continue;
    throw new HttpError(
      400,
      `unknown field ${JSON.stringify(name)}; it takes ${FIELDS.join(", ")}`,
    );
  }
  const text = (name: string): string | undefined => {
    const value = body[name];
    if (value === undefined || value === null || typeof value === "string") {
      return value ?? undefined;
    }
    throw new HttpError(400, `${name}: wanted text`);
  };
  const [client, mac, ip] = [text("client"), text("mac"), text("ip")];
  if ((client === undefined) === (mac === undefined)) {
    throw new HttpError(400, "mac: missing: wanted mac or client, one of them");
  }
  if (ip === undefined) throw new HttpError(400, "ip: missing: wanted the address to reserve");
  const key = mac === undefined
    ? readClient("client", client!)
    : readMac("mac", mac) as string as ClientKey;
  const address = readIp("ip", ip);
  const hostname = text("hostname");
  if (hostname !== undefined && !HOSTNAME.test(hostname)) {
    throw new HttpError(
      400,
      `hostname: cannot use ${JSON.stringify(hostname)}: wanted a host name, like printer`,
    );
  }
  const subnet = subnetFor(store.subnets, text("subnet"), address);
  const reservation = { address, hostname, options: readOptions(body.options) };
  const [amended] = await store.amend([{
    kind: "reserve",
    subnet: nameOf(subnet),
    client: key,
    reservation,
  }], managed.now());
  checkAmended(amended!);
  return json(reservationJson(key, reservation, nameOf(subnet), "book"));
}

async function remove(managed: Managed, call: Call): Promise<Response> {
  const { store } = managed;
  const client = readClient("client", call.place.get("client")!);
  const name = call.query.get("subnet");
  const having = store.subnets.filter((one) => one.reservations.has(client));
  const subnet = name === undefined && having.length === 1
    ? having[0]!
    : name === undefined && having.length === 0
    ? undefined
    : subnetFor(store.subnets, name);
  const reservation = subnet?.reservations.get(client);
  if (subnet === undefined || reservation === undefined) {
    const where = name ? ` in ${name}` : "";
    throw new HttpError(404, `nothing is reserved for ${client}${where}`);
  }
  if (!ownReservations(store, subnet).has(client)) {
    throw new HttpError(
      409,
      `${formatIpv4(reservation.address)} is reserved for ${client} by the configuration: remove ` +
        "it there",
    );
  }
  const change = { kind: "unreserve", subnet: nameOf(subnet), client } as const;
  const [amended] = await store.amend([change], managed.now());
  checkAmended(amended!);
  return json(reservationJson(client, reservation, nameOf(subnet), "book"));
}

/** @throws {HttpError} when the book did not take it. */
export function checkAmended(amended: Amended): void {
  if (amended.kind === "refused") throw new HttpError(409, amended.problem);
  if (amended.kind === "unknown") throw new HttpError(503, `${amended.reason}; try again`);
}
