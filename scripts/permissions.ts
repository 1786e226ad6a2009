/**
 * What a server may do, as flags of `deno run` and `deno compile`: exactly what one site needs, or
 * what any does that is set up as the README has it.
 *
 * @module
 */

import { dirname } from "node:path";
import type { ServerConfig } from "../lib/config/model.ts";
import { formatCidr, formatIpv4 } from "../lib/wire/address.ts";

/** For whom and by what the program is built. */
export interface BuildFor {
  /** "x86_64" or "aarch64". */
  readonly arch: string;
  /**
   * The version of Deno that runs it. From 2.9 on unix sockets are granted as addresses; before,
   * being allowed to read and write the file was enough, and such an address was an error.
   */
  readonly deno: string;
}

/** What is granted, by the name of the flag; an empty list is no flag. */
type Grants = Readonly<Record<"net" | "ffi" | "read" | "write" | "env" | "sys" | "run", string[]>>;

/** Where systemd listens, and where the server sends from. */
const NOTIFY_SOCKET = "/run/systemd/notify";
const NOTIFY_FROM = "/run/etcdhcp/etcdhcp.notify";

/** Settings, where files go, and what the service manager says. */
const VARIABLES = [
  "ETCDHCP_*",
  "STATE_DIRECTORY",
  "RUNTIME_DIRECTORY",
  "XDG_RUNTIME_DIR",
  "TMPDIR",
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "JOURNAL_STREAM",
];

/** The interfaces' addresses, which Host headers are ours, whose trial it is, the uptime. */
const SYSTEM = ["networkInterfaces", "hostname", "uid", "osUptime"];

const BROADCAST = "255.255.255.255";

/** Where the C library is, from Debian's place for it to others'. */
function libraries(arch: string): string[] {
  return [`/lib/${arch}-linux-gnu/libc.so.6`, "/lib64/libc.so.6", "/usr/lib/libc.so.6"];
}

/**
 * What the server of one site needs, and nothing else.
 *
 * @param secrets Files that its settings are read from, besides the configuration file.
 */
export function permissionsFor(
  config: ServerConfig,
  build: BuildFor,
  secrets: readonly string[] = [],
): string[] {
  const { interfaces, subnets, port, clientPort, admin, store, hooks } = config;
  const net = new Set<string>();
  const [read, write] = [new Set<string>(), new Set<string>()];
  const keep = (path: string) => [read, write].forEach((paths) => paths.add(path));

  // Sockets listen on every address, tied to an interface, or on the interface's own.
  net.add(`0.0.0.0:${port}`);
  for (const { address } of interfaces) net.add(`${formatIpv4(address)}:${port}`);
  // Replies: to everyone on the wire, to clients, and to the relays of their networks.
  net.add(`${BROADCAST}:${clientPort}`);
  for (const { cidr } of [...interfaces, ...subnets]) {
    net.add(`${formatCidr(cidr)}:${clientPort}`);
    net.add(`${formatCidr(cidr)}:${port}`);
  }
  net.add(hostAndPort(admin.listen.hostname, admin.listen.port));

  const env = [...VARIABLES];
  if (store.kind === "embedded") {
    // SQLite keeps files of its own beside the book.
    keep(dirname(store.path));
  } else {
    env.push("GRPC_*");
    for (const endpoint of store.endpoints) net.add(endpointAddress(endpoint));
    // The names that its records will have are not known here: those below it may be used. The
    // records are asked of whatever name server the machine has.
    if (store.srv !== undefined) net.add(store.srv).add(`*.${store.srv}`).add("0.0.0.0/0:53");
    for (const path of [store.ca, store.cert, store.key]) if (path !== undefined) read.add(path);
  }
  if (!within(admin.tokenFile, read)) keep(dirname(admin.tokenFile));
  const sockets = [NOTIFY_SOCKET, NOTIFY_FROM];
  if (admin.socket !== undefined) sockets.push(admin.socket);
  for (const path of sockets) {
    if (!within(path, write)) keep(path);
    if (knowsUnixSockets(build)) net.add(`unix:${path}`);
  }
  for (const path of [config.file, ...secrets, admin.tls?.cert, admin.tls?.key]) {
    if (path !== undefined && !within(path, read)) read.add(path);
  }
  const run = new Set<string>();
  for (const { target } of hooks) {
    if (target.kind === "program") {
      run.add(target.path);
      continue;
    }
    const { protocol, hostname, port } = new URL(target.url);
    net.add(`${hostname}:${port || (protocol === "https:" ? 443 : 80)}`);
    if (target.secretFile !== undefined) read.add(target.secretFile);
  }
  return flagsOf({
    net: [...net],
    ffi: config.confinedElsewhere ? [] : libraries(build.arch),
    read: [...read],
    write: [...write],
    env,
    sys: SYSTEM,
    run: [...run],
  });
}

/**
 * What a program needs that is not made for one site: any network to serve, but only DHCP's ports
 * there; files below the current directory and where the system keeps such things; etcd by address
 * at its usual port, and name servers.
 */
export function generalPermissions(build: BuildFor): string[] {
  const files = [".", "/var/lib/etcdhcp", "/run", "/tmp"];
  const unix = [NOTIFY_SOCKET, NOTIFY_FROM].map((path) => `unix:${path}`);
  return flagsOf({
    net: [
      ...["127.0.0.0/8", "[::1]", "0.0.0.0/0:67", "0.0.0.0/0:68", "0.0.0.0/0:2379", "0.0.0.0/0:53"],
      ...["0.0.0.0:6767", "0.0.0.0:6868", BROADCAST, "0.0.0.0:9842", "[::]:9842"],
      ...(knowsUnixSockets(build) ? unix : []),
    ],
    ffi: libraries(build.arch),
    // The configuration file, what it names, certificates.
    read: [...files, "/etc/etcdhcp"],
    write: files,
    env: [...VARIABLES, "GRPC_*"],
    sys: SYSTEM,
    run: [],
  });
}

function flagsOf(grants: Grants): string[] {
  const given = Object.entries(grants).filter(([, values]) => values.length > 0);
  return ["--no-prompt", ...given.map(([name, values]) => `--allow-${name}=${values.join(",")}`)];
}

/** Whether a path is one of these, or lies below one of them. */
function within(path: string, places: ReadonlySet<string>): boolean {
  return [...places].some((place) => path === place || path.startsWith(`${place}/`));
}

function knowsUnixSockets({ deno }: BuildFor): boolean {
  const [major = 0, minor = 0] = deno.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 9);
}

function hostAndPort(hostname: string, port: number): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** HOST:PORT of an endpoint that may have a scheme and may lack the port. */
function endpointAddress(endpoint: string): string {
  const bare = endpoint.replace(/^[a-z]+:\/\//i, "").replace(/\/$/, "");
  return /:\d+$/.test(bare) ? bare : `${bare}:2379`;
}
