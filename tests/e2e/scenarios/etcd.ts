/**
 * An etcd on the wire, for servers that share their leases.
 *
 * @module
 */

import type { Host, Lab } from "../lab.ts";
import type { Process } from "../process.ts";
import type { Lan } from "./lan.ts";

const ETCD = "10.6.9.250";

/** These flags, with the leases in {@linkcode startEtcd}'s etcd. */
export function withEtcd<T extends Readonly<Record<string, string>>>(flags: T) {
  return { ...flags, "etcd.discovery.endpoints": `http://${ETCD}:2379` };
}

/** An etcd of one member, on a host of its own on the wire. */
export async function startEtcd(lab: Lab, { wire }: Lan): Promise<Process> {
  const host = await lab.host("etcd");
  await lab.plug(host, wire, { name: "eth0", address: `${ETCD}/24` });
  return await runEtcd(lab, host, ETCD);
}

/** An etcd of one member, on a host that there is, at one of its addresses. */
export async function runEtcd(lab: Lab, host: Host, address: string): Promise<Process> {
  const [client, peer] = [`http://${address}:2379`, `http://${address}:2380`];
  const etcd = host.start([
    ...["etcd", "--data-dir", `${lab.directory}/etcd`],
    ...["--listen-client-urls", client, "--advertise-client-urls", client],
    ...["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer],
    ...["--initial-cluster", `default=${peer}`],
  ], { title: "etcd" });
  await etcd.line(/ready to serve client requests/, 30);
  return etcd;
}
