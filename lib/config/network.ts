/**
 * Parts of a subnet's configuration that flags and files share: what goes on the wire to every
 * client, how long leases last, which addresses a host can have.
 *
 * @module
 */

import {
  broadcastOf,
  type Cidr,
  cidrContains,
  formatCidr,
  type Ipv4,
  maskOf,
} from "../wire/address.ts";
import {
  broadcastAddress,
  domainName,
  domainNameServer,
  router,
  subnetMask,
} from "../wire/registry.ts";
import type { LeaseTimes } from "./model.ts";

/**
 * A quarter of the pools may be in quarantine: a client that declines whatever it gets then runs
 * out of harm to do long before the network runs out of addresses.
 */
export const DECLINE_SHARE = 0.25;

/** Seconds; help says so too. */
const MIN_LEASE = 120;

/** A value that was settled, wherever it came from. */
export interface Settled<T> {
  readonly value: T;
  readonly label: string;
  readonly usable: boolean;
}

/** Why an address cannot be a host's in the subnet; undefined when it can. */
export function hostFlaw(address: Ipv4, cidr: Cidr): string | undefined {
  if (!cidrContains(cidr, address)) return `is outside the subnet ${formatCidr(cidr)}`;
  // A /31 has neither a network nor a broadcast address (RFC 3021 section 2.1).
  if (cidr.prefix >= 31) return undefined;
  if (address === cidr.network) return `is the network address of ${formatCidr(cidr)}`;
  if (address === broadcastOf(cidr)) return `is the broadcast address of ${formatCidr(cidr)}`;
  return undefined;
}

/** A lease's default length and bounds, seconds. */
export function leaseTimes(
  lease: Settled<number>,
  minLease: Settled<number | undefined>,
  maxLease: Settled<number | undefined>,
  problems: string[],
): LeaseTimes {
  const times = {
    default: lease.value,
    min: minLease.value ?? Math.min(lease.value, MIN_LEASE),
    // Else a stranger could keep an address for longer than the operator has thought of.
    max: maxLease.value ?? lease.value,
  };
  if (lease.usable && minLease.usable && times.min > times.default) {
    problems.push(
      `${minLease.label}: ${times.min}s is longer than the lease (${lease.label}, ${lease.value}s)`,
    );
  }
  if (lease.usable && maxLease.usable && times.max < times.default) {
    problems.push(
      `${maxLease.label}: ${times.max}s is shorter than the lease (${lease.label}, ` +
        `${lease.value}s)`,
    );
  }
  return times;
}

/** What goes to every client of a subnet, as octets. */
export function wireOptions(
  cidr: Cidr,
  routers: readonly Ipv4[],
  dns: readonly Ipv4[],
  domain: string | undefined,
): Map<number, Uint8Array> {
  const options = new Map([
    [subnetMask.code, subnetMask.codec.encode(maskOf(cidr.prefix))],
  ]);
  if (routers.length > 0) options.set(router.code, router.codec.encode(routers));
  if (dns.length > 0) options.set(domainNameServer.code, domainNameServer.codec.encode(dns));
  if (cidr.prefix < 31) {
    options.set(broadcastAddress.code, broadcastAddress.codec.encode(broadcastOf(cidr)));
  }
  if (domain !== undefined) options.set(domainName.code, domainName.codec.encode(domain));
  return options;
}
