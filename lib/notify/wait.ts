/**
 * Waiting that can be cut short, so that a stop leaves no timer behind.
 *
 * @module
 */

import type { Clock } from "../config/clock.ts";

/** Resolves after so many milliseconds, or at once when the signal is given. */
export function wait(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || milliseconds <= 0) return resolve();
    const finish = () => {
      cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const cancel = clock.every(milliseconds, finish);
    signal.addEventListener("abort", finish);
  });
}

/**
 * A signal that is given after so many milliseconds, or together with another.
 *
 * @returns the signal, and what must be called when it is needed no more.
 */
export function deadline(
  clock: Clock,
  milliseconds: number,
  other: AbortSignal,
): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const cancel = clock.every(milliseconds, abort);
  if (other.aborted) abort();
  other.addEventListener("abort", abort);
  return {
    signal: controller.signal,
    end() {
      cancel();
      other.removeEventListener("abort", abort);
    },
  };
}
