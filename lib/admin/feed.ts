/**
 * What happened to the book lately, for readers who follow it and may have been away for a while.
 *
 * A reader has a position in one ring that all share, and no queue of its own: however slow it is,
 * it costs nothing, and once the ring has gone round past it, it is told to start over.
 *
 * @module
 */

import type { BookEvent } from "../lease/management.ts";

/** One event in its place. */
export interface Entry {
  /** Counted from 1 since the server started. */
  readonly number: number;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly event: BookEvent;
}

/** What a reader gets next. */
export type Next =
  | { readonly kind: "entry"; readonly entry: Entry }
  /** What came after the reader's position is known no more. */
  | { readonly kind: "lost" }
  /** Nothing has happened since. */
  | { readonly kind: "nothing" };

/** How many events are remembered: a minute of a busy network, seconds of a flood. */
const MEMORY = 8192;

export class Feed {
  /** Distinguishes this run of the server from earlier ones, whose positions mean nothing here. */
  readonly run: string;
  readonly #ring: Entry[] = [];
  readonly #size: number;
  #last = 0;
  #closed = false;
  readonly #waiting = new Set<() => void>();

  /** @param run a few letters or digits that no earlier run had. */
  constructor(run: string, size: number = MEMORY) {
    this.run = run;
    this.#size = size;
  }

  /** The position after everything so far. */
  get end(): number {
    return this.#last;
  }

  get closed(): boolean {
    return this.#closed;
  }

  add(event: BookEvent, at: number): void {
    const number = ++this.#last;
    this.#ring[number % this.#size] = { number, at, event };
    this.#wake();
  }

  /** What follows a position. */
  after(position: number): Next {
    if (position === this.#last) return { kind: "nothing" };
    const entry = this.#ring[(position + 1) % this.#size];
    return entry?.number === position + 1 ? { kind: "entry", entry } : { kind: "lost" };
  }

  /** Resolves when there may be something after a position, or the feed has closed. */
  news(position: number, signal: AbortSignal): Promise<void> {
    if (this.#closed || signal.aborted || position !== this.#last) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener("abort", done);
    });
  }

  /** The name of a position, for readers to come back with. */
  idOf(position: number): string {
    return `${this.run}-${position}`;
  }

  /** The position that a name stands for; undefined when it is of another run, or none. */
  positionOf(id: string): number | undefined {
    const match = /^([0-9a-z]+)-(\d{1,15})$/.exec(id);
    if (match === null || match[1] !== this.run) return undefined;
    const position = Number(match[2]);
    return position <= this.#last ? position : undefined;
  }

  /** Ends every reader. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
