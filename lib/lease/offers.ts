/**
 * Offers: which address was offered to whom a moment ago. They live in memory and cost the store
 * nothing; losing them is harmless, because the store alone decides who gets an address.
 *
 * @module
 */

import type { Ipv4 } from "../wire/address.ts";
import { AddressSet, type AddressSpace } from "./address_set.ts";
import type { ClientKey } from "./lease.ts";

/** An address kept for a client until `until`, milliseconds since 1970. */
export interface Offer {
  /** The subnet's name, empty for the one without. */
  readonly subnet: string;
  readonly address: Ipv4;
  readonly client: ClientKey;
  readonly until: number;
}

/**
 * The offers of one subnet: at most one for each client and one for each address, so never more
 * than there are addresses.
 */
export class Offers {
  /** The addresses on offer: to keep them from being picked for others. */
  readonly addresses: AddressSet;
  /** In the order in which they were made, the oldest first. */
  readonly #byClient = new Map<ClientKey, Offer>();
  readonly #byAddress = new Map<Ipv4, Offer>();

  constructor(space: AddressSpace) {
    this.addresses = new AddressSet(space);
  }

  /** The same offers over another space, those of its addresses. */
  movedTo(space: AddressSpace): Offers {
    const offers = new Offers(space);
    for (const offer of this.oldestFirst()) {
      if (space.indexOf(offer.address) >= 0) offers.hold(offer);
    }
    return offers;
  }

  get size(): number {
    return this.#byClient.size;
  }

  ofClient(client: ClientKey): Offer | undefined {
    return this.#byClient.get(client);
  }

  ofAddress(address: Ipv4): Offer | undefined {
    return this.#byAddress.get(address);
  }

  /** Every offer, the one that was made, or made again, longest ago first. */
  oldestFirst(): Iterable<Offer> {
    return this.#byClient.values();
  }

  /** Keeps an address for a client, in place of what was kept for it or kept of the address. */
  hold(offer: Offer): void {
    this.#drop(this.#byClient.get(offer.client));
    this.#drop(this.#byAddress.get(offer.address));
    this.#byClient.set(offer.client, offer);
    this.#byAddress.set(offer.address, offer);
    this.addresses.add(offer.address);
  }

  /** Forgets what is kept for a client: it took the offer, or another server's. */
  withdraw(client: ClientKey): void {
    this.#drop(this.#byClient.get(client));
  }

  /** Forgets the offers whose time is over: all are held equally long, so the oldest end first. */
  expire(now: number): void {
    for (const offer of this.#byClient.values()) {
      if (offer.until > now) return;
      this.#drop(offer);
    }
  }

  #drop(offer: Offer | undefined): void {
    if (offer === undefined) return;
    this.#byClient.delete(offer.client);
    this.#byAddress.delete(offer.address);
    this.addresses.delete(offer.address);
  }
}
