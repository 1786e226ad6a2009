/**
 * What an operator does to a book of leases while it is in use, and how others hear of what becomes
 * of it. Every store offers this beside what the server loop needs.
 *
 * @module
 */

import type { Reservation, Subnet } from "../config/model.ts";
import type { Ipv4Range } from "../wire/address.ts";
import type { ClientKey, Lease } from "./lease.ts";
import type { LeaseStore } from "./store.ts";

/**
 * A change of what may be leased to whom, kept in the book and so in force on every server that
 * shares it:
 * - `reserve`: the client, and nobody else, gets this address; in place of what was reserved for
 *   it. Who holds the address now keeps it until its lease ends, but cannot renew it.
 * - `unreserve`: takes that back. What the configuration reserves cannot be taken back here.
 * - `add-pool`: the addresses may be leased too. Within the subnet's network.
 * - `remove-pool`: the addresses, configured or added, are leased no more. Leases in them run on
 *   and are renewed; the addresses are phased out as they come free.
 */
export type Amendment =
  | {
    readonly kind: "reserve";
    readonly subnet: string;
    readonly client: ClientKey;
    readonly reservation: Reservation;
  }
  | { readonly kind: "unreserve"; readonly subnet: string; readonly client: ClientKey }
  | { readonly kind: "add-pool"; readonly subnet: string; readonly range: Ipv4Range }
  | { readonly kind: "remove-pool"; readonly subnet: string; readonly range: Ipv4Range };

/**
 * What became of an amendment:
 * - `done`: durable and in force here.
 * - `refused`: nothing changed, for the reason in `problem`, one line for the operator.
 * - `unknown`: the store could not commit, or cannot say whether it did; trying again is safe.
 */
export type Amended =
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly problem: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** What the book says of a subnet beyond the configuration. */
export interface Amendments {
  readonly subnet: string;
  readonly reservations: ReadonlyMap<ClientKey, Reservation>;
  /** Ranges that may be leased too. */
  readonly added: readonly Ipv4Range[];
  /** Ranges that are leased no more. */
  readonly removed: readonly Ipv4Range[];
}

/** Something that happened to the book, whichever server did it. */
export type BookEvent =
  /** An address's entry changed; undefined stands for no entry. */
  | {
    readonly kind: "lease";
    readonly before: Lease | undefined;
    readonly after: Lease | undefined;
  }
  /**
   * Pools, reservations or the configuration changed: the subnets that `subnets` returns are others
   * now.
   */
  | { readonly kind: "subnets" };

/** A server that answers from the same book. */
export interface ServerEntry {
  readonly id: string;
  /** Whether it is the one that was asked. */
  readonly isThis: boolean;
  /** What it says of itself: host name, process, version, since when. */
  readonly about: Readonly<Record<string, unknown>>;
}

/** A store with what operators need. */
export interface ManagedStore extends LeaseStore {
  /**
   * The subnets as they are in force: the configuration with the book's amendments. Another array
   * whenever one of them is another.
   */
  readonly subnets: readonly Subnet[];
  /** Every entry, in no particular order, as the view has it. */
  entries(): Iterable<Lease>;
  /** Makes amendments durable, each by itself and in their order. Never rejects. */
  amend(amendments: readonly Amendment[], now: number): Promise<readonly Amended[]>;
  /** What the book adds to the configuration, one for each subnet. */
  amendments(): readonly Amendments[];
  /**
   * Takes another configuration of subnets, with the book's amendments. Leases stay as they are: an
   * address that is in no pool any more is phased out, and what its holder renews it keeps. The
   * entries of a subnet that has gone stay in the book untouched, and come back with it. Those of
   * a subnet that is merely called otherwise now are its own under the new name in a store that one
   * server has to itself; a store that keeps them under the name must not be given such a subnet.
   */
  reconfigure(subnets: readonly Subnet[], now: number): void;
  /**
   * Tells a listener of everything that happens to the book from now on, after the view shows it:
   * each change of an entry once. A listener must return soon; one that throws hears no more.
   *
   * @returns what ends it.
   */
  subscribe(listener: (event: BookEvent) => void): () => void;
  /** The servers that answer from this book. */
  servers(): readonly ServerEntry[];
}
