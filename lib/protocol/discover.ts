/**
 * DISCOVER: which address to offer (RFC 2131 section 4.3.1).
 *
 * @module
 */

import type { ClientKey } from "../lease/lease.ts";
import type { Ipv4 } from "../wire/address.ts";
import { requestedAddress } from "../wire/registry.ts";
import { type Outcome, silence, SilenceReason } from "./outcome.ts";
import { offerFor } from "./reply.ts";
import { type Scene, subnetKey } from "./scene.ts";

/** Offers an address out of memory; the store is not asked. */
export function discover(scene: Scene): Outcome {
  // An offer that cannot be honoured only keeps the client from asking somebody else.
  if (!scene.storeUp) return silence(SilenceReason.STORE_UNAVAILABLE);
  const address = choose(scene);
  if (address === undefined) return silence(SilenceReason.POOL_EXHAUSTED);
  const until = scene.now + scene.subnet.offerHold * 1000;
  const { subnet, client } = scene;
  return offerFor(scene, { subnet: subnetKey(subnet), address, client: client.key, until });
}

/**
 * The order of RFC 2131 section 4.3.1: the client's current address, its previous one, the one that
 * it asks for, a new one; with the operator's reservation before all, and what was offered a moment
 * ago before anything new.
 */
function choose(scene: Scene): Ipv4 | undefined {
  const { client, subnet, leases, offers, now } = scene;
  const key = subnetKey(subnet);
  const wishes = [
    leases.reservationOf(key, client.key)?.address,
    leases.ofClient(key, client.key)?.address,
    offers.ofClient(client.key)?.address,
    scene.message.options.get(requestedAddress),
  ];
  for (const address of wishes) {
    if (address !== undefined && mayOffer(scene, address)) return address;
  }
  // Where the hash points: every server picks the same address for a client, and two clients
  // rarely meet.
  const picked = leases.pick(key, hash(client.key), offers.addresses);
  // A client with an address for good gets no other, even while that is on offer to somebody.
  if (picked !== undefined && leases.isAvailable(key, picked, client.key, now)) return picked;
  return reuseOffer(scene);
}

function mayOffer({ client, subnet, leases, offers, now }: Scene, address: Ipv4): boolean {
  const offer = offers.ofAddress(address);
  if (offer !== undefined && offer.client !== client.key) return false;
  return leases.isAvailable(subnetKey(subnet), address, client.key, now);
}

/**
 * When everything free is on offer, the oldest offer is passed on, so that a flood of DISCOVERs
 * from invented clients cannot empty the pool. Should both take it, the store decides. Offers of
 * what this client may not have, such as a reservation, are passed over.
 */
function reuseOffer({ client, subnet, leases, offers, now }: Scene): Ipv4 | undefined {
  const key = subnetKey(subnet);
  for (const { address } of offers.oldestFirst()) {
    if (leases.isAvailable(key, address, client.key, now)) return address;
  }
  return undefined;
}

/** FNV-1a, 32 bits: the same on every server, and close neighbours end up far apart. */
function hash(client: ClientKey): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < client.length; i++) {
    value = Math.imul(value ^ client.charCodeAt(i), 0x01000193);
  }
  return value >>> 0;
}
