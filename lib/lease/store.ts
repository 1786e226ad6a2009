/**
 * The contract that every store of leases obeys, and what the rest of the program sees of it.
 * `tests/store/contract.ts` runs one suite over all of them.
 *
 * @module
 */

import type { Reservation } from "../config/model.ts";
import { OperatorError } from "../config/operator_error.ts";
import { type Ipv4, type Mac, UNSPECIFIED } from "../wire/address.ts";
import type { AddressSet, AddressSpace } from "./address_set.ts";
import type { ClientKey, Committed, Lease } from "./lease.ts";

/**
 * Binds an address to a client until `expires`, if nobody else holds it: a new lease, a renewal, or
 * a move, in which the client's other address in the subnet is freed in the same step. A renewal
 * never shortens what the client was given before: word of the shorter lease may not reach it.
 */
export interface Bind {
  readonly kind: "bind";
  readonly subnet: string;
  readonly client: ClientKey;
  readonly address: Ipv4;
  readonly expires: number;
  readonly mac: Mac;
  readonly clientId: string;
  readonly hostname: string;
  readonly server: Ipv4;
  readonly relay: Ipv4;
  /** The transaction of the REQUEST (xid); absent for what no client has asked for. */
  readonly xid?: number;
  /**
   * Whether the client says that it uses the address (RENEWING or REBINDING), so cannot have given
   * it back: a store that cannot be written may let it go on within what is durable already.
   */
  readonly inUse: boolean;
}

/**
 * Frees the address that the client holds, and no other client's. Nothing is freed that another
 * server has given since: a message may wait long in the queue of a server that was stopped, and
 * meanwhile the client has come back, and another has leased it the same address.
 */
export interface Release {
  readonly kind: "release";
  readonly subnet: string;
  readonly client: ClientKey;
  readonly address: Ipv4;
  /** All identifiers of the server that the message names. */
  readonly servers: readonly Ipv4[];
}

/** Whether other servers have given the lease than the one that the client names. */
export function isOutdated({ servers }: Release | Decline, { server, also = [] }: Lease): boolean {
  // A binding that another program has made names no server.
  return server !== UNSPECIFIED && ![server, ...also].some((one) => servers.includes(one));
}

/** Answers to one REQUEST are no further apart, milliseconds: some clients use an xid again. */
const TOGETHER = 10_000;

/**
 * What a lease says of the REQUEST that it is written for. Several servers answer one that names
 * none of them (INIT-REBOOT, REBINDING), and the client takes the ACK that comes first, so its
 * RELEASE names any of them (RFC 2131 section 4.3.4). Servers that answered an earlier REQUEST are
 * not among them: see `Release`.
 *
 * @param mine What the client holds there already.
 */
export function answered(
  { xid, server }: Bind,
  mine: Lease | undefined,
  now: number,
): Pick<Lease, "xid" | "also"> {
  if (xid === undefined) return {};
  if (mine?.xid !== xid || Math.abs(now - mine.renewed) > TOGETHER) return { xid };
  const also = [...(mine.also ?? []), mine.server].filter((one) => one !== server);
  return also.length === 0 ? { xid } : { xid, also: [...new Set(also)] };
}

/**
 * Takes the address from the client that holds it, as `Release` does, and keeps it from everyone
 * until `until`.
 * When more than `limit` addresses of the subnet would then be kept aside, the one declined
 * longest ago returns to the pool in exchange.
 */
export interface Decline {
  readonly kind: "decline";
  readonly subnet: string;
  readonly client: ClientKey;
  readonly address: Ipv4;
  /** All identifiers of the server that the message names. */
  readonly servers: readonly Ipv4[];
  readonly until: number;
  readonly limit: number;
}

/** Frees the address if its lease, or the time for which it is kept aside, has ended. */
export interface Expire {
  readonly kind: "expire";
  readonly address: Ipv4;
}

/**
 * Takes an address back on an operator's word. The client may still use it, so it is kept aside
 * (state `freed`) until every lease that was given for it has ended; with `force` it is free at
 * once, at the operator's risk.
 */
export interface Free {
  readonly kind: "free";
  readonly subnet: string;
  readonly address: Ipv4;
  readonly force: boolean;
}

/**
 * Enters a lease that another server gave, with its own instants: for moving in. Refused when
 * it has ended; `taken` when somebody else holds the address, or the client another one.
 */
export interface Enter {
  readonly kind: "enter";
  readonly subnet: string;
  readonly client: ClientKey;
  readonly address: Ipv4;
  readonly mac: Mac;
  readonly clientId: string;
  readonly hostname: string;
  readonly since: number;
  readonly expires: number;
}

export type Operation = Bind | Release | Decline | Expire | Free | Enter;

/**
 * What became of an operation:
 * - `done`: durable. `lease` is the entry as it now stands, `before` what stood there, `freed` an
 *   address that came free in the same step.
 * - `taken`: nothing changed; another client holds the address, or it is kept aside.
 * - `refused`: nothing changed; the client does not hold it, or it is not due.
 * - `unknown`: the store could not commit, or cannot say whether it did. Whoever asked must be
 *   told nothing; asking again is safe and finds out.
 */
export type Result =
  | {
    readonly kind: "done";
    readonly lease: Committed<Lease>;
    readonly before: Lease | undefined;
    readonly freed: Lease | undefined;
  }
  | { readonly kind: "taken" }
  | { readonly kind: "refused" }
  | { readonly kind: "unknown"; readonly reason: string };

/** How many addresses of a subnet are in which state. */
export interface AddressCounts {
  readonly free: number;
  readonly bound: number;
  readonly declined: number;
  readonly freed: number;
}

/** What is known of the leases without asking the store: to decide what to offer, never to give. */
export interface LeaseView {
  /**
   * The client's entry in the subnet: what it holds, or the last address it held that nobody else
   * has been given since.
   */
  ofClient(subnet: string, client: ClientKey): Lease | undefined;
  ofAddress(address: Ipv4): Lease | undefined;
  /** Whether the client may be given the address: in a pool, or reserved for it; not for another. */
  isLeasable(subnet: string, address: Ipv4, client: ClientKey): boolean;
  /**
   * What is reserved for the client, whether or not the address is free. Of a subnet that has gone
   * while a claim was under way nothing is.
   */
  reservationOf(subnet: string, client: ClientKey): Reservation | undefined;
  /** Whether the address is reserved for somebody. */
  isReserved(subnet: string, address: Ipv4): boolean;
  /**
   * Whether the client may be given the address and nobody else holds it at this instant. What the
   * client holds it may have again, although it has left the pools, unless it is reserved for
   * another.
   */
  isAvailable(subnet: string, address: Ipv4, client: ClientKey, now: number): boolean;
  /**
   * The free address nearest after a position (any u32), not one of `avoid`; those that nobody has
   * held come first, so that previous holders find theirs again.
   */
  pick(subnet: string, position: number, avoid: AddressSet): Ipv4 | undefined;
  /** How many addresses the subnet's pools have, less what is excluded or reserved. */
  poolSize(subnet: string): number;
  /** The numbering of the subnet's addresses, for sets of them: the same whatever its pools are. */
  space(subnet: string): AddressSpace;
  counts(subnet: string): AddressCounts;
}

/** How a store stands, for those who watch over it. */
export interface StoreStatus {
  /** Seconds since the view was last known to have everything that was committed by then. */
  readonly mirrorLag: number;
  /** Entries that others have written and that make no sense; absent where nobody else writes. */
  readonly unreadableKeys?: number;
  /** Leases of etcd's that this server keeps entries on; absent where there are none. */
  readonly etcdLeases?: number;
}

/**
 * A book of leases.
 *
 * Law 1 lives here: of all the `bind` operations on one address, however they are interleaved,
 * at most one client's is `done` until its lease has expired or it gave the address back.
 * A result is `done` only when the change is durable, and the view shows it by then.
 */
export interface LeaseStore {
  readonly view: LeaseView;
  /**
   * Settles operations, each by itself and in their order; the results stand in the same order.
   * Those of one call, and of calls that arrive while an earlier one is under way, may share one
   * transaction (group commit). Never rejects: what cannot be settled is `unknown`.
   *
   * @param now Milliseconds since 1970: what is expired is judged at this instant.
   */
  commit(operations: readonly Operation[], now: number): Promise<readonly Result[]>;
  /** Addresses whose lease or time aside has ended by now, at most `limit`: to be expired. */
  due(now: number, limit: number): readonly Ipv4[];
  /**
   * Says that the clock has been set: instants told from now on are later by so many milliseconds
   * than they would have been, or earlier if negative. Of every lease as much is left afterwards as
   * before. What was asked earlier is settled first. Never rejects.
   */
  clockSet(by: number): Promise<void>;
  /** Why the store cannot commit, undefined while it can. Tries again to find out if it may. */
  trouble(): string | undefined;
  /** Left out by a store whose view is the book itself, so that there is nothing to tell. */
  status?(): StoreStatus;
  close(): Promise<void>;
}

/** A store that cannot be opened: the message is one line that says what to do. */
export class StoreError extends OperatorError {
  override readonly name = "StoreError";
}
