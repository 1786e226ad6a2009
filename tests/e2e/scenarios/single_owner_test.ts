/** One lease book, one server. */

import assert from "node:assert/strict";
import { newMac } from "../clients/client.ts";
import { describe } from "../process.ts";
import { scenario } from "../scenario.ts";
import { LAN, launchServer, startServer } from "../server.ts";
import { buildLan, talkers } from "./lan.ts";

scenario("A second server on the same lease book does not start", [], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const other = await lab.host("second server");
  await lab.plug(other, wire, { name: "lan0", address: "10.6.9.2/24" });
  const store = `${lab.directory}/shared.db`;
  await using first = await startServer(lab, { host: server, flags: LAN.flags, store });

  const flags = { ...LAN.flags, "dhcp.server-ip": "10.6.9.2" };
  await using second = launchServer(lab, { host: other, flags, store });
  const status = await second.exit(15);
  assert.equal(describe(status), "exit code 1");
  // Who holds it: the line names the process.
  const line = await second.line(new RegExp(`\\b${first.process.pid}\\b`), 1);
  assert.match(line.text, new RegExp(store));

  await using talker = await talkers(lab, wire);
  assert(await talker.lease(newMac(), 5), "the first goes on");
});
