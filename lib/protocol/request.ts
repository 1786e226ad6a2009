/**
 * REQUEST: the four states of a client that sends it, told apart by their fields (RFC 2131 section
 * 4.3.2, table 4), and what the store has to say.
 *
 * @module
 */

import { isBound } from "../lease/lease.ts";
import type { Bind, Result } from "../lease/store.ts";
import { cidrContains, type Ipv4, UNSPECIFIED } from "../wire/address.ts";
import { requestedAddress } from "../wire/registry.ts";
import { type Commit, type Outcome, type Reply, type Silence } from "./outcome.ts";
import { silence, SilenceReason } from "./outcome.ts";
import { ackFor, leaseSeconds, nakFor } from "./reply.ts";
import { isForUs, type Scene, subnetKey } from "./scene.ts";

/**
 * What a client is doing when it sends REQUEST. RENEWING and REBINDING differ only in that one is
 * unicast and the other broadcast, which changes nothing about the answer.
 */
export const ClientState = {
  SELECTING: "SELECTING",
  INIT_REBOOT: "INIT-REBOOT",
  RENEWING: "RENEWING or REBINDING",
} as const;
export type ClientState = typeof ClientState[keyof typeof ClientState];

/** The state of the client that sent a REQUEST; undefined when its fields fit none (table 4). */
export function clientState(scene: Scene): ClientState | undefined {
  const requested = scene.message.options.get(requestedAddress);
  const uses = scene.message.ciaddr !== UNSPECIFIED;
  if (isForUs(scene) !== undefined && requested !== undefined) return ClientState.SELECTING;
  // Before an INIT-REBOOT's requested address: some clients fill in both when they renew, and an
  // address in use says more. Some also name the server.
  if (uses) return ClientState.RENEWING;
  return requested === undefined ? undefined : ClientState.INIT_REBOOT;
}

/** Decides on a REQUEST. */
export function request(scene: Scene): Outcome {
  if (isForUs(scene) === false) {
    return {
      kind: "silence",
      reason: SilenceReason.OTHER_SERVER,
      withdraw: scene.client.key,
      withdrawIn: subnetKey(scene.subnet),
    };
  }
  switch (clientState(scene)) {
    case ClientState.SELECTING:
      return selecting(scene, scene.message.options.get(requestedAddress)!);
    case ClientState.INIT_REBOOT:
      return initReboot(scene, scene.message.options.get(requestedAddress)!);
    case ClientState.RENEWING:
      return renewing(scene, scene.message.ciaddr);
    case undefined:
      return silence(SilenceReason.INCOMPLETE);
  }
}

/** The client takes our offer, remembered or not: after a restart the store knows as well. */
function selecting(scene: Scene, address: Ipv4): Outcome {
  if (!isKept(scene, address)) return startOver(scene);
  return bind(scene, address);
}

/**
 * The client has rebooted and asks whether its old address is still good. On the wrong network it
 * is not. Without a record of the client nothing is known, and RFC 2131 section 4.3.2 wants silence:
 * the record may be another server's.
 */
function initReboot(scene: Scene, address: Ipv4): Outcome {
  const { client, subnet, leases } = scene;
  if (!cidrContains(subnet.cidr, address)) return nakFor(scene);
  if (wasTakenBack(scene, address)) return startOver(scene);
  const known = leases.ofClient(subnetKey(subnet), client.key);
  if (known === undefined) return silence(SilenceReason.UNKNOWN_CLIENT);
  if (known.address !== address || !isKept(scene, address)) return startOver(scene);
  return bind(scene, address);
}

/**
 * The client uses the address and wants to go on. If the book does not know it (it was restored
 * from an old copy), the safest is to enter what is the case, so that nobody else gets the address;
 * if the address is another's, the client must stop.
 *
 * It must stop as well when an operator has taken the address back, or has reserved it for another.
 * RFC 2131 section 4.3.2 says of RENEWING only when the server answers; section 4.4.5 has the client
 * give the address up when it hears NAK, and that is what the operator wants: the sooner it starts
 * over, the less it is left without an address. Should the NAK be lost, the address stays aside
 * until the client's lease has ended.
 */
function renewing(scene: Scene, address: Ipv4): Outcome {
  const { client, subnet, leases } = scene;
  if (wasTakenBack(scene, address)) return startOver(scene);
  if (isKept(scene, address)) return bind(scene, address, true);
  const known = leases.ofClient(subnetKey(subnet), client.key);
  return known === undefined ? silence(SilenceReason.UNKNOWN_CLIENT) : startOver(scene);
}

/** A NAK by what is known of the leases; while the store cannot be asked, that may be out of date. */
function startOver(scene: Scene): Reply | Silence {
  return scene.storeUp ? nakFor(scene) : silence(SilenceReason.STORE_UNAVAILABLE);
}

/**
 * Whether the client may have the address by the configuration. An address that has left the pools
 * stays with its holder as long as that renews; one that was reserved for another does not.
 */
function isKept({ client, subnet, leases, now }: Scene, address: Ipv4): boolean {
  const key = subnetKey(subnet);
  if (leases.isLeasable(key, address, client.key)) return true;
  const lease = leases.ofAddress(address);
  if (lease === undefined || lease.client !== client.key || !isBound(lease, now)) return false;
  return !leases.isReserved(key, address) && cidrContains(subnet.cidr, address);
}

/** Whether an operator has taken the address back from the client, so that it must start over. */
function wasTakenBack({ client, leases, now }: Scene, address: Ipv4): boolean {
  const lease = leases.ofAddress(address);
  return lease?.state === "freed" && lease.client === client.key && lease.held > now;
}

function bind(scene: Scene, address: Ipv4, inUse = false): Commit {
  const { message, client, subnet, leases, heardOn, now } = scene;
  const reservation = leases.reservationOf(subnetKey(subnet), client.key);
  const operation: Bind = {
    kind: "bind",
    subnet: subnetKey(subnet),
    client: client.key,
    address,
    expires: now + leaseSeconds(scene) * 1000,
    mac: client.mac,
    clientId: client.clientId,
    // The operator knows better than the device what it is called, and it is told so.
    hostname: reservation?.hostname ?? client.hostname,
    server: heardOn.address,
    relay: message.giaddr,
    xid: message.xid,
    inUse,
  };
  return { kind: "commit", operation, settle: (result) => settle(scene, result) };
}

/** What the client is told once the store has decided: nothing, if the store cannot say. */
function settle(scene: Scene, result: Result): Reply | Silence {
  switch (result.kind) {
    case "done":
      return ackFor(scene, result.lease);
    case "taken":
      return nakFor(scene);
    case "refused":
      // The subnet has gone since the decision.
      return silence(SilenceReason.NO_SUBNET);
    case "unknown":
      return silence(SilenceReason.STORE_UNAVAILABLE);
  }
}
