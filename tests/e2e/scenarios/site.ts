/**
 * A site with several servers: the clients' wire, and behind it the backbone with etcd.
 *
 * ```text
 *   wire "lan"                                  wire "backbone"
 *      |-- lan0 10.6.11.1  "server 1"  etcd0 10.6.7.1 --|
 *      |-- lan0 10.6.11.2  "server 2"  etcd0 10.6.7.2 --|-- eth0 10.6.7.11  "etcd 0"
 *      |-- lan0 10.6.11.3  "server 3"  etcd0 10.6.7.3 --|   ...
 *      |-- clients: 10.6.8.0/23
 * ```
 *
 * @module
 */

import { backboneAddress, type Etcd } from "../etcd.ts";
import type { Host, Lab, Plug } from "../lab.ts";
import { serveCommand, Server, type ServerOptions } from "../server.ts";
import { Process } from "../process.ts";
import { Talker } from "../talker.ts";

/** A prefix that has every pool in it, and no server. */
export const POOL = "10.6.8.0/23";

/** For the clients' host, outside the pool. */
export const CLIENTS_ADDRESS = "10.6.11.9/22";

/** The prefix of keys in etcd that servers have when nothing else is said. */
export const PREFIX = "etcdhcp::";

/** The pool when nothing else is said. */
export const POOL_FLAGS = { "dhcp.issue-from": "10.6.8.10", "dhcp.issue-to": "10.6.8.100" };

/** How the servers are set up. */
export interface SiteOptions {
  readonly servers: number;
  /** Flags for all, without dashes; and with what differs, by the server's number from 1 on. */
  readonly flags?: Readonly<Record<string, string>>;
  readonly flagsOf?: (number: number) => Readonly<Record<string, string>>;
}

/** A server's host and its plugs, and the server while it runs. */
export class Station {
  readonly number: number;
  readonly host: Host;
  /** In the clients' wire. */
  readonly lan: Plug;
  /** In the backbone. */
  readonly backbone: Plug;
  readonly #options: ServerOptions;
  readonly #lab: Lab;
  #server: Server | undefined;

  constructor(
    lab: Lab,
    number: number,
    plugs: { readonly lan: Plug; readonly backbone: Plug },
    options: ServerOptions,
  ) {
    this.#lab = lab;
    this.number = number;
    this.host = options.host;
    this.lan = plugs.lan;
    this.backbone = plugs.backbone;
    this.#options = options;
  }

  get address(): string {
    return addressOf(this.number);
  }

  /** The running server. */
  get server(): Server {
    if (this.#server === undefined) throw new Error(`Server ${this.number} is not started`);
    return this.#server;
  }

  /** Starts the server; does not wait for it. */
  start(): void {
    const command = serveCommand(this.#lab, this.#options);
    const process = Process.start(this.host.inside(...command), {
      title: `server ${this.number}`,
      cwd: new URL("../../../", import.meta.url).pathname,
    });
    this.#lab.evidence.push({
      title: `log of server ${this.number} (process ${process.pid})`,
      text: () => process.text(25),
    });
    this.#server = new Server(process, this.host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A frozen one would not end before it is killed.
    this.#server?.process.signal("SIGCONT");
    await this.#server?.process.stop();
  }
}

/** The clients' wire and the servers in it, in its own scope. */
export class Site implements AsyncDisposable {
  readonly wire: Host;
  readonly stations: readonly Station[];

  private constructor(wire: Host, stations: readonly Station[]) {
    this.wire = wire;
    this.stations = stations;
  }

  /** Builds the wire and the hosts; the servers are the scenario's to start. */
  static async build(lab: Lab, etcd: Etcd, options: SiteOptions): Promise<Site> {
    const wire = await lab.wire("lan");
    const stations: Station[] = [];
    for (let number = 1; number <= options.servers; number++) {
      const host = await lab.host(`server ${number}`);
      const lan = await lab.plug(host, wire, { name: "lan0", address: `${addressOf(number)}/22` });
      const backbone = await lab.plug(host, etcd.wire, {
        name: "etcd0",
        address: backboneAddress(number),
      });
      const own = options.flagsOf?.(number) ?? {};
      const flags = {
        ...POOL_FLAGS,
        ...("etcd.discovery.srv" in own ? {} : { "etcd.discovery.endpoints": etcd.endpoints }),
        ...options.flags,
        ...own,
      };
      stations.push(new Station(lab, number, { lan, backbone }, { host, flags }));
    }
    return new Site(wire, stations);
  }

  /** Starts all servers and waits until they are ready. */
  async start(): Promise<void> {
    for (const station of this.stations) station.start();
    await this.ready(30);
  }

  /** Waits until all servers are ready. */
  async ready(seconds: number): Promise<void> {
    for (const { server } of this.stations) await server.ready(200, seconds);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const station of this.stations) await station[Symbol.asyncDispose]();
  }
}

/** Scripted clients on a site's wire. */
export async function siteTalkers(lab: Lab, { wire, stations }: Site): Promise<Talker> {
  const host = await lab.host("talker");
  await lab.plug(host, wire, { name: "eth0", address: CLIENTS_ADDRESS });
  // A socket bound to no address needs a route even for this one.
  await host.ip("route", "add", "255.255.255.255/32", "dev", "eth0");
  const [address] = CLIENTS_ADDRESS.split("/");
  return await Talker.open(lab, host, {
    address: address!,
    server: stations[0]!.address,
    relay: false,
  });
}

function addressOf(number: number): string {
  return `10.6.11.${number}`;
}
