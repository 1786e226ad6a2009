import assert from "node:assert/strict";
import {
  openServiceManager,
  type ServiceEnvironment,
  serviceEnvironment,
  watchdogInterval,
} from "../../lib/notify/service_manager.ts";

/** The service manager's end: a real datagram socket in a directory of its own. */
class Manager implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "etcdhcp-notify-" });
  readonly #socket: Deno.DatagramConn;

  constructor(path?: string) {
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: path ?? this.path });
  }

  get path(): string {
    return `${this.directory}/manager`;
  }

  environment(socket = this.path): ServiceEnvironment {
    return serviceEnvironment(
      new Map([["NOTIFY_SOCKET", socket], ["RUNTIME_DIRECTORY", this.directory]]),
    );
  }

  async next(): Promise<string> {
    const [bytes] = await this.#socket.receive();
    return new TextDecoder().decode(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await Deno.remove(this.directory, { recursive: true });
  }
}

const unexpected = (line: string) => assert.fail(line);

Deno.test("openServiceManager tells, in order, what sd_notify knows", async () => {
  await using manager = new Manager();
  const told = openServiceManager(manager.environment(), unexpected);
  told.status("serving lan0, 0 of 91 leased");
  told.ready();
  told.status("serving lan0, 0 of 91 leased");
  told.alive();
  told.reloading(1_234_000_000);
  told.status("two\nlines");
  told.stopping();
  await told.close();
  const lines: string[] = [];
  for (let i = 0; i < 6; i++) lines.push(await manager.next());
  assert.deepEqual(lines, [
    "STATUS=serving lan0, 0 of 91 leased\n",
    "READY=1\n",
    "WATCHDOG=1\n",
    "RELOADING=1\nMONOTONIC_USEC=1234000000\n",
    "STATUS=two lines\n",
    "STOPPING=1\n",
  ]);
});

Deno.test("openServiceManager leaves no file behind, and minds none that is there", async () => {
  await using manager = new Manager();
  const first = openServiceManager(manager.environment(), unexpected);
  assert.deepEqual([...Deno.readDirSync(manager.directory)].map(({ name }) => name), ["manager"]);
  Deno.writeTextFileSync(`${manager.directory}/etcdhcp.notify`, "left behind");
  const second = openServiceManager(manager.environment(), unexpected);
  first.alive();
  second.ready();
  await first.close();
  await second.close();
  assert.deepEqual([await manager.next(), await manager.next()], ["WATCHDOG=1\n", "READY=1\n"]);
});

Deno.test("openServiceManager reaches an abstract name", async () => {
  const name = `etcdhcp-test-${crypto.randomUUID()}`;
  await using manager = new Manager(`\0${name}`);
  const told = openServiceManager(manager.environment(`@${name}`), unexpected);
  told.ready();
  assert.equal(await manager.next(), "READY=1\n");
  await told.close();
});

Deno.test("openServiceManager warns once when nobody is there, and goes on", async () => {
  await using manager = new Manager();
  const warnings: string[] = [];
  const nowhere = `${manager.directory}/nobody`;
  const told = openServiceManager(manager.environment(nowhere), (line) => warnings.push(line));
  told.ready();
  told.alive();
  await told.close();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /^cannot tell the service manager at .*\/nobody: /);
});

Deno.test("openServiceManager warns when there is nowhere to send from", () => {
  const warnings: string[] = [];
  const environment = {
    ...serviceEnvironment(new Map()),
    socket: "/run/x",
    directories: ["/no/such"],
  };
  openServiceManager(environment, (line) => warnings.push(line)).ready();
  assert.match(warnings.join("\n"), /^cannot tell the service manager at \/run\/x: /);
});

Deno.test("openServiceManager does nothing when nobody asked", async () => {
  const told = openServiceManager(serviceEnvironment(new Map()), unexpected);
  told.ready();
  told.status("unheard");
  await told.close();
});

Deno.test("watchdogInterval is half of what the manager waits, for this process alone", () => {
  const of = (env: Record<string, string>) =>
    watchdogInterval(serviceEnvironment(new Map(Object.entries(env))), 4711);
  assert.equal(of({ WATCHDOG_USEC: "30000000" }), 15_000);
  assert.equal(of({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "4711" }), 15_000);
  assert.equal(of({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "1" }), undefined);
  assert.equal(of({ WATCHDOG_USEC: "0" }), undefined);
  assert.equal(of({ WATCHDOG_USEC: "soon" }), undefined);
  assert.equal(of({}), undefined);
});
