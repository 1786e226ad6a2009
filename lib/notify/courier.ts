/**
 * What brings one notice to one hook: a program that is run, or a webhook that is posted to.
 *
 * @module
 */

import type { Notice } from "./notice.ts";

/** What became of a notice; a reason is one line for the log. */
export type Delivery =
  | { readonly kind: "delivered" }
  | { readonly kind: "failed"; readonly reason: string };

/** Brings notices, one at a time. */
export interface Courier {
  /** What the log calls it. Holds no secret. */
  readonly title: string;
  /**
   * Brings a notice, trying again where that can help. Never rejects.
   *
   * @param signal Given when there is no more time: whatever is under way is broken off.
   * @param setback Told why a try failed that will be followed by another.
   */
  deliver(
    notice: Notice,
    signal: AbortSignal,
    setback: (reason: string) => void,
  ): Promise<Delivery>;
}

export const DELIVERED: Delivery = { kind: "delivered" };

/** A notice that could not be brought. */
export function failed(reason: string): Delivery {
  return { kind: "failed", reason };
}
