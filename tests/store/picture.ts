/**
 * What a listener knows of a store, by what it was told.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Lease } from "../../lib/lease/lease.ts";
import type { BookEvent, ManagedStore } from "../../lib/lease/management.ts";
import { formatIpv4, type Ipv4 } from "../../lib/wire/address.ts";

export class Picture {
  readonly #store: ManagedStore;
  readonly #entries = new Map<Ipv4, Lease>();
  /** What it was told, in short: "10.0.0.10 none bound", or "subnets". */
  readonly told: string[] = [];
  /** What a store does not let through: it drops listeners that throw. */
  #fault: unknown;

  constructor(store: ManagedStore) {
    this.#store = store;
    for (const lease of store.entries()) this.#entries.set(lease.address, lease);
    store.subscribe((event) => {
      try {
        this.#hear(event);
      } catch (error) {
        this.#fault ??= error;
      }
    });
  }

  #hear(event: BookEvent): void {
    if (event.kind === "subnets") return void this.told.push("subnets");
    const { before, after } = event;
    const address = (after ?? before)!.address;
    assert.deepEqual(this.#entries.get(address), before, "it was told what there was");
    if (after === undefined) this.#entries.delete(address);
    else this.#entries.set(address, after);
    this.told.push(`${formatIpv4(address)} ${before?.state ?? "none"} ${after?.state ?? "none"}`);
  }

  /** It is the store's own. */
  compare(): void {
    if (this.#fault !== undefined) throw this.#fault;
    const inOrder = (leases: Iterable<Lease>) =>
      [...leases].toSorted((a, b) => a.address - b.address);
    assert.deepEqual(inOrder(this.#entries.values()), inOrder(this.#store.entries()));
  }
}
