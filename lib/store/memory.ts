/**
 * A store that keeps its book in memory only, for tests and simulation: "durable" here means as
 * long as the process lives.
 *
 * @module
 */

import type { Subnet } from "../config/model.ts";
import { Book } from "../lease/book.ts";
import type { Lease } from "../lease/lease.ts";
import type {
  Amended,
  Amendment,
  Amendments,
  BookEvent,
  ManagedStore,
  ServerEntry,
} from "../lease/management.ts";
import type { LeaseView, Operation, Result } from "../lease/store.ts";
import type { Ipv4 } from "../wire/address.ts";
import { Amender } from "./amender.ts";
import { Listeners } from "./listeners.ts";
import { resultOf } from "./result.ts";

export class MemoryStore implements ManagedStore {
  readonly #book: Book;
  readonly #amender: Amender;
  readonly #listeners = new Listeners();

  constructor(subnets: readonly Subnet[]) {
    this.#amender = new Amender(subnets);
    this.#book = new Book(subnets);
  }

  get view(): LeaseView {
    return this.#book;
  }

  get subnets(): readonly Subnet[] {
    return this.#amender.subnets;
  }

  entries(): Iterable<Lease> {
    return this.#book.entries();
  }

  commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    return Promise.resolve(operations.map((operation) => {
      const applied = this.#book.apply(operation, now);
      if (applied.kind === "changed") this.#listeners.tellChanges(applied.changes);
      return resultOf(applied);
    }));
  }

  amend(amendments: readonly Amendment[]): Promise<readonly Amended[]> {
    const draft = this.#amender.draft(amendments);
    if (draft.changes.length > 0) {
      this.#amender.adopt(draft);
      this.#refit();
    }
    return Promise.resolve(draft.results);
  }

  amendments(): readonly Amendments[] {
    return this.#amender.amendments();
  }

  reconfigure(subnets: readonly Subnet[]): void {
    this.#amender.reconfigure(subnets);
    this.#refit();
  }

  subscribe(listener: (event: BookEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  servers(): readonly ServerEntry[] {
    return [{ id: "memory", isThis: true, about: {} }];
  }

  due(now: number, limit: number): readonly Ipv4[] {
    return this.#book.due(now, limit);
  }

  clockSet(by: number): Promise<void> {
    this.#book.move(by);
    return Promise.resolve();
  }

  trouble(): string | undefined {
    return undefined;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #refit(): void {
    const changes = this.#book.reconfigure(this.#amender.subnets);
    this.#listeners.tell({ kind: "subnets" });
    this.#listeners.tellChanges(changes);
  }
}
