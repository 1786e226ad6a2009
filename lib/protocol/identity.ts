/**
 * Who a client is.
 *
 * Leases are keyed by hardware address, not by client identifier as RFC 2131 section 4.2 has it:
 * a boot ROM and the system it boots send different identifiers from one interface and would hold
 * two addresses. The identifier is recorded with the lease and echoed (RFC 6842).
 *
 * @module
 */

import type { ClientKey } from "../lease/lease.ts";
import { formatMac, type Mac } from "../wire/address.ts";
import type { Message } from "../wire/message.ts";
import { clientIdentifier, hostName } from "../wire/registry.ts";

/** What is recorded of a client with its lease. */
export interface Client {
  readonly key: ClientKey;
  readonly mac: Mac;
  /** The client identifier in hex, empty when it sent none. */
  readonly clientId: string;
  /** The host name it gave, without control characters; empty when it gave none. */
  readonly hostname: string;
}

/** The client that sent a message. */
export function clientOf(message: Message): Client {
  const mac = formatMac(message.chaddr);
  const id = message.options.raw(clientIdentifier.code);
  const name = message.options.raw(hostName.code);
  return {
    key: mac as string as ClientKey,
    mac,
    clientId: id === undefined ? "" : formatMac(id).replaceAll(":", ""),
    hostname: name === undefined ? "" : printable(name),
  };
}

const decoder = new TextDecoder();

/** Text for logs and lists, without control characters: names come from strangers. */
function printable(octets: Uint8Array): string {
  return decoder.decode(octets).replaceAll(/[\p{Cc}\ufffd]/gu, "");
}
