/** SIGTERM under load: what was begun is finished, and then it ends. */

import assert from "node:assert/strict";
import { assertSingleHolders } from "../checker.ts";
import { until } from "../poll.ts";
import { describe } from "../process.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import { buildLan, watch } from "./lan.ts";

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  scenario(`${signal} ends the server with exit code 0 within 3 s`, ["perfdhcp"], async (lab) => {
    const { server: host, wire } = await buildLan(lab);
    await using packets = await watch(lab, wire);
    await using server = await startServer(lab, { host, flags: LAN.flags });
    const generator = await lab.host("generator");
    await lab.plug(generator, wire, { name: "eth0", address: "10.6.9.200/24" });
    await using _ = generator.start(
      ["perfdhcp", "-4", "-l", "eth0", "-r", "50", "-R", "50", "-p", "60"],
      { title: "perfdhcp" },
    );
    await until("twenty ACKs", 10, async () => (await packets.all({ type: "ACK" })).length >= 20);
    server.process.signal(signal);
    assert.equal(describe(await server.process.exit(3)), "exit code 0");
    assertSingleHolders(await packets.packets());
  });
}

scenario(
  "A Ctrl-C that arrives twice, as under a task runner, is one clean stop",
  [],
  async (lab) => {
    const { server: host } = await buildLan(lab);
    await using server = await startServer(lab, { host, flags: LAN.flags });
    server.process.signal("SIGINT");
    // A stop takes a few milliseconds: the second signal must come before it is over.
    await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(server.process.status, undefined, "it runs when the second signal comes");
    server.process.signal("SIGINT");
    assert.equal(describe(await server.process.exit(3)), "exit code 0");
    assert.doesNotMatch(server.process.text(20), /"level":"error"|without finishing/);
  },
);
