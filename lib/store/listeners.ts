/**
 * Those who want to hear what happens to a book.
 *
 * @module
 */

import type { Change } from "../lease/book.ts";
import type { BookEvent } from "../lease/management.ts";

type Listener = (event: BookEvent) => void;

export class Listeners {
  readonly #all = new Set<{ readonly hear: Listener }>();

  /** Whether anybody listens: nothing need be made for nobody. */
  get any(): boolean {
    return this.#all.size > 0;
  }

  /** @returns what ends it. */
  add(hear: Listener): () => void {
    // The same function may listen twice.
    const listener = { hear };
    this.#all.add(listener);
    return () => this.#all.delete(listener);
  }

  tell(event: BookEvent): void {
    for (const listener of this.#all) {
      try {
        listener.hear(event);
      } catch {
        // Its fault must not become the book's: results wait to be told. It hears no more.
        this.#all.delete(listener);
      }
    }
  }

  tellChanges(changes: readonly Change[]): void {
    if (!this.any) return;
    for (const { before, after } of changes) this.tell({ kind: "lease", before, after });
  }
}
