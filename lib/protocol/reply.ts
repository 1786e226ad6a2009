/**
 * The messages that a server sends: what is in an OFFER, an ACK and a NAK (RFC 2131 table 3), and
 * the echoes that every reply owes.
 *
 * @module
 */

import type { Committed, Lease } from "../lease/lease.ts";
import type { Offer } from "../lease/offers.ts";
import { type Ipv4, UNSPECIFIED } from "../wire/address.ts";
import { BROADCAST_FLAG, type Message, Op } from "../wire/message.ts";
import { Options } from "../wire/options.ts";
import {
  clientIdentifier,
  domainNameServer,
  leaseTime,
  MessageType,
  messageType,
  parameterRequestList,
  rebindingTime,
  relayAgentInformation,
  renewalTime,
  router,
  serverIdentifier,
  subnetMask,
} from "../wire/registry.ts";
import { destinationOf, nakDestinationOf } from "./destination.ts";
import type { Reply } from "./outcome.ts";
import { type Scene, subnetKey } from "./scene.ts";

/** Sent to a client that says nothing of what it wants; without them it could do nothing. */
const UNASKED = Uint8Array.of(subnetMask.code, router.code, domainNameServer.code);

const EMPTY = new Uint8Array(0);

/**
 * How long a lease the client gets, seconds: what it asks for, within the subnet's bounds.
 */
export function leaseSeconds(scene: Scene): number {
  const { default: usual, min, max } = scene.subnet.lease;
  const asked = scene.message.options.get(leaseTime);
  return asked === undefined ? usual : Math.min(Math.max(asked, min), max);
}

/** An OFFER of an address, which is kept for the client meanwhile. */
export function offerFor(scene: Scene, hold: Offer): Reply {
  const message = start(scene, MessageType.OFFER, hold.address, UNSPECIFIED);
  addLeaseTimes(message.options, leaseSeconds(scene));
  return { ...finish(scene, message), hold };
}

/**
 * An ACK of a lease that nothing can lose any more. It never tells of more time than the book has;
 * the book may hold the address longer, where an earlier lease ended later.
 */
export function ackFor(scene: Scene, lease: Committed<Lease>): Reply {
  const message = start(scene, MessageType.ACK, lease.address, scene.message.ciaddr);
  const held = Math.floor((lease.expires - scene.now) / 1000);
  addLeaseTimes(message.options, Math.min(leaseSeconds(scene), held));
  return {
    ...finish(scene, message),
    withdraw: scene.client.key,
    withdrawIn: subnetKey(scene.subnet),
  };
}

/** An ACK to INFORM: parameters, but neither address nor lease (RFC 2131 section 4.3.5). */
export function ackForInform(scene: Scene): Reply {
  return finish(scene, start(scene, MessageType.ACK, UNSPECIFIED, scene.message.ciaddr));
}

/**
 * A NAK: the client must start over. Nothing in it but who says so (RFC 2131 table 3), and to a
 * relay with the broadcast flag, because the client's address is worth nothing (section 4.3.2).
 */
export function nakFor(scene: Scene): Reply {
  const message = start(scene, MessageType.NAK, UNSPECIFIED, UNSPECIFIED);
  if (scene.message.giaddr !== UNSPECIFIED) message.flags |= BROADCAST_FLAG;
  echoIdentity(scene, message.options);
  return {
    kind: "reply",
    message,
    destination: nakDestinationOf(scene.message),
    maxSize: scene.maxSize,
    withdraw: scene.client.key,
    withdrawIn: subnetKey(scene.subnet),
  };
}

function start(scene: Scene, type: MessageType, yiaddr: Ipv4, ciaddr: Ipv4): Message {
  const request = scene.message;
  const options = new Options();
  options.set(messageType, type);
  options.set(serverIdentifier, scene.heardOn.address);
  return {
    op: Op.BOOTREPLY,
    htype: request.htype,
    hlen: request.hlen,
    hops: 0,
    xid: request.xid,
    secs: 0,
    flags: request.flags,
    ciaddr,
    yiaddr,
    siaddr: UNSPECIFIED,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: EMPTY,
    file: EMPTY,
    options,
  };
}

function finish(scene: Scene, message: Message): Reply {
  addParameters(scene, message.options);
  echoIdentity(scene, message.options);
  return {
    kind: "reply",
    message,
    destination: destinationOf(scene.message, message),
    maxSize: scene.maxSize,
  };
}

/** T1 and T2 are a half and seven eighths of the lease (RFC 2131 section 4.4.5). */
function addLeaseTimes(options: Options, seconds: number): void {
  options.set(leaseTime, seconds);
  options.set(renewalTime, Math.floor(seconds / 2));
  options.set(rebindingTime, Math.floor(seconds * 7 / 8));
}

/**
 * What the client asks for in the order in which it asks (RFC 2132 section 9.8), but the mask
 * before the router (RFC 2132 section 3.3).
 */
function addParameters({ message, client, subnet, leases }: Scene, options: Options): void {
  const asked = message.options.raw(parameterRequestList.code) ?? UNASKED;
  const own = leases.reservationOf(subnetKey(subnet), client.key)?.options;
  const add = (code: number) => {
    const value = own?.get(code) ?? subnet.options.get(code);
    if (value !== undefined) options.setRaw(code, value);
  };
  if (asked.includes(subnetMask.code)) add(subnetMask.code);
  for (const code of asked) if (code !== subnetMask.code) add(code);
}

/** Client identifier (RFC 6842 section 3) and relay agent information (RFC 3046 section 2.2). */
function echoIdentity({ message }: Scene, options: Options): void {
  options.echo(message.options, clientIdentifier.code);
  options.echo(message.options, relayAgentInformation.code);
}
