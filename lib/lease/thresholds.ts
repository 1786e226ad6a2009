/**
 * Whether pools are fuller than a threshold: judged again and again, told once for each crossing.
 *
 * @module
 */

import type { LeaseView } from "./store.ts";

/** So far below the threshold it is no longer above: a pool on the edge is not told of for ever. */
const HYSTERESIS = 0.05;

export interface Crossing {
  readonly subnet: string;
  /** Addresses of the pools that are not to be had, and how many there are. */
  readonly used: number;
  readonly size: number;
  readonly above: boolean;
}

export class Thresholds {
  readonly #above = new Set<string>();

  /**
   * What has crossed the threshold since this was last asked.
   *
   * @param subnets The names of all subnets there are.
   * @param threshold From 0 to 1.
   */
  judge(subnets: readonly string[], view: LeaseView, threshold: number): readonly Crossing[] {
    const crossings: Crossing[] = [];
    for (const subnet of subnets) {
      const size = view.poolSize(subnet);
      const { free, bound, declined, freed } = view.counts(subnet);
      // Leases outside the pools are counted by the one, what is about to come free by the other.
      const used = Math.max(0, Math.min(size - free, bound + declined + freed));
      const share = size === 0 ? 0 : used / size;
      const wasAbove = this.#above.has(subnet);
      const above = size > 0 && share >= (wasAbove ? threshold - HYSTERESIS : threshold);
      if (above === wasAbove) continue;
      if (above) this.#above.add(subnet);
      else this.#above.delete(subnet);
      crossings.push({ subnet, used, size, above });
    }
    for (const subnet of this.#above) if (!subnets.includes(subnet)) this.#above.delete(subnet);
    return crossings;
  }
}
