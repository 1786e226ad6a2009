/**
 * The first law, checked from outside: from captured packets alone it is worked out who held which
 * address when, and every instant at which two clients held the same one is reported.
 *
 * A hold begins with the ACK on the wire. It ends when the client must stop by its own reckoning,
 * which counts from the instant it sent the REQUEST (RFC 2131 section 4.4.1), or earlier with its
 * RELEASE or DECLINE, with a NAK to its request for that address, or when it takes another: with its
 * REQUEST for what it was offered, since a client that selects has no address (RFC 2131, figure 5).
 *
 * An ACK or NAK to a transaction that its client has left, for it has begun another since, changes
 * nothing: the client discards it (RFC 2131 section 4.4.1). So a server that was frozen may say what
 * it likes to nobody. Of the answers to one transaction the client takes the first: a NAK after an
 * ACK is nothing to it either. Where ACKs differ in their lease, the longest counts, since nobody
 * but the client knows which of them arrived.
 *
 * @module
 */

import { addressOption, OPTION, secondsOption, typeOf } from "./bootp.ts";
import { line, type Packet } from "./pcap.ts";

/** Why a hold ended, or will. */
export type Ending = "expired" | "released" | "declined" | "refused" | "moved";

/** A client had an address from one instant to another (milliseconds since the epoch). */
export interface Hold {
  readonly address: string;
  readonly client: string;
  readonly from: number;
  until: number;
  ending: Ending;
  /** How many ACKs it rests on: the first and its renewals. */
  acks: number;
}

/** Two clients had one address. */
export interface Doubled {
  readonly address: string;
  readonly first: Hold;
  readonly second: Hold;
  /** For how long, milliseconds. */
  readonly overlap: number;
}

/** What the packets say. */
export interface Verdict {
  readonly holds: readonly Hold[];
  readonly doubled: readonly Doubled[];
}

/** Who held what when, in order of the holds' beginnings. */
export function holdsOf(packets: readonly Packet[]): Hold[] {
  const holds: Hold[] = [];
  const current = new Map<string, Hold>();
  /** The latest REQUEST by client and transaction. */
  const requests = new Map<string, Packet>();
  /** The latest transaction by client, and whether it has had its ACK. */
  const transactions = new Map<string, { readonly xid: number; isOver: boolean }>();

  const end = (hold: Hold | undefined, at: number, ending: Ending) => {
    if (!hold || hold.until <= at) return;
    hold.until = at;
    hold.ending = ending;
  };

  for (const packet of packets) {
    const { at, message } = packet;
    const client = message.chaddr;
    const hold = current.get(client);
    const asked = addressOption(message, OPTION.requestedAddress);
    const transaction = `${client} ${message.xid}`;
    // A client that says more in a transaction has not taken its ACK.
    if (message.op === 1) transactions.set(client, { xid: message.xid, isOver: false });
    const latest = transactions.get(client);
    const isLate = latest !== undefined && latest.xid !== message.xid;
    switch (typeOf(message)) {
      case "REQUEST":
        requests.set(transaction, packet);
        if (message.options.has(OPTION.serverIdentifier) && hold?.address !== asked) {
          end(hold, at, "moved");
        }
        break;
      case "ACK": {
        const lease = secondsOption(message, OPTION.leaseTime);
        // The answer to an INFORM gives no address.
        if (message.yiaddr === "0.0.0.0" || lease === undefined) break;
        if (isLate) break;
        if (latest) latest.isOver = true;
        const expiry = (requests.get(transaction)?.at ?? at) + lease * 1000;
        if (hold && hold.address === message.yiaddr && hold.until >= at) {
          hold.until = Math.max(hold.until, expiry);
          hold.acks++;
          break;
        }
        end(hold, at, "moved");
        const begun: Hold = {
          address: message.yiaddr,
          client,
          from: at,
          until: expiry,
          ending: "expired",
          acks: 1,
        };
        holds.push(begun);
        current.set(client, begun);
        break;
      }
      case "NAK": {
        if (isLate || latest?.isOver) break;
        const request = requests.get(transaction);
        const refused = request &&
          (addressOption(request.message, OPTION.requestedAddress) ?? request.message.ciaddr);
        if (hold?.address === refused) end(hold, at, "refused");
        break;
      }
      case "RELEASE":
        if (hold?.address === message.ciaddr) end(hold, at, "released");
        break;
      case "DECLINE":
        if (hold?.address === asked) end(hold, at, "declined");
        break;
    }
  }
  return holds;
}

/** Finds every pair of holds on one address by two clients that overlap in time. */
export function doubledIn(holds: readonly Hold[]): Doubled[] {
  const byAddress = Map.groupBy(holds, (hold) => hold.address);
  const doubled: Doubled[] = [];
  for (const [address, list] of byAddress) {
    list.sort((a, b) => a.from - b.from);
    // Those that have not ended yet when the next begins: nearly always one or none.
    let open: Hold[] = [];
    for (const hold of list) {
      open = open.filter((earlier) => earlier.until > hold.from);
      for (const earlier of open) {
        if (earlier.client === hold.client) continue;
        const overlap = Math.min(earlier.until, hold.until) - hold.from;
        doubled.push({ address, first: earlier, second: hold, overlap });
      }
      open.push(hold);
    }
  }
  return doubled;
}

/** Reads a capture: who held what, and what was held twice. */
export function check(packets: readonly Packet[]): Verdict {
  const holds = holdsOf(packets);
  return { holds, doubled: doubledIn(holds) };
}

/** A doubled address in words. */
export function describeDoubled({ address, first, second, overlap }: Doubled): string {
  return `${address} was held by ${first.client} and ${second.client} ` +
    `for ${(overlap / 1000).toFixed(3)} s from ${new Date(second.from).toISOString()}`;
}

/** What some clients said and were told between two instants; that is counted from `since`. */
export function storyOf(
  clients: readonly string[],
  packets: readonly Packet[],
  { from, until, since }: { from: number; until: number; since: number },
): string {
  return packets
    .filter(({ at, message }) => clients.includes(message.chaddr) && at >= from && at <= until)
    .map((packet) => line(packet, since)).join("\n");
}

/**
 * Checks a capture and insists on it.
 *
 * @throws {Error} naming every doubled address, or when there were no leases to judge.
 */
export function assertSingleHolders(packets: readonly Packet[]): Verdict {
  const verdict = check(packets);
  if (verdict.holds.length === 0) throw new Error("The capture shows no lease: nothing to judge");
  if (verdict.doubled.length > 0) {
    const lines = verdict.doubled.map(describeDoubled);
    const { first, second } = verdict.doubled[0]!;
    const times = { from: first.from - 1000, until: second.from + 1000, since: second.from };
    const story = storyOf([first.client, second.client], packets, times);
    throw new Error(
      `${verdict.doubled.length} doubled:\n${lines.join("\n")}\nthe first one's story:\n${story}`,
    );
  }
  return verdict;
}
