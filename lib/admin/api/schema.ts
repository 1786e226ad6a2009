/**
 * The shapes of what the API takes and gives, as JSON Schemas, for its document.
 *
 * @module
 */

import type { Content, Schema } from "../route.ts";
import { LEASE_STATES } from "./lease_json.ts";

const text = (description: string): Schema => ({ type: "string", description });
const ip = (description: string): Schema => ({ type: "string", format: "ipv4", description });
const count = (description: string): Schema => ({ type: "integer", minimum: 0, description });
const instant = (description: string): Schema => ({
  type: "string",
  format: "date-time",
  description,
});
const mayBeNull = (schema: Schema, meaning: string): Schema => ({
  ...schema,
  type: [schema.type as string, "null"],
  description: `${schema.description}; null: ${meaning}`,
});
const listOf = (items: Schema, description: string): Schema => ({
  type: "array",
  items,
  description,
});

function object(
  properties: Readonly<Record<string, Schema>>,
  optional: readonly string[] = [],
): Schema {
  const required = Object.keys(properties).filter((name) => !optional.includes(name));
  return { type: "object", properties, required, additionalProperties: false };
}

/** A schema by its name in the document. */
export function ref(name: string): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

export function inJson(schema: Schema): Content {
  return { "application/json": schema };
}

const SUBNET = text("The subnet's name, empty for the one without a name");
const CLIENT = text('What the client is known by: its hardware address, or "id:" and hex');

/** What our own export carries and an import has no use for. */
const EXPORT_ONLY = ["renewed", "held", "server", "relay"];

/** Option values: text as a person writes it, or "hex:" and octets. */
const OPTIONS: Schema = {
  type: "object",
  additionalProperties: { type: "string" },
  description: 'Option values by name or code; what has no text is "hex:" and octets',
};

/** Named schemas of the document. */
export const SCHEMAS: Readonly<Record<string, Schema>> = {
  Error: object({ error: text("What is wrong, in one line") }),
  Lease: object({
    ip: ip("The address"),
    subnet: SUBNET,
    client: CLIENT,
    mac: text("The client's hardware address"),
    clientId: text("The client identifier (option 61) in hex, empty for none"),
    hostname: text("The host name that the client gave, empty for none"),
    state: { type: "string", enum: LEASE_STATES },
    since: instant("When this client first got this address"),
    renewed: instant("When the lease was last written"),
    expires: mayBeNull(instant("When the lease or the quarantine ends"), "never"),
    held: mayBeNull(instant("Before this nobody else gets the address"), "for ever"),
    server: ip("The server that gave it"),
    relay: mayBeNull(ip("The relay it was asked through"), "none"),
  }),
  LeasePage: object({
    leases: listOf(ref("Lease"), "In the order of their addresses"),
    next: mayBeNull(text("What to give as cursor for the rest"), "there is no more"),
  }),
  NewLease: object({
    ip: ip("The address"),
    mac: text("The client's hardware address"),
    client: CLIENT,
    clientId: text("The client identifier in hex"),
    hostname: text("The host name that the client gave"),
    since: instant("When this client first got this address"),
    expires: mayBeNull(instant("When the lease ends"), "never"),
    subnet: { type: "string" },
    state: { type: "string", enum: LEASE_STATES, description: "Only bound ones are entered" },
    renewed: { type: "string" },
    held: { type: ["string", "null"] },
    server: { type: "string" },
    relay: { type: ["string", "null"] },
  }, ["client", "clientId", "hostname", "since", "subnet", "state", ...EXPORT_ONLY]),
  ImportResult: object({
    line: count("Which of the given leases, from 1; of an array its place"),
    ip: text("Its address, as far as it could be read"),
    result: {
      type: "string",
      enum: ["entered", "skipped", "taken", "refused", "invalid", "unknown"],
    },
    reason: text("Why it was not entered; empty when it was"),
  }),
  Freed: object({
    lease: ref("Lease"),
    until: mayBeNull(instant("Until when it is kept aside"), "it is free now"),
  }),
  Reservation: object({
    client: CLIENT,
    ip: ip("Its address"),
    hostname: mayBeNull(text("Its host name"), "none"),
    options: OPTIONS,
    subnet: SUBNET,
    source: {
      type: "string",
      enum: ["book", "configuration"],
      description: "Where it is kept: only those in the book can be removed here",
    },
  }),
  Reservations: object({ reservations: listOf(ref("Reservation"), "By subnet and address") }),
  NewReservation: object({
    client: CLIENT,
    mac: text("The client's hardware address, in place of client"),
    ip: ip("Its address"),
    hostname: text("Its host name"),
    options: OPTIONS,
    subnet: SUBNET,
  }, ["client", "mac", "hostname", "options", "subnet"]),
  Pool: object({
    subnet: SUBNET,
    cidr: text("The subnet's network"),
    ranges: listOf({ type: "string" }, "What is leased from, with the amendments"),
    size: count("Addresses of the ranges, less what is excluded or reserved"),
    used: count("Leased"),
    free: count("To be had"),
    declined: count("In quarantine, as a stranger was found to use them"),
    freed: count("Taken back by an operator and kept aside"),
    reserved: count("Reserved for a client"),
    added: listOf({ type: "string" }, "Ranges that the book adds to the configuration"),
    removed: listOf({ type: "string" }, "Ranges that the book takes from the configuration"),
  }),
  Pools: object({ pools: listOf(ref("Pool"), "One for each subnet") }),
  PoolChange: object({
    range: text("FIRST-LAST, both included, or one address"),
    subnet: SUBNET,
  }, ["subnet"]),
  Servers: object({
    servers: listOf(
      object({
        id: text("Its name in the book"),
        isThis: { type: "boolean", description: "Whether it is the one that was asked" },
        about: { type: "object", description: "What it says of itself" },
      }),
      "Those that answer from this book",
    ),
  }),
  LeaseEvent: object({
    kind: { const: "lease" },
    at: instant("When this server heard of it"),
    ip: ip("The address"),
    before: { anyOf: [ref("Lease"), { type: "null" }] },
    after: { anyOf: [ref("Lease"), { type: "null" }] },
  }),
  SubnetsEvent: object({
    kind: { const: "subnets" },
    at: instant("When this server heard of it"),
  }),
};
