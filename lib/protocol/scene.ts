/**
 * Everything that a decision depends on, in one argument.
 *
 * @module
 */

import type { ServedInterface, Subnet } from "../config/model.ts";
import type { Offers } from "../lease/offers.ts";
import type { LeaseView } from "../lease/store.ts";
import type { Message } from "../wire/message.ts";
import { serverIdentifier } from "../wire/registry.ts";
import type { Client } from "./identity.ts";

/** A message, who sent it and where, and what is known at this instant. */
export interface Scene {
  readonly message: Message;
  readonly client: Client;
  /** The subnet that the client is on. */
  readonly subnet: Subnet;
  /** The interface that heard it; its address is the server identifier of the reply. */
  readonly heardOn: ServedInterface;
  /** Every interface that this server answers on. */
  readonly interfaces: readonly ServedInterface[];
  readonly leases: LeaseView;
  /** The offers of this subnet. Decisions read them; the server loop changes them. */
  readonly offers: Offers;
  /** Whether the store can commit, as far as is known. */
  readonly storeUp: boolean;
  /** The largest UDP payload that the client takes, octets. */
  readonly maxSize: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The subnet's name as stores have it: empty for the one without a name. */
export function subnetKey(subnet: Subnet): string {
  return subnet.name ?? "";
}

/**
 * Whether the message names a server, and whether it is this one.
 *
 * @returns undefined when it names none.
 */
export function isForUs({ message, interfaces }: Scene): boolean | undefined {
  const named = message.options.get(serverIdentifier);
  if (named === undefined) return undefined;
  return interfaces.some(({ address }) => address === named);
}
