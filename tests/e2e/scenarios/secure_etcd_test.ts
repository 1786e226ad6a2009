/**
 * An etcd with TLS, client certificates, and a user who may do nothing but lease: the server gets
 * in with the permissions of the serve task, and says in one line why when it does not.
 */

import assert from "node:assert/strict";
import { assertSingleHolders } from "../checker.ts";
import { nextAck } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import { Etcd } from "../etcd.ts";
import { scenario } from "../scenario.ts";
import { launchServer } from "../server.ts";
import { watch } from "./lan.ts";
import { POOL_FLAGS, PREFIX, Site } from "./site.ts";

const NAME = "etcd.site.test";

scenario(
  "etcd with TLS and a password, by address and by name",
  ["etcd", "etcdctl", "openssl", "udhcpc"],
  async (lab) => {
    await using etcd = await Etcd.start(lab, { tls: { names: [NAME] }, ownPrefix: PREFIX });
    const { ca, cert, key, otherCa } = etcd.certificates!;
    const flags = {
      "etcd.auth.ca": ca,
      "etcd.auth.cert": cert,
      "etcd.auth.key": key,
      "etcd.auth.username": "dhcp",
      "etcd.auth.password": "secret",
    };
    const byName = { "etcd.discovery.endpoints": `https://${NAME}:2379` };
    await using site = await Site.build(lab, etcd, {
      servers: 2,
      flags,
      flagsOf: (number) => number === 2 ? byName : {},
    });
    const [first, second] = [site.stations[0]!, site.stations[1]!];
    await lab.etc(
      second.host,
      "hosts",
      `127.0.0.1 localhost\n${etcd.members[0]!.address} ${NAME}\n`,
    );
    await using packets = await watch(lab, site.wire);

    for (const station of [first, second]) {
      station.start();
      await station.server.ready(200, 30);
      await using client = await Udhcpc.make(lab, site.wire);
      client.start();
      await nextAck(packets, client, 15, 0, { from: station.address });
      await station.server.process.stop();
    }
    assertSingleHolders(await packets.packets());

    const wrong: readonly (readonly [Record<string, string>, RegExp])[] = [
      [{ "etcd.auth.password": "guessed" }, /wrong user or password: check --etcd\.auth\.username/],
      [{ "etcd.auth.ca": otherCa }, /check --etcd\.auth\.ca/],
      [{ "etcd.prefix": "others::" }, /permission denied: grant the user's role readwrite/],
    ];
    for (const [flag, reason] of wrong) {
      await using process = launchServer(lab, {
        host: first.host,
        flags: { ...POOL_FLAGS, ...flags, "etcd.discovery.endpoints": etcd.endpoints, ...flag },
      });
      const { code } = await process.exit(30);
      assert.deepEqual([code, process.lines.length], [1, 1], process.text());
      assert.match(process.text(), reason);
    }
  },
);
