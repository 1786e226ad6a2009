/**
 * How quiet the machine is while nothing of ours runs: whoever reads a figure should know what else
 * was going on.
 *
 * @module
 */

import { pause } from "../e2e/poll.ts";

/** What others do to the machine. */
export interface Disturbance {
  /** The share of all processors that is busy, 0 to 1. */
  readonly busy: number;
  /** The middle one and the worst of a few flushes of 4 KiB to the disk, milliseconds. */
  readonly flush: number;
  readonly worstFlush: number;
}

const FLUSHES = 25;

async function ticks(): Promise<{ all: number; idle: number }> {
  const [line] = (await Deno.readTextFile("/proc/stat")).split("\n");
  // user nice system idle iowait irq softirq steal
  const fields = line!.split(/ +/).slice(1, 9).map(Number);
  return { all: fields.reduce((a, b) => a + b), idle: fields[3]! + fields[4]! };
}

/** Looks for half a second; `directory` is on the disk that the servers write to. */
export async function disturbanceOf(directory: string): Promise<Disturbance> {
  const before = await ticks();
  await pause(400);
  const after = await ticks();

  const path = `${directory}/flushes`;
  const took: number[] = [];
  {
    using file = await Deno.open(path, { write: true, create: true });
    const block = new Uint8Array(4096);
    for (let i = 0; i < FLUSHES; i++) {
      const begun = performance.now();
      await file.write(block);
      await file.syncData();
      took.push(performance.now() - begun);
    }
  }
  await Deno.remove(path);
  took.sort((a, b) => a - b);
  return {
    busy: 1 - (after.idle - before.idle) / (after.all - before.all),
    flush: took[Math.floor(FLUSHES / 2)]!,
    worstFlush: took.at(-1)!,
  };
}
