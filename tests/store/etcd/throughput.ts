// deno-lint-ignore-file no-console -- what it measures goes to the terminal
/**
 * Leases committed a second to a real etcd on this machine, by one store, and how long a /16 takes
 * to open.
 *
 *     deno run -A tests/store/etcd/throughput.ts
 *
 * @module
 */

import { connect } from "../../../lib/store/etcd/connection.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../../lib/wire/address.ts";
import { bind, clientNumber, subnetOf } from "../../lease/fixtures.ts";
import { EtcdCluster } from "./cluster.ts";
import { openStore, RealClock } from "./fixtures.ts";

const clock = new RealClock();

const CLIENTS = 40_000;
/** As many as a server gathers from its sockets. */
const SLICE = 64;
const IN_FLIGHT = 900;

await using cluster = await EtcdCluster.start();
const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.0.1-10.0.255.253"] });
for (const state of ["empty", "existing keys"]) {
  const started = performance.now();
  const store = await openStore(await connect({ endpoints: cluster.endpoints }), clock, [subnet]);
  console.log(`open, ${state}: ${Math.round(performance.now() - started)} ms`);
  if (state === "empty") {
    await store.close();
    continue;
  }
  const first = parseIpv4("10.0.0.1");
  for (const round of ["new leases", "renewals, written"]) {
    const begun = performance.now();
    const waiting = new Set<Promise<void>>();
    for (let n = 0; n < CLIENTS; n += SLICE) {
      const now = Date.now();
      const claims = Array.from(
        { length: SLICE },
        (_, i) => bind(clientNumber(n + i), formatIpv4(first + n + i as Ipv4), now + 3_600_000),
      );
      const asked = store.commit(claims, now).then((results) => {
        waiting.delete(asked);
        if (results.some(({ kind }) => kind !== "done")) throw new Error("not done");
      });
      waiting.add(asked);
      if (waiting.size * SLICE >= IN_FLIGHT) await Promise.race(waiting);
    }
    await Promise.all(waiting);
    const seconds = (performance.now() - begun) / 1000;
    console.log(`${round}: ${Math.round(CLIENTS / seconds)}/s`);
  }
  await store.close();
}
