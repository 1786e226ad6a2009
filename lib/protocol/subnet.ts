/**
 * Which subnet a client is on.
 *
 * @module
 */

import type { ServedInterface, Subnet } from "../config/model.ts";
import { cidrContains, type Ipv4, UNSPECIFIED } from "../wire/address.ts";
import type { Message } from "../wire/message.ts";
import { MessageType } from "../wire/registry.ts";

/** The messages of a client that may have an address and use it (RFC 2131 tables 4 and 5). */
const MAY_USE_ADDRESS: ReadonlySet<MessageType> = new Set([
  MessageType.REQUEST,
  MessageType.RELEASE,
  MessageType.INFORM,
]);

/**
 * The subnet that the message's client is on, undefined when it is none of ours.
 *
 * - Through a relay: the subnet of giaddr (RFC 2131 section 4.3.1).
 * - A client that uses an address (ciaddr) may speak to us straight through its router, from
 *   anywhere: the subnet of that address (RFC 2131 section 4.3.2, RENEWING). In a DISCOVER or
 *   DECLINE the field has no meaning.
 * - Else the subnet of the interface that heard it.
 */
export function subnetOf(
  type: MessageType,
  message: Message,
  heardOn: ServedInterface,
  subnets: readonly Subnet[],
): Subnet | undefined {
  if (message.giaddr !== UNSPECIFIED) return containing(subnets, message.giaddr);
  const usesAddress = message.ciaddr !== UNSPECIFIED && MAY_USE_ADDRESS.has(type);
  if (usesAddress) return containing(subnets, message.ciaddr);
  return containing(subnets, heardOn.address);
}

function containing(subnets: readonly Subnet[], address: Ipv4): Subnet | undefined {
  for (const subnet of subnets) if (cidrContains(subnet.cidr, address)) return subnet;
  return undefined;
}
