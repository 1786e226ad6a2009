import assert from "node:assert/strict";
import { peerOf, Seats } from "../../lib/admin/seats.ts";

const seated = (leaves?: string) => ({ seated: true, leaves });

Deno.test("Seats lets who only sits there make way, the longest idle first", () => {
  const seats = new Seats<string>({ connections: 2, kept: 1, peer: 9 });
  assert.deepEqual(seats.take("a", "A"), seated());
  assert.deepEqual(seats.take("b", "B"), seated());
  assert.equal(seats.ask("a"), "any");
  assert.ok(seats.answered("a"));
  assert.deepEqual(seats.take("c", "C"), seated("b"));
  assert.deepEqual(seats.idle, ["a", "c"]);
  assert.equal(seats.ask("b"), undefined, "it has left");
});

Deno.test("Seats has some left for health and metrics when all others are busy", () => {
  const seats = new Seats<string>({ connections: 2, kept: 1, peer: 9 });
  for (const key of ["a", "b"]) {
    seats.take(key, key);
    assert.equal(seats.ask(key), "any");
  }
  assert.deepEqual(seats.take("c", "C"), seated());
  // Of these, too, an idle one makes way.
  assert.deepEqual(seats.take("d", "D"), seated("c"));
  assert.equal(seats.ask("d"), "kept");
  assert.deepEqual(seats.take("e", "E"), { seated: false, leaves: undefined });
  assert.ok(seats.answered("a"));
  assert.deepEqual(seats.take("e", "E"), seated("a"));
  assert.equal(seats.ask("e"), "any");
});

Deno.test("Seats gives one peer no more than its share", () => {
  const seats = new Seats<string>({ connections: 9, kept: 1, peer: 2 });
  seats.take("a1", "A");
  seats.take("b1", "B");
  seats.take("a2", "A");
  assert.deepEqual(seats.take("a3", "A"), seated("a1"), "its own, not another's");
  seats.ask("a2");
  seats.ask("a3");
  seats.take("a4", "A");
  assert.equal(seats.ask("a4"), "kept");
  assert.deepEqual(seats.take("a5", "A"), { seated: false, leaves: undefined });
  seats.take("b2", "B");
  assert.equal(seats.ask("b2"), "any");
});

Deno.test("Seats counts the answers that a connection is owed", () => {
  const seats = new Seats<string>({ connections: 1, kept: 0, peer: 1 });
  seats.take("a", "A");
  seats.ask("a");
  seats.ask("a");
  assert.ok(!seats.answered("a"));
  assert.deepEqual(seats.idle, []);
  assert.ok(seats.answered("a"));
  assert.deepEqual(seats.idle, ["a"]);
  seats.leave("a");
  assert.ok(seats.answered("a"));
  assert.deepEqual(seats.idle, []);
});

Deno.test("peerOf knows a machine by its addresses", () => {
  const table: [string, string][] = [
    ["10.6.9.77", "10.6.9.77"],
    ["::ffff:10.6.9.77", "10.6.9.77"],
    ["127.0.0.1", "loopback"],
    ["127.9.9.9", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::1", "loopback"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::1", "2001:db8:1:2"],
    ["2001:db8::9", "2001:db8:0:0"],
    ["fe80::1%lan0", "fe80:0:0:0"],
    ["", ""],
  ];
  for (const [address, peer] of table) assert.equal(peerOf(address), peer, address);
});
