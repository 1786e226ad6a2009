/**
 * One measurement: one server with an empty book, one rate, so many seconds.
 *
 * @module
 */

import type { Lab } from "../e2e/lab.ts";
import { until } from "../e2e/poll.ts";
import { type Contender, startContender } from "./contenders.ts";
import { type Disturbance, disturbanceOf } from "./disturbance.ts";
import { CLIENTS, perfdhcp } from "./perfdhcp.ts";
import type { Pool, Site } from "./site.ts";
import { usageOfAll } from "./usage.ts";

/** What a server did at a rate. */
export interface Measurement {
  readonly asked: number;
  readonly seconds: number;
  /** DISCOVERs really sent a second. */
  readonly sentRate: number;
  /** Whole exchanges a second: ACKs received over the time of sending. */
  readonly servedRate: number;
  /** The share of DISCOVERs that did not end in an ACK, 0 to 1. */
  readonly drops: number;
  /** The two delays of an exchange added, milliseconds. */
  readonly averageDelay: number;
  /** The middle delay from REQUEST to ACK, milliseconds; undefined at high rates. */
  readonly medianAckDelay: number | undefined;
  /** The worst delay of either half, milliseconds. */
  readonly worstDelay: number;
  readonly cpuSecondsPerThousand: number;
  readonly peakRss: number;
  /** Datagrams that found the server's socket full. */
  readonly overrun: number;
  /** Replies that the generator's socket had no room for: a fault of the measurement. */
  readonly generatorOverrun: number;
  /** What else went on, just before. */
  readonly disturbance: Disturbance;
}

/** How long a measurement takes, seconds. */
export interface Length {
  readonly warmUp: number;
  readonly measured: number;
}

/** What was found out about one server. */
export interface Score {
  readonly name: string;
  /** The measurements at the highest sustained rates, one per repetition. */
  readonly peaks: readonly Measurement[];
  /** The middle one of them. */
  readonly peak: Measurement | undefined;
  /** At three times that rate. */
  readonly overload: Measurement | undefined;
  /** At a rate that is little for every server. */
  readonly calm: Measurement;
}

/** What a server must answer in full before it is measured, clients in one second. */
const FIRST_RATE = 100;

/**
 * Brings a server to where it is after a while of work: a start is not what is measured. First a
 * small load until that is answered in full, for some say that they are ready long before (dhcpd
 * goes through all its addresses first); then the load itself.
 */
async function warmUp(site: Site, name: string, rate: number, seconds: number): Promise<void> {
  await until(`${name} to answer ${FIRST_RATE} clients a second`, 60, async () => {
    const { offer, ack } = await perfdhcp(site, FIRST_RATE, 1, CLIENTS.warmUp);
    return ack.received === offer.sent;
  });
  if (seconds > 0) await perfdhcp(site, rate, seconds, CLIENTS.warmUp);
}

/** Measures one server at one rate. */
export async function measure(
  lab: Lab,
  site: Site,
  contender: Contender,
  pool: Pool,
  rate: number,
  length: Length,
): Promise<Measurement> {
  const seconds = length.measured;
  const disturbance = await disturbanceOf(lab.directory);
  const directory = await Deno.makeTempDir({ dir: lab.directory });
  try {
    await using server = await startContender(contender, site, directory, pool);
    await warmUp(site, contender.name, rate, length.warmUp);
    const before = await usageOfAll(server.pids);
    const { offer, ack, medianAckDelay, overrun } = await perfdhcp(
      site,
      rate,
      seconds,
      CLIENTS.measured,
    );
    const after = await usageOfAll(server.pids);
    return {
      asked: rate,
      seconds,
      sentRate: offer.sent / seconds,
      servedRate: ack.received / seconds,
      drops: offer.sent > 0 ? 1 - ack.received / offer.sent : 1,
      averageDelay: offer.averageDelay + ack.averageDelay,
      medianAckDelay,
      worstDelay: Math.max(offer.worstDelay, ack.worstDelay),
      cpuSecondsPerThousand: ack.received > 0
        ? (after.cpuSeconds - before.cpuSeconds) / ack.received * 1000
        : NaN,
      peakRss: after.peakRss,
      overrun: after.overrun - before.overrun,
      generatorOverrun: overrun,
      disturbance,
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
