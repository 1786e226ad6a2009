/**
 * Waiting for a condition with a deadline. The tests never sleep for a time they guessed.
 *
 * @module
 */

/** A condition that did not come true in time. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";

  constructor(what: string, seconds: number, last: unknown) {
    super(
      `Waited ${seconds} s in vain for ${what}` +
        (last === undefined ? "" : `; the last try failed: ${last}`),
    );
  }
}

/** Resolves after so many milliseconds. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/**
 * Calls `probe` until it returns something other than undefined, null or false, and returns that.
 * A probe that throws counts as "not yet"; its error is told if the deadline passes.
 */
export async function until<T>(
  what: string,
  seconds: number,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  everyMilliseconds = 50,
): Promise<T> {
  const deadline = performance.now() + seconds * 1000;
  let last: unknown;
  while (true) {
    try {
      const found = await probe();
      if (found !== undefined && found !== null && found !== false) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= deadline) throw new DeadlineError(what, seconds, last);
    await pause(everyMilliseconds);
  }
}

/** Resolves to undefined if `work` takes longer than so many seconds; leaves no timer behind. */
export async function within<T>(seconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Checks for so many seconds that `probe` stays quiet, and returns the first thing it found
 * instead. This is the one place where time itself is the condition: silence has no event.
 */
export async function quiet<T>(
  seconds: number,
  probe: () => T | undefined | Promise<T | undefined>,
): Promise<T | undefined> {
  const deadline = performance.now() + seconds * 1000;
  while (performance.now() < deadline) {
    const found = await probe();
    if (found !== undefined) return found;
    await pause(100);
  }
  return undefined;
}
