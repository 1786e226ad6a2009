/**
 * Where a reply goes (RFC 2131 section 4.1).
 *
 * @module
 */

import { UNSPECIFIED } from "../wire/address.ts";
import { BROADCAST_FLAG, type Message } from "../wire/message.ts";
import type { Destination } from "./outcome.ts";

const BROADCAST: Destination = { kind: "broadcast" };

/**
 * Where an OFFER or ACK goes: to the relay, else to the address that the client has, else to all
 * if the client asked for it, else to the address that it is given.
 */
export function destinationOf(request: Message, reply: Message): Destination {
  if (request.giaddr !== UNSPECIFIED) return { kind: "relay", address: request.giaddr };
  if (request.ciaddr !== UNSPECIFIED) return { kind: "client", address: request.ciaddr };
  if ((request.flags & BROADCAST_FLAG) !== 0) return BROADCAST;
  return { kind: "unconfigured", address: reply.yiaddr, chaddr: request.chaddr };
}

/** Where a NAK goes: to the relay, else to all, whatever the client's flag or address. */
export function nakDestinationOf(request: Message): Destination {
  return request.giaddr !== UNSPECIFIED ? { kind: "relay", address: request.giaddr } : BROADCAST;
}
