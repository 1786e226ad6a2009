/**
 * How far something long has come: a line on stderr that is written over, when that is a terminal
 * and it takes longer than a second.
 *
 * @module
 */

import type { Edges } from "./edges.ts";

/** Nothing is shown before, milliseconds. */
const SHOW_AFTER = 1000;

/** Between two looks of it, milliseconds. */
const PACE = 100;

/** Columns of the bar. */
const BAR = 30;

export class Progress implements Disposable {
  readonly #edges: Edges;
  readonly #what: string;
  readonly #total: number | undefined;
  readonly #elapsed: () => number;
  readonly #width: number | undefined;
  #next: number;
  #shown = false;

  /**
   * @param what "leases" and the like.
   * @param total undefined when it is not known.
   * @param elapsed milliseconds since some fixed instant.
   */
  constructor(
    edges: Edges,
    what: string,
    total: number | undefined,
    elapsed: () => number = () => performance.now(),
  ) {
    this.#edges = edges;
    this.#what = what;
    this.#total = total;
    this.#elapsed = elapsed;
    this.#width = edges.columns("err");
    this.#next = elapsed() + SHOW_AFTER;
  }

  /** So many are done by now. */
  at(done: number): void {
    if (this.#width === undefined || this.#elapsed() < this.#next) return;
    this.#next = this.#elapsed() + PACE;
    this.#shown = true;
    const total = this.#total;
    const text = total === undefined
      ? `${done} ${this.#what}`
      : `${bar(done / Math.max(total, 1), BAR, true)} ${done} of ${total} ${this.#what}`;
    this.#edges.err(`\r${text.slice(0, this.#width - 1)}\x1b[K`);
  }

  /** Takes the line away, for something else to be written. */
  clear(): void {
    if (this.#shown) this.#edges.err("\r\x1b[K");
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** A bar of so many columns, filled to a part between 0 and 1; with blocks or in plain ASCII. */
export function bar(part: number, columns: number, blocks: boolean): string {
  const filled = Math.min(Math.max(part, 0), 1) * columns;
  if (!blocks) {
    const full = Math.round(filled);
    return `[${"#".repeat(full)}${".".repeat(columns - full)}]`;
  }
  const eighths = Math.round(filled * 8);
  const text = "█".repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]!;
  return text + "░".repeat(columns - text.length);
}
