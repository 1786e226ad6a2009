/**
 * Event hooks: what happens to leases and pools, told to programs and webhooks.
 *
 * Telling takes no time from packets: an event is put into a queue for each hook that wants it,
 * and a queue is worked off in order, one event at a time. A queue that is full loses its oldest
 * event, for what is newest is nearest to the truth; the next event that arrives says how many
 * were lost.
 *
 * @module
 */

import type { Clock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import type { HookEvent } from "../config/model.ts";
import type { LeaseEvent } from "../lease/events.ts";
import type { Courier } from "./courier.ts";
import { wait } from "./wait.ts";

/** Events that wait for one hook. */
const MOST_WAITING = 4096;

/** What becomes of events: labels of `etcdhcp_hook_events_total`. */
const RESULTS = ["delivered", "failed", "dropped"] as const;
export type HookResult = typeof RESULTS[number];

/** Where hooks' events are counted. */
export interface HookCounter {
  addHook(hook: string, results: readonly HookResult[]): void;
  hookEvent(hook: string, result: HookResult): void;
}

/** A hook and what brings its events. */
export interface HookRoute {
  readonly events: ReadonlySet<HookEvent>;
  readonly courier: Courier;
}

/** What hooks are made of. */
export interface HooksParts {
  /** In the order of the configuration: the first is hook 1 in metrics and log. */
  readonly routes: readonly HookRoute[];
  readonly clock: Clock;
  readonly log: Log;
  readonly counter: HookCounter;
  /** This server's name in notices. */
  readonly server: string;
  /** What identifiers begin with: different for every start of every server. */
  readonly instance: string;
  /** Events that may wait for one hook. */
  readonly mostWaiting?: number;
}

/** An event with its number. */
interface Waiting {
  readonly event: LeaseEvent;
  readonly id: string;
}

export class Hooks {
  readonly #parts: HooksParts;
  readonly #queues: readonly HookQueue[];
  #told = 0;

  constructor(parts: HooksParts) {
    this.#parts = parts;
    this.#queues = parts.routes.map(({ courier }, index) =>
      new HookQueue(String(index + 1), courier, parts)
    );
  }

  /** Takes note of an event and returns at once. Never throws. */
  tell(event: LeaseEvent): void {
    const id = `${this.#parts.instance}-${++this.#told}`;
    this.#parts.routes.forEach(({ events }, index) => {
      if (events.has(event.kind)) this.#queues[index]!.put({ event, id });
    });
  }

  /** How many events wait for each hook, those under way included. */
  *waiting(): Iterable<{ readonly hook: string; readonly count: number }> {
    for (const queue of this.#queues) yield { hook: queue.hook, count: queue.waiting };
  }

  /** Delivers what it can within so many milliseconds, and drops the rest. */
  async stop(within: number): Promise<void> {
    await Promise.all(this.#queues.map((queue) => queue.stop(within)));
  }
}

/** One hook's events, in order. */
class HookQueue {
  readonly hook: string;
  readonly #courier: Courier;
  readonly #parts: HooksParts;
  readonly #most: number;
  readonly #queue: Waiting[] = [];
  readonly #stop = new AbortController();
  #working: Promise<void> | undefined;
  #isStopping = false;
  #underWay = 0;
  /** Lost since the last event that was delivered. */
  #missed = 0;
  /** Dropped since the queue was last full for the first time. */
  #episode = 0;
  #isFailing = false;

  constructor(hook: string, courier: Courier, parts: HooksParts) {
    this.hook = hook;
    this.#courier = courier;
    this.#parts = parts;
    this.#most = parts.mostWaiting ?? MOST_WAITING;
    parts.counter.addHook(hook, RESULTS);
  }

  get waiting(): number {
    return this.#queue.length + this.#underWay;
  }

  put(waiting: Waiting): void {
    if (this.#isStopping) return this.#lose();
    if (this.#queue.length >= this.#most) {
      this.#queue.shift();
      this.#lose();
      if (this.#episode++ === 0) {
        this.#parts.log.warn(
          "a hook cannot keep up; its oldest events are dropped",
          this.#fields(),
        );
      }
    }
    this.#queue.push(waiting);
    this.#working ??= this.#work();
  }

  async stop(within: number): Promise<void> {
    this.#isStopping = true;
    if (this.#working === undefined) return;
    const { clock, log } = this.#parts;
    const settled = new AbortController();
    const working = this.#working.then(() => settled.abort());
    await Promise.race([working, wait(clock, within, settled.signal)]);
    const left = this.#queue.splice(0);
    left.forEach(() => this.#lose());
    if (left.length > 0) {
      log.warn("stopped before a hook had its events", this.#fields({ events: left.length }));
    }
    this.#stop.abort();
    await working;
  }

  async #work(): Promise<void> {
    const { clock } = this.#parts;
    while (true) {
      // Packets first.
      await clock.turn();
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#underWay = 1;
      await this.#deliver(next);
      this.#underWay = 0;
      if (this.#queue.length <= this.#most / 2) this.#endEpisode();
    }
    this.#working = undefined;
  }

  async #deliver({ event, id }: Waiting): Promise<void> {
    const { counter, log, server } = this.#parts;
    const missed = this.#missed;
    const delivery = await this.#courier.deliver(
      { id, server, event, missed },
      this.#stop.signal,
      (reason) => this.#noteSetback(reason),
    );
    if (delivery.kind === "delivered") {
      counter.hookEvent(this.hook, "delivered");
      this.#missed -= missed;
      if (this.#isFailing) log.info("a hook works again", this.#fields());
      this.#isFailing = false;
      return;
    }
    counter.hookEvent(this.hook, "failed");
    this.#missed++;
    const { reason } = delivery;
    log.warn("a hook missed an event", this.#fields({ event: event.kind, id, reason }));
  }

  /** A receiver that is away is mentioned once, not at every try. */
  #noteSetback(reason: string): void {
    if (!this.#isFailing) {
      this.#parts.log.warn("a hook fails; trying again until it works", this.#fields({ reason }));
    }
    this.#isFailing = true;
  }

  #lose(): void {
    this.#missed++;
    this.#parts.counter.hookEvent(this.hook, "dropped");
  }

  #endEpisode(): void {
    if (this.#episode === 0) return;
    this.#parts.log.info("a hook keeps up again", this.#fields({ dropped: this.#episode }));
    this.#episode = 0;
  }

  #fields(more: Record<string, string | number> = {}) {
    return { hook: this.hook, to: this.#courier.title, ...more };
  }
}
