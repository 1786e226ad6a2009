/**
 * The server under test, as its operator would start it.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { get } from "./http.ts";
import type { Host, Lab } from "./lab.ts";
import { until } from "./poll.ts";
import { Process } from "./process.ts";

/** What the server may do: exactly what the task `serve` grants, so that it is known to suffice. */
export const PERMISSIONS = (manifest.tasks.serve.command.match(/--\S+/g) ?? [])
  .map((flag) => flag.replaceAll("$HOME", Deno.env.get("HOME") ?? ""));

/** The repository's root, with main.ts and deno.json. */
const ROOT = new URL("../../", import.meta.url).pathname;

/** The program. */
export const MAIN = `${ROOT}main.ts`;

/** Where its HTTP answers, inside its namespace. */
const ADMIN_PORT = 9842;

/** How a test wants its server. */
export interface ServerOptions {
  readonly host: Host;
  /** Flags beyond interface, address, store and logging, without dashes: `"dhcp.lease": "20s"`. */
  readonly flags: Readonly<Record<string, string>>;
  readonly interface?: string;
  /** The lease book; a new one in the lab's directory by default. */
  readonly store?: string;
  /** A program to run it under, with its arguments. */
  readonly under?: readonly string[];
  /** The form of its log, JSON by default; undefined leaves the choice to the server. */
  readonly logFormat?: string | undefined;
  /** Lets it do whatever it wants, in place of what the task `serve` grants. */
  readonly allowAll?: boolean;
}

/** One network for most scenarios: the server is 10.6.9.1 on lan0. */
export const LAN = {
  address: "10.6.9.1/24",
  server: "10.6.9.1",
  flags: {
    "dhcp.server-ip": "10.6.9.1",
    "dhcp.subnet-mask": "255.255.255.0",
    "dhcp.router": "10.6.9.1",
    "dhcp.dns": "10.6.9.1",
    "dhcp.issue-from": "10.6.9.10",
    "dhcp.issue-to": "10.6.9.100",
    "dhcp.lease": "20s",
  },
} as const;

/** A running server, in its own scope. */
export class Server implements AsyncDisposable {
  readonly process: Process;
  readonly #host: Host;

  constructor(process: Process, host: Host) {
    this.process = process;
    this.#host = host;
  }

  /** The status of /readyz and its reasons; undefined while nobody listens. */
  async readiness(): Promise<{ status: number; body: string } | undefined> {
    try {
      return await get(this.#host, ADMIN_PORT, "/readyz");
    } catch {
      return undefined;
    }
  }

  /** The status of /healthz: whether the process lives. */
  async health(): Promise<number> {
    return (await get(this.#host, ADMIN_PORT, "/healthz")).status;
  }

  /** Waits until /readyz answers with this status. */
  async ready(status: 200 | 503, seconds: number): Promise<void> {
    const found = await until(`/readyz to answer ${status}`, seconds, async () => {
      if (this.process.status) return "gone";
      return (await this.readiness())?.status === status ? "ready" : undefined;
    }, 100);
    if (found === "gone") throw new Error(`The server ended:\n${this.process.text(20)}`);
  }

  /** The sum over a metric's series whose labels match, from /metrics. */
  async metric(name: string, labels: RegExp = /^/): Promise<number> {
    const { body } = await get(this.#host, ADMIN_PORT, "/metrics");
    let sum = 0;
    for (const text of body.split("\n")) {
      const [, series, set = "", value] = /^([a-z_]+)(\{.*\})? (\S+)$/.exec(text) ?? [];
      if (series === name && labels.test(set)) sum += Number(value);
    }
    return sum;
  }

  /** Pulls the plug: no handler runs. */
  async kill(): Promise<void> {
    this.process.signal("SIGKILL");
    await this.process.exit(5);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.stop();
  }
}

/** The command line of `serve` with these options. */
export function serveCommand(lab: Lab, options: ServerOptions): string[] {
  const flags: Record<string, string> = {
    "dhcp.server-if": options.interface ?? "lan0",
    ...options.flags,
    ...(Object.keys(options.flags).some((name) => name.startsWith("etcd.discovery."))
      ? {}
      : { "store.path": options.store ?? `${lab.directory}/leases.db` }),
    "admin-addr": `127.0.0.1:${ADMIN_PORT}`,
    ...("logFormat" in options && options.logFormat === undefined
      ? {}
      : { "log.format": options.logFormat ?? "json" }),
  };
  return [
    ...(options.under ?? []),
    ...[Deno.execPath(), "run", ...(options.allowAll ? ["-A"] : PERMISSIONS)],
    ...[`${ROOT}main.ts`, "serve"],
    ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]),
  ];
}

/** Starts a server without waiting for anything; its log goes into the failure report. */
export function launchServer(lab: Lab, options: ServerOptions): Process {
  const process = options.host.start(serveCommand(lab, options), {
    title: `server on ${options.host.title}`,
    cwd: ROOT,
  });
  lab.evidence.push({
    title: `log of the server on ${options.host.title} (process ${process.pid})`,
    text: () => process.text(60),
  });
  return process;
}

/** Starts a server and waits until it says it is ready. */
export async function startServer(lab: Lab, options: ServerOptions): Promise<Server> {
  const server = new Server(launchServer(lab, options), options.host);
  try {
    await server.ready(200, 20);
  } catch (error) {
    await server.process.stop();
    throw error;
  }
  return server;
}
