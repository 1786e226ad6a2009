/**
 * What becomes of a book that this server alone writes when the machine's clock is set.
 *
 * @module
 */

import assert from "node:assert/strict";
import { parseIpv4 } from "../../lib/wire/address.ts";
import { bind, clientKey, decline, EPOCH, expire } from "../lease/fixtures.ts";
import { commit, HOUR, type OpenStore, SUBNETS } from "./contract.ts";

const ADDRESS = parseIpv4("10.0.0.10");
const YEARS = 56 * 365 * 24 * HOUR;

/** Tests that every store passes whose book belongs to one server. */
export function clockSetSuite(name: string, open: OpenStore): void {
  for (const by of [YEARS, -YEARS, 5000]) {
    Deno.test(`${name}.clockSet(${by}): as much is left of each lease as before`, async () => {
      await using fixture = await open(SUBNETS);
      const { store } = fixture;
      const bound = bind("aa:01", "10.0.0.10", EPOCH + HOUR);
      await commit(store, EPOCH, bound);
      // Without waiting: what follows is asked by the new clock.
      const moved = store.clockSet(by);
      const now = EPOCH + by + HOUR / 2;
      const other = bind("aa:02", "10.0.0.10", now + HOUR);
      assert.equal((await commit(store, now, other)).kind, "taken");
      await moved;
      assert.deepEqual(store.due(EPOCH + by + HOUR - 1, 10), []);
      assert.equal(
        (await commit(store, EPOCH + by + HOUR - 1, expire("10.0.0.10"))).kind,
        "refused",
      );
      assert.equal(store.view.ofAddress(ADDRESS)?.expires, EPOCH + by + HOUR);
      assert.equal(store.view.ofAddress(ADDRESS)?.renewed, EPOCH + by);
      assert.deepEqual(store.due(EPOCH + by + HOUR + 1000, 10), [ADDRESS]);
      const late = EPOCH + by + HOUR + 1000;
      assert.equal((await commit(store, late, expire("10.0.0.10"))).kind, "done");
      assert.equal((await commit(store, late, other)).kind, "done");
    });
  }

  Deno.test(`${name}.clockSet: what was asked before is settled by the clock of before`, async () => {
    await using fixture = await open(SUBNETS);
    const { store } = fixture;
    const first = commit(store, EPOCH, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
    const moved = store.clockSet(-YEARS);
    assert.equal((await first).kind, "done");
    await moved;
    assert.equal(store.view.ofAddress(ADDRESS)?.expires, EPOCH - YEARS + HOUR);
  });

  Deno.test(`${name}.clockSet moves quarantines too`, async () => {
    await using fixture = await open(SUBNETS);
    const { store } = fixture;
    await commit(
      store,
      EPOCH,
      bind("aa:01", "10.0.0.10", EPOCH + HOUR),
      decline("aa:01", "10.0.0.10", EPOCH + HOUR, 3),
    );
    await store.clockSet(YEARS);
    const now = EPOCH + YEARS + HOUR / 2;
    assert.ok(!store.view.isAvailable("", ADDRESS, clientKey("aa:02"), now));
    assert.deepEqual(store.due(EPOCH + YEARS + HOUR + 1000, 10), [ADDRESS]);
  });
}
