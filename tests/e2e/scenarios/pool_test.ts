/** A pool that is too small: silence while it is empty, and an address as soon as one is back. */

import assert from "node:assert/strict";
import { assertSingleHolders } from "../checker.ts";
import { newMac, nextAck } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { quiet, until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import type { Leased, Talker } from "../talker.ts";
import { buildLan, talkers, watch } from "./lan.ts";

/** Three addresses. */
function flags(lease: number) {
  return { ...LAN.flags, "dhcp.issue-to": "10.6.9.12", "dhcp.lease": `${lease}s` };
}

async function takeAll(talker: Talker): Promise<Leased[]> {
  const leases: Leased[] = [];
  for (let i = 0; i < 3; i++) {
    const leased = await talker.lease(newMac(), 5);
    assert(leased, `client ${i + 1} of 3 gets an address`);
    leases.push(leased);
  }
  assert.equal(new Set(leases.map(({ address }) => address)).size, 3);
  return leases;
}

scenario("An empty pool is silent until a client releases", ["udhcpc"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  await using packets = await watch(lab, wire);
  await using _ = await startServer(lab, { host: server, flags: flags(600) });
  await using talker = await talkers(lab, wire);
  const [first] = await takeAll(talker);

  await using fourth = await Udhcpc.make(lab, wire);
  fourth.start();
  const isReply = { chaddr: fourth.chaddr, where: ({ op }: { op: number }) => op === 2 };
  await until("three DISCOVERs of the fourth client", 10, async () => {
    return (await packets.all({ type: "DISCOVER", chaddr: fourth.chaddr })).length >= 3;
  });
  assert.equal(await quiet(1, () => packets.find(isReply)), undefined);

  await talker.release(first!);
  const ack = await nextAck(packets, fourth, 10);
  assert.equal(ack.message.yiaddr, first!.address);
  assertSingleHolders(await packets.packets());
});

scenario("An empty pool is silent until a lease expires", ["udhcpc"], async (lab) => {
  const lease = 6;
  const { server, wire } = await buildLan(lab);
  await using packets = await watch(lab, wire);
  await using _ = await startServer(lab, { host: server, flags: flags(lease) });
  await using talker = await talkers(lab, wire);
  await takeAll(talker);

  await using fourth = await Udhcpc.make(lab, wire);
  fourth.start();
  // An address may be kept for twice its lease before it is anybody else's.
  await nextAck(packets, fourth, 2 * lease + 10);
  assertSingleHolders(await packets.packets());
});
