/**
 * A network of its own for every test: hosts and wires are network namespaces, a wire's namespace
 * holds a bridge, and a host is plugged into a wire by a veth pair. Nothing the tests send can
 * leave it.
 *
 * ```text
 *    host "server"                wire "lan"                      host "udhcpc"
 *   +---------------+      +----------------------+             +---------------+
 *   |  10.6.9.1/24  |      |  server:lan0         |             |  no address   |
 *   |     lan0 o----|------|--o                   |             |               |
 *   |               |      |     bridge "wire" o--|-------------|--o eth0       |
 *   |     wan0 o    |      |        ^             |             +---------------+
 *   +----------|----+      |        | tcpdump     |              host "dhclient"
 *              |           |        |          o--|-------------|--o eth0 ...
 *              |           +----------------------+             +---------------+
 *              |            wire "wan"
 *              |           +----------------------+     host "relay"
 *              +-----------|--o   bridge "wire" o-|----o wan0, lan1 o----- wire "far"
 *                          +----------------------+
 * ```
 *
 * Namespaces are called `eh<pid><letters>`; the janitor removes them, and what runs in them, on
 * any exit.
 *
 * @module
 */

import { Janitor } from "./janitor.ts";
import { Process, type ProcessOptions, run } from "./process.ts";

/** The bridge device inside a wire's namespace. */
export const BRIDGE = "wire";

/** Every bridge's own hardware address. It has no IP: frames sent to it vanish. */
export const NOWHERE = "02:00:00:00:de:ad";

/** A part of the story that a failure report should tell. */
export interface Evidence {
  readonly title: string;
  text(): string | Promise<string>;
}

/** A network namespace. */
export class Host {
  readonly title: string;
  readonly netns: string;

  constructor(title: string, netns: string) {
    this.title = title;
    this.netns = netns;
  }

  /** The command line that runs `argv` in here. It keeps its process id: `ip` executes it. */
  inside(...argv: string[]): string[] {
    return ["ip", "netns", "exec", this.netns, ...argv];
  }

  /** Runs a program in here to its end; returns what it printed. */
  run(...argv: string[]): Promise<string> {
    return run(this.inside(...argv));
  }

  /** Starts a program in here. */
  start(argv: readonly string[], options: ProcessOptions): Process {
    return Process.start(this.inside(...argv), options);
  }

  /** `ip ARGUMENTS` in here. */
  ip(...args: string[]): Promise<string> {
    return run(["ip", "-netns", this.netns, ...args]);
  }
}

/** A plug: an interface of a host in a wire. */
export interface PlugOptions {
  readonly name: string;
  /** `10.6.9.1/24`; none for a client that is to be given one. */
  readonly address?: string;
  readonly mac?: string;
}

/** A host's plug in a wire, which can be pulled without either end noticing. */
export class Plug {
  readonly #wire: Host;
  readonly #port: string;

  constructor(wire: Host, port: string) {
    this.#wire = wire;
    this.#port = port;
  }

  /** Takes the port out of the bridge: every packet vanishes, both ways, and the link stays up. */
  async cut(): Promise<void> {
    await this.#wire.ip("link", "set", this.#port, "nomaster");
  }

  async mend(): Promise<void> {
    await this.#wire.ip("link", "set", this.#port, "master", BRIDGE);
  }
}

/** Everything one test made; `await using lab = await Lab.make()` takes it down again. */
export class Lab implements AsyncDisposable {
  /** What to print when the test fails. */
  readonly evidence: Evidence[] = [];
  /** Files of this test only; removed at the end. */
  readonly directory: string;
  readonly #prefix: string;
  readonly #janitor: Janitor;
  #made = 0;

  private constructor(directory: string, janitor: Janitor) {
    this.directory = directory;
    this.#janitor = janitor;
    // Test files run in parallel share a process id, so its letters come with random ones.
    const random = crypto.getRandomValues(new Uint8Array(3));
    this.#prefix = `eh${Deno.pid}` +
      Array.from(random, (octet) => String.fromCharCode(97 + octet % 26)).join("");
  }

  /** Makes an empty lab. */
  static async make(): Promise<Lab> {
    const janitor = new Janitor();
    const directory = await Deno.makeTempDir({ prefix: "etcdhcp-e2e-" });
    await janitor.owns("directory", directory);
    return new Lab(directory, janitor);
  }

  /** Makes a host: a namespace with only a loopback interface. */
  async host(title: string): Promise<Host> {
    const netns = this.#prefix + (this.#made++);
    await this.#janitor.owns("netns", netns);
    await run(["ip", "netns", "add", netns]);
    const host = new Host(title, netns);
    await host.ip("link", "set", "lo", "up");
    return host;
  }

  /** Makes a wire: a namespace with a bridge in it. */
  async wire(title: string): Promise<Host> {
    const wire = await this.host(title);
    // Without multicast snooping and spanning tree a port forwards from its first instant.
    const quick = ["forward_delay", "0", "stp_state", "0", "mcast_snooping", "0"];
    await wire.ip("link", "add", BRIDGE, "address", NOWHERE, "type", "bridge", ...quick);
    await wire.ip("link", "set", BRIDGE, "up");
    return wire;
  }

  /** Plugs an interface of `host` into `wire`, up, with its address. */
  async plug(host: Host, wire: Host, options: PlugOptions): Promise<Plug> {
    // Bridge ports are named by number: titles are too long for interface names.
    const port = `p${this.#made++}`;
    const mac = options.mac ? ["address", options.mac] : [];
    await host.ip(
      ...["link", "add", options.name, ...mac, "type", "veth"],
      ...["peer", "name", port, "netns", wire.netns],
    );
    await wire.ip("link", "set", port, "master", BRIDGE, "up");
    if (options.address) {
      await host.ip("address", "add", options.address, "brd", "+", "dev", options.name);
    }
    await host.ip("link", "set", options.name, "up");
    return new Plug(wire, port);
  }

  /** Takes an interface out of a host for good. */
  async unplug(host: Host, name: string): Promise<void> {
    await host.ip("link", "del", name);
  }

  /**
   * Gives a host a file of its own in /etc, such as `hosts` or `resolv.conf`. Programs started after
   * that see it, and what it is overwritten with.
   */
  async etc(host: Host, file: string, text: string): Promise<void> {
    const directory = `/etc/netns/${host.netns}`;
    await this.#janitor.owns("directory", directory);
    await Deno.mkdir(directory, { recursive: true });
    await Deno.writeTextFile(`${directory}/${file}`, text);
  }

  /** Mounts a small file system of its own and returns its path. */
  async tmpfs(title: string, size: string): Promise<string> {
    const path = `${this.directory}/${title}`;
    await Deno.mkdir(path);
    await this.#janitor.owns("mount", path);
    await run(["mount", "-t", "tmpfs", "-o", `size=${size}`, "etcdhcp-e2e", path]);
    return path;
  }

  /** Mounts a disk of its own, made of a file, and returns its path. */
  async disk(title: string): Promise<string> {
    const path = `${this.directory}/${title}`;
    await Deno.mkdir(path);
    await run(["truncate", "-s", "16M", `${path}.img`]);
    await run(["mkfs.ext4", "-q", `${path}.img`]);
    await this.#janitor.owns("mount", path);
    await run(["mount", "-o", "loop", `${path}.img`, path]);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#janitor[Symbol.asyncDispose]();
  }
}
