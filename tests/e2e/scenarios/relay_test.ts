/**
 * A client behind a real relay:
 *
 * ```text
 *   server lan0 10.6.9.1 ---- wire "lan" ---- up0 10.6.9.2   relay   down0 10.6.9.129 ---- wire
 *                                                                                     "far" ---- eth0
 * ```
 *
 * Both wires carry the one subnet that the flags can name; giaddr is the relay's address in it.
 */

import assert from "node:assert/strict";
import { OPTION } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { nextAck } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import { buildLan, watch } from "./lan.ts";

const GIADDR = "10.6.9.129";

scenario("A client behind dhcrelay leases an address", ["udhcpc", "dhcrelay"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const far = await lab.wire("far");
  const host = await lab.host("relay");
  await lab.plug(host, wire, { name: "up0", address: "10.6.9.2/32" });
  await lab.plug(host, far, { name: "down0", address: `${GIADDR}/24` });
  await host.ip("route", "add", LAN.server, "dev", "up0", "src", "10.6.9.2");
  await using packets = await watch(lab, wire);
  await using farPackets = await watch(lab, far);
  await using _ = await startServer(lab, { host: server, flags: LAN.flags });

  await using relay = host.start(
    // -a adds option 82, which the server has to give back.
    ["dhcrelay", "-4", "-d", "--no-pid", "-a", "-id", "down0", "-iu", "up0", LAN.server],
    { title: "dhcrelay" },
  );
  lab.evidence.push({ title: "output of dhcrelay", text: () => relay.text(30) });
  await relay.line(/Sending on +Socket\/fallback/, 5);

  await using client = await Udhcpc.make(lab, far);
  client.start();
  const ack = await nextAck(packets, client, 10);
  assert.equal(ack.message.giaddr, GIADDR);
  assert.equal(ack.to, GIADDR);
  assert.equal(ack.toPort, 67);
  const request = await packets.find({ type: "REQUEST", chaddr: client.chaddr });
  const circuit = request?.message.options.get(OPTION.relayAgent);
  assert(circuit, "the relay adds option 82");
  assert.deepEqual(ack.message.options.get(OPTION.relayAgent), circuit);
  const delivered = await nextAck(farPackets, client, 2);
  assert.equal(delivered.message.yiaddr, ack.message.yiaddr);
  assertSingleHolders(await packets.packets());
});
