/**
 * RELEASE and DECLINE: a client gives an address back, or finds it in use by somebody else
 * (RFC 2131 sections 4.3.3 and 4.3.4). Neither is ever answered.
 *
 * @module
 */

import type { Operation, Result } from "../lease/store.ts";
import { UNSPECIFIED } from "../wire/address.ts";
import { requestedAddress } from "../wire/registry.ts";
import { type Outcome, type Silence, silence, SilenceReason } from "./outcome.ts";
import { isForUs, type Scene, subnetKey } from "./scene.ts";

/** Decides on a RELEASE: ciaddr names the address, option 54 the server (RFC 2131 table 5). */
export function release(scene: Scene): Outcome {
  const { message, client, subnet, interfaces } = scene;
  const forUs = isForUs(scene);
  if (forUs === false) return silence(SilenceReason.OTHER_SERVER);
  if (forUs === undefined || message.ciaddr === UNSPECIFIED) {
    return silence(SilenceReason.INCOMPLETE);
  }
  return giveBack({
    kind: "release",
    subnet: subnetKey(subnet),
    client: client.key,
    address: message.ciaddr,
    servers: interfaces.map(({ address }) => address),
  });
}

/**
 * Decides on a DECLINE: option 50 names the address (RFC 2131 table 5). It is kept aside for a
 * while; never more than a share of the pool is, because some clients decline in storms.
 */
export function decline(scene: Scene): Outcome {
  const { message, client, subnet, interfaces, leases, now } = scene;
  const forUs = isForUs(scene);
  if (forUs === false) return silence(SilenceReason.OTHER_SERVER);
  const address = message.options.get(requestedAddress);
  if (forUs === undefined || address === undefined) return silence(SilenceReason.INCOMPLETE);
  const key = subnetKey(subnet);
  return giveBack({
    kind: "decline",
    subnet: key,
    client: client.key,
    address,
    servers: interfaces.map((one) => one.address),
    until: now + subnet.quarantine * 1000,
    limit: quarantineLimit(leases.poolSize(key), subnet.declineShare),
  });
}

/** At least one address, however small the pool: the client must not get it again at once. */
function quarantineLimit(poolSize: number, share: number): number {
  return share === 0 ? 0 : Math.max(1, Math.floor(poolSize * share));
}

function giveBack(operation: Operation): Outcome {
  return { kind: "commit", operation, settle };
}

function settle(result: Result): Silence {
  switch (result.kind) {
    case "done":
      return silence(SilenceReason.NO_REPLY_WANTED);
    case "taken":
    case "refused":
      return silence(SilenceReason.NOT_THE_HOLDER);
    case "unknown":
      return silence(SilenceReason.STORE_UNAVAILABLE);
  }
}
