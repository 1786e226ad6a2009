/** What a server reads late, because it was frozen, takes nothing from its client that is newer. */

import assert from "node:assert/strict";
import { addressOption, OPTION, typeOf } from "../bootp.ts";
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
  const leased = await talker.lease(client, 15);
  assert(leased);
  const { server: frozen } = site.stations.find(({ address }) =>
    address === leased.serverIdentifier
  )!;
  const before = await frozen.metric("etcdhcp_packets_received_total", /type="release"/i);
  frozen.process.signal("SIGSTOP");
  try {
    await talker.release(leased);
    const again = await talker.lease(client, 15);
    assert.equal(again?.address, leased.address);
  } finally {
    frozen.process.signal("SIGCONT");
  }
  await until("the RELEASE to be read", 10, async () => {
    return await frozen.metric("etcdhcp_packets_received_total", /type="release"/i) > before;
  });

  // The pool has two addresses: with the first one freed, both of these would be leased.
  const others = [await talker.lease(newMac(), 5), await talker.lease(newMac(), 5)];
  assert.equal(others.filter((lease) => lease !== undefined).length, 1);
  assert.deepEqual(
    (await packets.packets()).filter(({ message }) => typeOf(message) === "NAK"),
    [],
  );
  assertSingleHolders(await packets.packets());
});

scenario(
  "A REQUEST read late takes no address away that was leased since",
  ["etcd"],
  async (lab) => {
    await using etcd = await Etcd.start(lab);
    const [one, two] = ["10.6.8.10", "10.6.8.11"];
    const flags = { "dhcp.issue-from": one, "dhcp.issue-to": two, "dhcp.lease": "600s" };
    await using site = await Site.build(lab, etcd, { servers: 2, flags });
    await using packets = await watch(lab, site.wire);
    await site.start();
    await using talker = await siteTalkers(lab, site);

    const client = newMac();
    const offer = await talker.discover(client, 15, one);
    assert(offer);
    const named = addressOption(offer, OPTION.serverIdentifier)!;
    const { server: frozen } = site.stations.find(({ address }) => address === named)!;
    const before = await frozen.metric("etcdhcp_packets_received_total", /type="request"/i);
    frozen.process.signal("SIGSTOP");
    try {
      assert.equal(await talker.select(offer, 1), undefined);
      const other = offer.yiaddr === one ? two : one;
      const again = await talker.lease(client, 15, other);
      assert.equal(again?.address, other);
    } finally {
      frozen.process.signal("SIGCONT");
    }
    await until("the REQUEST to be read", 10, async () => {
      return await frozen.metric("etcdhcp_packets_received_total", /type="request"/i) > before;
    });
    await until("the answer", 5, () => packets.find({ type: "ACK", from: named }));

    for (let i = 0; i < 2; i++) await talker.lease(newMac(), 5);
    assertSingleHolders(await packets.packets());
  },
);
