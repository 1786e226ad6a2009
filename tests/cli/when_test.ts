import assert from "node:assert/strict";
import { relative, span } from "../../lib/cli/when.ts";

Deno.test("span says a length of time in its two largest units", () => {
  const table: [number, string][] = [
    [0, "0s"],
    [59, "59s"],
    [60, "1m"],
    [3599, "59m 59s"],
    [3600, "1h"],
    [3661, "1h 1m"],
    [3601, "1h"],
    [90_000, "1d 1h"],
    [86_400 * 400, "400d"],
  ];
  for (const [seconds, text] of table) assert.equal(span(seconds), text);
});

Deno.test("relative says when something is", () => {
  const now = Date.UTC(2026, 10, 22, 15);
  assert.equal(relative(null, now), "never");
  assert.equal(relative("2026-11-22T15:30:00Z", now), "in 30m");
  assert.equal(relative("2026-11-22T13:00:00Z", now), "2h ago");
});
