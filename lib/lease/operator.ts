/**
 * What becomes of an entry when an operator frees or enters it: the same in every store. Pure.
 *
 * @module
 */

import { UNSPECIFIED } from "../wire/address.ts";
import type { Lease } from "./lease.ts";
import type { Enter } from "./store.ts";

/**
 * The entry of an address that an operator takes back, undefined for none. Unless by force, it is
 * kept aside for as long as some lease that was given for it may last: its client has not agreed.
 *
 * @param held When the last such lease ends, where that is not what the entry says.
 */
export function afterFree(
  before: Lease,
  force: boolean,
  now: number,
  held = before.held,
): Lease | undefined {
  // Whoever declined it has no claim to get it back.
  if (before.state === "declined") return undefined;
  if (force) return { ...before, state: "released", expires: now, held: now };
  return { ...before, state: "freed", expires: held, held };
}

/**
 * The entry of a lease that another server gave.
 *
 * @param mine What the client has here already: it loses nothing of that.
 */
export function entered(enter: Enter, mine: Lease | undefined, now: number): Lease {
  const { address, subnet, client, mac, clientId, hostname, since, expires } = enter;
  if (mine !== undefined) {
    return {
      ...mine,
      since: Math.min(mine.since, since),
      expires: Math.max(mine.expires, expires),
      held: Math.max(mine.held, expires),
    };
  }
  return {
    address,
    subnet,
    client,
    mac,
    clientId,
    hostname,
    state: "bound",
    since,
    renewed: now,
    expires,
    held: expires,
    server: UNSPECIFIED,
    relay: UNSPECIFIED,
  };
}
