/**
 * How many whole exchanges (DISCOVER, OFFER, REQUEST, ACK) a second a server sustains, beside other
 * servers on the same machine in the same hour: only ratios from one run mean anything.
 *
 * For every server, with an empty book at every rung, the rate climbs a ladder until more than 1 %
 * of the exchanges fail, and is then narrowed down to 3 %. The search is repeated, the servers
 * taking turns, and the median counts. Then each is asked for three times what it sustains, and for
 * a thousand a second.
 *
 * ```sh
 * sudo deno task bench:dora --peer kea --peer dnsmasq --repeat 3
 * sudo deno task bench:dora --rates 8000 --seconds 10           # one rate, ours alone
 * sudo deno task bench:dora --rates 8000 --profile ./profile    # and where the time goes
 * ```
 *
 * The generator runs on the same cores as the server, so the figures are what both together leave.
 *
 * @module
 */

import { parseArgs } from "node:util";
import { Lab } from "../e2e/lab.ts";
import { requireTools } from "../e2e/tools.ts";
import { type Contender, etcdhcp, PEERS, STORES } from "./contenders.ts";
import { type Length, measure, type Measurement, type Score } from "./measure.ts";
import { hottest } from "./profile.ts";
import { search } from "./search.ts";
import { buildSite, type Pool, poolOf, type Site } from "./site.ts";
import { ratios, table } from "./table.ts";

/** The most an exchange may fail for a rate to count as sustained. */
const TOLERATED_DROPS = 0.01;
const RESOLUTION = 0.03;
const LADDER = [1000, 2000, 4000, 6000, 8000, 10000, 12000, 14000, 17000, 20000, 25000];

/** What a busy network may ask on a quiet day, exchanges a second. */
const CALM = 1000;

const USAGE = `bench:dora [options]
  --peer NAME       also measure kea, dnsmasq or isc; repeatable
  --only-peers      leave our own server out
  --store NAME      where our server keeps its leases: embedded (the default), etcd (one etcd
                    server on the same machine), etcd-tuned (with the environment that README
                    recommends) or etcd3 (three); repeatable
  --seconds N       length of every measurement (default 5)
  --warm-up N       seconds of the same load before it, from other clients (default 2)
  --addresses N     size of the pool, the same for every server (default 1,000,000 or so)
  --rates A,B,...   measure these rates only, without searching
  --repeat N        searches per server (default 3)
  --flag TEXT       a further flag for our server, such as --flag=--dhcp.lease=30s; repeatable
  --profile DIR     run ours under the CPU profiler at each of --rates; profiles go into DIR
  --json            print the result as JSON instead of a table`;

function say(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text + "\n"));
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text + "\n"));
}

/** Above these the machine is not quiet enough for a figure to mean much. */
const QUIET = { busy: 0.1, worstFlush: 20 } as const;

function noise({ disturbance, generatorOverrun }: Measurement): string {
  const { busy, flush, worstFlush } = disturbance;
  return (generatorOverrun > 0 ? `; the generator lost ${generatorOverrun} replies!` : "") +
    (busy > QUIET.busy ? `; ${(busy * 100).toFixed(0)} % busy with others!` : "") +
    (worstFlush > QUIET.worstFlush
      ? `; disk flush ${flush.toFixed(1)} ms, worst ${worstFlush.toFixed(0)} ms!`
      : "");
}

function tell(name: string, m: Measurement): void {
  say(
    `${name.padEnd(8)} asked ${m.asked}/s, sent ${m.sentRate.toFixed(0)}/s, ` +
      `served ${m.servedRate.toFixed(0)}/s, drops ${(m.drops * 100).toFixed(2)} %, ` +
      `delay ${m.averageDelay.toFixed(1)} ms, worst ${m.worstDelay.toFixed(1)} ms, ` +
      `overrun ${m.overrun}, CPU ${m.cpuSecondsPerThousand.toFixed(3)} s/1000, ` +
      `${(m.peakRss / 1e6).toFixed(0)} MB${noise(m)}`,
  );
}

function options() {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      "peer": { type: "string", multiple: true, default: [] },
      "only-peers": { type: "boolean", default: false },
      "store": { type: "string", multiple: true, default: ["embedded"] },
      "seconds": { type: "string", default: "5" },
      "warm-up": { type: "string", default: "2" },
      "addresses": { type: "string", default: "1000000" },
      "rates": { type: "string" },
      "repeat": { type: "string", default: "3" },
      "flag": { type: "string", multiple: true, default: [] },
      "profile": { type: "string" },
      "json": { type: "boolean", default: false },
      "help": { type: "boolean", default: false },
    },
  });
  const number = (name: string, text: string) => {
    const value = Number(text);
    if (!(value >= 0)) throw new Error(`Cannot use --${name} ${text}: wanted a number`);
    return value;
  };
  const peers = values.peer.map((name) => {
    const peer = PEERS[name];
    if (peer) return peer;
    throw new Error(`Cannot use --peer ${name}: wanted ${Object.keys(PEERS).join(", ")}`);
  });
  const ours = values["only-peers"] ? [] : values.store.map((store) => {
    if (Object.hasOwn(STORES, store)) return etcdhcp(store, values.flag, values.profile);
    throw new Error(`Cannot use --store ${store}: wanted ${Object.keys(STORES).join(", ")}`);
  });
  return {
    contenders: [...ours, ...peers],
    length: {
      warmUp: number("warm-up", values["warm-up"]),
      measured: number("seconds", values.seconds),
    },
    pool: poolOf(number("addresses", values.addresses)),
    rates: values.rates?.split(",").map((text) => number("rates", text)),
    repeat: number("repeat", values.repeat),
    profile: values.profile,
    json: values.json,
    help: values.help,
  };
}

/** The ladder for a search after the first: the last peak with a rung on either side. */
function ladderAround(peak: Measurement | undefined): readonly number[] {
  if (!peak) return LADDER;
  const near = [0.85, 1, 1.15].map((factor) => Math.round(peak.asked * factor));
  return [...LADDER.filter((rate) => rate < peak.asked * 0.4).slice(-1), ...near]
    .concat(LADDER.filter((rate) => rate > peak.asked * 1.2));
}

function median(peaks: readonly Measurement[]): Measurement | undefined {
  const sorted = peaks.toSorted((a, b) => a.servedRate - b.servedRate);
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

/** Whether a rate counts: nearly all was answered, and the generator managed to ask. */
function sustained({ drops, sentRate, asked }: Measurement): boolean {
  return drops <= TOLERATED_DROPS && sentRate >= asked * (1 - RESOLUTION);
}

/** Searches for every server's peak, the servers taking turns so that drift hits them all. */
async function compete(
  lab: Lab,
  site: Site,
  contenders: readonly Contender[],
  pool: Pool,
  length: Length,
  repeat: number,
): Promise<Score[]> {
  const peaks = new Map<string, Measurement[]>(contenders.map(({ name }) => [name, []]));
  const attempt = async (contender: Contender, rate: number) => {
    const result = await measure(lab, site, contender, pool, rate, length);
    tell(contender.name, result);
    return { good: sustained(result), result };
  };
  for (let round = 0; round < repeat; round++) {
    for (const contender of contenders) {
      const found = peaks.get(contender.name)!;
      const ladder = ladderAround(found.at(-1));
      const best = await search(
        { ladder, resolution: RESOLUTION },
        (rate) => attempt(contender, rate),
      );
      if (best) found.push(best.result);
    }
  }
  const scores: Score[] = [];
  for (const contender of contenders) {
    const found = peaks.get(contender.name)!;
    const peak = median(found);
    const overload = peak && (await attempt(contender, peak.asked * 3)).result;
    const calm = (await attempt(contender, CALM)).result;
    scores.push({ name: contender.name, peaks: found, peak, overload, calm });
  }
  return scores;
}

async function main(): Promise<void> {
  const { contenders, length, pool, rates, repeat, profile, json, help } = options();
  if (help) return print(USAGE);
  if (profile && !rates) {
    throw new Error("Cannot profile a search. Try: --rates 5000 --profile DIR");
  }
  requireTools("ip", "setsid", "perfdhcp", ...contenders.flatMap(({ tools }) => tools));
  await using lab = await Lab.make();
  const site = await buildSite(lab);
  if (rates) {
    const results: (Measurement & { name: string })[] = [];
    for (let round = 0; round < repeat; round++) {
      for (const rate of rates) {
        for (const contender of contenders) {
          const result = await measure(lab, site, contender, pool, rate, length);
          tell(contender.name, result);
          results.push({ name: contender.name, ...result });
        }
      }
    }
    if (json) print(JSON.stringify(results, null, 2));
    if (profile) {
      for await (const { name } of Deno.readDir(profile)) {
        const path = `${profile}/${name}`;
        if (!name.endsWith(".cpuprofile")) continue;
        print(`${path}\n${hottest(await Deno.readTextFile(path))}`);
      }
    }
    return;
  }
  const scores = await compete(lab, site, contenders, pool, length, repeat);
  print(json ? JSON.stringify(scores, null, 2) : `${table(scores)}\n\n${ratios(scores)}`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 1;
  }
}
