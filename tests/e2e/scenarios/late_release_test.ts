/** A RELEASE that a server reads late, because it was frozen, gives back only what it was sent for. */

import assert from "node:assert/strict";
import { typeOf } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { newMac } from "../clients/client.ts";
import { Etcd } from "../etcd.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { watch } from "./lan.ts";
import { Site, siteTalkers } from "./site.ts";

scenario("A RELEASE read late frees nothing that was leased again since", ["etcd"], async (lab) => {
  await using etcd = await Etcd.start(lab);
  const [from, to] = ["10.6.8.10", "10.6.8.11"];
  const flags = { "dhcp.issue-from": from, "dhcp.issue-to": to, "dhcp.lease": "600s" };
  await using site = await Site.build(lab, etcd, { servers: 2, flags });
  await using packets = await watch(lab, site.wire);
  await site.start();
  await using talker = await siteTalkers(lab, site);

  const client = newMac();
  const leased = await talker.lease(client, 5);
  assert(leased);
  const { server: frozen } = site.stations.find(({ address }) =>
    address === leased.serverIdentifier
  )!;
  const before = await frozen.metric("etcdhcp_packets_received_total", /type="release"/i);
  frozen.process.signal("SIGSTOP");
  try {
    await talker.release(leased);
    const again = await talker.lease(client, 5);
    assert.equal(again?.address, leased.address);
  } finally {
    frozen.process.signal("SIGCONT");
  }
  await until("the RELEASE to be read", 10, async () => {
    return await frozen.metric("etcdhcp_packets_received_total", /type="release"/i) > before;
  });

  // The pool has two addresses: with the first one freed, both of these would be leased.
  const others = [await talker.lease(newMac(), 3), await talker.lease(newMac(), 3)];
  assert.equal(others.filter((lease) => lease !== undefined).length, 1);
  assert.deepEqual(
    (await packets.packets()).filter(({ message }) => typeOf(message) === "NAK"),
    [],
  );
  assertSingleHolders(await packets.packets());
});
