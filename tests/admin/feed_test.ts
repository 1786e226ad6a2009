import assert from "node:assert/strict";
import { Feed } from "../../lib/admin/feed.ts";

const EVENT = { kind: "subnets" } as const;

Deno.test("Feed remembers so many events and says when more were missed", () => {
  const feed = new Feed("run", 3);
  assert.deepEqual(feed.after(0), { kind: "nothing" });
  for (let at = 1; at <= 5; at++) feed.add(EVENT, at);
  assert.deepEqual(feed.after(1), { kind: "lost" });
  assert.deepEqual(feed.after(2), { kind: "entry", entry: { number: 3, at: 3, event: EVENT } });
  assert.deepEqual(feed.after(4), { kind: "entry", entry: { number: 5, at: 5, event: EVENT } });
  assert.deepEqual(feed.after(5), { kind: "nothing" });
});

Deno.test("Feed.positionOf knows its own names only", () => {
  const feed = new Feed("run", 3);
  feed.add(EVENT, 1);
  assert.equal(feed.positionOf(feed.idOf(1)), 1);
  assert.equal(feed.positionOf("run-0"), 0);
  for (const id of ["run-2", "run--1", "run-1.5", "other-1", "run", "", "run-1 "]) {
    assert.equal(feed.positionOf(id), undefined, id);
  }
});

Deno.test("Feed.news wakes at an event, at the end, and when nobody waits any more", async () => {
  const feed = new Feed("run", 3);
  const gone = new AbortController();
  const waiting = [feed.news(0, gone.signal), feed.news(0, new AbortController().signal)];
  gone.abort();
  await waiting[0];
  feed.add(EVENT, 1);
  await waiting[1];
  await feed.news(0, new AbortController().signal);
  const last = feed.news(1, new AbortController().signal);
  feed.close();
  await last;
  assert.ok(feed.closed);
});
