/**
 * From a message to its outcome: the way in to the protocol.
 *
 * @module
 */

import type { ServedInterface, Subnet } from "../config/model.ts";
import type { Offers } from "../lease/offers.ts";
import type { LeaseView } from "../lease/store.ts";
import { maxReplySize, type Message } from "../wire/message.ts";
import { maximumMessageSize, MessageType } from "../wire/registry.ts";
import { discover } from "./discover.ts";
import { clientOf } from "./identity.ts";
import { inform } from "./inform.ts";
import { type Outcome, silence, SilenceReason } from "./outcome.ts";
import { decline, release } from "./release.ts";
import { request } from "./request.ts";
import { type Scene, subnetKey } from "./scene.ts";
import { subnetOf } from "./subnet.ts";

/** What the server knows, apart from the message. */
export interface Knowledge {
  readonly interfaces: readonly ServedInterface[];
  readonly subnets: readonly Subnet[];
  readonly leases: LeaseView;
  /** Offers by subnet key. */
  readonly offers: ReadonlyMap<string, Offers>;
  /** Whether the store can commit, as far as is known. */
  readonly storeUp: boolean;
}

/**
 * Decides what to do about a message that `accept` has taken. Pure: sends nothing, changes nothing.
 *
 * @param now Milliseconds since 1970.
 * @throws {DecodeError} when an option that matters here is malformed.
 */
export function decide(
  type: MessageType,
  message: Message,
  heardOn: ServedInterface,
  knowledge: Knowledge,
  now: number,
): Outcome {
  const subnet = subnetOf(type, message, heardOn, knowledge.subnets);
  if (subnet === undefined) return silence(SilenceReason.NO_SUBNET);
  return dispatch(type, {
    message,
    client: clientOf(message),
    subnet,
    heardOn,
    interfaces: knowledge.interfaces,
    leases: knowledge.leases,
    offers: knowledge.offers.get(subnetKey(subnet))!,
    storeUp: knowledge.storeUp,
    maxSize: maxReplySize(message.options.get(maximumMessageSize)),
    now,
  });
}

function dispatch(type: MessageType, scene: Scene): Outcome {
  switch (type) {
    case MessageType.DISCOVER:
      return discover(scene);
    case MessageType.REQUEST:
      return request(scene);
    case MessageType.RELEASE:
      return release(scene);
    case MessageType.DECLINE:
      return decline(scene);
    case MessageType.INFORM:
      return inform(scene);
    default:
      return silence(SilenceReason.MESSAGE_TYPE);
  }
}
