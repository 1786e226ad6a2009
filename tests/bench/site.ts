/**
 * What every server in the benchmark is asked to serve, in the same network:
 *
 * ```text
 *   host "server"                         host "generator"
 *  +----------------------+              +---------------------------+
 *  | the server           |     veth     | perfdhcp, which speaks as |
 *  | lan0   10.64.0.1/12 o|--------------|o gen0  10.64.0.2/12       |
 *  +----------------------+              | a relay for its clients   |
 *                                        +---------------------------+
 * ```
 *
 * @module
 */

import { formatIpv4, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
import type { Host, Lab } from "../e2e/lab.ts";

/** The network. */
export const SITE = {
  interface: "lan0",
  address: "10.64.0.1",
  network: "10.64.0.0",
  prefix: 12,
  mask: "255.240.0.0",
  leaseSeconds: 3600,
} as const;

/** The addresses that are leased, both ends included. */
export interface Pool {
  readonly from: string;
  readonly to: string;
}

/**
 * A pool of this many addresses. The default of a million is never nearly used up, but some
 * servers go through all of them.
 */
export function poolOf(addresses: number): Pool {
  const from = parseIpv4("10.64.1.0");
  const last = parseIpv4("10.79.254.254");
  const to = Math.min(from + addresses - 1, last) as Ipv4;
  return { from: formatIpv4(from), to: formatIpv4(to) };
}

/** The generator's interface. */
export const GENERATOR = { interface: "gen0", address: "10.64.0.2" } as const;

/** The two hosts of the benchmark. */
export interface Site {
  readonly server: Host;
  readonly generator: Host;
  /** Where logs go: in memory, so that writing them does not delay flushing leases to the disk. */
  readonly logs: string;
}

/** Builds the network: one veth pair, without a bridge that would cost time on the same cores. */
export async function buildSite(lab: Lab): Promise<Site> {
  const server = await lab.host("server");
  const generator = await lab.host("generator");
  await server.ip(
    ...["link", "add", SITE.interface, "type", "veth"],
    ...["peer", "name", GENERATOR.interface, "netns", generator.netns],
  );
  const up = async (host: Host, name: string, address: string) => {
    await host.ip("address", "add", `${address}/${SITE.prefix}`, "brd", "+", "dev", name);
    await host.ip("link", "set", name, "up");
  };
  await up(server, SITE.interface, SITE.address);
  await up(generator, GENERATOR.interface, GENERATOR.address);
  return { server, generator, logs: await lab.tmpfs("logs", "1G") };
}
