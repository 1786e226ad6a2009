/** A server that has two networks of a configuration file. */

import assert from "node:assert/strict";
import { nextAck } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { dotted } from "../bootp.ts";
import { scenario } from "../scenario.ts";
import { startServer } from "../server.ts";
import { buildLan, watch } from "./lan.ts";

scenario("Clients of two interfaces get what their subnets have", ["udhcpc"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const guests = await lab.wire("guests");
  await lab.plug(server, guests, { name: "guest0", address: "10.6.20.1/24" });
  await using lanPackets = await watch(lab, wire);
  await using guestPackets = await watch(lab, guests);
  await using phone = await Udhcpc.make(lab, wire);
  await using stranger = await Udhcpc.make(lab, wire);
  await using guest = await Udhcpc.make(lab, guests);
  const file = `${lab.directory}/site.toml`;
  await Deno.writeTextFile(
    file,
    `
    [server]
    interfaces = ["lan0", "guest0"]
    [dhcp]
    lease = "10m"
    [[subnet]]
    name = "lan"
    cidr = "10.6.9.0/24"
    pools = ["10.6.9.10"]
    router = ["10.6.9.254"]
    [[subnet.reservation]]
    mac = "${phone.chaddr}"
    ip = "10.6.9.2"
    hostname = "phone"
    options = { ntp-server = ["10.6.9.3"] }
    [[subnet]]
    name = "guests"
    cidr = "10.6.20.0/24"
    pools = ["10.6.20.7"]
    lease = "5m"
    `,
  );
  await using _ = await startServer(lab, {
    host: server,
    interface: "lan0,guest0",
    flags: { config: file },
  });
  // Options 12 and 42 are asked for with -O.
  phone.start("-O", "12", "-O", "42");
  stranger.start("-O", "12", "-O", "42");
  guest.start();

  const { message: own } = await nextAck(lanPackets, phone, 20);
  assert.equal(own.yiaddr, "10.6.9.2");
  assert.equal(new TextDecoder().decode(own.options.get(12)), "phone");
  assert.equal(dotted(own.options.get(42)!), "10.6.9.3");
  const { message: other } = await nextAck(lanPackets, stranger, 20);
  assert.equal(other.yiaddr, "10.6.9.10");
  assert.deepEqual([other.options.has(12), other.options.has(42)], [false, false]);
  assert.equal(dotted(other.options.get(3)!), "10.6.9.254");
  const { message: far } = await nextAck(guestPackets, guest, 20);
  assert.equal(far.yiaddr, "10.6.20.7");
  assert.deepEqual([dotted(far.options.get(3)!), dotted(far.options.get(54)!)], [
    "10.6.20.1",
    "10.6.20.1",
  ]);
  const seconds = (options: ReadonlyMap<number, Uint8Array>) =>
    new DataView(options.get(51)!.slice().buffer).getUint32(0);
  assert.deepEqual([seconds(other.options), seconds(far.options)], [600, 300]);
});
