/**
 * Finds the highest rate that a server sustains: up a ladder to the first rung that fails, then
 * between the last good rung and the first bad one until they are close.
 *
 * @module
 */

/** What a try at a rate found. */
export interface Try<T> {
  readonly rate: number;
  readonly good: boolean;
  readonly result: T;
}

/** The outcome of a search; `best` is undefined when even the lowest rung failed. */
export interface Found<T> {
  readonly best: Try<T> | undefined;
  readonly tries: readonly Try<T>[];
}

/** How to search. */
export interface SearchOptions {
  /** Rates to try in order, ascending. */
  readonly ladder: readonly number[];
  /** Stop when the first bad rate is this little above the last good one: 0.03 for 3 %. */
  readonly resolution: number;
}

/**
 * Searches. A rate that fails is tried once more before it counts as failed: a single stall of the
 * machine would otherwise end the climb far too low.
 */
export async function search<T>(
  options: SearchOptions,
  attempt: (rate: number) => Promise<{ good: boolean; result: T }>,
): Promise<Found<T>> {
  const tries: Try<T>[] = [];
  const at = async (rate: number): Promise<Try<T>> => {
    for (let again = 0;; again++) {
      const tried = { rate, ...await attempt(rate) };
      tries.push(tried);
      if (tried.good || again === 1) return tried;
    }
  };

  let best: Try<T> | undefined;
  let bad: number | undefined;
  for (const rate of options.ladder) {
    const tried = await at(rate);
    if (!tried.good) {
      bad = rate;
      break;
    }
    best = tried;
  }
  while (best && bad !== undefined && bad > best.rate * (1 + options.resolution)) {
    const middle = Math.round((best.rate + bad) / 2);
    if (middle === best.rate || middle === bad) break;
    const tried = await at(middle);
    if (tried.good) best = tried;
    else bad = middle;
  }
  return { best, tries };
}
