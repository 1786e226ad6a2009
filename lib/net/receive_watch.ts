/**
 * Whether datagrams that wait are being taken. That a timer runs proves nothing of a loop that
 * waits for something else: this looks at both ends of it.
 *
 * @module
 */

/** Watches one port from outside its receive loop. */
export class ReceiveWatch {
  #taken = 0;
  #since: number | undefined;

  /**
   * Looks once.
   *
   * @param waiting Whether a datagram waits to be taken.
   * @param taken How many have been taken so far, in all.
   * @param now Monotonic, milliseconds.
   */
  look(waiting: boolean, taken: number, now: number): void {
    const stands = waiting && taken === this.#taken;
    this.#taken = taken;
    this.#since = stands ? this.#since ?? now : undefined;
  }

  /**
   * For how long, milliseconds, looks have found datagrams that wait and none taken in between; 0
   * while all is well. Counted from the first such look, so a process that was frozen is not blamed
   * for that.
   */
  standing(now: number): number {
    return this.#since === undefined ? 0 : now - this.#since;
  }
}
