/** What an operator does while the server runs, seen from the clients' side. */

import assert from "node:assert/strict";
import { assertSingleHolders } from "../checker.ts";
import { newMac, nextAck } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { Operator } from "../operator.ts";
import { quiet, until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import { startEtcd, withEtcd } from "./etcd.ts";
import { buildLan, talkers, watch } from "./lan.ts";

/** Two addresses, and leases that a test can wait for. */
const FLAGS = { ...LAN.flags, "dhcp.issue-to": "10.6.9.11", "dhcp.lease": "30s" };

scenario("An operator watches, and takes an address back", ["udhcpc"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const operator = await Operator.make(lab, server);
  await using packets = await watch(lab, wire);
  await using _ = await startServer(lab, { host: server, flags: FLAGS, under: operator.under });
  await using talker = await talkers(lab, wire);
  await using watching = operator.start("lease watch");
  // Somebody asks again and again until the watch has seen it: then it is connected.
  const neighbour = newMac();
  await until("the watch to be connected", 30, async () => {
    await talker.lease(neighbour, 5);
    return watching.lines.some(({ text }) => text.includes(neighbour));
  }, 200);

  await using client = await Udhcpc.make(lab, wire);
  client.start();
  const address = (await nextAck(packets, client, 20)).message.yiaddr;
  const [listed] = await operator.values(`lease list --mac ${client.chaddr}`);
  assert.deepEqual([listed.ip, listed.state], [address, "bound"]);
  assert.match(await operator.run(`lease show ${address}`), RegExp(`client +${client.chaddr}\n`));
  assert.match(await operator.run(`lease list`), RegExp(`^${address} +bound +`, "m"));
  client.renew();
  await watching.line(RegExp(` renewed +${address} +${client.chaddr}`), 20);

  const [freed] = await operator.values(`lease release ${address}`);
  await watching.line(RegExp(` freed +${address} `), 20);
  client.renew();
  await packets.expect("a NAK for the client", 20, { type: "NAK", chaddr: client.chaddr });
  await client.crash();

  const newcomer = newMac();
  const leased = await until("the address to come back", 90, async () => {
    // The other address stays its neighbour's.
    await talker.lease(neighbour, 5);
    return await talker.lease(newcomer, 2);
  });
  assert.equal(leased.address, address);
  const [acked] = await packets.all({ type: "ACK", chaddr: newcomer });
  assert(acked!.at >= Date.parse(freed.until), "not before its client's lease is over");
  await talker.release(leased);
  await watching.line(RegExp(` released +${address} +${newcomer}`), 20);
  assertSingleHolders(await packets.packets());
});

scenario("Reservations and pools take effect at the next DISCOVER", [], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const operator = await Operator.make(lab, server);
  await using _ = await startServer(lab, { host: server, flags: FLAGS, under: operator.under });
  await using talker = await talkers(lab, wire);
  const device = newMac();
  const before = await talker.discover(device, 5);
  assert(["10.6.9.10", "10.6.9.11"].includes(before!.yiaddr));
  await operator.run(`reservation add ${device} 10.6.9.50 --hostname printer`);
  assert.equal((await talker.discover(device, 5))!.yiaddr, "10.6.9.50");
  assert.equal((await talker.lease(device, 5))!.address, "10.6.9.50");
  await operator.run(`reservation remove ${device}`);

  assert(await talker.lease(newMac(), 5));
  assert(await talker.lease(newMac(), 5));
  assert.equal(await talker.discover(newMac(), 2), undefined, "the pool is empty");
  await operator.run("pool add 10.6.9.60-10.6.9.61");
  const added = await talker.lease(newMac(), 5);
  assert(["10.6.9.60", "10.6.9.61"].includes(added!.address));
  const [pool] = await operator.values("pool remove 10.6.9.60-10.6.9.61");
  assert.deepEqual(pool.ranges, ["10.6.9.10-10.6.9.11"]);
  assert.equal(await quiet(2, () => talker.discover(newMac(), 1)), undefined, "phased out");
  const renewed = await talker.reboot(added!.chaddr, added!.address, 5);
  assert.equal(renewed?.yiaddr, added!.address, "its holder keeps it");
});

scenario("Events that a cut connection missed are told", [], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const operator = await Operator.make(lab, server);
  const flags = { ...LAN.flags, "dhcp.lease": "600s" };
  await using _ = await startServer(lab, { host: server, flags, under: operator.under });
  await using talker = await talkers(lab, wire);
  await using first = operator.follow();
  await first.line(/"id"/, 20);
  const seen = await talker.lease(newMac(), 5);
  const { text } = await first.line(RegExp(`"${seen!.chaddr}"`), 10);
  first.signal("SIGKILL");
  await first.exit(5);
  const missed = [await talker.lease(newMac(), 5), await talker.lease(newMac(), 5)];
  await using second = operator.follow(JSON.parse(text).id);
  await second.line(RegExp(`"${missed[1]!.chaddr}"`), 20);
  const told = second.lines.map((line) => JSON.parse(line.text)).filter(({ event }) => event);
  assert.deepEqual(told.map(({ data }) => data.after.ip), missed.map((one) => one!.address));
  const late = await talker.lease(newMac(), 5);
  await second.line(RegExp(`"${late!.chaddr}"`), 10);
});

scenario("A client of ISC dhcpd gets its own address after the move", [], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const operator = await Operator.make(lab, server);
  await using _ = await startServer(lab, { host: server, flags: LAN.flags, under: operator.under });
  await using talker = await talkers(lab, wire);
  const device = newMac();
  const file = `${lab.directory}/dhcpd.leases`;
  const ends = Math.floor(Date.now() / 1000) + 600;
  const block = (address: string) =>
    `lease ${address} {\n  starts epoch ${ends - 3600};\n  ends epoch ${ends};\n` +
    `  binding state active;\n  hardware ethernet ${device};\n  client-hostname "old";\n}\n`;
  await Deno.writeTextFile(file, `# isc-dhcp-4.4.3\n${block("10.6.9.77")}`);
  const [result] = await operator.values(`lease import ${file}`);
  assert.equal(result.result, "entered");
  assert.equal((await talker.discover(device, 5))!.yiaddr, "10.6.9.77");
  assert.equal((await talker.reboot(device, "10.6.9.77", 5))!.yiaddr, "10.6.9.77");
  const [shown] = await operator.values("lease show 10.6.9.77");
  assert.equal(shown.since, new Date((ends - 3600) * 1000).toISOString());
});

scenario("What is changed on one server is in force on the other", ["etcd"], async (lab) => {
  const lan = await buildLan(lab);
  const other = await lab.host("second server");
  await lab.plug(other, lan.wire, { name: "lan0", address: "10.6.9.2/24" });
  const [one, two] = [
    await Operator.make(lab, lan.server),
    await Operator.make(lab, other),
  ];
  await using _etcd = await startEtcd(lab, lan);
  const flags = { ...withEtcd(FLAGS), "dhcp.lease": "600s" };
  await using first = await startServer(lab, { host: lan.server, flags, under: one.under });
  await using _second = await startServer(lab, {
    host: other,
    flags: { ...flags, "dhcp.server-ip": "10.6.9.2" },
    under: two.under,
  });
  await using talker = await talkers(lab, lan.wire);
  const device = newMac();
  await one.run(`reservation add ${device} 10.6.9.50 --option ntp-server=10.6.9.9`);
  await until("the other server to have it", 20, async () => {
    const [found] = await two.values("reservation list");
    return found?.client === device && found.options["ntp-server"] === "10.6.9.9";
  });
  const leased = await talker.lease(newMac(), 5);
  await until("the other server to have the lease", 20, async () => {
    const found = await two.values(`lease list --mac ${leased!.chaddr}`);
    return found.length === 1;
  });
  const servers = await two.values("lease list");
  assert.equal(servers.length, 1);
  await first.kill();
  assert.equal((await talker.lease(device, 5))!.address, "10.6.9.50");
  const [freed] = await two.values(`lease release ${leased!.address}`);
  assert.equal(freed.lease.state, "freed");
  const refused = await talker.reboot(leased!.chaddr, leased!.address, 5);
  assert.notEqual(refused?.yiaddr, leased!.address);
});
