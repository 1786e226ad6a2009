/** What nobody should send, of every size, and the network's own errors: the server goes on. */

import assert from "node:assert/strict";
import { newMac } from "../clients/client.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import { buildLan, TALKER_ADDRESS, talkers } from "./lan.ts";

const FLOOD = new URL("../flood.ts", import.meta.url).pathname;

/** What floods the server, and whether the server counts all that of it. */
const FLOODS: Readonly<Record<string, readonly string[]>> = {
  "unicast datagrams of every size": ["sizes", LAN.server],
  "broadcast datagrams of every size": ["sizes", "255.255.255.255"],
  "every ICMP error": ["icmp", LAN.server, TALKER_ADDRESS],
};

for (const [what, args] of Object.entries(FLOODS)) {
  scenario(`The server hears clients after ${what}`, [], async (lab) => {
    const lan = await buildLan(lab);
    await using server = await startServer(lab, { host: lan.server, flags: LAN.flags });
    await using talker = await talkers(lab, lan.wire);
    assert(await talker.lease(newMac(), 5), "a lease before");
    const stranger = await lab.host("stranger");
    await lab.plug(stranger, lan.wire, { name: "eth0", address: "10.6.9.201/24" });
    await stranger.ip("route", "add", "255.255.255.255/32", "dev", "eth0");

    await stranger.run(
      Deno.execPath(),
      "run",
      "--no-config",
      "--unstable-net",
      "-A",
      FLOOD,
      ...args,
    );

    assert(await talker.lease(newMac(), 5), "a lease after");
    assert.equal((await server.readiness())?.status, 200);
    if (args[0] === "sizes") {
      // Fragments may be lost, and thousands may not have found room; most were seen.
      const dropped = await server.metric("etcdhcp_packets_dropped_total", /reason="malformed"/);
      assert(dropped > 1000, `${dropped} were counted as malformed`);
    }
  });
}

/** One at a time, with nothing behind it that would wake the server. */
scenario("The server hears clients after a single datagram that is too long", [], async (lab) => {
  const lan = await buildLan(lab);
  await using server = await startServer(lab, { host: lan.server, flags: LAN.flags });
  await using talker = await talkers(lab, lan.wire);
  for (const size of [2047, 2048, 2049, 4096, 65_507]) {
    await talker.sendRaw(LAN.server, new Uint8Array(size));
    await talker.sendRaw("255.255.255.255", new Uint8Array(size));
    assert(await talker.lease(newMac(), 5), `a lease after ${size} octets`);
  }
  assert.equal((await server.readiness())?.status, 200);
});
