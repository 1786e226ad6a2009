/**
 * Which messages are looked at at all.
 *
 * @module
 */

import { MessageType, messageType } from "../wire/registry.ts";
import { type Message, Op } from "../wire/message.ts";
import { SilenceReason } from "./outcome.ts";

/** RFC 1700, "Hardware Type": Ethernet, which Wi-Fi uses too. */
const ETHERNET = 1;
const ETHERNET_LENGTH = 6;

/** A relay discards a message that has passed this many (RFC 1542 section 4.1.1). */
const MAX_HOPS = 16;

/** What a client sends. */
const FROM_CLIENTS: ReadonlySet<number> = new Set([
  MessageType.DISCOVER,
  MessageType.REQUEST,
  MessageType.DECLINE,
  MessageType.RELEASE,
  MessageType.INFORM,
]);

/**
 * The message's type if it is one that a client may send, else why it is dropped.
 *
 * @param sourcePort The UDP port it came from. Clients use 68 and relays 67 or 68, but some send
 * from others behind address translation; only port 0 cannot be answered.
 * @throws {DecodeError} when the message type is malformed.
 */
export function accept(message: Message, sourcePort: number): MessageType | SilenceReason {
  if (message.op !== Op.BOOTREQUEST) return SilenceReason.NOT_A_REQUEST;
  if (sourcePort === 0) return SilenceReason.SOURCE_PORT;
  if (message.hops > MAX_HOPS) return SilenceReason.HOPS;
  if (message.htype !== ETHERNET || message.hlen !== ETHERNET_LENGTH) {
    return SilenceReason.HARDWARE_ADDRESS;
  }
  if (!isStationAddress(message.chaddr)) return SilenceReason.HARDWARE_ADDRESS;
  const type = message.options.get(messageType);
  if (type === undefined) return SilenceReason.BOOTP;
  if (!FROM_CLIENTS.has(type)) return SilenceReason.MESSAGE_TYPE;
  return type as MessageType;
}

/** Whether one interface can have the address: neither a group's nor all zeros (IEEE 802). */
function isStationAddress(chaddr: Uint8Array): boolean {
  return (chaddr[0]! & 1) === 0 && chaddr.some((octet) => octet !== 0);
}
