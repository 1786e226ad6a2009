/**
 * A time of day that never jumps by itself.
 *
 * A router without a battery starts in 1970, or at the time when it was last switched off, and is
 * set right by NTP minutes later, while the server runs and clients hold leases. Law 1 speaks of
 * time that passes, not of what a clock shows: a lease of an hour is over when an hour has passed
 * for its client, whose clock counts seconds. So:
 *
 * - The server's time of day goes on with the monotonic clock. A leap of the machine's clock is
 *   taken over only when the server asks for it (`follow`), all at once, between two turns.
 * - In the same step the server tells its store, and the embedded book moves all its instants by
 *   as much (`LeaseStore.clockSet`): what was left of each lease is left of it afterwards. Nothing
 *   has ended because the clock went forward, and nothing is held for ever because it went back.
 * - A book that was closed meanwhile is moved when it is opened, in the same manner: the file has
 *   when the machine was started, by the clock that its instants were taken from, and as that does
 *   not change, a difference is a leap of the clock (`lib/store/sqlite_file.ts`). After a restart of
 *   the machine nobody knows how long it was off, unless the clock is trusted; it is not, and the
 *   time without power counts as nothing.
 * - In etcd the book is shared with servers whose clocks are right, so its instants stay. There an
 *   address is kept by keys with a time to live, which etcd counts down by its own clock, and is
 *   freed only when both those and the recorded instant say so. A record that lies in the future
 *   says that this server's clock is behind, or was: nothing is promised on its strength.
 *
 * Moving errs on the side of keeping an address too long, never by more than the lease's length.
 *
 * @module
 */

import type { Clock } from "./clock.ts";

/**
 * The machine's clock may be so far off before it is followed, milliseconds. NTP slews by changing
 * the speed of both clocks, so that they do not part; what parts them is a step.
 */
const TOLERANCE = 1000;

export class SteadyClock implements Clock {
  readonly #machine: Clock;
  /** The time of day less the monotonic time. */
  #offset: number;

  constructor(machine: Clock) {
    this.#machine = machine;
    this.#offset = machine.now() - machine.elapsed();
  }

  /** A whole number: instants are written down, and read by others. */
  now(): number {
    return Math.floor(this.#machine.elapsed() + this.#offset);
  }

  elapsed(): number {
    return this.#machine.elapsed();
  }

  sleep(milliseconds: number): Promise<void> {
    return this.#machine.sleep(milliseconds);
  }

  turn(): Promise<void> {
    return this.#machine.turn();
  }

  every(milliseconds: number, call: () => void): () => void {
    return this.#machine.every(milliseconds, call);
  }

  /**
   * Takes over the machine's time of day if it has been set.
   *
   * @returns By how much, milliseconds: more than 0 when it was set forward, 0 when it was not set.
   */
  follow(): number {
    const leap = Math.round(this.#machine.now() - this.now());
    if (Math.abs(leap) < TOLERANCE) return 0;
    this.#offset += leap;
    return leap;
  }
}
