import assert from "node:assert/strict";
import type { Clock } from "../../lib/config/clock.ts";
import { SteadyClock } from "../../lib/config/steady_clock.ts";

/** The machine's two clocks. */
class Machine implements Clock {
  wall = 0;
  monotonic = 5000;

  pass(milliseconds: number): void {
    this.wall += milliseconds;
    this.monotonic += milliseconds;
  }

  now = () => this.wall;
  elapsed = () => this.monotonic;
  sleep = () => Promise.resolve();
  turn = () => Promise.resolve();
  every = () => () => {};
}

Deno.test("SteadyClock goes with the machine's clock", () => {
  const machine = new Machine();
  const clock = new SteadyClock(machine);
  assert.equal(clock.now(), 0);
  machine.pass(60_000);
  assert.equal(clock.now(), 60_000);
  assert.equal(clock.follow(), 0);
});

for (const leap of [1_800_000_000_000, -1_800_000_000_000, 1000, -3_600_000]) {
  Deno.test(`SteadyClock takes over a leap of ${leap} ms when it is told to, once`, () => {
    const machine = new Machine();
    const clock = new SteadyClock(machine);
    machine.pass(60_000);
    machine.wall += leap;
    assert.equal(clock.now(), 60_000);
    machine.pass(10);
    assert.equal(clock.follow(), leap);
    assert.equal(clock.now(), machine.wall);
    assert.equal(clock.follow(), 0);
  });
}

Deno.test("SteadyClock lets small differences be, until they add up", () => {
  const machine = new Machine();
  const clock = new SteadyClock(machine);
  machine.wall += 600;
  assert.equal(clock.follow(), 0);
  assert.equal(clock.now(), 0);
  machine.wall += 600;
  assert.equal(clock.follow(), 1200);
});

Deno.test("SteadyClock: whole milliseconds, whatever the monotonic clock shows", () => {
  const machine = new Machine();
  const clock = new SteadyClock(machine);
  for (const part of [0.1, 0.25, 17.7, 1e6 + 1 / 3]) {
    machine.monotonic += part;
    assert.ok(Number.isSafeInteger(clock.now()), String(clock.now()));
  }
  assert.ok(Number.isSafeInteger(clock.follow()));
  assert.ok(Number.isSafeInteger(clock.now()));
});
