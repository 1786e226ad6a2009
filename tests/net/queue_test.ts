import assert from "node:assert/strict";
import fc from "fast-check";
import type { Datagram } from "../../lib/net/port.ts";
import { ArrivalQueue } from "../../lib/net/queue.ts";

/** What the queue holds of DISCOVERs, and of anything; and how far it may go beyond either. */
const MOST_WITH_DISCOVERS = 1500;
const MOST = 6000;
const SLACK = 64;

function datagram(isDiscover: boolean, sourcePort = 68): Datagram {
  const payload = new Uint8Array(244);
  payload.set([53, 1, isDiscover ? 1 : 3], 240);
  return { payload, sourcePort };
}

const many = (count: number, isDiscover: boolean) =>
  Array.from({ length: count }, () => datagram(isDiscover));

const isDiscover = ({ payload }: Datagram) => payload[242] === 1;

/** Adds datagrams one by one; returns how many were left out for them. */
function addAll(queue: ArrivalQueue, datagrams: readonly Datagram[]): number {
  return datagrams.reduce((left, one) => left + queue.add(one), 0);
}

/** By identity: comparing octets of thousands takes long. */
function assertSame(found: readonly Datagram[], wanted: readonly Datagram[]): void {
  assert.equal(found.length, wanted.length);
  assert.ok(found.every((one, index) => one === wanted[index]), "other datagrams than wanted");
}

Deno.test("ArrivalQueue gives datagrams in the order in which they came", () => {
  const queue = new ArrivalQueue();
  const all = [...many(3, true), ...many(2, false), ...many(3, true)];
  assert.equal(addAll(queue, all.slice(0, 5)), 0);
  assertSame(queue.take(2), all.slice(0, 2));
  assert.equal(addAll(queue, all.slice(5)), 0);
  assert.equal(queue.length, 6);
  assertSame(queue.take(100), all.slice(2));
  assertSame(queue.take(100), []);
  assert.equal(queue.length, 0);
});

Deno.test("ArrivalQueue leaves the oldest DISCOVERs out first, and keeps the REQUESTs", () => {
  const queue = new ArrivalQueue();
  const requests = many(500, false);
  const discovers = many(1200, true);
  const left = addAll(queue, [...requests, ...discovers]);
  assert.ok(left >= 200 - SLACK && left <= 200, String(left));
  assertSame(queue.take(Infinity), [...requests, ...discovers.slice(left)]);
});

Deno.test("ArrivalQueue counts only what waits: what was taken makes room", () => {
  const queue = new ArrivalQueue();
  for (let round = 0; round < 30; round++) {
    assert.equal(addAll(queue, many(100, true)), 0);
    queue.take(100);
  }
  assert.equal(addAll(queue, many(MOST_WITH_DISCOVERS, true)), 0);
  assert.ok(addAll(queue, many(SLACK + 1, true)) > 0);
});

Deno.test("ArrivalQueue holds REQUESTs up to a bound, then leaves the oldest out", () => {
  const queue = new ArrivalQueue();
  const requests = many(MOST + 500, false);
  assert.equal(addAll(queue, requests.slice(0, MOST)), 0);
  const left = addAll(queue, requests.slice(MOST));
  assert.ok(queue.length <= MOST + SLACK);
  assertSame(queue.take(Infinity), requests.slice(left));
});

Deno.test("ArrivalQueue agrees with a plain list, and never grows beyond its bounds", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("add" as const),
      runs: fc.array(fc.tuple(fc.integer({ min: 0, max: 900 }), fc.boolean()), { maxLength: 4 }),
    }),
    fc.record({ kind: fc.constant("take" as const), most: fc.integer({ min: 0, max: 1500 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 16 }), (steps) => {
      const queue = new ArrivalQueue();
      let model: Datagram[] = [];
      let discovers = 0;
      for (const one of steps) {
        if (one.kind === "take") {
          const wanted = model.splice(0, one.most);
          discovers -= wanted.filter(isDiscover).length;
          assertSame(queue.take(one.most), wanted);
          continue;
        }
        for (const added of one.runs.flatMap(([count, discover]) => many(count, discover))) {
          model.push(added);
          if (isDiscover(added)) discovers++;
          const left = queue.add(added);
          if (left > 0) {
            assert.ok(model.length > MOST_WITH_DISCOVERS);
            const ofDiscovers = Math.min(left, discovers);
            let surplus = ofDiscovers;
            model = model.filter((one) => !(isDiscover(one) && surplus-- > 0));
            model = model.slice(left - ofDiscovers);
            discovers -= ofDiscovers;
          }
          assert.equal(queue.length, model.length);
          const bound = discovers > 0 ? MOST_WITH_DISCOVERS : MOST;
          assert.ok(model.length <= bound + SLACK, `${model.length} wait`);
        }
      }
      assertSame(queue.take(Infinity), model);
    }),
    { numRuns: 25 },
  );
});
