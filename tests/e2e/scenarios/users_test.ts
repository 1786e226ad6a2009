/** Users of etcd that are switched off and on under a running server. */

import assert from "node:assert/strict";
import { newMac } from "../clients/client.ts";
import { Etcd } from "../etcd.ts";
import { scenario } from "../scenario.ts";
import { PREFIX, Site, siteTalkers } from "./site.ts";

/** How long a token lives, seconds. */
const TOKEN = 10;

scenario("etcd's users are switched off and on", ["etcd", "etcdctl"], async (lab) => {
  const flags = ["--auth-token-ttl", `${TOKEN}`];
  await using etcd = await Etcd.start(lab, { ownPrefix: PREFIX, flags });
  await using site = await Site.build(lab, etcd, {
    servers: 1,
    flags: { "etcd.auth.username": "dhcp", "etcd.auth.password": "secret" },
  });
  const [station] = site.stations;
  station!.start();
  await station!.server.ready(200, 30);
  await using talker = await siteTalkers(lab, site);
  const lease = async (when: string) => assert(await talker.lease(newMac(), 5), when);
  await lease("before");
  // Shorter than a token lives, then longer.
  for (const seconds of [2, TOKEN + 2]) {
    await etcd.etcdctl("--user", "root:root", "auth", "disable");
    await sleep(seconds / 2);
    await lease(`off for ${seconds} s`);
    await sleep(seconds / 2);
    await etcd.etcdctl("auth", "enable");
    // The first few say little: without a new login, too, they may succeed.
    for (let i = 1; i <= 3; i++) {
      await lease(`lease ${i}, on again after ${seconds} s`);
      await sleep(0.3);
    }
    await sleep(TOKEN + 2);
    for (let i = 1; i <= 3; i++) await lease(`late lease ${i}, on again after ${seconds} s`);
  }
});

function sleep(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}
