/** A server that was told one interface answers on that one alone. */

import assert from "node:assert/strict";
import { newMac, nextAck } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { quiet, until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import { Talker } from "../talker.ts";
import { buildLan, watch } from "./lan.ts";

scenario("A client on another interface is never answered", ["udhcpc"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const wan = await lab.wire("wan");
  await lab.plug(server, wan, { name: "wan0", address: "192.0.2.1/24" });
  await using lanPackets = await watch(lab, wire);
  await using wanPackets = await watch(lab, wan);
  await using _ = await startServer(lab, { host: server, flags: LAN.flags });

  await using stranger = await Udhcpc.make(lab, wan);
  stranger.start();
  await until("three DISCOVERs on wan", 10, async () => {
    return (await wanPackets.all({ type: "DISCOVER" })).length >= 3;
  });

  // The same server answers on the right side meanwhile: its silence is not absence.
  await using neighbour = await Udhcpc.make(lab, wire);
  neighbour.start();
  await nextAck(lanPackets, neighbour, 10);

  const reply = await quiet(3, async () => {
    const toStranger = { chaddr: stranger.chaddr, where: ({ op }: { op: number }) => op === 2 };
    return await wanPackets.find({ where: ({ op }) => op === 2 }) ??
      await lanPackets.find(toStranger);
  });
  assert.equal(reply, undefined, "a reply to a client on wan0");
});

scenario("A relay on another interface is never answered", [], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const wan = await lab.wire("wan");
  await lab.plug(server, wan, { name: "wan0", address: "192.0.2.1/24" });
  await using lanPackets = await watch(lab, wire);
  await using wanPackets = await watch(lab, wan);
  await using _ = await startServer(lab, { host: server, flags: LAN.flags });

  // Addressed to the server's own address, and claiming to relay for its own subnet: Linux takes
  // such a packet in through any interface.
  const host = await lab.host("impostor");
  await lab.plug(host, wan, { name: "eth0", address: "192.0.2.9/24" });
  await host.ip("address", "add", "10.6.9.250/32", "dev", "eth0");
  await host.ip("route", "add", LAN.server, "via", "192.0.2.1", "src", "10.6.9.250");
  // Somebody answers to that address on lan, so that a reply sent there would be seen.
  await lab.plug(await lab.host("bystander"), wire, { name: "eth0", address: "10.6.9.250/24" });
  const options = { address: "10.6.9.250", server: LAN.server, relay: true };
  await using impostor = await Talker.open(lab, host, options);
  await impostor.send(newMac(), "DISCOVER");
  await wanPackets.expect("the impostor's DISCOVER on wan", 5, { type: "DISCOVER" });

  const isReply = { where: ({ op }: { op: number }) => op === 2 };
  const reply = await quiet(3, async () => {
    return await wanPackets.find(isReply) ?? await lanPackets.find(isReply);
  });
  assert.equal(reply, undefined, "a reply to a relay on wan0");
});
