/**
 * A place with an etcd in memory, any number of stores on it, and a clock that stands still.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Subnet } from "../../../lib/config/model.ts";
import type { LeaseStore, Operation, Result } from "../../../lib/lease/store.ts";
import type { EtcdStore, EtcdStoreOptions } from "../../../lib/store/etcd/store.ts";
import { EPOCH, subnetOf } from "../../lease/fixtures.ts";
import { FakeClock } from "./fake_clock.ts";
import { type Connection, FakeEtcd } from "./fake_etcd.ts";
import { openStore, PREFIX } from "./fixtures.ts";

export const HOUR = 3_600_000;
export const MINUTE = 60_000;

/** One etcd and any number of stores on it, in a time of their own. */
export class Site implements AsyncDisposable {
  readonly clock = new FakeClock(EPOCH);
  readonly etcd = new FakeEtcd(this.clock);
  readonly notices: string[] = [];
  readonly #stores: EtcdStore[] = [];

  async open(
    more: Partial<EtcdStoreOptions> = {},
    subnets: readonly Subnet[] = [subnetOf()],
    etcd: Connection = this.etcd.connect(),
  ): Promise<EtcdStore> {
    const store = await openStore(etcd, this.clock, subnets, {
      server: { id: `server-${this.#stores.length}` },
      onNotice: (line) => this.notices.push(line),
      ...more,
    });
    this.#stores.push(store);
    return store;
  }

  get now(): number {
    return this.clock.now();
  }

  /** Lets time pass: TTLs fire, and every store does what a server's round asks of it. */
  async pass(milliseconds: number): Promise<void> {
    for (let left = milliseconds; left > 0;) {
      const step = Math.min(left, left > 10 * MINUTE ? 2 * MINUTE : 1000);
      await this.jump(step);
      left -= step;
      for (const store of this.#stores) {
        const due = store.due(this.now, 100);
        if (due.length > 0) {
          await store.commit(
            due.map((address): Operation => ({ kind: "expire", address })),
            this.now,
          );
        }
      }
    }
  }

  /** Lets time pass without every beat in between. */
  async jump(milliseconds: number): Promise<void> {
    const inFull = Math.min(milliseconds, 4000);
    this.clock.skipTo(this.now + milliseconds - inFull);
    await this.clock.pass(inFull);
    this.etcd.expire();
    await this.clock.turn();
  }

  async commit(store: LeaseStore, operation: Operation): Promise<Result> {
    return (await store.commit([operation], this.now))[0]!;
  }

  async done(store: LeaseStore, operation: Operation) {
    const result = await this.commit(store, operation);
    assert.equal(result.kind, "done", JSON.stringify(result));
    return result as Extract<Result, { kind: "done" }>;
  }

  /** The site's keys, without servers and records. */
  keys(): Record<string, string> {
    const all = Object.entries(this.etcd.dump(PREFIX));
    return Object.fromEntries(
      all.map(([key, value]) => [key.slice(PREFIX.length), value] as const)
        .filter(([key]) => !/(^|::)(servers|leases)::/.test(key)),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const store of this.#stores) await store.close();
  }
}
