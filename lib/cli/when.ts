/**
 * Instants and durations, as people say them.
 *
 * @module
 */

/** "in 52m", "3h ago", "never". */
export function relative(instant: string | null, now: number): string {
  if (instant === null) return "never";
  const seconds = Math.round((Date.parse(instant) - now) / 1000);
  return seconds >= 0 ? `in ${span(seconds)}` : `${span(-seconds)} ago`;
}

/** A length of time in its two largest units: "52m", "1h 5m", "3d 2h". */
export function span(seconds: number): string {
  const parts: string[] = [];
  let rest = Math.floor(seconds);
  for (const [unit, length] of [["d", 86_400], ["h", 3600], ["m", 60], ["s", 1]] as const) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(" ") || "0s";
}
