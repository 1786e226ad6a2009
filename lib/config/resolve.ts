/**
 * Settings to configuration: every default filled in, every contradiction found, nothing touched.
 *
 * @module
 */

import {
  cidrContains,
  formatIpv4,
  formatRange,
  type Ipv4,
  parseIpv4,
  rangeSize,
} from "../wire/address.ts";
import type { ConfigFile, NamedPath, Settings } from "./config_file.ts";
import type { AdminConfig, ServedInterface, ServerConfig, Subnet } from "./model.ts";
import { DECLINE_SHARE, hostFlaw, leaseTimes, wireOptions } from "./network.ts";
import { type InterfaceAddress, resolveInterfaces } from "./places.ts";
import { SETTINGS } from "./settings.ts";
import { readSettings, type Resolved, type Source } from "./sources.ts";

export type { Settings } from "./config_file.ts";
export type { InterfaceAddress } from "./places.ts";

/** The machine's files, as far as the program may see them. */
export interface FileView {
  /** Whether there is a file or a directory; undefined when the program may not look. */
  exists(path: string): boolean | undefined;
  /** A file's text; undefined when it cannot be had. */
  read(path: string): string | undefined;
}

/** What a configuration depends on besides settings. */
export interface Machine {
  /** The machine's interfaces; undefined when the program may not look at them. */
  readonly interfaces: readonly InterfaceAddress[] | undefined;
  /** Whether an interface is there, with or without an address; false too when nobody can tell. */
  readonly hasInterface: (name: string) => boolean;
  /** Where the service manager wants state kept ($STATE_DIRECTORY), if it says. */
  readonly stateDirectory: string | undefined;
  /** Where a trial keeps its file. */
  readonly trialDirectory: string;
  /** Undefined: whether files are there is not looked at. */
  readonly files?: FileView;
  /**
   * Whether another machine is meant perhaps: that this one lacks an interface is then worth a
   * warning, and no more.
   */
  readonly elsewhere?: boolean;
}

/** A configuration to run with, or everything that is wrong with what was given. */
export type Resolution =
  | {
    readonly ok: true;
    readonly config: ServerConfig;
    readonly settings: Settings;
    readonly warnings: readonly string[];
    /** Where values of subnets came from, by place: "subnet[0].lease". Others are defaults. */
    readonly origins: ReadonlyMap<string, string>;
  }
  | {
    readonly ok: false;
    /** None when all that is missing are this machine's interfaces, and another may be meant. */
    readonly problems: readonly string[];
    readonly warnings: readonly string[];
    /** When nothing is wrong, and interfaces that are there only lack an address: that. */
    readonly pending?: { readonly config: PendingConfig; readonly settings: Settings };
  };

/** What there is of a configuration while its interfaces have no address yet. */
export interface PendingConfig extends Pick<ServerConfig, "admin" | "log"> {
  /** What is waited for, one line each. */
  readonly awaited: readonly string[];
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

/** What has been found so far. */
interface Findings {
  readonly settings: Settings;
  readonly machine: Machine;
  readonly file: ConfigFile | undefined;
  readonly problems: string[];
  readonly warnings: string[];
  readonly awaited: string[];
  readonly origins: Map<string, string>;
}

/** Who is answered, and where. */
interface Network {
  readonly interfaces: readonly ServedInterface[];
  readonly subnets: readonly Subnet[];
}

/**
 * Makes the server's configuration.
 *
 * @param sources strongest first, without the file's.
 * @param file the configuration file, undefined for none.
 * @returns the configuration, or one line for each thing that is wrong.
 */
export function resolveConfig(
  sources: readonly Source[],
  machine: Machine,
  file?: ConfigFile,
): Resolution {
  const problems: string[] = [...file?.problems ?? []];
  const warnings: string[] = [];
  // What else is wrong cannot be told from a file that says nothing.
  if (file?.isToml === false) return { ok: false, problems, warnings };
  const all = file === undefined ? sources : [...sources, file.settings];
  const settings = readSettings(SETTINGS, all, problems);
  const origins = new Map<string, string>();
  const awaited: string[] = [];
  const findings: Findings = { settings, machine, file, problems, warnings, awaited, origins };
  const trial = settings.serverIf.source === "default" && !file?.hasSubnets;

  const network = trial ? trialNetwork(findings) : namedNetwork(findings);
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
  if (settings.reloadOnChange.value && file === undefined) {
    warnings.push(`${settings.reloadOnChange.label} has no effect without --config`);
  }
  const store = resolveStore(settings, machine, trial, problems);
  const admin = resolveAdmin(settings, stateDirectory(trial, machine), problems);
  checkFiles(findings);
  const log = {
    format: settings.logFormat.value,
    leases: settings.logLeases.value,
    verbosity: settings.verbosity.value,
  };
  if (problems.length === 0 && awaited.length > 0) {
    return {
      ok: false,
      problems,
      warnings,
      pending: { config: { awaited, admin, log }, settings },
    };
  }
  if (problems.length > 0 || network === undefined) {
    return { ok: false, problems: inOrder(problems, file), warnings };
  }
  const config: ServerConfig = {
    trial,
    interfaces: network.interfaces,
    subnets: network.subnets,
    port,
    clientPort,
    confinedElsewhere: settings.confinedElsewhere.value,
    store,
    requestTimeout: settings.requestTimeout.value,
    admin,
    file: file?.path,
    reloadOnChange: settings.reloadOnChange.value && file !== undefined,
    hooks: file?.hooks ?? [],
    poolThreshold: settings.poolThreshold.value,
    log,
  };
  return { ok: true, config, settings, warnings, origins };
}

/**
 * What is wrong with a file in the order of its lines, after everything else; each thing once, as
 * several subnets may have it from one place.
 */
function inOrder(problems: readonly string[], file: ConfigFile | undefined): string[] {
  const once = [...new Set(problems)];
  if (file === undefined) return once;
  const lineOf = (problem: string) => {
    const rest = problem.startsWith(`${file.path}:`) ? problem.slice(file.path.length + 1) : "";
    return Number(/^(\d+): /.exec(rest)?.[1] ?? 0);
  };
  return once.toSorted((one, other) => lineOf(one) - lineOf(other));
}

function resolveAdmin(
  { adminAddr, adminSocket, adminTokenFile, adminTlsCert, adminTlsKey }: Settings,
  directory: string,
  problems: string[],
): AdminConfig {
  const [cert, key] = [adminTlsCert.value, adminTlsKey.value];
  needEachOther(adminTlsCert, adminTlsKey, problems);
  return {
    listen: adminAddr.value,
    socket: adminSocket.value,
    tokenFile: adminTokenFile.value ?? `${directory}/admin-token`,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
  };
}

function needEachOther(
  one: Resolved<unknown>,
  other: Resolved<unknown>,
  problems: string[],
): void {
  const [given, missing] = one.source === "default" ? [other, one] : [one, other];
  if (given.source !== "default" && missing.source === "default") {
    // Who writes a file is told of the file's key.
    const row = Object.values(SETTINGS).find(({ flag }) => `--${flag}` === missing.label);
    const name = given.source === "file" ? row?.file : undefined;
    problems.push(`${given.label}: needs ${name ?? missing.label} too`);
  }
}

/** Files that are to be read must be there. */
function checkFiles({ settings, machine, file, problems }: Findings): void {
  const { etcdCa, etcdCert, etcdKey, adminTlsCert, adminTlsKey } = settings;
  const needed: NamedPath[] = [...file?.needs ?? []];
  for (const { value, label } of [etcdCa, etcdCert, etcdKey, adminTlsCert, adminTlsKey]) {
    if (value !== undefined) needed.push({ value, label });
  }
  for (const { value, label } of needed) {
    if (machine.files?.exists(value) !== false) continue;
    problems.push(`${label}: cannot use ${JSON.stringify(value)}: there is no such file`);
  }
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
  const { etcdPasswordFile } = settings;
  const etcd = [etcdEndpoints, etcdSrv].find(({ source }) => source !== "default");
  if (etcd === undefined) {
    const idle = [etcdUsername, etcdPassword, etcdPasswordFile, etcdCa, etcdCert, etcdKey];
    for (const one of idle) {
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
  const password = etcdPasswordFile.source === "default"
    ? etcdPassword
    : passwordFrom(etcdPasswordFile, etcdPassword, machine, problems);
  needEachOther(etcdUsername, password, problems);
  needEachOther(etcdCert, etcdKey, problems);
  return {
    kind: "etcd",
    endpoints: etcdEndpoints.value ?? [],
    srv: etcdSrv.value,
    username: etcdUsername.value,
    password: password.value,
    ca: etcdCa.value,
    cert: etcdCert.value,
    key: etcdKey.value,
    prefix: etcdPrefix.value,
    holdFactor: etcdHoldFactor.value,
    skipRenewals: etcdSkipRenewals.value,
  };
}

/** The password that a file holds, without the line end that editors leave. */
function passwordFrom(
  from: Resolved<string | undefined>,
  direct: Resolved<string | undefined>,
  { files }: Machine,
  problems: string[],
): Resolved<string | undefined> {
  if (direct.source !== "default") {
    problems.push(`${from.label}: the password is given in ${direct.label} already`);
    return direct;
  }
  if (from.value === undefined || files === undefined) return from;
  const text = files.read(from.value)?.replace(/\r?\n$/, "");
  if (text === undefined || text === "") {
    const flaw = text === undefined ? "it cannot be read" : "it is empty";
    problems.push(`${from.label}: cannot use ${JSON.stringify(from.value)}: ${flaw}`);
  }
  return { ...from, value: text };
}

/** Where what must survive a restart is kept. */
function stateDirectory(trial: boolean, machine: Machine): string {
  if (trial) return machine.trialDirectory;
  // systemd separates several directories with colons; the first is the unit's main one.
  return machine.stateDirectory?.split(":")[0] || "/var/lib/etcdhcp";
}

function trialNetwork(findings: Findings): Network {
  const { settings, problems } = findings;
  const { serverIp, subnetMask, router, dns, issueFrom, issueTo, confinedElsewhere } = settings;
  for (const one of [serverIp, subnetMask, router, dns, issueFrom, issueTo, confinedElsewhere]) {
    if (one.source === "default") continue;
    problems.push(
      `${one.label}: needs --dhcp.server-if: no network is answered unless its interface is named`,
    );
  }
  const { address, cidr, pool } = TRIAL;
  const options = wireOptions(cidr, [address], [address], settings.domain.value);
  return {
    interfaces: [{ name: TRIAL.interface, address, cidr, follows: false }],
    subnets: [
      soleSubnet({ cidr, pools: [pool], exclusions: new Set([address]), options }, findings),
    ],
  };
}

/** The one subnet that settings define. */
function soleSubnet(
  parts: Pick<Subnet, "cidr" | "pools" | "exclusions" | "options">,
  { settings, problems, origins }: Findings,
): Subnet {
  const { lease, minLease, maxLease, offerHold, quarantine } = settings;
  const { issueFrom, issueTo, serverIf, subnetMask, router, dns, domain } = settings;
  const rows: [string, readonly Resolved<unknown>[]][] = [
    ["cidr", [subnetMask.source === "default" ? serverIf : subnetMask]],
    ["pools", [issueFrom, issueTo]],
    ["router", [router]],
    ["dns", [dns]],
    ["domain", [domain]],
    ["lease", [lease]],
    ["min-lease", [minLease]],
    ["max-lease", [maxLease]],
    ["offer-hold", [offerHold]],
    ["quarantine", [quarantine]],
  ];
  for (const [key, from] of rows) {
    const labels = from.filter(({ source }) => source !== "default").map(({ label }) => label);
    if (labels.length > 0) origins.set(`subnet[0].${key}`, labels.join(", "));
  }
  return {
    name: undefined,
    ...parts,
    lease: leaseTimes(lease, minLease, maxLease, problems),
    offerHold: offerHold.value,
    quarantine: quarantine.value,
    declineShare: DECLINE_SHARE,
    reservations: new Map(),
  };
}

function namedNetwork(findings: Findings): Network | undefined {
  const { settings, machine, file, problems, warnings, awaited } = findings;
  const { serverIf, serverIp, subnetMask, issueFrom } = settings;
  const interfaces = resolveInterfaces({
    interfaces: machine.interfaces,
    elsewhere: machine.elsewhere ?? false,
    exists: machine.hasInterface,
    serverIf,
    serverIp,
    subnetMask,
    prefers: (name, { address, cidr }) =>
      file?.hasSubnets
        ? file.prefers(name, address)
        : issueFrom.value !== undefined && cidrContains(cidr, issueFrom.value),
    problems,
    warnings,
    awaited,
  });
  return file?.hasSubnets
    ? fileNetwork(file, interfaces, findings)
    : flagsNetwork(interfaces, findings);
}

/** Subnets that a file defines leave settings for one alone without a place. */
function fileNetwork(
  file: ConfigFile,
  interfaces: readonly ServedInterface[],
  findings: Findings,
): Network {
  const { settings, problems } = findings;
  if (settings.serverIf.source === "default") {
    problems.push(
      `${file.path}: missing: server.interfaces: wanted the interfaces to answer on, like ["lan0"]`,
    );
  }
  const { router, issueFrom, issueTo } = settings;
  for (
    const [one, own] of [[router, "router"], [issueFrom, "pools"], [issueTo, "pools"]] as const
  ) {
    if (one.source === "default") continue;
    problems.push(
      `${one.label}: cannot be used with the subnets of ${file.path}: each has its own ${own}`,
    );
  }
  return { interfaces, subnets: file.subnets({ ...findings, interfaces }) };
}

function flagsNetwork(
  interfaces: readonly ServedInterface[],
  findings: Findings,
): Network | undefined {
  const { settings, file, problems } = findings;
  const { issueFrom, issueTo, router, dns } = settings;
  if (file !== undefined && issueFrom.source === "default" && issueTo.source === "default") {
    problems.push(`${file.path}: missing: [[subnet]]: wanted the addresses to lease`);
    return undefined;
  }
  for (const [bound, which] of [[issueFrom, "first"], [issueTo, "last"]] as const) {
    if (bound.source === "default") {
      problems.push(`${bound.label}: missing: wanted the ${which} address to lease`);
    }
  }
  const [first] = interfaces;
  if (first === undefined || first.name !== settings.serverIf.value?.[0]?.name) return undefined;
  const { address, cidr } = first;

  const checkHost = (setting: Resolved<unknown>, host: Ipv4) => {
    const flaw = hostFlaw(host, cidr);
    if (flaw !== undefined) problems.push(`${setting.label}: ${formatIpv4(host)} ${flaw}`);
  };
  for (const bound of [issueFrom, issueTo]) {
    if (bound.value !== undefined) checkHost(bound, bound.value);
  }
  for (const gateway of router.value ?? []) checkHost(router, gateway);
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
  const subnet = soleSubnet({ cidr, pools: [pool], exclusions, options }, findings);
  return { interfaces, subnets: [subnet] };
}
