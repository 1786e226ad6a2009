/** Many clients that start at the same instant, as after a power cut, and two servers for them. */

import assert from "node:assert/strict";
import { typeOf } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { Etcd } from "../etcd.ts";
import { Random } from "../random.ts";
import { scenario } from "../scenario.ts";
import { Swarm } from "../swarm.ts";
import { watch } from "./lan.ts";
import { CLIENTS_ADDRESS, POOL, Site } from "./site.ts";

const CLIENTS = 30;

/** How long after the first DISCOVER the last client has its lease at the latest, seconds. */
const DEADLINE = 2;

scenario(
  "Thirty clients at once are leased in two seconds, without a NAK",
  ["etcd"],
  async (lab) => {
    await using etcd = await Etcd.start(lab);
    await using site = await Site.build(lab, etcd, { servers: 2 });
    await using packets = await watch(lab, site.wire);
    await site.start();
    await using swarm = await Swarm.start(lab, site.wire, {
      clients: CLIENTS,
      address: CLIENTS_ADDRESS,
      pool: POOL,
      random: Random.fromEnvironment(),
    });
    await swarm.whole("at the beginning", 30);
    await swarm.stop();

    const seen = await packets.packets();
    const ofType = (type: string) => seen.filter(({ message }) => typeOf(message) === type);
    const first = ofType("DISCOVER")[0]!.at;
    const leasedAt = new Map<string, number>();
    for (const { at, message } of ofType("ACK")) {
      if (!leasedAt.has(message.chaddr)) leasedAt.set(message.chaddr, at);
    }
    assert.equal(leasedAt.size, CLIENTS);
    const took = (Math.max(...leasedAt.values()) - first) / 1000;
    assert(
      took <= DEADLINE,
      `the last of ${CLIENTS} clients was leased after ${took.toFixed(3)} s`,
    );
    assert.deepEqual(ofType("NAK"), []);
    assertSingleHolders(seen);
  },
);
