/** The interface goes away under the server, and comes back. */

import assert from "node:assert/strict";
import { assertSingleHolders } from "../checker.ts";
import { newMac } from "../clients/client.ts";
import type { Lab } from "../lab.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { LAN, type Server, startServer } from "../server.ts";
import { buildLan, type Lan, talkers, watch } from "./lan.ts";

/** Takes the interface away and brings it back. */
interface Outage {
  begin(lab: Lab, lan: Lan): Promise<unknown>;
  end(lab: Lab, lan: Lan): Promise<unknown>;
}

const OUTAGES: Readonly<Record<string, Outage>> = {
  "goes down": {
    begin: (_, { server }) => server.ip("link", "set", "lan0", "down"),
    end: (_, { server }) => server.ip("link", "set", "lan0", "up"),
  },
  "is removed": {
    begin: (lab, { server }) => lab.unplug(server, "lan0"),
    end: (lab, { server, wire }) => lab.plug(server, wire, { name: "lan0", address: LAN.address }),
  },
};

/** Waits for a line about lan0, and for /readyz to follow. */
async function told(server: Server, status: 200 | 503, from: number): Promise<void> {
  await server.process.line(/lan0/, 20, from);
  await server.ready(status, 20);
}

for (const [what, outage] of Object.entries(OUTAGES)) {
  scenario(`The server resumes after its interface ${what}`, [], async (lab) => {
    const lan = await buildLan(lab);
    await using packets = await watch(lab, lan.wire);
    await using server = await startServer(lab, { host: lan.server, flags: LAN.flags });
    await using talker = await talkers(lab, lan.wire);
    assert(await talker.lease(newMac(), 5), "a lease before");

    let from = server.process.lines.length;
    await outage.begin(lab, lan);
    await told(server, 503, from);
    assert.equal(await talker.lease(newMac(), 1), undefined);

    from = server.process.lines.length;
    await outage.end(lab, lan);
    await told(server, 200, from);
    await until("a lease after", 10, () => talker.lease(newMac(), 2));
    assertSingleHolders(await packets.packets());
  });
}
