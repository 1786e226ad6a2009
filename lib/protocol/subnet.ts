/**
 * Which subnet a client is on.
 *
 * @module
 */

import type { ServedInterface, Subnet } from "../config/model.ts";
import { cidrContains, type Ipv4, UNSPECIFIED } from "../wire/address.ts";
import type { Message } from "../wire/message.ts";

/**
 * The subnet that the message's client is on, undefined when it is none of ours.
 *
 * - Through a relay: the subnet of giaddr (RFC 2131 section 4.3.1).
 * - A client that uses an address (ciaddr) may speak to us straight through its router, from
 *   anywhere: the subnet of that address (RFC 2131 section 4.3.2, RENEWING).
 * - Else the subnet of the interface that heard it.
 */
export function subnetOf(
  message: Message,
  heardOn: ServedInterface,
  subnets: readonly Subnet[],
): Subnet | undefined {
  if (message.giaddr !== UNSPECIFIED) return containing(subnets, message.giaddr);
  if (message.ciaddr !== UNSPECIFIED) return containing(subnets, message.ciaddr);
  return containing(subnets, heardOn.address);
}

function containing(subnets: readonly Subnet[], address: Ipv4): Subnet | undefined {
  for (const subnet of subnets) if (cidrContains(subnet.cidr, address)) return subnet;
  return undefined;
}
