/**
 * Datagrams that wait to be handled. Bounded: what cannot be served in time is left out, the oldest
 * DISCOVERs first, because whoever sent them asks again and has asked others as well; a REQUEST is
 * the second half of work already done.
 *
 * @module
 */

import { isDiscover } from "../wire/message.ts";
import type { Datagram } from "./port.ts";

/** Above this many, DISCOVERs are left out. */
const MOST_WITH_DISCOVERS = 1500;

/** Above this many, anything is. */
const MOST = 6000;

/** So many are left out at a time, so that looking for them is not done for each. */
const CUT = 64;

export class ArrivalQueue {
  #waiting: Datagram[] = [];
  #head = 0;

  get length(): number {
    return this.#waiting.length - this.#head;
  }

  /** Adds a datagram; returns how many had to be left out for it. */
  add(datagram: Datagram): number {
    if (this.#head === this.#waiting.length) this.#reset([]);
    this.#waiting.push(datagram);
    return this.length >= MOST_WITH_DISCOVERS + CUT ? this.#shed() : 0;
  }

  /** Takes out the oldest, at most so many. */
  take(most: number): readonly Datagram[] {
    const taken = this.#waiting.slice(this.#head, this.#head + most);
    this.#head += taken.length;
    // What has been taken is let go of, in pieces large enough that copying the rest is cheap.
    if (this.#head > MOST_WITH_DISCOVERS) this.#reset(this.#waiting.slice(this.#head));
    return taken;
  }

  #shed(): number {
    const before = this.length;
    let surplus = before - MOST_WITH_DISCOVERS;
    const kept: Datagram[] = [];
    for (let i = this.#head; i < this.#waiting.length; i++) {
      const datagram = this.#waiting[i]!;
      if (surplus > 0 && isDiscover(datagram.payload)) surplus--;
      else kept.push(datagram);
    }
    this.#reset(kept.length > MOST ? kept.slice(CUT) : kept);
    return before - this.length;
  }

  #reset(waiting: Datagram[]): void {
    this.#waiting = waiting;
    this.#head = 0;
  }
}
