/**
 * A store that keeps its book in memory only, for tests and simulation: "durable" here means as
 * long as the process lives.
 *
 * @module
 */

import type { Subnet } from "../config/model.ts";
import { Book } from "../lease/book.ts";
import type { LeaseStore, LeaseView, Operation, Result } from "../lease/store.ts";
import { resultOf } from "./result.ts";
import type { Ipv4 } from "../wire/address.ts";

export class MemoryStore implements LeaseStore {
  readonly #book: Book;

  constructor(subnets: readonly Subnet[]) {
    this.#book = new Book(subnets);
  }

  get view(): LeaseView {
    return this.#book;
  }

  commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    return Promise.resolve(
      operations.map((operation) => resultOf(this.#book.apply(operation, now))),
    );
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
}
