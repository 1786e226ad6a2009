/**
 * The network that most scenarios play on: a server and a wire, with a capture on it.
 *
 * @module
 */

import { Capture } from "../capture.ts";
import { BRIDGE, type Host, type Lab } from "../lab.ts";
import { LAN } from "../server.ts";
import { Talker } from "../talker.ts";

/** A wire with the server's host in it; the server itself is the scenario's to start. */
export interface Lan {
  readonly server: Host;
  readonly wire: Host;
}

/** Builds the wire and the server's host with lan0 10.6.9.1/24. */
export async function buildLan(lab: Lab): Promise<Lan> {
  const [server, wire] = [await lab.host("server"), await lab.wire("lan")];
  await lab.plug(server, wire, { name: "lan0", address: LAN.address });
  return { server, wire };
}

/** Captures all of a wire. */
export function watch(lab: Lab, wire: Host): Promise<Capture> {
  return Capture.start(lab, wire, BRIDGE);
}

/** Where the scripted clients' host is: outside the pool. */
export const TALKER_ADDRESS = "10.6.9.200";

/** Scripted clients on the wire, with broadcasts, or behind a relay that is in the wire. */
export async function talkers(lab: Lab, wire: Host, relay = false): Promise<Talker> {
  const host = await lab.host("talker");
  await lab.plug(host, wire, { name: "eth0", address: `${TALKER_ADDRESS}/24` });
  // A socket bound to no address needs a route even for this one.
  await host.ip("route", "add", "255.255.255.255/32", "dev", "eth0");
  return await Talker.open(lab, host, { address: TALKER_ADDRESS, server: LAN.server, relay });
}
