/**
 * From what the book did to what a store promises.
 *
 * @module
 */

import type { Applied } from "../lease/book.ts";
import { markCommitted } from "../lease/lease.ts";
import type { Result } from "../lease/store.ts";

/** The result of an operation whose changes are durable by now. */
export function resultOf(applied: Applied): Result {
  if (applied.kind !== "changed") return applied;
  const [first, second] = applied.changes;
  return {
    kind: "done",
    lease: markCommitted((first.after ?? first.before)!),
    before: first.before,
    freed: second?.before,
  };
}
