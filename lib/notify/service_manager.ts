/**
 * What systemd wants to be told (sd_notify(3)): that the server is ready, reloading, stopping, how
 * it is doing, and, as a watchdog, that it still turns.
 *
 * A line is one datagram to the socket that `$NOTIFY_SOCKET` names. Deno sends datagrams only from
 * a socket that is bound to a file, so one is bound in the runtime directory and its file removed
 * at once. An abstract name (`@...`) is spelt with a leading NUL by Deno 2.9; it cannot be granted
 * by name, so it takes a program that may use the network as it likes. systemd itself uses a path.
 *
 * @module
 */

import { messageOf } from "../config/operator_error.ts";

/** What the environment says of the service manager. */
export interface ServiceEnvironment {
  /** `$NOTIFY_SOCKET`: a path, or `@` and an abstract name; undefined when nobody listens. */
  readonly socket: string | undefined;
  /** Where the socket that is sent from may be bound, the best place first. */
  readonly directories: readonly string[];
  /** `$WATCHDOG_USEC`: without a sign of life for so long, microseconds, the server is restarted. */
  readonly watchdog: string | undefined;
  /** `$WATCHDOG_PID`: whose sign of life is meant. */
  readonly watchdogProcess: string | undefined;
}

/** The variables that {@linkcode serviceEnvironment} reads. */
export const SERVICE_VARIABLES = [
  "NOTIFY_SOCKET",
  "WATCHDOG_USEC",
  "WATCHDOG_PID",
  "RUNTIME_DIRECTORY",
  "TMPDIR",
] as const;

/** Reads what the service manager has put into the environment. */
export function serviceEnvironment(env: ReadonlyMap<string, string>): ServiceEnvironment {
  const runtime = env.get("RUNTIME_DIRECTORY")?.split(":")[0];
  return {
    socket: env.get("NOTIFY_SOCKET") || undefined,
    directories: [...(runtime ? [runtime] : []), env.get("TMPDIR") || "/tmp"],
    watchdog: env.get("WATCHDOG_USEC"),
    watchdogProcess: env.get("WATCHDOG_PID"),
  };
}

/**
 * How often a sign of life is due: half of what the service manager waits for.
 *
 * @returns milliseconds, or undefined when nobody waits for one from this process.
 */
export function watchdogInterval(env: ServiceEnvironment, pid: number): number | undefined {
  if (env.watchdogProcess !== undefined && env.watchdogProcess !== String(pid)) return undefined;
  const microseconds = Number(env.watchdog ?? "");
  return microseconds > 0 && Number.isFinite(microseconds) ? microseconds / 2000 : undefined;
}

/** What the server tells whoever runs it. */
export interface ServiceManager {
  /** The server runs: what depends on it may start. Also says that a reload is over. */
  ready(): void;
  /** @param microseconds What CLOCK_MONOTONIC shows, or a little more. */
  reloading(microseconds: number): void;
  stopping(): void;
  /** How the server is doing, one line. The same line twice is told once. */
  status(line: string): void;
  /** The server turns. */
  alive(): void;
  /** Settles once everything told so far has been sent, or could not be. */
  close(): Promise<void>;
}

/** Nobody asked. */
const NOBODY: ServiceManager = {
  ready() {},
  reloading() {},
  stopping() {},
  status() {},
  alive() {},
  close: () => Promise.resolve(),
};

/** Tells through `$NOTIFY_SOCKET`. */
class Systemd implements ServiceManager {
  readonly #socket: Deno.DatagramConn;
  readonly #path: string;
  readonly #failed: (reason: string) => void;
  /** What has been told so far, in order: each datagram waits for the one before. */
  #told: Promise<unknown> = Promise.resolve();
  #status: string | undefined;
  #hasFailed = false;

  constructor(socket: Deno.DatagramConn, path: string, failed: (reason: string) => void) {
    this.#socket = socket;
    this.#path = path;
    this.#failed = failed;
  }

  ready(): void {
    this.#tell("READY=1");
  }

  reloading(microseconds: number): void {
    this.#tell(`RELOADING=1\nMONOTONIC_USEC=${microseconds}`);
  }

  stopping(): void {
    this.#tell("STOPPING=1");
  }

  status(line: string): void {
    if (line === this.#status) return;
    this.#status = line;
    this.#tell(`STATUS=${line.replaceAll(/\s+/g, " ")}`);
  }

  alive(): void {
    this.#tell("WATCHDOG=1");
  }

  async close(): Promise<void> {
    await this.#told;
    this.#socket.close();
  }

  #tell(text: string): void {
    const datagram = new TextEncoder().encode(`${text}\n`);
    const to = { transport: "unixpacket", path: this.#path } as const;
    this.#told = this.#told.then(() => this.#socket.send(datagram, to)).catch((error) => {
      // Every second would say the same.
      if (!this.#hasFailed) this.#failed(messageOf(error));
      this.#hasFailed = true;
    });
  }
}

/**
 * Opens the way to the service manager.
 *
 * @param warn Told, once, why it cannot be told anything: with `Type=notify` it would then stop
 * the server after a while.
 */
export function openServiceManager(
  { socket, directories }: ServiceEnvironment,
  warn: (line: string) => void,
): ServiceManager {
  if (socket === undefined) return NOBODY;
  const failed = (reason: string) =>
    warn(`cannot tell the service manager at ${socket}: ${reason}`);
  const path = socket.startsWith("@") ? `\0${socket.slice(1)}` : socket;
  let reason = "there is no directory to send from";
  for (const directory of directories) {
    try {
      return new Systemd(bindIn(directory), path, failed);
    } catch (error) {
      reason = messageOf(error);
    }
  }
  failed(reason);
  return NOBODY;
}

/** A socket to send from. Its name is fixed, so that a permission can name it. */
function bindIn(directory: string): Deno.DatagramConn {
  const path = `${directory}/etcdhcp.notify`;
  // Left behind by a server that was killed between the two steps below.
  removeIfThere(path);
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  removeIfThere(path);
  return socket;
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
