/**
 * Finds the highest rate that a server sustains: up a ladder to the first rung that fails (or down
 * from it, when the lowest fails), then between the last good rate and the first bad one until they
 * are close.
 *
 * @module
 */

/** What a try at a rate found. */
export interface Try<T> {
  readonly rate: number;
  readonly good: boolean;
  readonly result: T;
}

/** How to search. */
export interface SearchOptions {
  /** Rates to try in order, ascending. */
  readonly ladder: readonly number[];
  /** Stop when the first bad rate is this little above the last good one: 0.03 for 3 %. */
  readonly resolution: number;
}

/** Slower than this nobody is: the way down ends here. */
const LEAST = 10;

/**
 * Searches; undefined when not even the least rate is sustained. A rate that fails is tried once
 * more before it counts as failed: a single stall of the machine would otherwise end the climb far
 * too low.
 */
export async function search<T>(
  { ladder, resolution }: SearchOptions,
  attempt: (rate: number) => Promise<{ good: boolean; result: T }>,
): Promise<Try<T> | undefined> {
  let best: Try<T> | undefined;
  let bad = Infinity;
  const at = async (rate: number) => {
    let tried = { rate, ...await attempt(rate) };
    if (!tried.good) tried = { rate, ...await attempt(rate) };
    if (tried.good) best = tried;
    else bad = rate;
  };

  for (const rate of ladder) {
    await at(rate);
    if (bad === rate) break;
  }
  while (!best && bad / 2 >= LEAST) await at(Math.floor(bad / 2));
  while (best && bad !== Infinity && bad > best.rate * (1 + resolution)) {
    const middle = Math.round((best.rate + bad) / 2);
    if (middle === best.rate || middle === bad) break;
    await at(middle);
  }
  return best;
}
