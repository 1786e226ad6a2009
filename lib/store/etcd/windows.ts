/**
 * Leases of etcd's, shared: all keys that must be there until about the same time hang on one, so
 * their number depends on how long leases are, not on how many clients there are.
 *
 * @module
 */

import type { Clock } from "../../config/clock.ts";
import type { Etcd, LeaseId } from "./etcd.ts";

/** A window in time: keys that must be there until some instant in it hang on one etcd lease. */
interface Window {
  readonly width: number;
  readonly end: number;
  /** undefined while it is being made. */
  lease: LeaseId | undefined;
  granting: Promise<LeaseId> | undefined;
  used: boolean;
}

/** A hold is divided into so many windows at least, twice as many at most. */
const WINDOWS_PER_HOLD = 8;

/** The shortest window, milliseconds. */
const SHORTEST = 1000;

/** An etcd lease lives so much longer than its window, milliseconds: clocks are not that exact. */
const SLACK = 1000;

export class Windows {
  readonly #etcd: Etcd;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #windows = new Map<string, Window>();
  /** The one that was wanted last, as most of the next will be. */
  #last: Window | undefined;

  /** @param timeout How long a call to etcd may take, milliseconds. */
  constructor(etcd: Etcd, clock: Clock, timeout: number) {
    this.#etcd = etcd;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  /** How many etcd leases are alive, as far as is known. */
  get size(): number {
    const now = this.#clock.now();
    let size = 0;
    for (const { end, lease } of this.#windows.values()) {
      if (lease !== undefined && end + SLACK > now) size++;
    }
    return size;
  }

  /**
   * The etcd lease for keys that must be there until an instant, milliseconds since 1970. It ends
   * up to an eighth of the hold later. The one that will be wanted next is made ahead of need.
   *
   * @throws {EtcdError} when it cannot be made.
   */
  async leaseFor(until: number): Promise<LeaseId> {
    const window = this.#windowFor(until);
    const lease = window.lease ?? await this.#grant(window);
    this.#use(window, until);
    return lease;
  }

  /** The same without waiting: undefined when it has to be made first. */
  known(until: number): LeaseId | undefined {
    const window = this.#windowFor(until);
    if (window.lease !== undefined) this.#use(window, until);
    return window.lease;
  }

  /** Forgets etcd leases: one of them has gone before its time. */
  forget(): void {
    this.#windows.clear();
    this.#last = undefined;
  }

  /** Ends the etcd leases that nothing hangs on. */
  async close(): Promise<void> {
    for (const window of this.#windows.values()) {
      const lease = window.lease ?? await window.granting?.catch(() => undefined);
      if (!window.used && lease !== undefined) {
        await this.#etcd.revoke(lease, this.#timeout).catch(() => {});
      }
    }
    this.forget();
  }

  /** @param like The instant whose hold decides how wide the window is. */
  #windowFor(until: number, like = until): Window {
    const now = this.#clock.now();
    const width = widthOf(like - now);
    const end = Math.ceil(until / width) * width;
    const last = this.#last;
    if (last !== undefined && last.width === width && last.end === end) return last;
    for (const [name, { end }] of this.#windows) if (end <= now) this.#windows.delete(name);
    const name = `${width} ${end}`;
    let window = this.#windows.get(name);
    if (window === undefined) {
      window = { width, end, lease: undefined, granting: undefined, used: false };
      this.#windows.set(name, window);
    }
    return this.#last = window;
  }

  #use(window: Window, until: number): void {
    if (window.used) return;
    window.used = true;
    const next = this.#windowFor(window.end + 1, until);
    // Nobody waits for it; whoever comes to need it asks again.
    if (next.lease === undefined) this.#grant(next).catch(() => {});
  }

  #grant(window: Window): Promise<LeaseId> {
    const seconds = Math.ceil((window.end + SLACK - this.#clock.now()) / 1000);
    window.granting ??= this.#etcd.grant(Math.max(seconds, 1), this.#timeout)
      .then((lease) => window.lease = lease)
      .finally(() => window.granting = undefined);
    return window.granting;
  }
}

/** A power of two, in milliseconds, so that windows of different holds have ends in common. */
function widthOf(hold: number): number {
  if (hold <= SHORTEST * WINDOWS_PER_HOLD) return SHORTEST;
  return SHORTEST * 2 ** Math.floor(Math.log2(hold / SHORTEST / WINDOWS_PER_HOLD));
}
