/**
 * What a server tells of leases: only of what it did itself, so that over all servers of one book
 * each thing is told once.
 *
 * @module
 */

import type { Lease } from "./lease.ts";
import type { Operation, Result } from "./store.ts";

/** What happened to a lease. */
export type LeaseEventKind =
  | "lease.created"
  | "lease.renewed"
  | "lease.released"
  | "lease.expired"
  | "lease.declined"
  | "lease.freed";

export type LeaseEvent =
  | {
    readonly kind: LeaseEventKind;
    /** The entry as it stands afterwards. */
    readonly lease: Lease;
    /** Milliseconds since 1970. */
    readonly at: number;
  }
  | {
    readonly kind: "pool.threshold";
    readonly subnet: string;
    /** Addresses of the pools that are not to be had, and how many there are. */
    readonly used: number;
    readonly size: number;
    /** Whether the pools have become fuller than the threshold, or are well below it again. */
    readonly above: boolean;
    readonly at: number;
  };

/**
 * What an operation that is done has brought about; undefined when that is no news of a lease: an
 * address that was kept aside has come back.
 */
export function eventKindOf(
  operation: Operation,
  { lease, before }: Extract<Result, { kind: "done" }>,
): LeaseEventKind | undefined {
  switch (operation.kind) {
    case "bind":
    case "enter":
      return before?.client === lease.client && before.state === "bound"
        ? "lease.renewed"
        : "lease.created";
    case "release":
      return "lease.released";
    case "decline":
      return "lease.declined";
    case "free":
      return before?.state === "bound" ? "lease.freed" : undefined;
    case "expire":
      return before?.state === "bound" ? "lease.expired" : undefined;
  }
}
