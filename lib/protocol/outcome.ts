/**
 * What a decision comes to: a reply, silence, or something for the store to settle first.
 *
 * @module
 */

import type { Offer } from "../lease/offers.ts";
import type { ClientKey } from "../lease/lease.ts";
import type { Operation, Result } from "../lease/store.ts";
import type { Ipv4 } from "../wire/address.ts";
import type { Message } from "../wire/message.ts";

/**
 * Why nothing is sent. Each is a value of the label `reason` of
 * `etcdhcp_packets_dropped_total`, so there are few and they never change their meaning.
 */
export const SilenceReason = {
  /** The octets are no DHCP message. */
  MALFORMED: "malformed",
  /** op is not BOOTREQUEST: a server's reply, not a client's message. */
  NOT_A_REQUEST: "not-a-request",
  /** No message type: plain BOOTP, which has no leases. */
  BOOTP: "bootp",
  /** A message type that clients do not send, or one that nobody has defined. */
  MESSAGE_TYPE: "message-type",
  /** Not Ethernet's hardware type and length, or an address that no interface has. */
  HARDWARE_ADDRESS: "hardware-address",
  /** More relays passed than a message may (RFC 1542 section 4.1.1). */
  HOPS: "hops",
  /** Sent from UDP port 0, to which nothing can be answered. */
  SOURCE_PORT: "source-port",
  /** Neither the interface nor the relay is on a subnet that is served. */
  NO_SUBNET: "no-subnet",
  /** Nothing left to offer. */
  POOL_EXHAUSTED: "pool-exhausted",
  /** The client took another server's offer, or speaks to another server. */
  OTHER_SERVER: "other-server",
  /** The message lacks what its type needs, or has what its type must not have. */
  INCOMPLETE: "incomplete",
  /** The client rebooted with an address of which there is no record here. */
  UNKNOWN_CLIENT: "unknown-client",
  /** A RELEASE or DECLINE of an address that its sender does not hold. */
  NOT_THE_HOLDER: "not-the-holder",
  /** The store cannot commit. */
  STORE_UNAVAILABLE: "store-unavailable",
  /** The client waits no longer, or there was more than could be served. */
  OVERLOAD: "overload",
  /** What the reply owes the client and its relay does not fit in what the client takes. */
  TOO_SMALL: "too-small",
  /** A fault of this program; the log has it. */
  FAULT: "fault",
  /** Nothing is ever sent in answer to this message: RELEASE, DECLINE. */
  NO_REPLY_WANTED: "no-reply-wanted",
} as const;
export type SilenceReason = typeof SilenceReason[keyof typeof SilenceReason];

/** Where a reply goes (RFC 2131 section 4.1). Ports are the server loop's business. */
export type Destination =
  /** To the relay's server port. */
  | { readonly kind: "relay"; readonly address: Ipv4 }
  /** To the client port of an address that the client has and answers ARP for. */
  | { readonly kind: "client"; readonly address: Ipv4 }
  /** To an address that the client does not have yet: wants a neighbour entry, or a broadcast. */
  | { readonly kind: "unconfigured"; readonly address: Ipv4; readonly chaddr: Uint8Array }
  /** To everybody on the interface's network. */
  | { readonly kind: "broadcast" };

/** Nothing is sent. */
export interface Silence {
  readonly kind: "silence";
  readonly reason: SilenceReason;
  /** The client whose offer is to be forgotten. */
  readonly withdraw?: ClientKey;
  /** The subnet in which: what another has offered it stays. */
  readonly withdrawIn?: string;
}

/** A message is sent. */
export interface Reply {
  readonly kind: "reply";
  readonly message: Message;
  readonly destination: Destination;
  /** The largest UDP payload that the client takes, octets. */
  readonly maxSize: number;
  /** The offer to be kept in memory. */
  readonly hold?: Offer;
  /** The client whose offer is to be forgotten. */
  readonly withdraw?: ClientKey;
  /** The subnet in which: what another has offered it stays. */
  readonly withdrawIn?: string;
}

/** The store settles the operation first; what it says decides what is sent. */
export interface Commit {
  readonly kind: "commit";
  readonly operation: Operation;
  readonly settle: (result: Result) => Reply | Silence;
}

export type Outcome = Silence | Reply | Commit;

/** Silence for a reason. */
export function silence(reason: SilenceReason): Silence {
  return { kind: "silence", reason };
}
