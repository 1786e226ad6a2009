/**
 * perfdhcp, ISC's load generator: runs it and reads its report.
 *
 * @module
 */

import { GENERATOR, type Site } from "./site.ts";
import { overrunIn } from "./usage.ts";
import { widenReceiveBuffers } from "./widen.ts";

/** One half of the four-way exchange, as perfdhcp counts it. */
export interface Exchange {
  readonly sent: number;
  readonly received: number;
  /** Milliseconds; 0 when nothing was received. */
  readonly averageDelay: number;
  readonly worstDelay: number;
}

/** What one run of perfdhcp saw. */
export interface Report {
  /** DISCOVER to OFFER. */
  readonly offer: Exchange;
  /** REQUEST to ACK. */
  readonly ack: Exchange;
  /** The middle one of the delays from REQUEST to ACK, milliseconds; undefined at high rates. */
  readonly medianAckDelay: number | undefined;
}

/** Up to so many exchanges a second perfdhcp notes the time of each: more would keep it busy. */
const TIMED = 2000;

function readExchange(text: string, name: string): Exchange {
  const at = text.lastIndexOf(`***Statistics for: ${name}***`);
  if (at < 0) throw new Error(`Cannot read perfdhcp's report: no ${name} in it:\n${text}`);
  const section = text.slice(at);
  const number = (label: string) => Number(new RegExp(`^${label}: (\\S+)`, "m").exec(section)?.[1]);
  const sent = number("sent packets");
  const received = number("received packets");
  if (!Number.isFinite(sent) || !Number.isFinite(received)) {
    throw new Error(`Cannot read perfdhcp's report: no counts for ${name}:\n${section}`);
  }
  return {
    sent,
    received,
    averageDelay: received > 0 ? number("avg delay") : 0,
    worstDelay: received > 0 ? number("max delay") : 0,
  };
}

/** Reads what perfdhcp prints at its end. */
export function readReport(text: string): Report {
  return {
    offer: readExchange(text, "DISCOVER-OFFER"),
    ack: readExchange(text, "REQUEST-ACK"),
    medianAckDelay: readMedian(text, "REQUEST-ACK"),
  };
}

/** The middle delay, milliseconds, of those that `-x t` has printed; undefined without them. */
function readMedian(text: string, name: string): number | undefined {
  const [, section = ""] = text.split(`***Timestamps for packets: ${name}***`);
  const [own = ""] = section.split("***", 1);
  const delays = Array.from(
    own.matchAll(/^sent \/ received: (\d+\.\d+) \/ (\d+\.\d+)$/gm),
    ([, sent, received]) => (Number(received) - Number(sent)) * 1000,
  );
  return delays.sort((a, b) => a - b)[Math.floor(delays.length / 2)];
}

/** The first clients' hardware addresses: those that are measured have never been seen before. */
export const CLIENTS = { measured: "00:0c:01:00:00:00", warmUp: "00:0d:01:00:00:00" } as const;

/**
 * Asks for so many exchanges a second from up to a million different clients. `overrun` counts the
 * replies that the generator itself lost.
 */
export async function perfdhcp(
  site: Site,
  rate: number,
  seconds: number,
  clients: string,
): Promise<Report & { readonly overrun: number }> {
  const argv = site.generator.inside(
    ...["perfdhcp", "-4", "-l", GENERATOR.interface],
    ...["-r", String(rate), "-p", String(seconds), "-R", "1000000"],
    ...["-b", `mac=${clients}`, ...(rate <= TIMED ? ["-x", "t"] : [])],
    // Wait for answers under way, in microseconds; its own "Rate" counts this wait, ours does not.
    ...["-W", "300000"],
  );
  const overrun = async () => overrunIn(await site.generator.run("cat", "/proc/net/snmp"));
  const before = await overrun();
  const child = new Deno.Command(argv[0]!, {
    args: argv.slice(1),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [output, widened] = await Promise.allSettled([
    child.output(),
    widenReceiveBuffers(child.pid, "perfdhcp"),
  ]);
  if (output.status === "rejected") throw output.reason;
  // It exits with 3 when any exchange failed, which a ladder is there to provoke.
  const { stdout, stderr, code } = output.value;
  const decoder = new TextDecoder();
  if (code !== 0 && code !== 3) {
    throw new Error(`perfdhcp failed with ${code}: ${decoder.decode(stderr)}`);
  }
  if (widened.status === "rejected") throw widened.reason;
  return { ...readReport(decoder.decode(stdout)), overrun: await overrun() - before };
}
