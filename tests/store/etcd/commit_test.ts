import assert from "node:assert/strict";
import fc from "fast-check";
import { grouped, roomFor, ungrouped } from "../../../lib/store/etcd/commit.ts";
import type { Compare, Step, StepResult, Transaction } from "../../../lib/store/etcd/etcd.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeEtcd } from "./fake_etcd.ts";

/** A claim with so many comparisons, all of which hold, or do not. */
function claim(n: number, weight: number, holds: boolean): Step {
  const compare = Array.from({ length: weight }, (_, i): Compare => {
    return { kind: holds ? "absent" : "present", key: `nothing ${i}` };
  });
  const success: Step[] = [{ kind: "put", key: `claim ${n}`, value: "done" }];
  return { kind: "txn", txn: { compare, success, failure: [] } };
}

Deno.test("grouped: whatever has room for the claims passes etcd's limit, and each has its own result", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 3, max: 128 }),
      fc.integer({ min: 0, max: 400 }),
      fc.func(fc.boolean()),
      async (weight, over, wanted, isFree) => {
        const most = weight + over;
        const count = Math.max(1, Math.min(wanted, roomFor(weight, most)));
        const holds = Array.from({ length: count }, (_, n) => isFree(n));
        const success = grouped(holds.map((free, n) => claim(n, weight, free)), weight, most);
        const transaction: Transaction = { compare: [], success, failure: [] };
        const clock = new FakeClock(0);
        const etcd = new FakeEtcd(clock, most).connect();
        const { results } = await etcd.transact(transaction, 1000);
        const found = ungrouped(results, count);
        const succeeded = (result: StepResult) => result.kind === "txn" && result.result.succeeded;
        assert.deepEqual(found.map(succeeded), holds);
        await etcd.close();
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("roomFor: more than one level holds, unless the limit is tiny", () => {
  assert.equal(roomFor(4, 128), 62 * 62);
  assert.equal(roomFor(11, 128), 58 * 58);
  assert.equal(roomFor(4, 7), 3);
  assert.equal(roomFor(4, 5), 1);
  assert.equal(roomFor(12, 6), 1, "a claim that is too heavy is refused by itself");
  assert.equal(grouped([claim(0, 12, true)], 12, 6).length, 1);
});
