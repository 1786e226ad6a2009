/** Killed in the middle of a load, again and again, the server forgets no lease it ACKed. */

import assert from "node:assert/strict";
import { typeOf } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { Talker } from "../talker.ts";
import { watch } from "./lan.ts";

const FLAGS = {
  "dhcp.server-ip": "10.64.0.1",
  "dhcp.subnet-mask": "255.240.0.0",
  "dhcp.issue-from": "10.64.1.0",
  "dhcp.issue-to": "10.64.255.254",
  "dhcp.lease": "1h",
};
const GENERATOR = "10.64.0.2";
const RATE = 400;
const KILLS = 3;
const SAMPLE = 300;

scenario("SIGKILL in mid-load loses no ACKed lease", ["perfdhcp"], async (lab) => {
  const [host, wire] = [await lab.host("server"), await lab.wire("lan")];
  const generator = await lab.host("generator");
  await lab.plug(host, wire, { name: "lan0", address: "10.64.0.1/12" });
  await lab.plug(generator, wire, { name: "eth0", address: `${GENERATOR}/12` });
  await using packets = await watch(lab, wire);
  const store = `${lab.directory}/killed.db`;
  const start = () => startServer(lab, { host, flags: FLAGS, store });
  const acks = (since: number) => packets.all({ type: "ACK", since });

  {
    await using first = await start();
    await using load = generator.start(
      ["perfdhcp", "-4", "-l", "eth0", "-r", `${RATE}`, "-p", "120", "-R", "50000"],
      { title: "perfdhcp" },
    );
    let server = first;
    for (let kill = 0; kill < KILLS; kill++) {
      const since = Date.now();
      await until(`${RATE} ACKs before kill ${kill + 1}`, 20, async () => {
        assert.equal(load.status, undefined, "perfdhcp runs until it is stopped");
        return (await acks(since)).length >= RATE;
      });
      await server.kill();
      server = await start();
    }
    await using last = server;
    const since = Date.now();
    await until("ACKs after the last kill", 20, async () => (await acks(since)).length >= RATE);
    // Nothing may be under way when the packets are counted.
    load.signal("SIGINT");
    await load.exit(10);
    await using talker = await Talker.open(lab, generator, {
      address: GENERATOR,
      server: "10.64.0.1",
      relay: true,
    });

    const { holds } = assertSingleHolders(await packets.packets());
    const held = holds.filter(({ until }) => until > Date.now());
    // Evenly from all: before, between and after the kills.
    const step = Math.max(1, Math.floor(held.length / SAMPLE));
    const sample = held.filter((_, i) => i % step === 0);
    const answers = await Promise.all(sample.map(async ({ client, address }) => {
      // A lost datagram is not a lost lease, so silence is asked again.
      const answer = await talker.reboot(client, address, 2) ??
        await talker.reboot(client, address, 2);
      if (answer && typeOf(answer) === "ACK" && answer.yiaddr === address) return undefined;
      const got = answer ? `${typeOf(answer)} ${answer.yiaddr} to ${answer.chaddr}` : "silence";
      return `${client} held ${address}, got ${got}`;
    }));
    const lost = answers.filter((answer) => answer !== undefined);
    assert(
      lost.length === 0,
      `${lost.length} of ${sample.length} clients lost their lease:\n` +
        lost.slice(0, 20).join("\n"),
    );
    assert(last.process.status === undefined, "the server survived the check");
  }
  const { lost } = await packets.stop();
  assert.equal(lost, 0, "packets that the capture lost");
  assertSingleHolders(await packets.packets());
});
