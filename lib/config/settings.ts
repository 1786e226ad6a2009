/**
 * The table of settings: one row each. Flags, environment variables, the file's keys, help,
 * completions, the schema for editors and the README's reference come from it and nothing else.
 *
 * @module
 */

import {
  boolean,
  choice,
  decimalNumber,
  domainName,
  duration,
  interfaceNames,
  ipv4,
  ipv4List,
  keyPrefix,
  listenAddress,
  names,
  netmask,
  share,
  text,
  type ValueType,
  wholeNumber,
} from "./types.ts";

/** One setting. */
export interface Setting<T = unknown> {
  /** Its name in the environment, where dots become underscores: "dhcp.lease". */
  readonly key: string;
  /** Its place in the configuration file, a section per dot; undefined where a file has none. */
  readonly file: string | undefined;
  /** Its name on the command line, without dashes. */
  readonly flag: string;
  readonly group: string;
  readonly type: ValueType<T>;
  /** The text that stands when nobody gave one. */
  readonly fallback: string | undefined;
  /** What help says of the default when the fallback alone does not tell. */
  readonly defaultNote: string | undefined;
  readonly help: string;
  /** Never shown in messages. */
  readonly secret: boolean;
}

/** The value that a setting comes to. */
export type SettingValue<S> = S extends Setting<infer T> ? T : never;

interface Row<V> {
  readonly flag: string;
  readonly key?: string;
  /** Undefined: as {@linkcode fileKey} has it; null: no place in the file. */
  readonly file?: string | null;
  readonly group: string;
  readonly type: ValueType<V>;
  readonly help: string;
  readonly defaultNote?: string;
  readonly secret?: boolean;
}

/** A row with a fallback always comes to a value; one without may come to undefined. */
export function setting<V>(row: Row<V> & { readonly fallback: string }): Setting<V>;
export function setting<V>(row: Row<V>): Setting<V | undefined>;
export function setting<V>(row: Row<V> & { readonly fallback?: string }): Setting<V | undefined> {
  return {
    key: row.key ?? row.flag,
    file: row.file === null ? undefined : row.file ?? fileKey(row.key ?? row.flag),
    flag: row.flag,
    group: row.group,
    type: row.type,
    fallback: row.fallback,
    defaultNote: row.defaultNote,
    help: row.help,
    secret: row.secret ?? false,
  };
}

/** A file has what concerns etcd in one section, "store.etcd"; else keys are as elsewhere. */
function fileKey(key: string): string {
  return key.replace(/^etcd\.(?:discovery\.|auth\.)?/, "store.etcd.");
}

/** Lease lengths on the wire are u32 seconds, of which the highest value means "for ever". */
const LEASE = duration("seconds", "1s", "4294967294s", "1h or 30m");
const PORT = wholeNumber("PORT", 1, 65535);

const NETWORK = "Network";
const LEASES = "Leases";
const OPERATION = "Operation";
const ETCD = "etcd";

function etcdSetting(
  flag: string,
  placeholder: string,
  wanted: string,
  help: string,
  secret = false,
): Setting<string | undefined> {
  return setting({ flag, group: ETCD, type: text(placeholder, wanted), help, secret });
}

/** Every setting of the server, in the order in which help shows them. */
export const SETTINGS = {
  config: setting({
    flag: "config",
    file: null,
    group: OPERATION,
    type: text("FILE", "the path of a file"),
    defaultNote: "none",
    help: "The configuration file (TOML)",
  }),
  serverIf: setting({
    flag: "dhcp.server-if",
    file: "server.interfaces",
    group: NETWORK,
    type: interfaceNames,
    defaultNote: "loopback, on test ports",
    help:
      "Interfaces to answer on. The first one's network is leased from, unless a file has subnets; " +
      "relays may come in by any. No network is answered unless named here. NAME=ADDRESS/PREFIX " +
      "names the server's address too, for an interface that may appear later",
  }),
  serverIp: setting({
    flag: "dhcp.server-ip",
    file: "server.address",
    group: NETWORK,
    type: ipv4,
    defaultNote: "the interface's own",
    help:
      "The server's address on the first interface. With the mask given too, the interface may " +
      "appear later",
  }),
  subnetMask: setting({
    flag: "dhcp.subnet-mask",
    file: "server.mask",
    group: NETWORK,
    type: netmask,
    defaultNote: "the interface's own",
    help: "Netmask of the first interface's network, sent to clients",
  }),
  router: setting({
    flag: "dhcp.router",
    group: NETWORK,
    type: ipv4List,
    defaultNote: "the server's address",
    help: "Routers sent to clients, best first; none sends none",
  }),
  dns: setting({
    flag: "dhcp.dns",
    group: NETWORK,
    type: ipv4List,
    defaultNote: "the server's address",
    help: "DNS servers sent to clients, best first; none sends none",
  }),
  domain: setting({
    flag: "dhcp.domain",
    group: NETWORK,
    type: domainName,
    defaultNote: "not sent",
    help: "Domain name sent to clients",
  }),
  issueFrom: setting({
    flag: "dhcp.issue-from",
    group: NETWORK,
    type: ipv4,
    defaultNote: "none; required with an interface",
    help: "First address to lease",
  }),
  issueTo: setting({
    flag: "dhcp.issue-to",
    group: NETWORK,
    type: ipv4,
    defaultNote: "none; required with an interface",
    help: "Last address to lease, itself included",
  }),
  confinedElsewhere: setting({
    flag: "dhcp.confined-elsewhere",
    file: "server.confined-elsewhere",
    group: NETWORK,
    type: boolean,
    fallback: "false",
    help:
      "States that something outside this program, like systemd's RestrictNetworkInterfaces=, " +
      "keeps the packets of other interfaces away",
  }),
  port: setting({
    flag: "dhcp.port",
    file: "server.port",
    group: NETWORK,
    type: PORT,
    defaultNote: "67; on loopback 6767",
    help: "UDP port that the server listens on. For tests",
  }),
  clientPort: setting({
    flag: "dhcp.client-port",
    file: "server.client-port",
    group: NETWORK,
    type: PORT,
    defaultNote: "68; on loopback 6868",
    help: "UDP port that clients listen on. For tests",
  }),

  lease: setting({
    flag: "dhcp.lease",
    group: LEASES,
    type: LEASE,
    fallback: "1h",
    help: "Length of a lease when the client asks for none",
  }),
  minLease: setting({
    flag: "dhcp.min-lease",
    group: LEASES,
    type: LEASE,
    defaultNote: "2m, or the lease if shorter",
    help: "A client that asks for a shorter lease gets this",
  }),
  maxLease: setting({
    flag: "dhcp.max-lease",
    group: LEASES,
    type: LEASE,
    defaultNote: "the lease",
    help: "A client that asks for a longer lease gets this",
  }),
  offerHold: setting({
    flag: "dhcp.offer-hold",
    group: LEASES,
    type: duration("seconds", "1s", "1h", "60s"),
    fallback: "60s",
    help: "How long an offered address is kept for its client",
  }),
  quarantine: setting({
    flag: "dhcp.quarantine",
    group: LEASES,
    type: duration("seconds", "1s", "8760h", "1h"),
    // Longer than the device that squats on the address usually stays, short enough that a client
    // that declines whatever it gets does not empty a small pool for the day.
    fallback: "1h",
    help: "How long a declined address is kept aside",
  }),

  storePath: setting({
    flag: "store.path",
    group: OPERATION,
    type: text("FILE", "the path of a file"),
    defaultNote:
      "$STATE_DIRECTORY/leases.db, or /var/lib/etcdhcp/leases.db; on loopback a temporary " +
      "place",
    help: "The file that leases are kept in",
  }),
  requestTimeout: setting({
    flag: "dhcp.request-timeout",
    file: "server.request-timeout",
    group: OPERATION,
    type: duration("milliseconds", "10ms", "1m", "2s or 500ms"),
    fallback: "2s",
    help: "How long a message may wait for the store before it goes unanswered",
  }),
  monitorInterval: setting({
    flag: "dhcp.monitor-interval",
    file: "server.monitor-interval",
    group: OPERATION,
    type: duration("seconds", "1s", "8760h", "5m"),
    fallback: "5m",
    help: "Has no effect: expired addresses come back by themselves",
  }),
  adminAddr: setting({
    flag: "admin-addr",
    file: "admin.addr",
    group: OPERATION,
    type: listenAddress,
    fallback: "127.0.0.1:9842",
    help: "Where metrics, health, profiles and the API are served; :9842 is every address",
  }),
  adminTokenFile: setting({
    flag: "admin.token-file",
    group: OPERATION,
    type: text("FILE", "the path of a file"),
    defaultNote:
      "$STATE_DIRECTORY/admin-token, or /var/lib/etcdhcp/admin-token; on loopback a temporary place",
    help: "The file with the token that changes over the admin endpoint need; made when missing",
  }),
  adminSocket: setting({
    flag: "admin.socket",
    group: OPERATION,
    type: text("FILE", "the path of a socket"),
    defaultNote: "none",
    help: "A unix socket to serve the admin endpoint on as well",
  }),
  adminTlsCert: setting({
    flag: "admin.tls-cert",
    group: OPERATION,
    type: text("FILE", "the path of a file"),
    defaultNote: "none: plain HTTP",
    help: "Certificate (PEM) of the admin endpoint; selects HTTPS",
  }),
  adminTlsKey: setting({
    flag: "admin.tls-key",
    group: OPERATION,
    type: text("FILE", "the path of a file"),
    defaultNote: "none",
    help: "Key (PEM) of that certificate",
  }),
  reloadOnChange: setting({
    flag: "server.reload-on-change",
    group: OPERATION,
    type: boolean,
    fallback: "false",
    help: "Take up the configuration file when it changes, without SIGHUP",
  }),
  poolThreshold: setting({
    flag: "pool.threshold",
    group: OPERATION,
    type: share,
    fallback: "90%",
    help: "The part of a subnet's pools in use above which hooks are told",
  }),
  logFormat: setting({
    flag: "log.format",
    group: OPERATION,
    type: choice("text", "json", "journal"),
    fallback: "text",
    defaultNote: "text; journal when stderr is systemd's journal",
    help:
      "Form of the log on stderr; journal is text with priorities, without the time, which the " +
      "journal keeps itself",
  }),
  logLeases: setting({
    flag: "log.leases",
    group: OPERATION,
    type: boolean,
    fallback: "true",
    help:
      "Whether the log has a line for each event of a lease; a very busy network may do without",
  }),
  verbosity: setting({
    flag: "v",
    key: "log.verbosity",
    group: OPERATION,
    type: wholeNumber("N", 0, Number.MAX_SAFE_INTEGER),
    fallback: "0",
    help: "0 logs leases and trouble, 1 also why a message went unanswered, 2 also every packet",
  }),

  etcdEndpoints: setting({
    flag: "etcd.discovery.endpoints",
    group: ETCD,
    type: names("HOST:PORT,...", "etcd's endpoints separated by commas, like 10.0.0.5:2379"),
    defaultNote: "none: leases are kept in a file",
    help: "Keep leases in etcd, at these endpoints",
  }),
  etcdSrv: etcdSetting(
    "etcd.discovery.srv",
    "NAME",
    "a domain name",
    "Keep leases in etcd, at the endpoints that this domain's SRV records name, or the record of " +
      "this name",
  ),
  etcdUsername: etcdSetting("etcd.auth.username", "NAME", "a user name", "User name for etcd"),
  etcdPassword: etcdSetting(
    "etcd.auth.password",
    "PASSWORD",
    "a password",
    "Password for etcd; safer in the environment, as others can see a command line",
    true,
  ),
  etcdPasswordFile: etcdSetting(
    "etcd.auth.password-file",
    "FILE",
    "the path of a file",
    "File with the password for etcd",
  ),
  etcdCa: etcdSetting(
    "etcd.auth.ca",
    "FILE",
    "the path of a file",
    "Certificate authority that etcd is checked against; selects TLS",
  ),
  etcdCert: etcdSetting(
    "etcd.auth.cert",
    "FILE",
    "the path of a file",
    "Client certificate to show to etcd",
  ),
  etcdKey: etcdSetting(
    "etcd.auth.key",
    "FILE",
    "the path of a file",
    "Key of the client certificate",
  ),
  etcdPrefix: setting({
    flag: "etcd.prefix",
    group: ETCD,
    type: keyPrefix,
    fallback: "etcdhcp::",
    help: "What keys in etcd begin with",
  }),
  etcdHoldFactor: setting({
    flag: "etcd.hold-factor",
    group: ETCD,
    type: decimalNumber("FACTOR", 1, 10),
    fallback: "2",
    help:
      "An address is kept for its client for so many times the lease, so that clients can go on " +
      "while etcd is away. 1, for guest networks short of addresses, does without that",
  }),
  etcdSkipRenewals: setting({
    flag: "etcd.skip-renewals",
    group: ETCD,
    type: boolean,
    fallback: "true",
    help: "Answer a renewal without writing when what etcd has keeps the address long enough",
  }),
} as const;

/** The name of a setting in the environment: "dhcp.server-if" is ETCDHCP_DHCP_SERVER_IF. */
export function environmentName(row: Setting): string {
  return "ETCDHCP_" + row.key.toUpperCase().replaceAll(/[.-]/g, "_");
}

/** Flags of the original's log library that unit files still carry. Taken, and without effect. */
export const RETIRED_FLAGS: readonly { readonly flag: string; readonly boolean: boolean }[] = [
  { flag: "logtostderr", boolean: true },
  { flag: "alsologtostderr", boolean: true },
  { flag: "stderrthreshold", boolean: false },
  { flag: "log_dir", boolean: false },
  { flag: "log_backtrace_at", boolean: false },
  { flag: "vmodule", boolean: false },
];

/** What help says of a setting's default; empty when there is none worth saying. */
export function defaultText(row: Setting): string {
  return row.defaultNote ?? row.fallback ?? "";
}

/** The reference of all settings as a Markdown table, for the README. Ends with a line break. */
export function settingsReference(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  const lines = [
    "| Flag | Environment | File | Default | Meaning |",
    "| --- | --- | --- | --- | --- |",
  ];
  for (const row of Object.values<Setting>(SETTINGS)) {
    const value = row.type.placeholder === "" ? "" : ` ${row.type.placeholder}`;
    const fallback = row.defaultNote ?? (row.fallback ? `\`${row.fallback}\`` : "");
    lines.push(
      `| \`--${row.flag}${cell(value)}\` | \`${environmentName(row)}\` | ` +
        `${row.file === undefined ? "" : `\`${row.file}\``} | ${cell(fallback)} | ` +
        `${cell(row.help)} |`,
    );
  }
  return lines.join("\n") + "\n";
}
