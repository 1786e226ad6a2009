import assert from "node:assert/strict";
import { assertSingleHolders, check, type Hold } from "./checker.ts";
import type { Packet } from "./pcap.ts";
import { packet } from "./synthetic.ts";

const A = "02:00:00:00:00:0a";
const B = "02:00:00:00:00:0b";
const TEN = "10.6.9.10";
const ELEVEN = "10.6.9.11";

/** An ACK for twenty seconds. */
function ack(at: number, client: string, address = TEN, lease = 20): Packet {
  return packet(at, "ACK", client, { yiaddr: address, lease });
}

/** What happened, with instants in seconds. */
function story(packets: Packet[]): [string, string, number, number, string][] {
  return check(packets).holds.map((hold: Hold) => [
    hold.client,
    hold.address,
    hold.from / 1000,
    hold.until / 1000,
    hold.ending,
  ]);
}

Deno.test("check finds an address that two clients hold", () => {
  const { doubled } = check([ack(0, A), ack(19, B)]);
  assert.equal(doubled.length, 1);
  assert.equal(doubled[0]!.address, TEN);
  assert.equal(doubled[0]!.first.client, A);
  assert.equal(doubled[0]!.second.client, B);
  assert.equal(doubled[0]!.overlap, 1000);
  assert.throws(
    () => assertSingleHolders([ack(0, A), ack(19, B)]),
    /1 doubled:\n10\.6\.9\.10 was held by .*0a and .*0b for 1\.000 s/,
  );
});

Deno.test("check finds every client of an address that three hold", () => {
  assert.equal(check([ack(0, A), ack(1, B), ack(2, "02:00:00:00:00:0c")]).doubled.length, 3);
});

Deno.test("check finds a double that began before a renewal", () => {
  assert.equal(check([ack(0, A), ack(10, A), ack(25, B)]).doubled[0]!.overlap, 5000);
});

Deno.test("check accepts an address after its expiry", () => {
  assert.deepEqual(check([ack(0, A), ack(20, B)]).doubled, []);
});

Deno.test("check counts a lease from the client's REQUEST", () => {
  const request = packet(0, "REQUEST", A, { requested: TEN });
  assert.deepEqual(story([request, ack(3, A)]), [[A, TEN, 3, 20, "expired"]]);
  assert.deepEqual(check([request, ack(3, A), ack(20.5, B)]).doubled, []);
  assert.equal(check([ack(3, A), ack(20.5, B)]).doubled.length, 1);
});

Deno.test("check ends a hold when its client selects another address", () => {
  const request = packet(5, "REQUEST", A, { requested: ELEVEN, server: "10.6.9.1" });
  assert.deepEqual(story([ack(0, A), request, ack(6, A, ELEVEN)]), [
    [A, TEN, 0, 5, "moved"],
    [A, ELEVEN, 6, 25, "expired"],
  ]);
  const same = packet(5, "REQUEST", A, { requested: TEN });
  assert.deepEqual(story([ack(0, A), same, ack(6, A)]), [[A, TEN, 0, 25, "expired"]]);
});

Deno.test("check leaves out an ACK that comes when its client has begun another transaction", () => {
  const request = packet(0, "REQUEST", A, { requested: TEN, xid: 1 });
  const late = packet(9, "ACK", A, { yiaddr: TEN, lease: 20, xid: 1 });
  for (const type of ["DISCOVER", "RELEASE", "REQUEST"] as const) {
    assert.deepEqual(check([request, packet(8, type, A, { xid: 2 }), late]).holds, [], type);
  }
  const again = packet(8, "REQUEST", A, { requested: TEN, xid: 1 });
  assert.deepEqual(story([request, again, late]), [[A, TEN, 9, 28, "expired"]]);
  const other = packet(8, "DISCOVER", B, { xid: 2 });
  assert.equal(check([request, other, late]).holds.length, 1);
});

Deno.test("check extends a hold at every renewal", () => {
  assert.deepEqual(story([ack(0, A), ack(10, A), ack(20, A)]), [[A, TEN, 0, 40, "expired"]]);
});

Deno.test("check keeps a hold for the longest lease that the client was told", () => {
  assert.deepEqual(story([ack(0, A, TEN, 100), ack(10, A, TEN, 5)]), [[A, TEN, 0, 100, "expired"]]);
});

Deno.test("check begins a new hold after an expiry", () => {
  assert.deepEqual(story([ack(0, A), ack(30, A)]), [
    [A, TEN, 0, 20, "expired"],
    [A, TEN, 30, 50, "expired"],
  ]);
});

Deno.test("check ends a hold at a RELEASE of that address", () => {
  const release = (address: string) => packet(5, "RELEASE", A, { ciaddr: address });
  assert.deepEqual(check([ack(0, A), release(TEN), ack(6, B)]).doubled, []);
  assert.equal(check([ack(0, A), release(ELEVEN), ack(6, B)]).doubled.length, 1);
});

Deno.test("check ends a hold at a DECLINE of that address", () => {
  const decline = packet(5, "DECLINE", A, { requested: TEN });
  assert.deepEqual(story([ack(0, A), decline]), [[A, TEN, 0, 5, "declined"]]);
});

Deno.test("check ends a hold at a NAK to a REQUEST for that address", () => {
  const reboot = (address: string) => packet(4, "REQUEST", A, { xid: 7, requested: address });
  const nak = packet(5, "NAK", A, { xid: 7 });
  assert.deepEqual(story([ack(0, A), reboot(TEN), nak]), [[A, TEN, 0, 5, "refused"]]);
  assert.deepEqual(story([ack(0, A), reboot(ELEVEN), nak]), [[A, TEN, 0, 20, "expired"]]);
  const renewal = packet(4, "REQUEST", A, { xid: 7, ciaddr: TEN });
  assert.deepEqual(story([ack(0, A), renewal, nak]), [[A, TEN, 0, 5, "refused"]]);
});

Deno.test("check leaves out a NAK that its client does", () => {
  const reboot = packet(4, "REQUEST", A, { xid: 7, requested: TEN });
  const nak = packet(6, "NAK", A, { xid: 7 });
  const confirmed = packet(5, "ACK", A, { xid: 7, yiaddr: TEN, lease: 20 });
  assert.deepEqual(story([ack(0, A), reboot, confirmed, nak]), [[A, TEN, 0, 24, "expired"]]);
  const again = packet(5.5, "REQUEST", A, { xid: 7, requested: TEN });
  assert.deepEqual(story([ack(0, A), reboot, confirmed, again, nak]), [[A, TEN, 0, 6, "refused"]]);
  const next = packet(5, "DISCOVER", A, { xid: 8 });
  assert.deepEqual(story([ack(0, A), reboot, next, nak]), [[A, TEN, 0, 20, "expired"]]);
});

Deno.test("check ends a hold when the client is given another address", () => {
  assert.deepEqual(story([ack(0, A), ack(5, A, ELEVEN)]), [
    [A, TEN, 0, 5, "moved"],
    [A, ELEVEN, 5, 25, "expired"],
  ]);
});

Deno.test("check takes no lease from the answer to an INFORM", () => {
  assert.deepEqual(story([packet(0, "ACK", A, { ciaddr: TEN })]), []);
});

Deno.test("assertSingleHolders refuses to judge a capture without leases", () => {
  assert.throws(() => assertSingleHolders([packet(0, "DISCOVER", A)]), /no lease/);
});
