/** The address of the server's interface is late, and changes: nobody restarts anything. */

import assert from "node:assert/strict";
import { addressOption, OPTION } from "../bootp.ts";
import { newMac } from "../clients/client.ts";
import type { Host, Lab } from "../lab.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { launchServer, Server } from "../server.ts";
import { talkers } from "./lan.ts";

const FILE = `
[server]
interfaces = ["lan0"]
[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.100"]
lease = "1h"
`;

async function launch(lab: Lab, host: Host): Promise<Server> {
  const config = `${lab.directory}/site.toml`;
  await Deno.writeTextFile(config, FILE);
  return new Server(launchServer(lab, { host, flags: { config } }), host);
}

scenario("The server waits for its interface's address", [], async (lab) => {
  const [host, wire] = [await lab.host("server"), await lab.wire("lan")];
  await lab.plug(host, wire, { name: "lan0" });
  await using talker = await talkers(lab, wire);
  await using server = await launch(lab, host);
  await server.ready(503, 20);
  assert.match((await server.readiness())!.body, /lan0 has no IPv4 address yet/);
  assert.equal(await server.health(), 200);
  assert.equal(await talker.discover(newMac(), 1), undefined);

  await host.ip("address", "add", "10.6.9.1/24", "brd", "+", "dev", "lan0");
  await server.ready(200, 10);
  const offer = await talker.discover(newMac(), 5);
  assert.equal(addressOption(offer!, OPTION.serverIdentifier), "10.6.9.1");
});

scenario("A server that waits for an address stops when it is told to", [], async (lab) => {
  const [host, wire] = [await lab.host("server"), await lab.wire("lan")];
  await lab.plug(host, wire, { name: "lan0" });
  await using server = await launch(lab, host);
  await server.ready(503, 20);
  server.process.signal("SIGTERM");
  assert.equal((await server.process.exit(5)).code, 0);
});

scenario("The server follows the address of its interface", [], async (lab) => {
  const [host, wire] = [await lab.host("server"), await lab.wire("lan")];
  await lab.plug(host, wire, { name: "lan0", address: "10.6.9.1/24" });
  await using talker = await talkers(lab, wire);
  await using server = await launch(lab, host);
  await server.ready(200, 20);
  const chaddr = newMac();
  const before = await talker.lease(chaddr, 5);
  assert.equal(before!.serverIdentifier, "10.6.9.1");

  await host.ip("address", "del", "10.6.9.1/24", "dev", "lan0");
  await server.ready(503, 10);
  assert.match((await server.readiness())!.body, /lan0 no longer has the address 10\.6\.9\.1/);
  assert.equal(await talker.discover(newMac(), 1), undefined);

  await host.ip("address", "add", "10.6.9.2/24", "brd", "+", "dev", "lan0");
  const after = await until("a lease from the new address", 15, async () => {
    const lease = await talker.lease(chaddr, 1);
    return lease?.serverIdentifier === "10.6.9.2" ? lease : undefined;
  });
  assert.equal(after.address, before!.address);
  await server.ready(200, 5);
});
