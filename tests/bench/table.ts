/**
 * The benchmark's result, to be read by people.
 *
 * @module
 */

import type { Measurement, Score } from "./measure.ts";

/** A row: its heading, and its cell for a server. */
type Row = readonly [string, (score: Score) => string];

function cell(m: Measurement | undefined, format: (m: Measurement) => string): string {
  return m ? format(m) : "none";
}

const perSecond = (m: Measurement) => m.servedRate.toFixed(0);
const delays = (m: Measurement) => `${m.averageDelay.toFixed(1)} / ${m.worstDelay.toFixed(0)} ms`;

const ROWS: readonly Row[] = [
  ["Sustained at 1 % drops, exchanges/s", ({ peak }) => cell(peak, perSecond)],
  ["every repetition", ({ peaks }) => peaks.map(perSecond).join(", ")],
  ["drops there", ({ peak }) => cell(peak, (m) => `${(m.drops * 100).toFixed(2)} %`)],
  ["datagrams lost at a full socket there", ({ peak }) => cell(peak, (m) => String(m.overrun))],
  ["delay there, average / worst", ({ peak }) => cell(peak, delays)],
  [
    "CPU there, seconds per 1,000 leases",
    ({ peak }) => cell(peak, (m) => m.cpuSecondsPerThousand.toFixed(3)),
  ],
  ["peak memory there", ({ peak }) => cell(peak, (m) => `${(m.peakRss / 1e6).toFixed(0)} MB`)],
  [
    "busy with others just before, worst",
    ({ peaks }) => `${(Math.max(0, ...peaks.map((m) => m.disturbance.busy)) * 100).toFixed(0)} %`,
  ],
  [
    "disk flush just before, worst",
    ({ peaks }) => `${Math.max(0, ...peaks.map((m) => m.disturbance.worstFlush)).toFixed(0)} ms`,
  ],
  ["Served when asked for three times that", ({ overload }) => cell(overload, perSecond)],
  ["really sent then, DISCOVERs/s", ({ overload }) => cell(overload, (m) => m.sentRate.toFixed(0))],
  ["delay then, average / worst", ({ overload }) => cell(overload, delays)],
  [
    "Delay of a REQUEST at 1,000/s, median",
    ({ calm }) =>
      calm.medianAckDelay === undefined ? "none" : `${calm.medianAckDelay.toFixed(1)} ms`,
  ],
];

/** A Markdown table, one column per server. */
export function table(scores: readonly Score[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(["", ...scores.map(({ name }) => name)]),
    line(["---", ...scores.map(() => "---:")]),
    ...ROWS.map(([heading, text]) => line([heading, ...scores.map(text)])),
  ].join("\n");
}

/** The first server's rates over every other one's. */
export function ratios([first, ...others]: readonly Score[]): string {
  return others.map(({ name, peak, overload }) => {
    const ratio = (a?: Measurement, b?: Measurement) =>
      a && b ? (a.servedRate / b.servedRate).toFixed(2) : "unknown";
    return `${first?.name} / ${name}: ${ratio(first?.peak, peak)} sustained, ` +
      `${ratio(first?.overload, overload)} overloaded`;
  }).join("\n");
}
