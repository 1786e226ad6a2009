import assert from "node:assert/strict";
import fc from "fast-check";
import { Agenda } from "../../lib/lease/agenda.ts";

/** Takes out everything that is due. */
function takeAll<T>(agenda: Agenda<T>, now: number): T[] {
  const items: T[] = [];
  for (let item = agenda.take(now); item !== undefined; item = agenda.take(now)) items.push(item);
  return items;
}

Deno.test("Agenda.take gives the earliest first, and nothing before its instant", () => {
  const agenda = new Agenda<string>();
  agenda.add(9000, "c");
  agenda.add(1500, "a");
  agenda.add(4000, "b");
  assert.deepEqual(takeAll(agenda, 1499), []);
  assert.deepEqual(takeAll(agenda, 2000), ["a"]);
  assert.deepEqual(takeAll(agenda, 3999), []);
  assert.deepEqual(takeAll(agenda, 20_000), ["b", "c"]);
  assert.deepEqual(takeAll(agenda, Infinity), []);
});

Deno.test("Agenda.add keeps the earlier of two instants", () => {
  const agenda = new Agenda<string>();
  agenda.add(5000, "a");
  agenda.add(9000, "a");
  assert.deepEqual(takeAll(agenda, 5000), ["a"]);
  assert.deepEqual(takeAll(agenda, 9000), []);
  agenda.add(9000, "a");
  agenda.add(7000, "a");
  assert.deepEqual(takeAll(agenda, 7000), ["a"]);
  assert.deepEqual(takeAll(agenda, 9000), []);
});

Deno.test("Agenda.postpone keeps the later one", () => {
  const agenda = new Agenda<string>();
  agenda.add(5000, "a");
  agenda.postpone(9000, "a");
  agenda.postpone(3000, "b");
  assert.deepEqual(takeAll(agenda, 8999), ["b"]);
  assert.deepEqual(takeAll(agenda, 9000), ["a"]);
});

Deno.test("Agenda.add does not file what never comes", () => {
  const agenda = new Agenda<string>();
  agenda.add(Infinity, "a");
  assert.equal(agenda.take(Number.MAX_SAFE_INTEGER), undefined);
});

Deno.test("Agenda takes each item once, when it is due, whatever was filed in between", () => {
  const operation = fc.record({
    kind: fc.constantFrom("add", "add", "postpone", "take"),
    item: fc.integer({ min: 0, max: 9 }),
    instant: fc.integer({ min: 0, max: 20_000 }),
  });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const agenda = new Agenda<number>();
      const model = new Map<number, number>();
      for (const { kind, item, instant } of operations) {
        const second = Math.ceil(instant / 1000);
        if (kind === "take") {
          const due = [...model].filter(([, at]) => at * 1000 <= instant);
          const taken = takeAll(agenda, instant);
          assert.deepEqual(taken.toSorted(), due.map(([item]) => item).toSorted());
          const times = taken.map((item) => model.get(item)!);
          assert.deepEqual(times, times.toSorted((a, b) => a - b));
          for (const item of taken) model.delete(item);
        } else {
          if (kind === "add") agenda.add(instant, item);
          else agenda.postpone(instant, item);
          const earlier = Math.min(model.get(item) ?? Infinity, second);
          model.set(item, kind === "add" ? earlier : second);
        }
      }
    }),
    { numRuns: 500 },
  );
});
