/**
 * Who may stay connected to the endpoint. Whoever only sits there makes way for whoever comes, the
 * longest idle first; nobody has more than a share; and when all are busy, some seats are left for
 * what is open to everybody: health and metrics. Pure bookkeeping, about connections by their key.
 *
 * @module
 */

/** What a connection may ask for: anything, or only what seats are kept for. */
export type Seat = "any" | "kept";

export interface SeatLimits {
  /** Connections that may ask for anything. */
  readonly connections: number;
  /** Connections beyond those, for health and metrics. */
  readonly kept: number;
  /** Connections of one peer among those that may ask for anything. */
  readonly peer: number;
}

interface Seated {
  readonly seat: Seat;
  readonly peer: string;
  /** Answers that it waits for. */
  owed: number;
}

export class Seats<Key> {
  readonly #limits: SeatLimits;
  readonly #seated = new Map<Key, Seated>();
  /** Those that are owed nothing, the longest idle first. */
  readonly #idle = new Map<Key, Seated>();

  constructor(limits: SeatLimits) {
    this.#limits = limits;
  }

  /**
   * Seats a newcomer.
   *
   * @returns whether there was a seat, and who must leave for it.
   */
  take(key: Key, peer: string): { readonly seated: boolean; readonly leaves: Key | undefined } {
    const { connections, kept, peer: share } = this.#limits;
    const hasShare = this.#count((one) => one.seat === "any" && one.peer === peer) >= share;
    const isFull = this.#count((one) => one.seat === "any") >= connections;
    let seat: Seat = "any";
    let leaves: Key | undefined;
    if (hasShare || isFull) {
      leaves = this.#longestIdle((one) => one.seat === "any" && (!hasShare || one.peer === peer));
      if (leaves === undefined) {
        seat = "kept";
        if (this.#count((one) => one.seat === "kept") >= kept) {
          leaves = this.#longestIdle((one) => one.seat === "kept");
          if (leaves === undefined) return { seated: false, leaves };
        }
      }
    }
    if (leaves !== undefined) this.leave(leaves);
    const seated: Seated = { seat, peer, owed: 0 };
    this.#seated.set(key, seated);
    this.#idle.set(key, seated);
    return { seated: true, leaves };
  }

  leave(key: Key): void {
    this.#seated.delete(key);
    this.#idle.delete(key);
  }

  /** It asks. @returns what it may ask for; undefined when it has left already. */
  ask(key: Key): Seat | undefined {
    const seated = this.#seated.get(key);
    if (seated === undefined) return undefined;
    seated.owed++;
    this.#idle.delete(key);
    return seated.seat;
  }

  /** It has been answered. @returns whether it is owed nothing more. */
  answered(key: Key): boolean {
    const seated = this.#seated.get(key);
    if (seated === undefined) return true;
    seated.owed--;
    if (seated.owed > 0) return false;
    this.#idle.set(key, seated);
    return true;
  }

  /** Who is owed nothing. */
  get idle(): readonly Key[] {
    return [...this.#idle.keys()];
  }

  #count(which: (one: Seated) => boolean): number {
    let count = 0;
    for (const one of this.#seated.values()) if (which(one)) count++;
    return count;
  }

  #longestIdle(which: (one: Seated) => boolean): Key | undefined {
    for (const [key, one] of this.#idle) if (which(one)) return key;
    return undefined;
  }
}

/**
 * Whom an address stands for: in IPv6 a whole /64, which is what one machine has, and this machine
 * by whichever of its loopback addresses.
 */
export function peerOf(address: string): string {
  const bare = address.toLowerCase().replace(/^::ffff:(?=\d+\.)/, "");
  if (bare === "::1" || /^127\./.test(bare)) return "loopback";
  if (!bare.includes(":")) return bare;
  const [head = "", tail] = bare.replace(/%.*$/, "").split("::", 2);
  const groups = (text: string) => text === "" ? [] : text.split(":");
  const [before, after] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array<string>(zeros).fill("0"), ...after].slice(0, 4).join(":");
}
