/**
 * The first law under everything that can go wrong at once: hundreds of clients come and go while
 * servers and members of etcd are killed, frozen and cut off. What was held twice is decided from
 * the packets alone.
 *
 * `ETCDHCP_E2E_SEED=N deno task e2e` draws the lots of a run again that failed.
 */

import assert from "node:assert/strict";
import { assertSingleHolders, type Ending, type Hold, storyOf } from "../checker.ts";
import { Etcd, type Member } from "../etcd.ts";
import type { Lab } from "../lab.ts";
import { pause } from "../poll.ts";
import { Random } from "../random.ts";
import { scenario } from "../scenario.ts";
import type { Server } from "../server.ts";
import { Swarm, type Unrest } from "../swarm.ts";
import { watch } from "./lan.ts";
import { CLIENTS_ADDRESS, POOL, Site, type Station } from "./site.ts";

const CLIENTS = 300;
const LEASE = 8;

/** Few addresses beyond the clients, so that they are used again and again: 380 in all. */
const SPARE = 80;

const FLAGS = {
  "dhcp.issue-from": "10.6.8.10",
  "dhcp.issue-to": "10.6.9.133",
  "dhcp.lease": `${LEASE}s`,
  "dhcp.quarantine": "10s",
  "dhcp.offer-hold": "3s",
};

/** How soon after the last fault has healed every client has a lease, seconds. */
const RECOVERY = 10;

/** Forsaken addresses are counted as lost for the rest of each half. */
const UNREST: Unrest = { spare: SPARE, spareFor: 60_000, contentment: 12_000 };

/** Something that goes wrong for a while. */
interface Fault {
  readonly title: string;
  /** How long, and how long all is well before it, milliseconds. */
  readonly lasts: number;
  readonly after: number;
  /** Makes it so, and returns what heals it. */
  strike(): Promise<() => void | Promise<void>>;
}

/** Draws faults' times. */
function timesOf(random: Random): Pick<Fault, "lasts" | "after"> {
  return { lasts: random.between(1500, 3500), after: random.between(300, 1500) };
}

/** What happens to the servers, in the order in which it does: everything twice. */
function serverFaults(stations: readonly Station[], random: Random): Fault[] {
  const kinds: Readonly<Record<string, (station: Station) => ReturnType<Fault["strike"]>>> = {
    "killed": async (station) => {
      await station.server.kill();
      return () => station.start();
    },
    "frozen": ({ server: { process } }) => {
      process.signal("SIGSTOP");
      return Promise.resolve(() => process.signal("SIGCONT"));
    },
    "cut off from etcd": async ({ backbone }) => {
      await backbone.cut();
      return () => backbone.mend();
    },
    "cut off from the clients": async ({ lan }) => {
      await lan.cut();
      return () => lan.mend();
    },
  };
  const twice = [...Object.entries(kinds), ...Object.entries(kinds)];
  return random.shuffled(twice).map(([title, strike]) => {
    const station = random.one(stations);
    return {
      title: `server ${station.number} ${title}`,
      ...timesOf(random),
      strike: () => strike(station),
    };
  });
}

/** What happens to etcd: each kind to whoever leads then, and to another. */
function etcdFaults(etcd: Etcd, random: Random): Fault[] {
  const { members } = etcd;
  const others = (member: Member) => members.filter((other) => other !== member);
  const kinds: Readonly<Record<string, (member: Member) => ReturnType<Fault["strike"]>>> = {
    "killed": async (member) => {
      await member.kill();
      return () => member.start();
    },
    "frozen": (member) => {
      member.freeze();
      return Promise.resolve(() => member.thaw());
    },
    "cut off": async ({ plug }) => {
      await plug.cut();
      return () => plug.mend();
    },
    "cut off from the other members": async (member) => {
      await member.isolate(others(member));
      return () => member.rejoin(others(member));
    },
  };
  const faults = Object.entries(kinds).flatMap(([title, strike]) => [
    {
      title: `etcd's leader ${title}`,
      ...timesOf(random),
      strike: async () => await strike(await etcd.leader()),
    },
    {
      title: `a follower of etcd's ${title}`,
      ...timesOf(random),
      strike: async () => await strike(random.one(others(await etcd.leader()))),
    },
  ]);
  const majority = {
    title: "the majority of etcd frozen",
    ...timesOf(random),
    strike() {
      const frozen = random.shuffled(members).slice(1);
      for (const member of frozen) member.freeze();
      return Promise.resolve(() => frozen.forEach((member) => member.thaw()));
    },
  };
  return random.shuffled([...faults, majority]);
}

/** Lets faults happen one after another. */
async function suffer(faults: readonly Fault[], tell: (line: string) => void): Promise<void> {
  for (const { title, after, lasts, strike } of faults) {
    await pause(after);
    const heal = await strike();
    tell(title);
    await pause(lasts);
    await heal();
    tell(`${title}: over`);
  }
}

/** The lots drawn and what happened when, for the failure report. */
function chronicle(lab: Lab, random: Random): (line: string) => void {
  const since = Date.now();
  const lines: string[] = [];
  lab.evidence.push({
    title: `what happened (repeat with ETCDHCP_E2E_SEED=${random.seed})`,
    text: () => lines.join("\n"),
  });
  return (line) => lines.push(`${((Date.now() - since) / 1000).toFixed(1).padStart(6)} ${line}`);
}

/** How often an address passed from one client to another, by how the first one's hold ended. */
function passedOn(holds: readonly Hold[]): Map<Ending, number> {
  const counts = new Map<Ending, number>();
  for (const list of Map.groupBy(holds, ({ address }) => address).values()) {
    list.sort((a, b) => a.from - b.from);
    list.forEach(({ client, ending }, i) => {
      const next = list[i + 1];
      if (next === undefined || next.client === client) return;
      counts.set(ending, (counts.get(ending) ?? 0) + 1);
    });
  }
  return counts;
}

/** How many addresses a server counts in each state: whether the pool was large enough. */
async function addressesOf(server: Server): Promise<string> {
  const states = ["free", "offered", "bound", "expired", "released", "declined"];
  const counts = await Promise.all(
    states.map((state) => server.metric("etcdhcp_addresses", new RegExp(`state="${state}"`))),
  );
  return states.map((state, i) => `${counts[i]} ${state}`).join(", ");
}

scenario("A swarm, through every fault: no address is held twice", ["etcd"], async (lab) => {
  const random = Random.fromEnvironment();
  const tell = chronicle(lab, random);
  await using etcd = await Etcd.start(lab, { members: 3 });
  await using site = await Site.build(lab, etcd, { servers: 3, flags: FLAGS });
  await using packets = await watch(lab, site.wire);
  await site.start();
  tell("servers are ready");
  await using swarm = await Swarm.start(lab, site.wire, {
    clients: CLIENTS,
    address: CLIENTS_ADDRESS,
    pool: POOL,
    random: new Random(random.seed + 1),
  });
  await swarm.whole("at the beginning", 15);
  tell("the swarm is leased");
  /** Returns the moment at which all was well again, milliseconds since 1970. */
  const recover = async () => {
    swarm.calm();
    const took = await swarm.whole("after the last fault", RECOVERY).catch(async (error) => {
      for (const { number, server } of site.stations) {
        tell(`server ${number} counts ${await addressesOf(server)}`);
      }
      throw error;
    });
    const recovered = Date.now();
    tell(`every client holds a lease ${took.toFixed(2)} s after the last fault`);
    return recovered;
  };

  swarm.unrest(UNREST);
  await Promise.all([
    suffer(serverFaults(site.stations, new Random(random.seed + 2)), tell),
    suffer(etcdFaults(etcd, new Random(random.seed + 3)), tell),
  ]);
  await recover();
  // A new leader of etcd's gives every etcd lease its whole time again, so nothing has come back
  // that was left without a word. From here on it does.
  swarm.unrest(UNREST);
  await suffer(serverFaults(site.stations, new Random(random.seed + 4)), tell);
  const recovered = await recover();
  await site.ready(20);
  await swarm.stop();
  assert.equal((await packets.stop()).lost, 0, "the capture is whole");

  const captured = await packets.packets();
  const { holds } = assertSingleHolders(captured);
  const holding = new Set(
    holds.filter(({ from, until }) => from <= recovered && recovered < until)
      .map(({ client }) => client),
  );
  const without = swarm.chaddrs.filter((chaddr) => !holding.has(chaddr));
  const lately = { from: recovered - 2 * LEASE * 1000, until: Infinity, since: recovered };
  assert.deepEqual(
    without,
    [],
    `the packets too say that every client holds a lease:\n${storyOf(without, captured, lately)}`,
  );
  // Otherwise it would have been proved of nothing.
  const passed = passedOn(holds);
  for (const ending of ["expired", "declined", "released"] satisfies Ending[]) {
    assert(holds.some((hold) => hold.ending === ending), `some leases are ${ending}`);
  }
  const often = [...passed.values()].reduce((sum, count) => sum + count, 0);
  assert(often >= 50, `addresses passed to other clients only ${often} times`);
});
