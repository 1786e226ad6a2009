/**
 * The servers that can be measured, each told the same thing in its own language.
 *
 * @module
 */

import { get } from "../e2e/http.ts";
import type { Host } from "../e2e/lab.ts";
import { until } from "../e2e/poll.ts";
import { Process } from "../e2e/process.ts";
import { PERMISSIONS } from "../e2e/server.ts";
import type { Tool } from "../e2e/tools.ts";
import { type Pool, SITE, type Site } from "./site.ts";

/** A server that can be started on the site. */
export interface Contender {
  readonly name: string;
  readonly tools: readonly Tool[];
  /** Writes its configuration into an empty directory and returns its command line. */
  prepare(directory: string, pool: Pool): Promise<readonly string[]>;
  readonly env?: (directory: string) => Record<string, string>;
  /** Command lines of what it needs, started before it; what they use counts as its own. */
  readonly backing?: (directory: string) => readonly (readonly string[])[];
  /** Whether it answers by now; `log` is all it has printed. */
  ready(host: Host, log: string): boolean | Promise<boolean>;
}

const ROOT = new URL("../../", import.meta.url).pathname;
const ADMIN_PORT = 9842;

/** Where our server can keep its leases. All of them flush to the disk. */
interface Store {
  /** How many etcd servers it takes. */
  readonly members: number;
  /** What is in their environment: README recommends it for small machines. */
  readonly environment: readonly string[];
}

export const STORES: Readonly<Record<string, Store>> = {
  "embedded": { members: 0, environment: [] },
  "etcd": { members: 1, environment: [] },
  "etcd-tuned": { members: 1, environment: ["GOGC=400", "GOMEMLIMIT=1GiB"] },
  "etcd3": { members: 3, environment: [] },
};

/** Each member has an address of its own on the server's loopback. */
const memberAddress = (member: number) => `127.0.0.${member + 1}`;

/** The command lines of a cluster. */
function etcdCluster({ members, environment }: Store, directory: string): (readonly string[])[] {
  const all = Array.from({ length: members }, (_, member) => member);
  const peer = (member: number) => `http://${memberAddress(member)}:2380`;
  return all.map((member) => {
    const client = `http://${memberAddress(member)}:2379`;
    return [
      ...[
        "env",
        ...environment,
        "etcd",
        `--name=m${member}`,
        `--data-dir=${directory}/etcd${member}`,
      ],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer(member)}`, `--initial-advertise-peer-urls=${peer(member)}`],
      `--initial-cluster=${all.map((one) => `m${one}=${peer(one)}`).join()}`,
      ...["--logger=zap", "--log-level=error", "--quota-backend-bytes=8000000000"],
    ];
  });
}

/** Ours: a group of leases is flushed to the disk, by itself or by etcd, before it is told. */
export function etcdhcp(
  store: string,
  extra: readonly string[],
  profileDirectory?: string,
): Contender {
  const { members } = STORES[store]!;
  const endpoints = Array.from(
    { length: members },
    (_, member) => `http://${memberAddress(member)}:2379`,
  );
  return {
    name: members === 0 ? "etcdhcp" : `on ${store}`,
    tools: members === 0 ? ["bash"] : ["bash", "etcd"],
    ...(members > 0 && { backing: (directory: string) => etcdCluster(STORES[store]!, directory) }),
    prepare: (directory, pool) => {
      const flags = {
        "dhcp.server-if": SITE.interface,
        "dhcp.server-ip": SITE.address,
        "dhcp.subnet-mask": SITE.mask,
        "dhcp.router": SITE.address,
        "dhcp.dns": SITE.address,
        "dhcp.issue-from": pool.from,
        "dhcp.issue-to": pool.to,
        "dhcp.lease": `${SITE.leaseSeconds}s`,
        ...(members === 0
          ? { "store.path": `${directory}/leases.db` }
          : { "etcd.discovery.endpoints": endpoints.join() }),
        "admin-addr": `127.0.0.1:${ADMIN_PORT}`,
        "log.format": "json",
        // As with Kea below: who gets what is not logged.
        "log.leases": "false",
      };
      const profiling = profileDirectory
        ? ["--cpu-prof", `--cpu-prof-dir=${profileDirectory}`, "--cpu-prof-interval=200"]
        : [];
      return Promise.resolve([
        ...[Deno.execPath(), "run", ...PERMISSIONS, ...profiling, `${ROOT}main.ts`, "serve"],
        ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`),
        ...extra,
      ]);
    },
    ready: async (host) => {
      try {
        return (await get(host, ADMIN_PORT, "/readyz")).status === 200;
      } catch {
        return false;
      }
    },
  };
}

/** Kea's configuration: memfile, written but never fsync'd; two threads; no line per lease. */
function keaConfig(directory: string, pool: Pool): string {
  const log = (name: string, severity: string) => ({
    name,
    severity,
    output_options: [{ output: "stdout" }],
  });
  return JSON.stringify({
    Dhcp4: {
      "interfaces-config": { interfaces: [SITE.interface], "dhcp-socket-type": "raw" },
      "lease-database": { type: "memfile", persist: true, name: `${directory}/leases.csv` },
      "multi-threading": {
        "enable-multi-threading": true,
        "thread-pool-size": 2,
        "packet-queue-size": 64,
      },
      "valid-lifetime": SITE.leaseSeconds,
      subnet4: [{
        subnet: `${SITE.network}/${SITE.prefix}`,
        pools: [{ pool: `${pool.from} - ${pool.to}` }],
        "option-data": [
          { name: "routers", data: SITE.address },
          { name: "domain-name-servers", data: SITE.address },
        ],
      }],
      loggers: [log("kea-dhcp4", "INFO"), log("kea-dhcp4.leases", "WARN")],
    },
  });
}

const kea: Contender = {
  name: "kea",
  tools: ["kea-dhcp4"],
  prepare: async (directory, pool) => {
    await Deno.writeTextFile(`${directory}/kea.json`, keaConfig(directory, pool));
    return ["kea-dhcp4", "-c", `${directory}/kea.json`];
  },
  env: (directory) => ({ KEA_PIDFILE_DIR: directory, KEA_LOCKFILE_DIR: "none" }),
  ready: (_, log) => log.includes("DHCP4_STARTED"),
};

const dnsmasq: Contender = {
  name: "dnsmasq",
  tools: ["dnsmasq"],
  prepare: (directory, pool) =>
    Promise.resolve([
      ...["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--conf-file=/dev/null"],
      ...["--port=0", `--interface=${SITE.interface}`, "--bind-interfaces", "--user=root"],
      ...["--no-ping", "--quiet-dhcp", "--dhcp-authoritative", "--dhcp-lease-max=1000000"],
      `--dhcp-range=${pool.from},${pool.to},${SITE.mask},${SITE.leaseSeconds}s`,
      `--dhcp-leasefile=${directory}/leases`,
      `--pid-file=${directory}/pid`,
    ]),
  ready: (_, log) => log.includes("DHCP, IP range"),
};

const isc: Contender = {
  name: "isc",
  tools: ["dhcpd"],
  prepare: async (directory, pool) => {
    await Deno.writeTextFile(`${directory}/leases`, "");
    await Deno.writeTextFile(
      `${directory}/dhcpd.conf`,
      `authoritative;
ping-check false;
default-lease-time ${SITE.leaseSeconds};
max-lease-time ${SITE.leaseSeconds};
subnet ${SITE.network} netmask ${SITE.mask} {
  range ${pool.from} ${pool.to};
  option routers ${SITE.address};
  option domain-name-servers ${SITE.address};
}
`,
    );
    return [
      ...["dhcpd", "-4", "-f", "-d", "--no-pid", "-cf", `${directory}/dhcpd.conf`],
      ...["-lf", `${directory}/leases`, SITE.interface],
    ];
  },
  ready: (_, log) => log.includes("Server starting service"),
};

/** The others, by the name that --peer takes. */
export const PEERS: Readonly<Record<string, Contender>> = { kea, dnsmasq, isc };

/** A contender at work, and whatever it needs: all of it ends with the scope. */
export class Entry implements AsyncDisposable {
  readonly #site: Site;
  /** In the order in which they were started. */
  readonly #processes: Process[] = [];

  constructor(site: Site) {
    this.#site = site;
  }

  get pids(): readonly number[] {
    return this.#processes.map(({ pid }) => pid);
  }

  /** Starts a program; what it prints goes to a file, for a pipe would keep this process busy. */
  start(title: string, argv: readonly string[], log: string, env?: Record<string, string>) {
    const logged = ["sh", "-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", log, ...argv];
    const options = { title, grace: 15, cwd: ROOT, ...(env && { env }) };
    const process = this.#site.server.start(logged, options);
    this.#processes.push(process);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes.toReversed()) await process.stop();
  }
}

/** Starts a contender with an empty book and waits until it says that it answers. */
export async function startContender(
  contender: Contender,
  site: Site,
  directory: string,
  pool: Pool,
): Promise<Entry> {
  const entry = new Entry(site);
  const log = `${site.logs}/log`;
  try {
    for (const [n, argv] of (contender.backing?.(directory) ?? []).entries()) {
      entry.start(argv[0]!, argv, `${site.logs}/backing${n}`);
    }
    const argv = await contender.prepare(directory, pool);
    const process = entry.start(contender.name, argv, log, contender.env?.(directory));
    await until(`${contender.name} to be ready`, 60, async () => {
      if (process.status) return true;
      return await contender.ready(site.server, await Deno.readTextFile(log));
    });
    if (process.status) throw new Error(`${contender.name} ended before it was ready`);
    return entry;
  } catch (error) {
    await entry[Symbol.asyncDispose]();
    const text = await Deno.readTextFile(log).catch(() => "");
    throw new Error(`${error}\n${text.split("\n").slice(-20).join("\n")}`, { cause: error });
  }
}
