/**
 * What a running server can take up of another configuration, and what has to wait for a restart.
 *
 * @module
 */

import { type Cidr, cidrContains, formatCidr } from "../wire/address.ts";
import type { AdminConfig, ServerConfig, Subnet } from "./model.ts";
import { SETTINGS } from "./settings.ts";

/** What comes of another configuration for a server that is running. */
export interface Reload {
  /** The new configuration with everything that needs a restart as it was. */
  readonly config: ServerConfig;
  /** What is different in it, by name in the file: "subnet.lan", "log.verbosity". */
  readonly changed: readonly string[];
  /** What was changed and needs a restart, by name in the file. */
  readonly restart: readonly string[];
}

/** A part of the configuration and what the file calls it. */
type Part = readonly [name: string, (config: ServerConfig) => unknown];

/** Parts that sockets, the store and what else was opened at the start were made from. */
const FIXED: readonly Part[] = [
  [SETTINGS.serverIf.file!, ({ trial, interfaces }) => [trial, interfaces]],
  [SETTINGS.port.file!, ({ port }) => port],
  [SETTINGS.clientPort.file!, ({ clientPort }) => clientPort],
  [SETTINGS.confinedElsewhere.file!, ({ confinedElsewhere }) => confinedElsewhere],
  ["store", ({ store }) => store],
  [SETTINGS.adminAddr.file!, admin(({ listen }) => listen)],
  [SETTINGS.adminSocket.file!, admin(({ socket }) => socket)],
  [SETTINGS.adminTokenFile.file!, admin(({ tokenFile }) => tokenFile)],
  [SETTINGS.adminTlsCert.file!, admin(({ tls }) => tls)],
  ["hook", ({ hooks }) => hooks],
  [SETTINGS.reloadOnChange.file!, ({ reloadOnChange }) => reloadOnChange],
  [SETTINGS.logFormat.file!, ({ log }) => log.format],
];

function admin(part: (admin: AdminConfig) => unknown): (config: ServerConfig) => unknown {
  return (config) => part(config.admin);
}

/** The other parts, apart from subnets. */
const LIVE: readonly Part[] = [
  [SETTINGS.requestTimeout.file!, ({ requestTimeout }) => requestTimeout],
  [SETTINGS.poolThreshold.file!, ({ poolThreshold }) => poolThreshold],
  [SETTINGS.logLeases.file!, ({ log }) => log.leases],
  [SETTINGS.verbosity.file!, ({ log }) => log.verbosity],
];

/** Compares what runs with what is asked for now. */
export function compareConfigs(running: ServerConfig, asked: ServerConfig): Reload {
  const differing = (parts: readonly Part[]) =>
    parts.filter(([, part]) => !isSame(part(running), part(asked))).map(([name]) => name);
  const { subnets, requestTimeout, poolThreshold } = asked;
  return {
    config: {
      ...running,
      subnets,
      requestTimeout,
      poolThreshold,
      log: { ...asked.log, format: running.log.format },
    },
    changed: [...changedSubnets(running, asked), ...differing(LIVE)],
    restart: differing(FIXED),
  };
}

/**
 * Subnets that have addresses which were those of a subnet with another name: a store that keeps
 * leases under the subnet's name would not find them, and lease the addresses again.
 *
 * @returns one line for each.
 */
export function takenOver(served: readonly Subnet[], asked: readonly Subnet[]): string[] {
  const label = ({ name }: Subnet) => name === undefined ? "subnet" : `subnet.${name}`;
  return asked.flatMap((subnet) => {
    const other = served.find(({ name, cidr }) => {
      return name !== subnet.name && overlap(cidr, subnet.cidr);
    });
    return other === undefined ? [] : [
      `${label(subnet)}: ${formatCidr(subnet.cidr)} was ${label(other)}, under whose name etcd ` +
      "has its leases; that needs a restart of every server, once those leases have ended",
    ];
  });
}

function overlap(one: Cidr, other: Cidr): boolean {
  return cidrContains(one, other.network) || cidrContains(other, one.network);
}

function changedSubnets(running: ServerConfig, asked: ServerConfig): string[] {
  const byName = ({ subnets }: ServerConfig) =>
    new Map(subnets.map((one) => [one.name === undefined ? "subnet" : `subnet.${one.name}`, one]));
  const [before, after] = [byName(running), byName(asked)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => !isSame(before.get(name), after.get(name)));
}

/** Whether two parts of a configuration say the same. The order of maps and sets says nothing. */
function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || !one || !other) return false;
  if (one instanceof Set && other instanceof Set) return one.symmetricDifference(other).size === 0;
  if (one instanceof Map && other instanceof Map) {
    return one.size === other.size &&
      [...one].every(([key, value]) => other.has(key) && isSame(value, other.get(key)));
  }
  const [keys, others] = [Object.keys(one), Object.keys(other)];
  return keys.length === others.length &&
    keys.every((key) => isSame(one[key as never], other[key as never]));
}
