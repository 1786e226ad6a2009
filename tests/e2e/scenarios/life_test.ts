/** The server as a service manager sees it: what it tells, and what signals do to it. */

import assert from "node:assert/strict";
import type { Lab } from "../lab.ts";
import { until } from "../poll.ts";
import { describe, type Process } from "../process.ts";
import { scenario } from "../scenario.ts";
import { LAN, launchServer, Server } from "../server.ts";
import { buildLan } from "./lan.ts";

/** What a service manager hears. */
class Manager implements AsyncDisposable {
  readonly path: string;
  readonly heard: string[] = [];
  readonly #socket: Deno.DatagramConn;
  readonly #done: Promise<void>;

  constructor(lab: Lab) {
    this.path = `${lab.directory}/manager`;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: this.path });
    this.#done = this.#listen();
  }

  async #listen(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const [bytes] of this.#socket) this.heard.push(decoder.decode(bytes).trim());
  }

  async hears(pattern: RegExp, from = 0): Promise<string> {
    return await until(`${pattern} at the service manager`, 30, () => {
      return this.heard.slice(from).find((line) => pattern.test(line));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#done;
  }
}

/** The permissions of the task name systemd's own socket, this one is elsewhere. */
function launch(
  lab: Lab,
  host: Parameters<typeof launchServer>[1]["host"],
  env: string[],
): Process {
  return launchServer(lab, { host, flags: LAN.flags, under: ["env", ...env], allowAll: true });
}

scenario("sd_notify: READY, STATUS, WATCHDOG, and STOPPING", [], async (lab) => {
  const { server: host } = await buildLan(lab);
  await using manager = new Manager(lab);
  await using process = launch(lab, host, [
    `NOTIFY_SOCKET=${manager.path}`,
    "WATCHDOG_USEC=1000000",
    `RUNTIME_DIRECTORY=${lab.directory}`,
  ]);
  await manager.hears(/^READY=1$/);
  assert.deepEqual(manager.heard.slice(0, 2), ["STATUS=serving lan0, 0 of 91 leased", "READY=1"]);
  assert.equal((await new Server(process, host).readiness())?.status, 200);
  await manager.hears(/^WATCHDOG=1$/);
  await host.ip("link", "set", "lan0", "down");
  await manager.hears(/^STATUS=not serving: interface lan0 is down$/);
  process.signal("SIGTERM");
  assert.equal(describe(await process.exit(10)), "exit code 0");
  await manager.hears(/^STOPPING=1$/);
});

scenario("SIGHUP without a configuration file changes nothing and says so", [], async (lab) => {
  const { server: host } = await buildLan(lab);
  await using process = launch(lab, host, []);
  await process.line(/"msg":"ready"/, 30);
  process.signal("SIGHUP");
  await process.line(/SIGHUP: there is no configuration file/, 30);
  assert.equal((await new Server(process, host).readiness())?.status, 200);
});

scenario("A second signal ends the server at once, with exit code 1", [], async (lab) => {
  const { server: host } = await buildLan(lab);
  await using process = launch(lab, host, []);
  await process.line(/"msg":"ready"/, 30);
  // Both are there when it goes on, so that it cannot have stopped in between.
  for (const signal of ["SIGSTOP", "SIGTERM", "SIGINT", "SIGCONT"] as const) process.signal(signal);
  assert.equal(describe(await process.exit(10)), "exit code 1");
  assert.match(process.text(), /stopped at once/);
});

scenario("The log is the journal's when stderr is the journal", ["bash"], async (lab) => {
  const { server: host } = await buildLan(lab);
  const stream = 'export JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2); exec "$@"';
  await using process = launchServer(lab, {
    host,
    flags: LAN.flags,
    under: ["bash", "-c", stream, "-"],
    logFormat: undefined,
  });
  await process.line(/^<6>serving interface=lan0/, 30);
  await process.line(/^<6>ready /, 30);
});
