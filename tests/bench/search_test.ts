import assert from "node:assert/strict";
import { search } from "./search.ts";

const OPTIONS = { ladder: [1000, 2000, 4000, 8000, 16000], resolution: 0.03 };

/** A server that sustains so much, and every rate it was asked for. */
function server(limit: number, stalls: readonly number[] = []) {
  const asked: number[] = [];
  const attempt = (rate: number) => {
    asked.push(rate);
    const stalled = stalls.includes(asked.length);
    return Promise.resolve({ good: rate <= limit && !stalled, result: rate });
  };
  return { asked, attempt };
}

Deno.test("search comes within the resolution of the limit", async () => {
  for (const limit of [1000, 1500, 5003, 7999, 12345]) {
    const best = await search(OPTIONS, server(limit).attempt);
    assert(best!.rate <= limit && best!.rate > limit / 1.031, `${best!.rate} for ${limit}`);
  }
});

Deno.test("search stops at the top of the ladder", async () => {
  const { asked, attempt } = server(1e9);
  assert.equal((await search(OPTIONS, attempt))!.rate, 16000);
  assert.deepEqual(asked, OPTIONS.ladder);
});

Deno.test("search goes down when the lowest rung fails", async () => {
  const best = await search(OPTIONS, server(300).attempt);
  assert(best!.rate <= 300 && best!.rate > 300 / 1.031, `${best!.rate} for 300`);
});

Deno.test("search finds nothing when nothing is sustained", async () => {
  assert.equal(await search(OPTIONS, server(1).attempt), undefined);
});

Deno.test("search forgives one stall", async () => {
  const best = await search(OPTIONS, server(1e9, [2]).attempt);
  assert.equal(best!.rate, 16000);
});
