import assert from "node:assert/strict";
import { ReceiveWatch } from "../../lib/net/receive_watch.ts";

Deno.test("ReceiveWatch: a port to which nothing comes is well, however long", () => {
  const watch = new ReceiveWatch();
  for (let now = 0; now <= 60_000; now += 1000) watch.look(false, 0, now);
  assert.equal(watch.standing(60_000), 0);
});

Deno.test("ReceiveWatch: a port that always has more waiting is well while it takes some", () => {
  const watch = new ReceiveWatch();
  for (let now = 0; now <= 60_000; now += 1000) watch.look(true, now + 1, now);
  assert.equal(watch.standing(60_000), 0);
});

Deno.test("ReceiveWatch tells for how long none was taken, and forgets it when one is", () => {
  const watch = new ReceiveWatch();
  watch.look(false, 7, 0);
  watch.look(true, 7, 1000);
  watch.look(true, 7, 2000);
  assert.equal(watch.standing(4000), 3000);
  watch.look(true, 8, 5000);
  assert.equal(watch.standing(5000), 0);
  watch.look(true, 8, 6000);
  assert.equal(watch.standing(6500), 500);
});

Deno.test("ReceiveWatch does not count the time for which nobody looked", () => {
  const watch = new ReceiveWatch();
  watch.look(false, 7, 0);
  // Frozen for an hour; what came meanwhile waits when the round comes before the loop.
  watch.look(true, 7, 3_600_000);
  assert.equal(watch.standing(3_600_000), 0);
});
