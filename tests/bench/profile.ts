/**
 * Reads a V8 CPU profile: which functions the time went to.
 *
 * @module
 */

/** The parts of the .cpuprofile format that are used here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[];
}

/** The functions that ran longest themselves, without what they called, one a line. */
export function hottest(text: string, count = 25): string {
  const profile: CpuProfile = JSON.parse(text);
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place = url === "" ? "" : ` ${url.replace(/^.*\/(?=(lib|node_modules|npm)\/)/, "")}`;
      return [id, `${functionName || "(anonymous)"}${place}${place && `:${lineNumber + 1}`}`];
    }),
  );
  const time = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? "(unknown)";
    const delta = profile.timeDeltas[i] ?? 0;
    total += delta;
    time.set(name, (time.get(name) ?? 0) + delta);
  });
  return Array.from(time).sort((a, b) => b[1] - a[1]).slice(0, count)
    .map(([name, microseconds]) =>
      `${(microseconds / total * 100).toFixed(1).padStart(5)} %  ` +
      `${(microseconds / 1000).toFixed(0).padStart(6)} ms  ${name}`
    ).join("\n");
}
