/**
 * A lease: one address's entry in the book, and who it belongs to.
 *
 * @module
 */

import type { Ipv4, Mac } from "../wire/address.ts";

/**
 * What a client is known by: its hardware address, or "id:" and the hex of its client identifier
 * where it has no hardware address (RFC 4390) or the operator chose to key by identifier.
 */
export type ClientKey = string & { readonly __brand: "ClientKey" };

const HARDWARE_ADDRESS = /^[0-9a-f]{2}(?::[0-9a-f]{2}){0,15}$/;
const CLIENT_ID = /^id:(?:[0-9a-f]{2})+$/;

/** Whether a text is what a client may be known by, written as it is written here. */
export function isClientKey(text: string): text is ClientKey {
  return HARDWARE_ADDRESS.test(text) || CLIENT_ID.test(text);
}

/**
 * - `bound`: the client may use the address until `expires`.
 * - `released`, `expired`: free again; kept so that its last holder can have it back.
 * - `declined`: found in use by a stranger, kept aside until `expires`.
 * - `freed`: taken back by an operator, kept aside until `expires`, as its client may still use it.
 */
export type LeaseState = "bound" | "released" | "expired" | "declined" | "freed";

/** One address's entry in the lease book. Instants are milliseconds since 1970, UTC. */
export interface Lease {
  readonly address: Ipv4;
  /** The subnet's name, empty for the one subnet without a name. */
  readonly subnet: string;
  readonly client: ClientKey;
  readonly mac: Mac;
  /** The client identifier (option 61) in hex, empty when the client sent none. */
  readonly clientId: string;
  /** The host name (option 12) that the client gave, empty when it gave none. */
  readonly hostname: string;
  readonly state: LeaseState;
  /** When this client first got this address. */
  readonly since: number;
  /** When the lease was last written for the client. */
  readonly renewed: number;
  /** When the lease that was last written, or the quarantine, ends. Infinity for a binding that never does. */
  readonly expires: number;
  /**
   * The instant before which nobody else gets the address, whatever happens: never before
   * `expires`. Every lease that the client has been told of ends by then.
   */
  readonly held: number;
  /** The server identifier (option 54) under which it was given. */
  readonly server: Ipv4;
  /** The relay it was asked through (giaddr), 0 for none. */
  readonly relay: Ipv4;
  /** The transaction (xid) of the REQUEST that it was last written for; absent where none was. */
  readonly xid?: number;
  /** The other servers that have answered that same REQUEST with an ACK: the client may take any. */
  readonly also?: readonly Ipv4[];
}

declare const committed: unique symbol;

/**
 * Something that is durable: a crash of this program, or a power cut, cannot lose it. `ackFor` asks
 * for a `Committed<Lease>`, so that no ACK can be written for anything less.
 */
export type Committed<T> = T & { readonly [committed]: true };

/**
 * States that a value is durable. Only a store may say so: the layer check refuses an import of
 * this function from anywhere but `lib/store/`.
 */
export function markCommitted<T>(value: T): Committed<T> {
  return value as Committed<T>;
}

/** Whether an address in this state is kept from others until its time is over. */
export function keepsAddress(state: LeaseState): boolean {
  return state === "bound" || state === "declined" || state === "freed";
}

/** Whether the lease keeps its address from everybody else at this instant. */
export function isHeld(lease: Lease, now: number): boolean {
  return keepsAddress(lease.state) && lease.held > now;
}

/** Whether two entries say the same. */
export function isSameLease(one: Lease | undefined, other: Lease | undefined): boolean {
  if (one === other) return true;
  if (one === undefined || other === undefined) return false;
  return one.address === other.address && one.subnet === other.subnet &&
    one.client === other.client && one.mac === other.mac && one.clientId === other.clientId &&
    one.hostname === other.hostname && one.state === other.state && one.since === other.since &&
    one.renewed === other.renewed && one.expires === other.expires && one.held === other.held &&
    one.server === other.server && one.relay === other.relay;
}

/** Whether the client may use the address at this instant. */
export function isBound(lease: Lease, now: number): boolean {
  return lease.state === "bound" && lease.held > now;
}
