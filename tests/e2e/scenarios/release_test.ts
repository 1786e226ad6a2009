/** Two servers answer a client that reboots; whichever it takes, it can give the lease back to. */

import assert from "node:assert/strict";
import { addressOption, OPTION, typeOf } from "../bootp.ts";
import { newMac } from "../clients/client.ts";
import { Etcd } from "../etcd.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { watch } from "./lan.ts";
import { Site, siteTalkers } from "./site.ts";

scenario(
  "A RELEASE to either of two servers that ACKed a reboot frees it",
  ["etcd"],
  async (lab) => {
    await using etcd = await Etcd.start(lab);
    await using site = await Site.build(lab, etcd, { servers: 2 });
    await using packets = await watch(lab, site.wire);
    await site.start();
    await using talker = await siteTalkers(lab, site);
    for (const first of [true, false]) {
      const chaddr = newMac();
      const lease = await talker.lease(chaddr, 5);
      assert(lease, "a lease");
      const reboot = await talker.reboot(chaddr, lease.address, 5);
      assert.equal(typeOf(reboot!), "ACK");
      const acks = await until("both servers' ACKs", 5, async () => {
        const seen = (await packets.packets()).map(({ message }) => message)
          .filter((one) => one.xid === reboot!.xid && typeOf(one) === "ACK");
        return seen.length === 2 ? seen : undefined;
      });
      const named = addressOption(acks.at(first ? 0 : 1)!, OPTION.serverIdentifier)!;
      await talker.release({ ...lease, serverIdentifier: named });
      const station = site.stations.find(({ address }) => address === named)!;
      await until("the lease to be released", 5, () => {
        const text = station.server.process.text(200);
        return text.includes("lease released") && text.includes(lease.address) ? true : undefined;
      });
    }
    for (const { server } of site.stations) {
      assert.equal(
        await server.metric("etcdhcp_packets_dropped_total", /reason="not-the-holder"/),
        0,
      );
    }
  },
);
