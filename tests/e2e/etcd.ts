/**
 * etcd in namespaces: every member on a host of its own, to be killed, frozen and cut off.
 *
 * ```text
 *   wire "backbone" 10.6.7.0/24
 *      |-- 10.6.7.11 "etcd 0"   peers 2380, clients 2379, and by loopback 2381 for the test
 *      |-- 10.6.7.12 "etcd 1"
 *      |-- 10.6.7.13 "etcd 2"
 *      |-- 10.6.7.1, .2, ...    the DHCP servers' second interface
 * ```
 *
 * @module
 */

import { makeCertificates, type TestCertificates } from "../store/etcd/cluster.ts";
import { get } from "./http.ts";
import type { Host, Lab, Plug } from "./lab.ts";
import { until } from "./poll.ts";
import { Process, run } from "./process.ts";

/** What kind of cluster. */
export interface EtcdOptions {
  /** 1 if not said. */
  readonly members?: 1 | 3;
  /** With TLS for clients, who must have a certificate; besides addresses, it is for these names. */
  readonly tls?: { readonly names: readonly string[] };
  /** With passwords: `dhcp`/`secret` may read and write what begins with this, and nothing else. */
  readonly ownPrefix?: string;
  /** More flags for the members. */
  readonly flags?: readonly string[];
}

/** Where the members are. */
const NETWORK = "10.6.7";

/** The address, with its prefix length, of the DHCP server with a number. */
export function backboneAddress(server: number): string {
  return `${NETWORK}.${1 + server}/24`;
}

/** One member and what can be done to it. */
export class Member {
  readonly title: string;
  readonly address: string;
  readonly host: Host;
  readonly plug: Plug;
  readonly #command: readonly string[];
  #process: Process | undefined;

  constructor(
    { title, address, host, plug, command }: {
      title: string;
      address: string;
      host: Host;
      plug: Plug;
      command: readonly string[];
    },
  ) {
    this.title = title;
    this.address = address;
    this.host = host;
    this.plug = plug;
    this.#command = command;
  }

  /** Starts it, with what it has on disk. */
  start(): void {
    this.#process = this.host.start(this.#command, { title: this.title });
  }

  async kill(): Promise<void> {
    this.#process?.signal("SIGKILL");
    await this.#process?.exit(5);
  }

  /** Its connections stay, and nothing answers. */
  freeze(): void {
    this.#process?.signal("SIGSTOP");
  }

  thaw(): void {
    this.#process?.signal("SIGCONT");
  }

  /** Makes packets to other members vanish: it hears them and its clients, but not they it. */
  async isolate(others: readonly Member[]): Promise<void> {
    for (const { address } of others) await this.host.ip("route", "add", "blackhole", address);
  }

  async rejoin(others: readonly Member[]): Promise<void> {
    for (const { address } of others) await this.host.ip("route", "del", "blackhole", address);
  }

  /** Waits until it says that it is healthy: there is a leader, and it can commit. */
  async healthy(seconds: number): Promise<void> {
    await until(`${this.title} to be healthy`, seconds, async () => {
      return (await get(this.host, 2381, "/health")).body.includes('"true"');
    }, 100);
  }

  async leads(): Promise<boolean> {
    const { body } = await get(this.host, 2381, "/metrics");
    return /^etcd_server_is_leader 1$/m.test(body);
  }

  /** Its last lines, for failure reports. */
  text(): string {
    return this.#process?.text(10) ?? "(not started)";
  }
}

/** A cluster in its own scope. */
export class Etcd implements AsyncDisposable {
  readonly wire: Host;
  readonly members: readonly Member[];
  readonly certificates: TestCertificates | undefined;

  private constructor(
    wire: Host,
    members: readonly Member[],
    certificates: TestCertificates | undefined,
  ) {
    this.wire = wire;
    this.members = members;
    this.certificates = certificates;
  }

  /** Builds the wire and starts the members on it; resolves when they can be used. */
  static async start(lab: Lab, options: EtcdOptions = {}): Promise<Etcd> {
    const wire = await lab.wire("backbone");
    const addresses = Array.from(
      { length: options.members ?? 1 },
      (_, i) => `${NETWORK}.${11 + i}`,
    );
    const certificates = options.tls && await makeCertificates(lab.directory, [
      ...options.tls.names.map((name) => `DNS:${name}`),
      ...addresses.map((address) => `IP:${address}`),
    ]);
    const peers = addresses.map((address, i) => `m${i}=http://${address}:2380`).join();
    const scheme = certificates ? "https" : "http";
    const members: Member[] = [];
    for (const [i, address] of addresses.entries()) {
      const title = `etcd ${i}`;
      const host = await lab.host(title);
      const plug = await lab.plug(host, wire, { name: "eth0", address: `${address}/24` });
      const client = `${scheme}://${address}:2379`;
      const peer = `http://${address}:2380`;
      const command = [
        ...["etcd", "--name", `m${i}`, "--data-dir", `${lab.directory}/etcd${i}`],
        ...["--listen-client-urls", `${scheme}://0.0.0.0:2379`],
        ...["--advertise-client-urls", client],
        ...["--listen-peer-urls", "http://0.0.0.0:2380", "--initial-advertise-peer-urls", peer],
        ...["--initial-cluster", peers, "--listen-metrics-urls", "http://127.0.0.1:2381"],
        ...["--logger", "zap", "--bcrypt-cost", "4"],
        ...(certificates
          ? [
            ...["--cert-file", `${lab.directory}/server.pem`],
            ...["--key-file", `${lab.directory}/server.key`],
            ...["--client-cert-auth", "--trusted-ca-file", certificates.ca],
          ]
          : []),
        ...(options.flags ?? []),
      ];
      const member = new Member({ title, address, host, plug, command });
      lab.evidence.push({ title: `log of ${title}`, text: () => member.text() });
      members.push(member);
    }
    const etcd = new Etcd(wire, members, certificates);
    try {
      for (const member of members) member.start();
      for (const member of members) await member.healthy(20);
      if (options.ownPrefix !== undefined) await etcd.#setPasswords(options.ownPrefix);
    } catch (error) {
      await etcd[Symbol.asyncDispose]();
      throw error;
    }
    return etcd;
  }

  /** What `--etcd.discovery.endpoints` is to be. */
  get endpoints(): string {
    return this.members.map(({ address }) => `${address}:2379`).join();
  }

  /** The member that leads. */
  leader(): Promise<Member> {
    return until("a leader of etcd", 10, async () => {
      for (const member of this.members) {
        // One that is down leads nobody.
        if (await member.leads().catch(() => false)) return member;
      }
    });
  }

  /** What an operator does, on the first member's host: returns what etcdctl prints. */
  etcdctl(...args: string[]): Promise<string> {
    return this.#etcdctl(this.members[0]!, ...args);
  }

  async #etcdctl({ host, address }: Member, ...args: string[]): Promise<string> {
    const { ca, cert, key } = this.certificates ?? {};
    return await run(host.inside(
      ...["env", "ETCDCTL_API=3", "etcdctl"],
      `--endpoints=${ca === undefined ? "http" : "https"}://${address}:2379`,
      ...(ca === undefined ? [] : [`--cacert=${ca}`, `--cert=${cert}`, `--key=${key}`]),
      ...args,
    ));
  }

  /** Says for good that a client has an address, as an operator may: it is offered no other. */
  async pin(prefix: string, chaddr: string, address: string, by = this.members[0]!): Promise<void> {
    await this.#etcdctl(by, "put", `${prefix}nics::leased::${chaddr}`, address);
    await this.#etcdctl(by, "put", `${prefix}ips::leased::${address}`, chaddr);
    await this.#etcdctl(by, "del", `${prefix}ips::free::${address}`);
  }

  /** Has a member lead, so that freezing another costs no election. */
  async lead(member: Member): Promise<void> {
    const leader = await this.leader();
    if (leader === member) return;
    // Not read as JSON: the numbers of members are too large for it.
    const status = await this.#etcdctl(member, "endpoint", "status", "-w", "json");
    const id = BigInt(/"member_id":(\d+)/.exec(status)![1]!).toString(16);
    await this.#etcdctl(leader, "move-leader", id);
    await until(`${member.title} to lead`, 10, () => member.leads());
  }

  async #setPasswords(prefix: string): Promise<void> {
    await this.etcdctl("user", "add", "root:root");
    await this.etcdctl("user", "grant-role", "root", "root");
    await this.etcdctl("role", "add", "dhcp");
    await this.etcdctl("role", "grant-permission", "dhcp", "--prefix=true", "readwrite", prefix);
    await this.etcdctl("user", "add", "dhcp:secret");
    await this.etcdctl("user", "grant-role", "dhcp", "dhcp");
    await this.etcdctl("auth", "enable");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member.kill();
  }
}
