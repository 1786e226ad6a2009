/**
 * Settings to configuration: every default filled in, every contradiction found, nothing touched.
 *
 * @module
 */

import {
  AddressError,
  broadcastOf,
  type Cidr,
  cidrContains,
  cidrOf,
  formatCidr,
  formatIpv4,
  formatRange,
  type Ipv4,
  type Ipv4Range,
  maskOf,
  parseIpv4,
  prefixOf,
  rangeSize,
} from "../wire/address.ts";
import {
  broadcastAddress,
  domainName,
  domainNameServer,
  router,
  subnetMask,
} from "../wire/registry.ts";
import type { LeaseTimes, ServedInterface, ServerConfig, Subnet } from "./model.ts";
import { SETTINGS } from "./settings.ts";
import { readSettings, type Resolved, type ResolvedTable, type Source } from "./sources.ts";

/** One address of one network interface, as `Deno.networkInterfaces()` lists them. */
export interface InterfaceAddress {
  readonly name: string;
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
  readonly netmask: string;
  /** The interface's hardware address; zeros where it has none. */
  readonly mac: string;
}

/** What a configuration depends on besides settings. */
export interface Machine {
  /** The machine's interfaces; undefined when the program may not look at them. */
  readonly interfaces: readonly InterfaceAddress[] | undefined;
  /** Where the service manager wants state kept ($STATE_DIRECTORY), if it says. */
  readonly stateDirectory: string | undefined;
  /** Where a trial keeps its file. */
  readonly trialDirectory: string;
}

/** Every setting, with the source that it came from. */
export type Settings = ResolvedTable<typeof SETTINGS>;

/** A configuration to run with, or everything that is wrong with what was given. */
export type Resolution =
  | {
    readonly ok: true;
    readonly config: ServerConfig;
    readonly settings: Settings;
    readonly warnings: readonly string[];
  }
  | { readonly ok: false; readonly problems: readonly string[] };

/** A first address and network: what one interface contributes. */
interface Place {
  readonly address: Ipv4;
  readonly cidr: Cidr;
}

/** Where a trial takes place: loopback, as no other machine can be harmed there. */
export const TRIAL = {
  interface: "lo",
  address: parseIpv4("127.0.0.1"),
  cidr: { network: parseIpv4("127.0.0.0"), prefix: 8 },
  pool: { from: parseIpv4("127.9.0.10"), to: parseIpv4("127.9.0.250") },
  port: 6767,
  clientPort: 6868,
};

/**
 * A quarter of the pools may be in quarantine: a client that declines whatever it gets then runs
 * out of harm to do long before the network runs out of addresses.
 */
const DECLINE_SHARE = 0.25;

/** The part of the pools whose use is worth a word. */
const POOL_THRESHOLD = 0.9;

/** Seconds; help says so too. */
const MIN_LEASE = 120;
const MAX_LEASE = 86_400;

/**
 * Makes the server's configuration.
 *
 * @param sources strongest first.
 * @returns the configuration, or one line for each thing that is wrong.
 */
export function resolveConfig(sources: readonly Source[], machine: Machine): Resolution {
  const problems: string[] = [];
  const warnings: string[] = [];
  const settings = readSettings(SETTINGS, sources, problems);
  const trial = settings.serverIf.source === "default";

  const lease = resolveLeaseTimes(settings, problems);
  const network = trial
    ? trialNetwork(settings, problems)
    : namedNetwork(settings, machine, problems, warnings);
  const port = settings.port.value ?? (trial ? TRIAL.port : 67);
  const clientPort = settings.clientPort.value ?? (trial ? TRIAL.clientPort : 68);
  if (port === clientPort) {
    problems.push(
      `${settings.clientPort.label}: cannot use "${clientPort}": the server listens on that port ` +
        `(${settings.port.label})`,
    );
  }
  if (settings.monitorInterval.source !== "default") {
    warnings.push(
      `${settings.monitorInterval.label} has no effect: expired addresses come back by themselves`,
    );
  }
  const store = resolveStore(settings, machine, trial, problems);
  if (problems.length > 0 || network === undefined) return { ok: false, problems };

  const subnet: Subnet = {
    name: undefined,
    cidr: network.cidr,
    pools: [network.pool],
    exclusions: network.exclusions,
    options: network.options,
    lease,
    offerHold: settings.offerHold.value,
    quarantine: settings.quarantine.value,
    declineShare: DECLINE_SHARE,
    reservations: new Map(),
  };
  const config: ServerConfig = {
    trial,
    interfaces: network.interfaces,
    subnets: [subnet],
    port,
    clientPort,
    confinedElsewhere: settings.confinedElsewhere.value,
    store,
    requestTimeout: settings.requestTimeout.value,
    admin: {
      listen: settings.adminAddr.value,
      socket: undefined,
      tokenFile: `${stateDirectory(trial, machine)}/admin-token`,
      tls: undefined,
    },
    file: undefined,
    reloadOnChange: false,
    hooks: [],
    poolThreshold: POOL_THRESHOLD,
    log: { format: settings.logFormat.value, verbosity: settings.verbosity.value },
  };
  return { ok: true, config, settings, warnings };
}

/** Any `etcd.discovery` setting selects etcd; else leases are kept in a file. */
function resolveStore(
  settings: Settings,
  machine: Machine,
  trial: boolean,
  problems: string[],
): ServerConfig["store"] {
  const { storePath, etcdEndpoints, etcdSrv, etcdUsername, etcdPassword } = settings;
  const { etcdCa, etcdCert, etcdKey, etcdPrefix, etcdHoldFactor, etcdSkipRenewals } = settings;
  const etcd = [etcdEndpoints, etcdSrv].find(({ source }) => source !== "default");
  if (etcd === undefined) {
    for (const one of [etcdUsername, etcdPassword, etcdCa, etcdCert, etcdKey]) {
      if (one.source === "default") continue;
      problems.push(`${one.label}: needs --etcd.discovery.endpoints or --etcd.discovery.srv`);
    }
    return {
      kind: "embedded",
      path: storePath.value ?? `${stateDirectory(trial, machine)}/leases.db`,
    };
  }
  if (storePath.source !== "default") {
    problems.push(
      `${storePath.label}: leases are kept in etcd (${etcd.label}); give one of the two`,
    );
  }
  for (const [one, other] of [[etcdUsername, etcdPassword], [etcdCert, etcdKey]] as const) {
    const [given, missing] = one.source === "default" ? [other, one] : [one, other];
    if (given.source !== "default" && missing.source === "default") {
      problems.push(`${given.label}: needs ${missing.label} too`);
    }
  }
  return {
    kind: "etcd",
    endpoints: etcdEndpoints.value ?? [],
    srv: etcdSrv.value,
    username: etcdUsername.value,
    password: etcdPassword.value,
    ca: etcdCa.value,
    cert: etcdCert.value,
    key: etcdKey.value,
    prefix: etcdPrefix.value,
    holdFactor: etcdHoldFactor.value,
    skipRenewals: etcdSkipRenewals.value,
  };
}

/** Where what must survive a restart is kept. */
function stateDirectory(trial: boolean, machine: Machine): string {
  if (trial) return machine.trialDirectory;
  // systemd separates several directories with colons; the first is the unit's main one.
  return machine.stateDirectory?.split(":")[0] || "/var/lib/etcdhcp";
}

function resolveLeaseTimes(settings: Settings, problems: string[]): LeaseTimes {
  const { lease, minLease, maxLease } = settings;
  const times = {
    default: lease.value,
    min: minLease.value ?? Math.min(lease.value, MIN_LEASE),
    max: maxLease.value ?? Math.max(lease.value, MAX_LEASE),
  };
  if (usable(lease, minLease) && times.min > times.default) {
    problems.push(
      `${minLease.label}: ${times.min}s is longer than the lease (${lease.label}, ${lease.value}s)`,
    );
  }
  if (usable(lease, maxLease) && times.max < times.default) {
    problems.push(
      `${maxLease.label}: ${times.max}s is shorter than the lease (${lease.label}, ` +
        `${lease.value}s)`,
    );
  }
  return times;
}

function usable(...settings: readonly Resolved<unknown>[]): boolean {
  return settings.every((setting) => setting.usable);
}

interface Network {
  readonly interfaces: readonly ServedInterface[];
  readonly cidr: Cidr;
  readonly pool: Ipv4Range;
  readonly exclusions: ReadonlySet<Ipv4>;
  readonly options: ReadonlyMap<number, Uint8Array>;
}

function trialNetwork(settings: Settings, problems: string[]): Network {
  const { serverIp, subnetMask, router, dns, issueFrom, issueTo, confinedElsewhere } = settings;
  for (const one of [serverIp, subnetMask, router, dns, issueFrom, issueTo, confinedElsewhere]) {
    if (one.source === "default") continue;
    problems.push(
      `${one.label}: needs --dhcp.server-if: no network is answered unless its interface is named`,
    );
  }
  const { address, cidr, pool } = TRIAL;
  return {
    interfaces: [{ name: TRIAL.interface, address, cidr }],
    cidr,
    pool,
    exclusions: new Set([address]),
    options: wireOptions(cidr, [address], [address], settings.domain.value),
  };
}

function namedNetwork(
  settings: Settings,
  machine: Machine,
  problems: string[],
  warnings: string[],
): Network | undefined {
  const { issueFrom, issueTo, router, dns } = settings;
  for (const [bound, which] of [[issueFrom, "first"], [issueTo, "last"]] as const) {
    if (bound.source === "default") {
      problems.push(`${bound.label}: missing: wanted the ${which} address to lease`);
    }
  }
  const names = settings.serverIf.value;
  if (names === undefined) return undefined;
  const interfaces: ServedInterface[] = [];
  for (const [index, name] of names.entries()) {
    const place = index === 0
      ? firstPlace(name, settings, machine, problems, warnings)
      : ownPlace(name, undefined, settings, machine, problems);
    if (place !== undefined) interfaces.push({ name, ...place });
  }
  const [first] = interfaces;
  if (first === undefined || first.name !== names[0]) return undefined;
  const { address, cidr } = first;

  for (const bound of [issueFrom, issueTo]) {
    if (bound.value !== undefined) checkHost(bound, bound.value, cidr, problems);
  }
  for (const gateway of router.value ?? []) checkHost(router, gateway, cidr, problems);
  const [from, to] = [issueFrom.value, issueTo.value];
  if (from === undefined || to === undefined) return undefined;
  if (from > to) {
    problems.push(
      `${issueFrom.label}: ${formatIpv4(from)} is above the last address to lease ` +
        `(${issueTo.label}, ${formatIpv4(to)})`,
    );
    return undefined;
  }
  const pool = { from, to };
  const routers = router.value ?? [address];
  const exclusions = new Set([...interfaces.map((one) => one.address), ...routers]);
  const taken = [...exclusions].filter((one) => one >= from && one <= to).length;
  if (taken >= rangeSize(pool)) {
    problems.push(
      `${issueFrom.label}: nothing is left to lease: every address of ${
        formatRange(pool)
      } is the ` +
        `server's or a router's`,
    );
  }
  const options = wireOptions(cidr, routers, dns.value ?? [address], settings.domain.value);
  return { interfaces, cidr, pool, exclusions, options };
}

/** An address that some host in the subnet is to have. */
function checkHost(
  setting: Resolved<unknown>,
  address: Ipv4,
  cidr: Cidr,
  problems: string[],
): void {
  const flaw = hostFlaw(address, cidr);
  if (flaw !== undefined) problems.push(`${setting.label}: ${formatIpv4(address)} ${flaw}`);
}

function hostFlaw(address: Ipv4, cidr: Cidr): string | undefined {
  if (!cidrContains(cidr, address)) return `is outside the subnet ${formatCidr(cidr)}`;
  // A /31 has neither a network nor a broadcast address (RFC 3021 section 2.1).
  if (cidr.prefix >= 31) return undefined;
  if (address === cidr.network) return `is the network address of ${formatCidr(cidr)}`;
  if (address === broadcastOf(cidr)) return `is the broadcast address of ${formatCidr(cidr)}`;
  return undefined;
}

/** The first interface's address and network: given, or its own, or one of each. */
function firstPlace(
  name: string,
  settings: Settings,
  machine: Machine,
  problems: string[],
  warnings: string[],
): Place | undefined {
  const { serverIp, subnetMask } = settings;
  if (!usable(serverIp, subnetMask)) return undefined;
  const [address, prefix] = [serverIp.value, subnetMask.value];
  if (address === undefined || prefix === undefined) {
    const own = ownPlace(name, address, settings, machine, problems);
    if (own === undefined || prefix === undefined) return own;
    return { address: own.address, cidr: cidrOf(own.address, prefix) };
  }
  const cidr = cidrOf(address, prefix);
  checkHost(serverIp, address, cidr, problems);
  if (machine.interfaces !== undefined) {
    const own = placesOf(name, machine.interfaces);
    if (!own.some((place) => place.address === address)) {
      warnings.push(`${name} does not have the address ${formatIpv4(address)} yet; waiting for it`);
    }
  }
  return { address, cidr };
}

/**
 * An interface's own address and network. Of several, the one that was asked for, else the one
 * that the addresses to lease belong to, else the first.
 */
function ownPlace(
  name: string,
  wanted: Ipv4 | undefined,
  settings: Settings,
  machine: Machine,
  problems: string[],
): Place | undefined {
  const { serverIf, serverIp, issueFrom } = settings;
  if (machine.interfaces === undefined) {
    problems.push(
      `${serverIf.label}: cannot look up the address of ${name}: allow it (--allow-sys=` +
        `networkInterfaces), or give --dhcp.server-ip and --dhcp.subnet-mask`,
    );
    return undefined;
  }
  const places = placesOf(name, machine.interfaces);
  if (places.length === 0) {
    problems.push(`${serverIf.label}: ${absence(name, machine.interfaces)}`);
    return undefined;
  }
  if (wanted !== undefined) {
    const place = places.find((one) => one.address === wanted);
    if (place === undefined) {
      problems.push(
        `${serverIp.label}: ${name} has no address ${formatIpv4(wanted)} (it has ` +
          `${places.map((one) => formatIpv4(one.address)).join(", ")}); give --dhcp.subnet-mask ` +
          `too to wait for it`,
      );
    }
    return place;
  }
  const from = issueFrom.value;
  return from === undefined
    ? places[0]
    : places.find((place) => cidrContains(place.cidr, from)) ?? places[0];
}

function absence(name: string, interfaces: readonly InterfaceAddress[]): string {
  const names = [...new Set(interfaces.map((one) => one.name))];
  const what = names.includes(name)
    ? `${name} has no IPv4 address`
    : `there is no interface ${name} with an address (there is ${names.join(", ")})`;
  return `${what}; to wait for it, give --dhcp.server-ip and --dhcp.subnet-mask`;
}

function placesOf(name: string, interfaces: readonly InterfaceAddress[]): Place[] {
  const places: Place[] = [];
  for (const one of interfaces) {
    if (one.name !== name || one.family !== "IPv4") continue;
    try {
      const address = parseIpv4(one.address);
      places.push({ address, cidr: cidrOf(address, prefixOf(parseIpv4(one.netmask))) });
    } catch (error) {
      // An address that cannot be read cannot be served either; others may do.
      if (!(error instanceof AddressError)) throw error;
    }
  }
  return places;
}

/** What goes to every client of the subnet, as bytes. */
function wireOptions(
  cidr: Cidr,
  routers: readonly Ipv4[],
  dns: readonly Ipv4[],
  domain: string | undefined,
): ReadonlyMap<number, Uint8Array> {
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
