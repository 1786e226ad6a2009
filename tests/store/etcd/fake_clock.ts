/**
 * A clock that stands still until it is told to go on.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock } from "../../../lib/config/clock.ts";

interface Alarm {
  at: number;
  readonly every: number | undefined;
  readonly ring: () => void;
}

export class FakeClock implements Clock {
  readonly #epoch: number;
  readonly #alarms = new Set<Alarm>();
  #elapsed = 0;

  /** @param epoch What it shows at first, milliseconds since 1970. */
  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  now(): number {
    return this.#epoch + this.#elapsed;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      this.#alarms.add({ at: this.#elapsed + milliseconds, every: undefined, ring: resolve });
    });
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  every(milliseconds: number, call: () => void): () => void {
    const alarm: Alarm = { at: this.#elapsed + milliseconds, every: milliseconds, ring: call };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Lets time pass; what falls due happens in its order, and what follows from it too. */
  async pass(milliseconds: number): Promise<void> {
    await this.turn();
    const end = this.#elapsed + milliseconds;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#elapsed = Math.max(this.#elapsed, next.at);
      if (next.every === undefined) this.#alarms.delete(next);
      else next.at = this.#elapsed + next.every;
      next.ring();
      await this.turn();
    }
    this.#elapsed = end;
    await this.turn();
  }

  /** Puts the clock forward at once; what has fallen due meanwhile happens with the next `pass`. */
  skipTo(instant: number): void {
    this.#elapsed = Math.max(this.#elapsed, instant - this.#epoch);
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.at <= end && (first === undefined || alarm.at < first.at)) first = alarm;
    }
    return first;
  }
}
