/**
 * A machine to configure.
 *
 * @module
 */

import type { InterfaceAddress } from "../../lib/config/resolve.ts";

function ipv4(name: string, address: string, netmask: string): InterfaceAddress {
  return { name, family: "IPv4", address, netmask, mac: "02:00:00:00:00:01" };
}

/** Its interfaces: lan0 has two networks, up0 one. */
export const INTERFACES: readonly InterfaceAddress[] = [
  ipv4("lo", "127.0.0.1", "255.0.0.0"),
  ipv4("lan0", "10.6.9.1", "255.255.255.0"),
  ipv4("lan0", "10.7.0.1", "255.255.0.0"),
  ipv4("up0", "192.0.2.2", "255.255.255.0"),
];
