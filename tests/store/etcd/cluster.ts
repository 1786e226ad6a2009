/**
 * Real etcd servers on loopback, for tests: started with fresh directories, killed and frozen at
 * will, gone with them at the end.
 *
 * `etcd` is found by ETCD_BIN or on the PATH, `etcdctl` by ETCDCTL_BIN or on the PATH; on a machine
 * without them Debian's packages are unpacked into the user's cache, which needs no root.
 *
 * @module
 */

import { existsSync } from "node:fs";

/** What kind of cluster. */
export interface ClusterOptions {
  /** How many servers: 1 if not said. */
  readonly members?: 1 | 3;
  readonly tls?: {
    /** For whom the server's certificate is: "DNS:localhost", "IP:127.0.0.1". */
    readonly names: readonly string[];
    /** Whether clients need a certificate. */
    readonly clients?: boolean;
  };
  /**
   * With passwords: `root` with the password "root" may do everything, `dhcp` with the password
   * "secret" read and write what begins with `prefix`.
   */
  readonly auth?: { readonly prefix: string };
  /** More flags for the servers. */
  readonly flags?: readonly string[];
}

/** Paths of PEM files. */
export interface TestCertificates {
  readonly ca: string;
  /** The client's. */
  readonly cert: string;
  readonly key: string;
  /** An authority that has signed nothing. */
  readonly otherCa: string;
}

/** One server. */
interface Server {
  readonly name: string;
  readonly client: number;
  readonly peer: number;
  readonly metrics: number;
  process: Deno.ChildProcess | undefined;
}

/** How long a server may take to answer, milliseconds. */
const PATIENCE = 15_000;

export class EtcdCluster implements AsyncDisposable {
  readonly #directory: string;
  readonly #options: ClusterOptions;
  readonly #servers: readonly Server[];
  readonly #binary: string;
  /** Set when started with TLS. */
  readonly certificates: TestCertificates | undefined;

  /** Starts the servers and waits until they can be used. */
  static async start(options: ClusterOptions = {}): Promise<EtcdCluster> {
    const binary = await findProgram("etcd", "ETCD_BIN", "etcd-server");
    const directory = await Deno.makeTempDir({ prefix: "etcdhcp-etcd-" });
    const count = options.members ?? 1;
    const ports = freePorts(3 * count);
    const servers = Array.from({ length: count }, (_, index) => ({
      name: `m${index}`,
      client: ports[3 * index]!,
      peer: ports[3 * index + 1]!,
      metrics: ports[3 * index + 2]!,
      process: undefined,
    }));
    const { tls } = options;
    const certificates = tls && await makeCertificates(directory, tls.names);
    const cluster = new EtcdCluster(directory, options, servers, binary, certificates);
    try {
      for (const server of servers) cluster.#spawn(server, "new");
      await cluster.#whenAllHealthy();
      if (options.auth !== undefined) await cluster.#enablePasswords(options.auth.prefix);
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  private constructor(
    directory: string,
    options: ClusterOptions,
    servers: readonly Server[],
    binary: string,
    certificates: TestCertificates | undefined,
  ) {
    this.#directory = directory;
    this.#options = options;
    this.#servers = servers;
    this.#binary = binary;
    this.certificates = certificates;
  }

  /** With scheme and address, in the order of the members. */
  get endpoints(): readonly string[] {
    return this.#servers.map(({ client }) => `${this.#scheme}://127.0.0.1:${client}`);
  }

  /** The same by name: `localhost`. */
  get named(): readonly string[] {
    return this.#servers.map(({ client }) => `${this.#scheme}://localhost:${client}`);
  }

  /** Cuts a member's power: SIGKILL. */
  async kill(member: number): Promise<void> {
    const server = this.#servers[member]!;
    server.process?.kill("SIGKILL");
    await server.process?.status;
    server.process = undefined;
  }

  /** Freezes a member: its connections stay open and, once this returns, nothing answers. */
  pause(member: number): void {
    const process = this.#servers[member]!.process!;
    process.kill("SIGSTOP");
    // On a busy machine some of its threads go on for a while, and would still answer.
    const until = performance.now() + PATIENCE;
    while (!isStopped(process.pid)) {
      if (performance.now() > until) throw new Error(`etcd ${process.pid} does not stop`);
    }
  }

  resume(member: number): void {
    this.#servers[member]!.process!.kill("SIGCONT");
  }

  /** Starts a killed member again, with what it has on disk; does not wait for it. */
  restart(member: number): void {
    this.#spawn(this.#servers[member]!, "existing");
  }

  /** Waits until a member says that it is healthy. */
  async whenHealthy(member: number): Promise<void> {
    const { name, metrics } = this.#servers[member]!;
    const until = Date.now() + PATIENCE;
    while (Date.now() < until) {
      const text = await fetchText(`http://127.0.0.1:${metrics}/health`);
      if (text.includes("true")) return;
      await sleep(50);
    }
    throw new Error(`etcd ${name} did not start: ${this.#lastWords(name)}`);
  }

  /** Which member leads; undefined while none does. */
  async leader(): Promise<number | undefined> {
    for (const [member, { metrics, process }] of this.#servers.entries()) {
      if (process === undefined) continue;
      const text = await fetchText(`http://127.0.0.1:${metrics}/metrics`);
      if (/^etcd_server_is_leader 1$/m.test(text)) return member;
    }
    return undefined;
  }

  /** What an operator does: runs etcdctl and returns what it prints. Fails when it does. */
  async etcdctl(...args: readonly string[]): Promise<string> {
    const { ca, cert, key } = this.certificates ?? {};
    const command = new Deno.Command(await findProgram("etcdctl", "ETCDCTL_BIN", "etcd-client"), {
      args: [
        `--endpoints=${this.endpoints.join()}`,
        ...(ca === undefined ? [] : [`--cacert=${ca}`, `--cert=${cert}`, `--key=${key}`]),
        ...args,
      ],
      env: { ETCDCTL_API: "3" },
    });
    const { success, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    if (!success) throw new Error(`etcdctl ${args.join(" ")}: ${decoder.decode(stderr)}`);
    return decoder.decode(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#servers.keys()) await this.kill(member);
    await Deno.remove(this.#directory, { recursive: true });
  }

  get #scheme(): string {
    return this.#options.tls === undefined ? "http" : "https";
  }

  #spawn(server: Server, state: "new" | "existing"): void {
    const { name, client, peer, metrics } = server;
    const clientUrl = `${this.#scheme}://127.0.0.1:${client}`;
    const peerUrl = (of: Server) => `http://127.0.0.1:${of.peer}`;
    const { tls, auth, flags } = this.#options;
    const directory = this.#directory;
    server.process = new Deno.Command(this.#binary, {
      args: [
        `--name=${name}`,
        `--data-dir=${directory}/${name}`,
        `--listen-client-urls=${clientUrl}`,
        `--advertise-client-urls=${clientUrl}`,
        `--listen-peer-urls=http://127.0.0.1:${peer}`,
        `--initial-advertise-peer-urls=${peerUrl(server)}`,
        `--initial-cluster=${this.#servers.map((of) => `${of.name}=${peerUrl(of)}`).join()}`,
        `--initial-cluster-token=${directory}`,
        `--initial-cluster-state=${state}`,
        `--listen-metrics-urls=http://127.0.0.1:${metrics}`,
        "--logger=zap",
        `--log-outputs=${directory}/${name}.log`,
        ...(tls === undefined
          ? []
          : [`--cert-file=${directory}/server.pem`, `--key-file=${directory}/server.key`]),
        ...(tls?.clients ? ["--client-cert-auth", `--trusted-ca-file=${directory}/ca.pem`] : []),
        ...(auth === undefined ? [] : ["--bcrypt-cost=4"]),
        ...(flags ?? []),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  async #whenAllHealthy(): Promise<void> {
    await Promise.all(this.#servers.keys().map((member) => this.whenHealthy(member)));
  }

  #lastWords(name: string): string {
    try {
      return Deno.readTextFileSync(`${this.#directory}/${name}.log`).slice(-2000);
    } catch {
      return "it has logged nothing";
    }
  }

  async #enablePasswords(prefix: string): Promise<void> {
    await this.etcdctl("user", "add", "root:root");
    await this.etcdctl("user", "grant-role", "root", "root");
    await this.etcdctl("role", "add", "dhcp");
    await this.etcdctl("role", "grant-permission", "dhcp", "--prefix=true", "readwrite", prefix);
    await this.etcdctl("user", "add", "dhcp:secret");
    await this.etcdctl("user", "grant-role", "dhcp", "dhcp");
    await this.etcdctl("auth", "enable");
  }
}

/** Whether every thread of a process has been stopped by a signal. */
function isStopped(pid: number): boolean {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].every(({ name }) => {
    // The state is the field after the name, which is in parentheses and may hold anything.
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/task/${name}/stat`);
      return stat.slice(stat.lastIndexOf(")") + 2).startsWith("T");
    } catch {
      // It has ended meanwhile, so the process had not stopped when it was listed.
      return false;
    }
  });
}

/** What a URL answers; empty while nobody does. */
async function fetchText(url: string): Promise<string> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), 500);
  try {
    const response = await fetch(url, { signal: late.signal });
    return await response.text();
  } catch {
    return "";
  } finally {
    clearTimeout(timer);
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Ports of 127.0.0.1 that nobody listens on, all different. */
function freePorts(count: number): number[] {
  const listeners = Array.from(
    { length: count },
    () => Deno.listen({ hostname: "127.0.0.1", port: 0 }),
  );
  const ports = listeners.map((listener) => listener.addr.port);
  for (const listener of listeners) listener.close();
  return ports;
}

/**
 * Finds a program, or unpacks the Debian package that has it.
 *
 * @throws {Error} that says what to install.
 */
async function findProgram(name: string, variable: string, debian: string): Promise<string> {
  const named = Deno.env.get(variable);
  if (named) return named;
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    if (existsSync(`${directory}/${name}`)) return `${directory}/${name}`;
  }
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME")}/.cache`;
  const place = `${cache}/etcdhcp/${debian}`;
  const program = `${place}/usr/bin/${name}`;
  if (!existsSync(program)) await unpack(debian, name, place, variable);
  return program;
}

async function unpack(debian: string, name: string, place: string, variable: string) {
  const parent = place.slice(0, place.lastIndexOf("/"));
  await Deno.mkdir(parent, { recursive: true });
  const workshop = await Deno.makeTempDir({ dir: parent });
  try {
    await download(debian, workshop);
    const archive = [...Deno.readDirSync(workshop)].find((file) => file.name.endsWith(".deb"))!;
    await run("dpkg", ["-x", archive.name, "unpacked"], workshop);
    // Another test may have been faster: then its directory is as good.
    await Deno.rename(`${workshop}/unpacked`, place).catch((error) => {
      if (!existsSync(`${place}/usr/bin/${name}`)) throw error;
    });
  } catch (cause) {
    const what = `apt-get update && apt-get install ${debian}`;
    throw new Error(`${name} is not here and could not be fetched: ${what}, or set ${variable}`, {
      cause,
    });
  } finally {
    await Deno.remove(workshop, { recursive: true });
  }
}

/** By the machine's package lists, or, where it has none yet, by lists of our own: no root needed. */
async function download(debian: string, workshop: string): Promise<void> {
  try {
    await run("apt-get", ["download", debian], workshop);
  } catch {
    const own = ["-o", `Dir::State=${workshop}/state`, "-o", `Dir::Cache=${workshop}/cache`];
    for (const directory of ["state/lists/partial", "cache/archives/partial"]) {
      await Deno.mkdir(`${workshop}/${directory}`, { recursive: true });
    }
    await run("apt-get", [...own, "update"], workshop);
    await run("apt-get", [...own, "download", debian], workshop);
  }
}

async function run(program: string, args: readonly string[], cwd: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args: [...args], cwd }).output();
  if (!success) throw new Error(`${program} ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

/** An authority, and certificates that it signed: `server` for these names, and `client`. */
export async function makeCertificates(
  directory: string,
  names: readonly string[],
): Promise<TestCertificates> {
  const openssl = (...args: readonly string[]) => run("openssl", args, directory);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  for (const authority of ["ca", "other"]) {
    await openssl(
      ...["req", "-x509", ...newKey, "-days", "2", "-subj", `/CN=${authority}`],
      ...["-keyout", `${authority}.key`, "-out", `${authority}.pem`],
    );
  }
  for (const [owner, alternatives] of [["server", names], ["client", ["DNS:client"]]] as const) {
    await openssl(
      ...["req", ...newKey, "-subj", `/CN=${owner}`],
      ...["-keyout", `${owner}.key`, "-out", `${owner}.csr`],
    );
    await Deno.writeTextFile(
      `${directory}/${owner}.ext`,
      `subjectAltName=${alternatives.join()}\nextendedKeyUsage=serverAuth,clientAuth\n`,
    );
    await openssl(
      ...["x509", "-req", "-in", `${owner}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key"],
      ...["-CAcreateserial", "-days", "2", "-extfile", `${owner}.ext`, "-out", `${owner}.pem`],
    );
  }
  const path = (file: string) => `${directory}/${file}`;
  return {
    ca: path("ca.pem"),
    cert: path("client.pem"),
    key: path("client.key"),
    otherCa: path("other.pem"),
  };
}
