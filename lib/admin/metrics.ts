/**
 * What the server counts and times. Counting happens for every packet, so it is plain arithmetic
 * here; names, labels and text are made when somebody scrapes.
 *
 * @module
 */

import type { StoreStatus } from "../lease/store.ts";

/** Observations sorted into buckets, and their sum. */
export class Distribution {
  /** Upper bounds of the buckets, ascending; what lies above the last is counted beyond them. */
  readonly bounds: readonly number[];
  /** Observations by bucket, the one beyond all bounds last. Not cumulative. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += value;
  }
}

/** Seconds: from a mirror's answer to a store that is about to be given up on. */
const SECONDS = [
  0.0001,
  0.00025,
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
];

/** Claims: group commit takes about a hundred at most. */
const CLAIMS = [1, 2, 5, 10, 20, 40, 60, 80, 100, 200];

function count(counts: Map<string, number>, label: string): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

/** The counters of one server. Labels come from small fixed sets, never from a packet's text. */
export class Metrics {
  /** Packets by message type or reason, since the start. */
  readonly packetsReceived: Map<string, number> = new Map();
  readonly packetsSent: Map<string, number> = new Map();
  readonly packetsDropped: Map<string, number> = new Map();
  /** Seconds from packet to answer, by the type of the request. */
  readonly requestSeconds: Map<string, Distribution> = new Map();
  /** Seconds that a commit took. */
  readonly commitSeconds: Distribution = new Distribution(SECONDS);
  /** Claims that a commit carried. */
  readonly batchSize: Distribution = new Distribution(CLAIMS);
  /** Events by hook, which is its number in the configuration, and by what became of them. */
  readonly hookEvents: Map<string, Map<string, number>> = new Map();

  /** A packet came in, of a message type like "discover". */
  received(type: string): void {
    count(this.packetsReceived, type);
  }

  /** A reply went out, of a message type like "offer". */
  sent(type: string): void {
    count(this.packetsSent, type);
  }

  /** A packet went unanswered, for a reason. */
  dropped(reason: string): void {
    count(this.packetsDropped, reason);
  }

  /** A request of this type was settled after so many seconds. */
  requestDuration(type: string, seconds: number): void {
    let distribution = this.requestSeconds.get(type);
    if (distribution === undefined) {
      distribution = new Distribution(SECONDS);
      this.requestSeconds.set(type, distribution);
    }
    distribution.observe(seconds);
  }

  /** The store made so many claims durable in so many seconds. */
  commit(seconds: number, batchSize: number): void {
    this.commitSeconds.observe(seconds);
    this.batchSize.observe(batchSize);
  }

  /** There is a hook, so its counts are shown from now on, zeros too. */
  addHook(hook: string, results: readonly string[]): void {
    this.hookEvents.set(hook, new Map(results.map((result) => [result, 0])));
  }

  /** What became of an event for a hook. */
  hookEvent(hook: string, result: string): void {
    count(this.hookEvents.get(hook)!, result);
  }
}

/** Addresses of one subnet in one state. */
export interface AddressCount {
  /** The subnet's name; empty for the one that flags define. */
  readonly subnet: string;
  readonly state: string;
  readonly count: number;
}

/** What is looked up at each scrape rather than counted. */
export interface Gauges {
  addresses(): Iterable<AddressCount>;
  /** Whether the store would take a commit. */
  storeUp(): boolean;
  /** What is absent at first stays absent. */
  storeStatus(): StoreStatus;
  /** Events that wait for each hook; absent where there are no hooks. */
  hookQueues?(): Iterable<{ readonly hook: string; readonly count: number }>;
}
