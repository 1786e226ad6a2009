/**
 * The configuration in force, in the file's words: each value with where it came from. Secrets are
 * left out.
 *
 * @module
 */

import {
  broadcastOf,
  formatCidr,
  formatIpv4,
  formatRange,
  type Ipv4,
  type Ipv4Range,
  maskOf,
} from "../wire/address.ts";
import {
  broadcastAddress,
  domainName,
  domainNameServer,
  hostName,
  optionByCode,
  router,
  subnetMask,
} from "../wire/registry.ts";
import type { Settings } from "./config_file.ts";
import type { Hook, ServerConfig, Subnet } from "./model.ts";
import { showOptionValue } from "./option_values.ts";
import { isTable } from "./section.ts";
import { type Setting, SETTINGS } from "./settings.ts";
import type { Resolved } from "./sources.ts";
import { formatSeconds } from "./types.ts";

/** One key with its value and where that came from. */
export interface ShownRow {
  readonly key: string;
  /** As TOML and JSON have it. */
  readonly value: unknown;
  /** A flag, a variable, FILE:LINE, or "default". */
  readonly from: string;
}

/** One table of the file. */
export interface ShownTable {
  readonly name: string;
  /** Whether there may be several of the name, [[name]]. */
  readonly isList: boolean;
  readonly rows: readonly ShownRow[];
}

/** What stands for a secret. */
const HIDDEN = "(hidden)";

/** Settings that are told of in another row or table. */
const ELSEWHERE: ReadonlySet<keyof typeof SETTINGS> = new Set(
  [
    ...["config", "serverIp", "subnetMask", "monitorInterval"],
    ...["router", "dns", "domain", "issueFrom", "issueTo"],
    ...["lease", "minLease", "maxLease", "offerHold", "quarantine"],
  ] as (keyof typeof SETTINGS)[],
);

/** The configuration as tables, those of settings first. */
export function showConfig(
  config: ServerConfig,
  settings: Settings,
  origins: ReadonlyMap<string, string>,
): ShownTable[] {
  const place = (label: string | undefined) => originOf(label, config.file);
  const tables = new Map<string, ShownRow[]>();
  for (const [name, row] of Object.entries<Setting>(SETTINGS)) {
    const key = name as keyof typeof SETTINGS;
    if (row.file === undefined || ELSEWHERE.has(key)) continue;
    const settled: Resolved<unknown> = settings[key];
    const value = effectiveValue(key, row, settled, config);
    if (value === undefined) continue;
    const at = row.file.lastIndexOf(".");
    const section = row.file.slice(0, at);
    if (!tables.has(section)) tables.set(section, []);
    const from = settled.source === "default" ? "default" : place(settled.label);
    tables.get(section)!.push({ key: row.file.slice(at + 1), value, from });
  }
  return [
    ...[...tables].map(([name, rows]) => ({ name, isList: false, rows })),
    ...config.subnets.flatMap((subnet, index) => [
      ...showSubnet(subnet, config, (key) => place(origins.get(`subnet[${index}].${key}`))),
    ]),
    ...config.hooks.map((hook) => showHook(hook, place(config.file))),
  ];
}

/** A label without the setting's name where it has a place in the file. */
function originOf(label: string | undefined, file: string | undefined): string {
  if (label === undefined) return "default";
  if (file === undefined || !label.startsWith(`${file}:`)) return label;
  const line = /^\d+/.exec(label.slice(file.length + 1))?.[0];
  return line === undefined ? file : `${file}:${line}`;
}

/** What is in force, where that is more than what was said; undefined for nothing. */
function effectiveValue(
  key: keyof typeof SETTINGS,
  row: Setting,
  settled: Resolved<unknown>,
  config: ServerConfig,
): unknown {
  const { store } = config;
  if (key.startsWith("etcd") && store.kind !== "etcd") return undefined;
  switch (key) {
    case "serverIf":
      return config.interfaces.map(({ name, address, cidr }) =>
        `${name}=${formatIpv4(address)}/${cidr.prefix}`
      );
    case "port":
      return config.port;
    case "clientPort":
      return config.clientPort;
    case "storePath":
      return store.kind === "embedded" ? store.path : undefined;
    case "adminTokenFile":
      return config.admin.tokenFile;
    default:
      if (settled.text === undefined) return undefined;
      return row.secret ? HIDDEN : fileValue(settled.text.trim(), row);
  }
}

/** The text of a flag as a file would have it. */
function fileValue(text: string, { type }: Setting): unknown {
  if (type.item !== undefined) return text.split(",").map((one) => one.trim());
  const kind = type.json?.["type"];
  if (kind === "integer" || kind === "number") return Number(text);
  return kind === "boolean" ? type.parse(text) : text;
}

function* showSubnet(
  subnet: Subnet,
  config: ServerConfig,
  from: (key: string) => string,
): Iterable<ShownTable> {
  const { name, cidr, pools, lease, offerHold, quarantine, declineShare } = subnet;
  const routers = addressesOf(subnet, router.code);
  const rows: ShownRow[] = [];
  const add = (key: string, value: unknown, origin = key) => {
    rows.push({ key, value, from: from(origin) });
  };
  if (name !== undefined) add("name", name);
  add("cidr", formatCidr(cidr));
  const excluded = ownExclusions(subnet, routers, config);
  add("pools", pools.map(showRange));
  if (excluded.length > 0) add("exclude", excluded);
  add("router", routers.map(formatIpv4));
  add("dns", addressesOf(subnet, domainNameServer.code).map(formatIpv4));
  const domain = subnet.options.get(domainName.code);
  if (domain !== undefined) add("domain", domainName.codec.decode(domain));
  add("lease", formatSeconds(lease.default));
  add("min-lease", formatSeconds(lease.min));
  add("max-lease", formatSeconds(lease.max));
  add("offer-hold", formatSeconds(offerHold));
  add("quarantine", formatSeconds(quarantine));
  add("decline-share", declineShare);
  yield { name: "subnet", isList: true, rows };

  const options = ownOptions(subnet);
  if (options.length > 0) {
    yield {
      name: "subnet.options",
      isList: false,
      rows: options.map(([code, octets]) => showOption(code, octets, from(`options.${code}`))),
    };
  }
  for (const [mac, { address, hostname, options }] of subnet.reservations) {
    const place = from(`reservation.${mac}`);
    const reservation: ShownRow[] = [
      { key: "mac", value: mac, from: place },
      { key: "ip", value: formatIpv4(address), from: place },
    ];
    if (hostname !== undefined) reservation.push({ key: "hostname", value: hostname, from: place });
    yield { name: "subnet.reservation", isList: true, rows: reservation };
    const own = byCode(options).filter(([code]) =>
      code !== hostName.code || hostname === undefined
    );
    if (own.length === 0) continue;
    yield {
      name: "subnet.reservation.options",
      isList: false,
      rows: own.map(([code, octets]) => showOption(code, octets, place)),
    };
  }
}

function addressesOf(subnet: Subnet, code: number): readonly Ipv4[] {
  const octets = subnet.options.get(code);
  return octets === undefined ? [] : router.codec.decode(octets);
}

/** What is excluded beyond what always is. */
function ownExclusions(
  { exclusions }: Subnet,
  routers: readonly Ipv4[],
  { interfaces }: ServerConfig,
): string[] {
  const always = new Set([...routers, ...interfaces.map(({ address }) => address)]);
  const own = [...exclusions].filter((one) => !always.has(one)).sort((a, b) => a - b);
  const ranges: { from: Ipv4; to: Ipv4 }[] = [];
  for (const address of own) {
    const last = ranges.at(-1);
    if (last !== undefined && address === last.to + 1) last.to = address;
    else ranges.push({ from: address, to: address });
  }
  return ranges.map(showRange);
}

function showRange(range: Ipv4Range): string {
  return range.from === range.to ? formatIpv4(range.from) : formatRange(range);
}

/** The options that do not follow from the other keys. */
function ownOptions({ cidr, options }: Subnet): [number, Uint8Array][] {
  const following = new Map([
    [subnetMask.code, formatIpv4(maskOf(cidr.prefix))],
    [broadcastAddress.code, formatIpv4(broadcastOf(cidr))],
  ]);
  const keyed: readonly number[] = [router.code, domainNameServer.code, domainName.code];
  return byCode(options).filter(([code, octets]) =>
    !keyed.includes(code) && showOptionValue(code, octets) !== following.get(code)
  );
}

function byCode(options: ReadonlyMap<number, Uint8Array>): [number, Uint8Array][] {
  return [...options].sort(([one], [other]) => one - other);
}

function showOption(code: number, octets: Uint8Array, from: string): ShownRow {
  const key = optionByCode(code)?.name ?? String(code);
  return { key, value: showOptionValue(code, octets), from };
}

function showHook({ events, target, timeout }: Hook, from: string): ShownTable {
  const rows: ShownRow[] = [{ key: "events", value: [...events], from }];
  if (target.kind === "program") {
    rows.push({ key: "run", value: [target.path, ...target.args], from });
  } else {
    rows.push({ key: "url", value: withoutPassword(target.url), from });
    const { secretFile } = target;
    if (secretFile !== undefined) rows.push({ key: "secret-file", value: secretFile, from });
  }
  rows.push({
    key: "timeout",
    value: timeout % 1000 === 0 ? formatSeconds(timeout / 1000) : `${timeout}ms`,
    from,
  });
  return { name: "hook", isList: true, rows };
}

function withoutPassword(text: string): string {
  const url = new URL(text);
  if (url.password === "") return text;
  url.password = HIDDEN;
  return url.href;
}

/** The tables as TOML, with where each value came from as a comment. */
export function toToml(tables: readonly ShownTable[]): string {
  return tables.map(({ name, isList, rows }) => {
    const header = isList ? `[[${name}]]` : `[${name}]`;
    const lines = rows.map(({ key, value }) => `${key} = ${tomlValue(value)}`);
    const width = Math.min(60, Math.max(...lines.map((line) => line.length)));
    const noted = lines.map((line, index) => `${line.padEnd(width)}  # ${rows[index]!.from}`);
    return [header, ...noted, ""].join("\n");
  }).join("\n");
}

/** A value as a file has it, on one line. */
export function tomlValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(tomlValue).join(", ")}]`;
  if (isTable(value)) {
    const pairs = Object.entries(value).map(([key, one]) => `${key} = ${tomlValue(one)}`);
    return `{ ${pairs.join(", ")} }`;
  }
  // A JSON string is a TOML string, but for one character.
  return JSON.stringify(value).replaceAll("\x7f", "\\u007f");
}
