/**
 * What a process has used so far, from /proc.
 *
 * @module
 */

/** Linux reports times in hundredths of a second (USER_HZ) on every architecture Deno runs on. */
const TICKS_PER_SECOND = 100;

/** A process's use of the machine. */
export interface Usage {
  /** User and system time of all its threads, seconds. */
  readonly cpuSeconds: number;
  /** The most memory it ever held, bytes. */
  readonly peakRss: number;
  /** Datagrams that found its sockets full (its namespace's count; packet sockets have none). */
  readonly overrun: number;
}

/** Datagrams lost at full sockets, from /proc/net/snmp (Udp's RcvbufErrors): a line of names, and under it a line of values. */
export function overrunIn(snmp: string): number {
  const [names, values] = snmp.split("\n").filter((line) => line.startsWith("Udp: "))
    .map((line) => line.split(" "));
  return Number(values?.[names?.indexOf("RcvbufErrors") ?? -1] ?? 0);
}

/** Reads the use of processes that work together; sockets are counted in the last one's namespace. */
export async function usageOfAll(pids: readonly number[]): Promise<Usage> {
  const uses = await Promise.all(pids.map(usageOf));
  return uses.reduce((sum, { cpuSeconds, peakRss, overrun }) => ({
    cpuSeconds: sum.cpuSeconds + cpuSeconds,
    peakRss: sum.peakRss + peakRss,
    overrun,
  }));
}

/** Reads the use of a process. */
export async function usageOf(pid: number): Promise<Usage> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses, which may itself hold spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    peakRss: peak * 1024,
    overrun: overrunIn(await Deno.readTextFile(`/proc/${pid}/net/snmp`)),
  };
}
