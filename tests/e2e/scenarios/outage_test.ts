/** etcd goes away under real clients that hold leases, and comes back changed. */

import assert from "node:assert/strict";
import { OPTION, secondsOption, typeOf } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { newMac, nextAck } from "../clients/client.ts";
import { Dhclient } from "../clients/dhclient.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { Etcd } from "../etcd.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import type { Talker } from "../talker.ts";
import { watch } from "./lan.ts";
import { PREFIX, Site, siteTalkers } from "./site.ts";

/** dhclient's least. */
const LEASE = 20;

/** Addresses of the pool to pin; clients have random ones, so one may be taken. */
const TO_PIN = ["10.6.8.77", "10.6.8.78", "10.6.8.79"];

/** Until when an address is held by what is in etcd, milliseconds since the epoch. */
async function heldUntil(etcd: Etcd, address: string): Promise<number> {
  const text = await etcd.etcdctl("get", "--print-value-only", `${PREFIX}leases::${address}`);
  return JSON.parse(text).held;
}

/** The first address that a client is offered, however long that takes. */
async function firstOffer(talker: Talker, chaddr: string, seconds: number): Promise<string> {
  const offer = await until("an OFFER", seconds, () => talker.discover(chaddr, 0.5), 10);
  return offer.yiaddr;
}

scenario("Cut off from etcd: clients renew within what is committed, newcomers wait", [
  "etcd",
  "etcdctl",
  "udhcpc",
  "dhclient",
], async (lab) => {
  await using etcd = await Etcd.start(lab);
  const flags = { "dhcp.lease": `${LEASE}s` };
  await using site = await Site.build(lab, etcd, { servers: 1, flags });
  const { server, backbone } = await started(site);
  await using packets = await watch(lab, site.wire);
  await using talker = await siteTalkers(lab, site);
  await using udhcpc = await Udhcpc.make(lab, site.wire);
  await using dhclient = await Dhclient.make(lab, site.wire);
  const clients = [udhcpc, dhclient];
  const held = new Map<string, number>();
  const inUse = new Set<string>();
  for (const client of clients) {
    client.start();
    const { message } = await nextAck(packets, client, 15);
    await until(`${client.host.title} to use its address`, 10, () => client.bindings > 0);
    held.set(client.chaddr, await heldUntil(etcd, message.yiaddr));
    inUse.add(message.yiaddr);
  }
  const pinned = TO_PIN.find((address) => !inUse.has(address))!;

  await backbone.cut();
  const newcomer = newMac();
  const since = Date.now();
  try {
    await server.ready(503, 10);
    assert.equal(await server.health(), 200);
    const asked = await talker.discover(newcomer, 1);
    assert.equal(asked, undefined, "a newcomer is offered nothing");
    udhcpc.renew();
    for (const client of clients) {
      const { at, message } = await nextAck(packets, client, LEASE, since);
      const end = at + secondsOption(message, OPTION.leaseTime)! * 1000;
      const most = held.get(client.chaddr)!;
      assert(end <= most, `${client.host.title} may use its address ${end - most} ms too long`);
    }
    // Meanwhile an operator decides for the newcomer.
    await etcd.pin(PREFIX, newcomer, pinned);
    const said = await packets.all({ since, where: (message) => message.op === 2 });
    assert.deepEqual(said.filter(({ message }) => typeOf(message) !== "ACK"), []);
  } finally {
    await backbone.mend();
  }
  const address = await firstOffer(talker, newcomer, 20);
  assert.equal(address, pinned, "nothing is offered before all that has changed is known");
  await server.ready(200, 10);
  assert((await talker.lease(newcomer, 5))?.address === pinned);
  assert.deepEqual(await packets.all({ type: "NAK" }), []);
  assertSingleHolders(await packets.packets());
});

scenario(
  "The watched member freezes: the others are used within seconds",
  ["etcd", "etcdctl", "ss"],
  async (lab) => {
    await using etcd = await Etcd.start(lab, { members: 3 });
    await using site = await Site.build(lab, etcd, { servers: 1 });
    const { server, host } = await started(site);
    await using packets = await watch(lab, site.wire);
    await using talker = await siteTalkers(lab, site);
    const lease = await talker.lease(newMac(), 5);
    assert(lease);
    const pinned = TO_PIN.find((address) => address !== lease.address)!;

    const watched = await until("a connection to etcd", 5, async () => {
      const connections = await host.run("ss", "-Htn", "state", "established");
      return etcd.members.find(({ address }) => connections.includes(`${address}:2379`));
    });
    const other = etcd.members.find((member) => member !== watched)!;
    await etcd.lead(other);
    watched.freeze();
    try {
      const newcomer = newMac();
      await etcd.pin(PREFIX, newcomer, pinned, other);
      const since = Date.now();
      // The watch is idle: that it has gone silent only the store's own sign of life can tell.
      await until("the change made elsewhere to be known", 15, async () => {
        return (await talker.discover(newcomer, 0.5))?.yiaddr === pinned;
      }, 10);
      const took = (Date.now() - since) / 1000;
      assert(await talker.lease(newMac(), 5), `leases again after ${took.toFixed(1)} s`);
      await server.ready(200, 10);
    } finally {
      watched.thaw();
    }
    assertSingleHolders(await packets.packets());
  },
);

/** A site's only station, with its server ready. */
async function started(site: Site) {
  await site.start();
  const station = site.stations[0]!;
  const { server, host, backbone } = station;
  return { server, host, backbone };
}
