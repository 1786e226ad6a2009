/** Several servers that share their leases in a real etcd, which is frozen and comes back. */

import assert from "node:assert/strict";
import { typeOf } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { newMac } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import type { Leased } from "../talker.ts";
import { startEtcd, withEtcd } from "./etcd.ts";
import { buildLan, talkers, watch } from "./lan.ts";

const SECOND = "10.6.9.2";

/** A lease too long to be renewed during a test. */
const FLAGS = { ...withEtcd(LAN.flags), "dhcp.lease": "600s" };

scenario("Any server answers, and a killed one is not missed", ["etcd", "udhcpc"], async (lab) => {
  const lan = await buildLan(lab);
  const other = await lab.host("second server");
  await lab.plug(other, lan.wire, { name: "lan0", address: `${SECOND}/24` });
  await using _etcd = await startEtcd(lab, lan);
  await using packets = await watch(lab, lan.wire);
  await using first = await startServer(lab, { host: lan.server, flags: FLAGS });
  const flags = { ...FLAGS, "dhcp.server-ip": SECOND };
  await using _second = await startServer(lab, { host: other, flags });
  await using talker = await talkers(lab, lan.wire);

  const leases: Leased[] = [];
  for (let i = 0; i < 20; i++) {
    const leased = await talker.lease(newMac(), 5);
    assert(leased, `client ${i + 1} gets an address`);
    leases.push(leased);
  }
  assert.equal(new Set(leases.map(({ address }) => address)).size, leases.length);

  await first.kill();
  for (const { chaddr, address } of leases) {
    const answer = await talker.reboot(chaddr, address, 5);
    assert(answer, `${chaddr} is answered by the other server`);
    assert.equal(`${typeOf(answer)} ${answer.yiaddr}`, `ACK ${address}`);
  }
  await using newcomer = await Udhcpc.make(lab, lan.wire);
  newcomer.start();
  await packets.expect("an ACK for a newcomer", 10, { type: "ACK", chaddr: newcomer.chaddr });
  assertSingleHolders(await packets.packets());
});

scenario("While etcd is frozen there is silence, and no NAK", ["etcd"], async (lab) => {
  const lan = await buildLan(lab);
  await using etcd = await startEtcd(lab, lan);
  await using packets = await watch(lab, lan.wire);
  await using server = await startServer(lab, { host: lan.server, flags: FLAGS });
  await using talker = await talkers(lab, lan.wire);
  const leased = await talker.lease(newMac(), 5);
  assert(leased);

  etcd.signal("SIGSTOP");
  try {
    await server.ready(503, 15);
    assert.equal(await talker.discover(newMac(), 2), undefined, "no OFFER");
    assert.equal(await talker.reboot(leased.chaddr, leased.address, 3), undefined, "no answer");
  } finally {
    etcd.signal("SIGCONT");
  }
  await server.ready(200, 15);
  assert(await talker.lease(newMac(), 10), "goes on when etcd does");
  assert.deepEqual(await packets.all({ type: "NAK" }), []);
});
