import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { Metrics } from "../lib/admin/metrics.ts";
import type { Clock } from "../lib/config/clock.ts";
import type { Fields, Log } from "../lib/config/log.ts";
import type { ServerConfig, Subnet } from "../lib/config/model.ts";
import type { LeaseEvent } from "../lib/lease/events.ts";
import type { Lease } from "../lib/lease/lease.ts";
import type {
  Amended,
  Amendment,
  Amendments,
  BookEvent,
  ManagedStore,
  ServerEntry,
} from "../lib/lease/management.ts";
import type { LeaseView, Operation, Result } from "../lib/lease/store.ts";
import { type Datagram, LARGEST_MESSAGE, type Port } from "../lib/net/port.ts";
import type { Destination } from "../lib/protocol/outcome.ts";
import { Server } from "../lib/server.ts";
import { MemoryStore } from "../lib/store/memory.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../lib/wire/address.ts";
import { decodeMessage, encodeMessage, type Message } from "../lib/wire/message.ts";
import { leaseTime, messageType, messageTypeName } from "../lib/wire/registry.ts";
import {
  addPool,
  bind,
  clientNumber,
  enter,
  EPOCH,
  free,
  interfaceOf,
  removePool,
  subnetOf,
} from "./lease/fixtures.ts";
import { readMessage } from "./protocol/conversation.ts";

/** Time that passes when it is told to. */
class FakeClock implements Clock {
  #elapsed = 0;
  /** By how much the time of day has been set. */
  #set = 0;
  readonly #rounds = new Set<{ readonly every: number; next: number; readonly call: () => void }>();
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();

  now(): number {
    return EPOCH + this.#set + this.#elapsed;
  }

  /** Sets the time of day, as whoever follows the machine's clock would. */
  set(by: number): void {
    this.#set += by;
  }

  elapsed(): number {
    return this.#elapsed;
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((wake) => {
      this.#sleepers.add({ until: this.#elapsed + milliseconds, wake });
    });
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  every(milliseconds: number, call: () => void): () => void {
    const round = { every: milliseconds, next: this.#elapsed + milliseconds, call };
    this.#rounds.add(round);
    return () => this.#rounds.delete(round);
  }

  /** Lets time pass, and everything have its turn at each step of it. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#elapsed + milliseconds;
    while (this.#elapsed < end) {
      const instants = [...this.#rounds].map(({ next }) => next)
        .concat([...this.#sleepers].map(({ until }) => until));
      this.#elapsed = Math.min(end, ...instants.filter((instant) => instant > this.#elapsed));
      for (const round of this.#rounds) {
        if (round.next > this.#elapsed) continue;
        round.next += round.every;
        round.call();
      }
      for (const sleeper of this.#sleepers) {
        if (sleeper.until > this.#elapsed) continue;
        this.#sleepers.delete(sleeper);
        sleeper.wake();
      }
      await settled();
    }
  }

  get isIdle(): boolean {
    return this.#rounds.size === 0;
  }
}

/** Resolves when everything that is ready to run has run. */
async function settled(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

interface Sent {
  readonly destination: Destination;
  readonly message: Message;
}

/** A port whose network is a test. */
class FakePort implements Port {
  readonly sent: Sent[] = [];
  down: string | undefined;
  standing = 0;
  isClosed = false;
  /** Thrown by `send`. */
  fault: Error | undefined;
  #staged: Sent[] = [];
  #inbox: Datagram[] = [];
  #wake = () => {};

  deliver(...datagrams: readonly Datagram[]): void {
    this.#inbox.push(...datagrams);
    this.#wake();
  }

  get waiting(): number {
    return this.#inbox.length;
  }

  async arrival(): Promise<void> {
    while (this.#inbox.length === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  take(most: number): readonly Datagram[] {
    return this.#inbox.splice(0, most);
  }

  send(destination: Destination, write: (into: Uint8Array) => number): void {
    assert.ok(!this.isClosed, "sent after close");
    if (this.fault !== undefined) throw this.fault;
    const buffer = new Uint8Array(LARGEST_MESSAGE).fill(0x55);
    const length = write(buffer);
    if (length === 0) return;
    this.#staged.push({ destination, message: decodeMessage(buffer.slice(0, length)) });
  }

  flush(): void {
    this.sent.push(...this.#staged.splice(0));
  }

  trouble(): string | undefined {
    return this.down;
  }

  untaken(): number {
    return this.standing;
  }

  close(): void {
    this.isClosed = true;
    this.#wake();
  }
}

/** A store that settles when it is told to. */
class SlowStore implements ManagedStore {
  readonly inner: ManagedStore;
  /**
   * "hold" keeps results back; "lose" and "fail" make them unknown, applied or not; "reject" is
   * what no store may do.
   */
  mood: "prompt" | "hold" | "lose" | "fail" | "reject" = "prompt";
  ailment: string | undefined;
  isClosed = false;
  readonly #held: (() => void)[] = [];
  readonly asked: Operation[][] = [];

  constructor(subnets: readonly Subnet[]) {
    this.inner = new MemoryStore(subnets);
  }

  get view(): LeaseView {
    return this.inner.view;
  }

  async commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    this.asked.push([...operations]);
    const unknown = operations.map((): Result => ({ kind: "unknown", reason: "the disk is full" }));
    if (this.mood === "reject") throw new Error("a store that breaks its promise");
    if (this.mood === "fail") return unknown;
    const results = await this.inner.commit(operations, now);
    if (this.mood === "lose") return unknown;
    if (this.mood === "hold") await new Promise<void>((resolve) => this.#held.push(resolve));
    return results;
  }

  /** Lets everything that is held back come through. */
  release(): void {
    this.mood = "prompt";
    for (const resolve of this.#held.splice(0)) resolve();
  }

  get held(): number {
    return this.#held.length;
  }

  get subnets(): readonly Subnet[] {
    return this.inner.subnets;
  }

  entries(): Iterable<Lease> {
    return this.inner.entries();
  }

  amend(amendments: readonly Amendment[], now: number): Promise<readonly Amended[]> {
    return this.inner.amend(amendments, now);
  }

  amendments(): readonly Amendments[] {
    return this.inner.amendments();
  }

  reconfigure(subnets: readonly Subnet[], now: number): void {
    this.inner.reconfigure(subnets, now);
  }

  subscribe(listener: (event: BookEvent) => void): () => void {
    return this.inner.subscribe(listener);
  }

  servers(): readonly ServerEntry[] {
    return this.inner.servers();
  }

  due(now: number, limit: number): readonly Ipv4[] {
    return this.inner.due(now, limit);
  }

  clockSet(by: number): Promise<void> {
    return this.inner.clockSet(by);
  }

  trouble(): string | undefined {
    return this.ailment;
  }

  close(): Promise<void> {
    this.isClosed = true;
    return this.inner.close();
  }
}

/** Keeps every line. */
class FakeLog implements Log {
  readonly verbosity: number;
  readonly lines: { readonly level: string; readonly text: string; readonly fields: Fields }[] = [];

  constructor(verbosity: number) {
    this.verbosity = verbosity;
  }

  event(text: string, fields: Fields): void {
    this.#keep("event", text, fields);
  }
  error(text: string, fields?: Fields): void {
    this.#keep("error", text, fields);
  }
  warn(text: string, fields?: Fields): void {
    this.#keep("warn", text, fields);
  }
  info(text: string, fields?: Fields): void {
    this.#keep("info", text, fields);
  }
  debug(text: string, fields?: Fields): void {
    this.#keep("debug", text, fields);
  }

  #keep(level: string, text: string, fields: Fields = {}): void {
    const said = Object.entries(fields).filter(([, value]) => value !== undefined);
    this.lines.push({ level, text, fields: Object.fromEntries(said) });
  }

  /** Texts of one level. */
  of(level: string): string[] {
    return this.lines.filter((line) => line.level === level).map(({ text }) => text);
  }
}

/** A running server and everything around it. */
class Bench implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly metrics = new Metrics();
  readonly port = new FakePort();
  readonly otherPort = new FakePort();
  readonly log: FakeLog;
  readonly store: SlowStore;
  readonly server: Server;
  readonly config: ServerConfig;
  readonly events: LeaseEvent[] = [];
  #stopped: Promise<void> | undefined;

  constructor(
    { verbosity = 0, leases = true, subnet = subnetOf(), ailment }: {
      readonly verbosity?: number;
      readonly leases?: boolean;
      readonly subnet?: Subnet;
      readonly ailment?: string;
    } = {},
  ) {
    const subnets = [
      subnet,
      subnetOf({ name: "b", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.12"] }),
    ];
    const interfaces = ["lan0 10.0.0.1/24", "lan1 10.1.0.1/24"].map(interfaceOf);
    this.log = new FakeLog(verbosity);
    this.store = new SlowStore(subnets);
    this.store.ailment = ailment;
    const config: ServerConfig = this.config = {
      trial: false,
      interfaces,
      subnets,
      port: 67,
      clientPort: 68,
      confinedElsewhere: false,
      store: { kind: "embedded", path: "/nowhere" },
      requestTimeout: 3000,
      admin: {
        listen: { hostname: "127.0.0.1", port: 0 },
        socket: undefined,
        tokenFile: "/nowhere",
        tls: undefined,
      },
      file: undefined,
      reloadOnChange: false,
      hooks: [],
      poolThreshold: 0.9,
      log: { format: "text", leases, verbosity },
    };
    this.server = new Server({
      config,
      store: this.store,
      ports: [this.port, this.otherPort].map((port, n) => ({ served: interfaces[n]!, port })),
      clock: this.clock,
      log: this.log,
      metrics: this.metrics,
      onEvent: (event) => {
        this.events.push(event);
        if (this.fault !== undefined) throw this.fault;
      },
    });
    this.server.start();
  }

  /** Delivers messages in one burst and waits until nothing more happens. */
  async say(...lines: string[]): Promise<void> {
    this.port.deliver(...lines.map(packet));
    await this.settle();
  }

  /** Lets a few milliseconds pass: a server may gather messages for so long. */
  async settle(): Promise<void> {
    await settled();
    await this.clock.pass(5);
  }

  /** Thrown by whoever hears of events. */
  fault: Error | undefined;

  /** Events so far, in short: "lease.created 10.0.0.10". */
  get told(): string[] {
    return this.events.map((event) =>
      event.kind === "pool.threshold"
        ? `${event.above ? "above" : "below"} ${event.subnet} ${event.used}/${event.size}`
        : `${event.kind} ${formatIpv4(event.lease.address)}`
    );
  }

  /** Replies so far, in short: "OFFER 10.0.0.10 broadcast". */
  get replies(): string[] {
    return this.port.sent.map(show);
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.server.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.store.release();
    await this.stop();
    await settled();
    assert.ok(this.clock.isIdle, "nothing goes on after a stop");
  }
}

function packet(line: string): Datagram {
  const { message, port } = readMessage(line);
  const buffer = new Uint8Array(LARGEST_MESSAGE);
  const { length } = encodeMessage(message, buffer, buffer.length);
  return { payload: buffer.slice(0, length), sourcePort: port };
}

function show({ destination, message }: Sent): string {
  const type = messageTypeName(message.options.get(messageType)!);
  return `${type} ${formatIpv4(message.yiaddr)} ${destination.kind}`;
}

/** A REQUEST that takes an address of the first subnet. */
const take = (client: string, address: string, more = "") =>
  `REQUEST ${client} server=10.0.0.1 requested=${address}${more}`;

Deno.test("Server answers a whole exchange, octets in, octets out", async () => {
  await using bench = new Bench();
  await bench.say("DISCOVER aa:01 xid=7 requested=10.0.0.12");
  assert.deepEqual(bench.replies, ["OFFER 10.0.0.12 unconfigured"]);
  await bench.say(take("aa:01", "10.0.0.12", " xid=8 flags=8000 hostname=printer"));
  assert.deepEqual(bench.replies.slice(1), ["ACK 10.0.0.12 broadcast"]);
  assert.deepEqual(bench.port.sent.map(({ message }) => message.xid), [7, 8]);

  const { metrics, log } = bench;
  assert.deepEqual(Object.fromEntries(metrics.packetsReceived), { discover: 1, request: 1 });
  assert.deepEqual(Object.fromEntries(metrics.packetsSent), { offer: 1, ack: 1 });
  assert.deepEqual(Object.fromEntries(metrics.packetsDropped), {});
  assert.deepEqual([...metrics.requestSeconds.keys()], ["discover", "request"]);
  assert.deepEqual(log.lines, [{
    level: "event",
    text: "lease created",
    fields: {
      ip: "10.0.0.12",
      client: "02:00:00:00:aa:01",
      hostname: "printer",
      seconds: 3600,
    },
  }]);
});

Deno.test("Server sends an ACK when the store says done, and never before", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  await bench.say(take("aa:01", "10.0.0.10"), "DISCOVER aa:02 requested=10.0.0.11");
  await bench.clock.pass(100);
  assert.equal(bench.store.held, 1);
  assert.deepEqual(bench.replies, ["OFFER 10.0.0.11 unconfigured"]);
  bench.store.release();
  await bench.settle();
  assert.deepEqual(bench.replies.slice(1), ["ACK 10.0.0.10 unconfigured"]);
  const { sum } = bench.metrics.requestSeconds.get("request")!;
  assert.ok(sum >= 0.1 && sum < 0.12, `${sum} s`);
});

Deno.test("Server says nothing to a client that has stopped waiting", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  await bench.say(take("aa:01", "10.0.0.10"));
  await bench.clock.pass(3001);
  bench.store.release();
  await bench.settle();
  assert.deepEqual(bench.replies, []);
  assert.equal(bench.metrics.packetsDropped.get("overload"), 1);
  await bench.say(take("aa:01", "10.0.0.10"));
  assert.deepEqual(bench.replies, ["ACK 10.0.0.10 unconfigured"]);
});

Deno.test("Server gives what one burst claims to the store in one call", async () => {
  await using bench = new Bench();
  await bench.say(
    take("aa:01", "10.0.0.10"),
    take("aa:02", "10.0.0.11"),
    take("aa:03", "10.0.0.11"),
  );
  assert.deepEqual(bench.store.asked.map((operations) => operations.length), [3]);
  assert.deepEqual(bench.replies, [
    "ACK 10.0.0.10 unconfigured",
    "ACK 10.0.0.11 unconfigured",
    "NAK 0.0.0.0 broadcast",
  ]);
});

Deno.test("Server keeps silent while the store cannot commit, and serves again when it can", async () => {
  await using bench = new Bench();
  bench.store.mood = "fail";
  bench.store.ailment = "the disk is full";
  await bench.say(take("aa:01", "10.0.0.10"));
  assert.deepEqual(bench.replies, []);
  assert.equal(bench.server.storeUp(), false);
  assert.deepEqual(bench.server.reasonsNotReady(), ["the disk is full"]);
  await bench.clock.pass(1000);
  await bench.say("DISCOVER aa:02", take("aa:02", "10.0.0.11"));
  assert.deepEqual(bench.replies, []);
  assert.equal(bench.metrics.packetsDropped.get("store-unavailable"), 3);
  assert.equal(bench.log.of("error").length, 1, "said once");
  assert.match(bench.log.of("error")[0]!, /^the disk is full; no new leases meanwhile/);

  bench.store.mood = "prompt";
  bench.store.ailment = undefined;
  await bench.clock.pass(1000);
  assert.deepEqual(bench.server.reasonsNotReady(), []);
  assert.equal(bench.log.of("info").length, 1);
  await bench.say("DISCOVER aa:02 requested=10.0.0.11");
  assert.deepEqual(bench.replies, ["OFFER 10.0.0.11 unconfigured"]);
});

Deno.test("Server is not ready from the start while the store is not", async () => {
  await using bench = new Bench({ ailment: "etcd is not there" });
  assert.deepEqual(bench.server.reasonsNotReady(), ["etcd is not there"]);
  assert.equal(bench.server.storeUp(), false);
  assert.match(bench.log.of("error")[0]!, /^etcd is not there; no new leases meanwhile/);
  bench.store.ailment = undefined;
  await bench.clock.pass(1000);
  assert.deepEqual(bench.server.reasonsNotReady(), []);
});

Deno.test("Server answers the retry of a claim whose result was lost", async () => {
  await using bench = new Bench();
  bench.store.mood = "lose";
  await bench.say(take("aa:01", "10.0.0.10"));
  bench.store.mood = "prompt";
  await bench.clock.pass(1000);
  await bench.say(take("aa:02", "10.0.0.10"), take("aa:01", "10.0.0.10"));
  assert.deepEqual(bench.replies, ["NAK 0.0.0.0 broadcast", "ACK 10.0.0.10 unconfigured"]);
});

Deno.test("Server survives garbage, counts it, and answers what comes after", async () => {
  await using bench = new Bench();
  const octets = fc.uint8Array({ maxLength: 400 }).map((bytes) => Uint8Array.from(bytes));
  const whole = packet("REQUEST aa:01 requested=10.0.0.10 giaddr=10.0.0.5 relay=0102aabb").payload;
  const damaged = fc.array(
    fc.tuple(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 0, max: 255 })),
    { minLength: 1, maxLength: 8 },
  ).map((changes) => {
    const payload = whole.slice();
    for (const [at, octet] of changes) payload[at] = octet;
    return payload;
  });
  const garbage = fc.sample(fc.oneof(octets, damaged), { numRuns: 600, seed: 1 });
  bench.port.deliver(...garbage.map((payload) => ({ payload, sourcePort: 68 })));
  await bench.settle();
  await bench.settle();
  assert.equal(bench.port.waiting, 0);
  assert.ok(bench.metrics.packetsDropped.get("malformed")! > 300);
  assert.equal(bench.metrics.packetsDropped.get("fault"), undefined);
  bench.port.sent.length = 0;
  await bench.say("DISCOVER aa:02 requested=10.0.0.11");
  assert.equal(bench.replies.length, 1);
});

Deno.test("Server counts what it drops by reason", async () => {
  await using bench = new Bench({ verbosity: 1 });
  await bench.say(
    "DISCOVER aa:01 op=2",
    "BOOTP aa:01",
    "OFFER aa:01",
    "DISCOVER aa:01 raw=50:00",
    "DISCOVER aa:01 giaddr=172.16.0.1",
    "REQUEST aa:01 requested=10.0.0.10",
    "RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10",
  );
  assert.deepEqual(bench.replies, []);
  assert.deepEqual(Object.fromEntries(bench.metrics.packetsDropped), {
    "not-a-request": 1,
    "bootp": 1,
    "message-type": 1,
    "malformed": 1,
    "no-subnet": 1,
    "unknown-client": 1,
    "not-the-holder": 1,
  });
  const dropped = bench.log.lines.filter(({ level }) => level === "debug");
  assert.deepEqual(dropped[0], {
    level: "debug",
    text: "dropped",
    fields: { reason: "not-a-request", client: "02:00:00:00:aa:01" },
  });
  assert.match(String(dropped[3]!.fields["detail"]), /Cannot decode option 50 at byte 243/);
  assert.equal(dropped.length, 7);
});

Deno.test("Server logs as much as it is asked to", async () => {
  const lines = async (verbosity: number, leases = true) => {
    await using bench = new Bench({ verbosity, leases });
    await bench.say(
      "BOOTP aa:01",
      "DISCOVER aa:01 requested=10.0.0.10",
      take("aa:01", "10.0.0.10"),
    );
    return bench.log.lines.map(({ text }) => text);
  };
  assert.deepEqual(await lines(0), ["lease created"]);
  assert.deepEqual(await lines(0, false), []);
  assert.deepEqual(await lines(1), ["dropped", "lease created"]);
  assert.deepEqual(await lines(2), [
    ...["dropped", "received", "sent"],
    ...["received", "lease created", "sent"],
  ]);
});

Deno.test("Server logs the life of a lease", async () => {
  await using bench = new Bench();
  await bench.say(take("aa:01", "10.0.0.10"));
  await bench.clock.pass(60_000);
  await bench.say("REQUEST aa:01 ciaddr=10.0.0.10 giaddr=10.0.0.5");
  await bench.say(take("aa:01", "10.0.0.11"));
  await bench.say("RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.11");
  await bench.say(take("aa:02", "10.0.0.12"));
  await bench.say("DECLINE aa:02 server=10.0.0.1 requested=10.0.0.12");
  await bench.say(take("aa:02", "10.0.0.13", " lease=120"));
  await bench.clock.pass(601_000);
  const said = bench.log.lines.map(({ text, fields }) => `${text} ${fields["ip"]}`);
  assert.deepEqual(said, [
    "lease created 10.0.0.10",
    "lease renewed 10.0.0.10",
    "lease created 10.0.0.11",
    "lease released 10.0.0.11",
    "lease created 10.0.0.12",
    "address declined 10.0.0.12",
    "lease created 10.0.0.13",
    "lease expired 10.0.0.13",
    "quarantine ended 10.0.0.12",
  ]);
  const [, renewed, moved] = bench.log.lines;
  assert.equal(renewed!.fields["relay"], "10.0.0.5");
  assert.equal(moved!.fields["freed"], "10.0.0.10");
  assert.equal(bench.metrics.packetsDropped.get("no-reply-wanted"), undefined);
});

Deno.test("Server expires leases every second, however many", async () => {
  const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.16.0-10.0.23.255"] });
  await using bench = new Bench({ subnet });
  const claims = Array.from({ length: 1200 }, (_, n) => {
    const address = `10.0.${16 + (n >> 8)}.${n & 255}`;
    return bind(clientNumber(n), address, EPOCH + 5000);
  });
  await bench.store.inner.commit(claims, EPOCH);
  await bench.clock.pass(4000);
  assert.equal(bench.store.view.counts("").bound, 1200);
  await bench.clock.pass(2000);
  assert.equal(bench.store.view.counts("").bound, 0);
  assert.equal(bench.log.lines.filter(({ text }) => text === "lease expired").length, 1200);
});

Deno.test("Server forgets offers that end, and those that lose to another server's", async () => {
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.11"] });
  await using bench = new Bench({ subnet });
  await bench.say("DISCOVER aa:01 requested=10.0.0.10", "DISCOVER aa:02 requested=10.0.0.11");
  await bench.say("REQUEST aa:02 server=10.0.0.250 requested=10.0.0.77");
  await bench.say("DISCOVER aa:03 requested=10.0.0.10");
  assert.equal(bench.replies.at(-1), "OFFER 10.0.0.11 unconfigured");
  assert.equal(bench.metrics.packetsDropped.get("other-server"), 1);
  await bench.clock.pass(31_000);
  await bench.say("DISCOVER aa:04 requested=10.0.0.10");
  assert.equal(bench.replies.at(-1), "OFFER 10.0.0.10 unconfigured");
});

Deno.test("Server forgets an offer only in the subnet in which it was made", async () => {
  await using bench = new Bench();
  await bench.say("DISCOVER aa:01 requested=10.0.0.10");
  bench.otherPort.deliver(packet("DISCOVER aa:01 requested=10.1.0.10"));
  bench.otherPort.deliver(packet("REQUEST aa:01 server=10.1.0.1 requested=10.1.0.10"));
  bench.otherPort.deliver(packet("REQUEST aa:01 server=10.1.0.250 requested=10.1.0.10"));
  await bench.settle();
  await bench.say("DISCOVER aa:02 requested=10.0.0.10", "DISCOVER aa:01");
  assert.notEqual(bench.replies[1], "OFFER 10.0.0.10 unconfigured");
  assert.equal(bench.replies[2], "OFFER 10.0.0.10 unconfigured");
});

Deno.test("Server.commit: what operators ask is logged and told like what clients ask", async () => {
  await using bench = new Bench();
  await bench.say(take("aa:01", "10.0.0.10"));
  const results = await bench.server.commit([
    free("10.0.0.10"),
    free("10.0.0.11"),
    enter("aa:02", "10.0.0.11", EPOCH - 1000, EPOCH + 3_600_000),
    enter("aa:02", "10.0.0.11", EPOCH - 1000, EPOCH + 3_600_000),
  ]);
  assert.deepEqual(results.map(({ kind }) => kind), ["done", "refused", "done", "done"]);
  assert.deepEqual(bench.log.of("event"), [
    "lease created",
    "lease freed",
    "lease created",
    "lease renewed",
  ]);
  assert.deepEqual(bench.told, [
    "lease.created 10.0.0.10",
    "lease.freed 10.0.0.10",
    "lease.created 10.0.0.11",
    "lease.renewed 10.0.0.11",
  ]);
  await bench.clock.pass(3_602_000);
  assert.equal(bench.log.of("event").includes("freed address came back"), true);
  assert.deepEqual(bench.told.slice(4), ["lease.expired 10.0.0.11"]);
  bench.store.mood = "reject";
  const [unknown] = await bench.server.commit([free("10.0.0.10")]);
  assert.equal(unknown?.kind, "unknown");
});

Deno.test("Server tells of leases, and answers although whoever hears of it fails", async () => {
  await using bench = new Bench();
  bench.fault = new Error("a hook's fault");
  await bench.say(take("aa:01", "10.0.0.10"));
  await bench.say("REQUEST aa:01 ciaddr=10.0.0.10");
  await bench.say(take("aa:01", "10.0.0.11"));
  await bench.say("DECLINE aa:01 server=10.0.0.1 requested=10.0.0.11");
  await bench.say(take("aa:02", "10.0.0.12"), "RELEASE aa:02 server=10.0.0.1 ciaddr=10.0.0.12");
  assert.equal(bench.metrics.packetsSent.get("ack"), 4);
  assert.deepEqual(bench.told, [
    "lease.created 10.0.0.10",
    "lease.renewed 10.0.0.10",
    // What a client leaves comes before what it has instead.
    "lease.released 10.0.0.10",
    "lease.created 10.0.0.11",
    "lease.declined 10.0.0.11",
    "lease.created 10.0.0.12",
    "lease.released 10.0.0.12",
  ]);
});

Deno.test("Server tells once of pools that become full, and once when they are well below", async () => {
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.29"] });
  await using bench = new Bench({ subnet });
  const use = (from: number, to: number) =>
    bench.store.inner.commit(
      Array.from(
        { length: to - from },
        (_, n) => bind(clientNumber(from + n), `10.0.0.${10 + from + n}`, EPOCH + 3_600_000),
      ),
      EPOCH,
    );
  await use(0, 17);
  await bench.clock.pass(3000);
  assert.deepEqual(bench.told, []);
  await use(17, 18);
  await bench.clock.pass(3000);
  assert.deepEqual(bench.told, ["above  18/20"]);
  await bench.store.inner.commit([free("10.0.0.10", true)], EPOCH);
  await bench.clock.pass(3000);
  assert.equal(bench.told.length, 1, "85% is on the edge still");
  await bench.store.inner.commit([free("10.0.0.11", true)], EPOCH);
  await bench.clock.pass(3000);
  assert.deepEqual(bench.told.slice(1), ["below  16/20"]);
});

Deno.test("Server tells nothing of pools when another server of the book comes first", async () => {
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.10"] });
  await using bench = new Bench({ subnet });
  bench.store.servers = () => [
    { id: "b", isThis: true, about: {} },
    { id: "a", isThis: false, about: {} },
  ];
  await bench.store.inner.commit([bind("aa:01", "10.0.0.10", EPOCH + 3_600_000)], EPOCH);
  await bench.clock.pass(3000);
  assert.deepEqual(bench.told, []);
});

Deno.test("Server goes on with other pools as soon as the store has them; offers stay", async () => {
  await using bench = new Bench();
  await bench.say("DISCOVER aa:01 requested=10.0.0.12");
  await bench.store.amend(
    [addPool("10.0.0.40-10.0.0.41"), removePool("10.0.0.10-10.0.0.11")],
    EPOCH,
  );
  await bench.say("DISCOVER aa:02 requested=10.0.0.10", "DISCOVER aa:03 requested=10.0.0.40");
  assert.notEqual(bench.replies[1], "OFFER 10.0.0.10 unconfigured");
  assert.equal(bench.replies[2], "OFFER 10.0.0.40 unconfigured");
  await bench.say("DISCOVER aa:04 requested=10.0.0.12");
  assert.notEqual(bench.replies[3], "OFFER 10.0.0.12 unconfigured", "it is offered to aa:01");
});

Deno.test("Server.reconfigure takes other subnets, lease times and limits under its hands", async () => {
  await using bench = new Bench();
  await bench.say("DISCOVER aa:01 requested=10.0.0.12", take("aa:02", "10.0.0.10"));
  const lease = { default: 600, min: 120, max: 600 };
  const subnets = [
    subnetOf({ pools: ["10.0.0.11-10.0.0.30"], lease }),
    subnetOf({ name: "c", cidr: "10.1.0.0/24", pools: ["10.1.0.50-10.1.0.51"] }),
  ];
  bench.store.reconfigure(subnets, bench.clock.now());
  bench.server.reconfigure({ ...bench.config, subnets });
  await bench.say("DISCOVER aa:03 requested=10.0.0.12", "DISCOVER aa:04 requested=10.0.0.30");
  assert.notEqual(bench.replies[2], "OFFER 10.0.0.12 unconfigured", "it is offered to aa:01");
  assert.equal(bench.replies[3], "OFFER 10.0.0.30 unconfigured");
  assert.equal(bench.port.sent[3]!.message.options.get(leaseTime), 600);
  await bench.say("REQUEST aa:02 ciaddr=10.0.0.10");
  assert.equal(bench.replies[4], "ACK 10.0.0.10 client");
  bench.otherPort.deliver(packet("DISCOVER aa:05 requested=10.1.0.50"));
  await bench.settle();
  assert.deepEqual(bench.otherPort.sent.map(show), ["OFFER 10.1.0.50 unconfigured"]);
  assert.equal(bench.metrics.packetsDropped.size, 0);
});

Deno.test("Server: a subnet that goes while a claim of it waits is no fault", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  bench.otherPort.deliver(packet("REQUEST aa:02 server=10.1.0.1 requested=10.1.0.12"));
  await bench.settle();
  bench.store.reconfigure([subnetOf()], bench.clock.now());
  bench.server.reconfigure({ ...bench.config, subnets: [subnetOf()] });
  bench.store.release();
  await bench.settle();
  bench.otherPort.deliver(packet("REQUEST aa:02 server=10.1.0.1 requested=10.1.0.12"));
  await bench.settle();
  assert.equal(bench.metrics.packetsDropped.get("no-subnet"), 1);
  assert.equal(bench.metrics.packetsDropped.get("fault"), undefined);
});

Deno.test("Server answers through the port that heard the message", async () => {
  await using bench = new Bench();
  bench.otherPort.deliver(packet("DISCOVER aa:01 requested=10.1.0.11"));
  bench.otherPort.deliver(packet("REQUEST aa:02 server=10.1.0.1 requested=10.1.0.12"));
  await bench.settle();
  assert.deepEqual(bench.replies, []);
  assert.deepEqual(bench.otherPort.sent.map(show), [
    "OFFER 10.1.0.11 unconfigured",
    "ACK 10.1.0.12 unconfigured",
  ]);
});

Deno.test("Server takes nothing up while too many claims wait for the store", async () => {
  const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.16.0-10.0.31.255"] });
  await using bench = new Bench({ subnet });
  bench.store.mood = "hold";
  const requests = Array.from(
    { length: 2000 },
    (_, n) => packet(take(clientNumber(n), `10.0.${16 + (n >> 8)}.${n & 255}`)),
  );
  bench.port.deliver(...requests);
  for (let i = 0; i < 40; i++) await bench.settle();
  const asked = () => bench.store.asked.reduce((sum, { length }) => sum + length, 0);
  assert.ok(asked() >= 900 && asked() < 1000, `${asked()} claims`);
  assert.equal(bench.port.waiting, 2000 - asked());
  bench.store.release();
  for (let i = 0; i < 40; i++) await bench.settle();
  assert.equal(asked(), 2000);
  assert.equal(bench.metrics.packetsSent.get("ack"), 2000);
});

Deno.test("Server does not send what would lack an option that a reply owes", async () => {
  await using bench = new Bench();
  const [id, relay] = ["01" + "aa".repeat(254), "01fe" + "bb".repeat(254)];
  await bench.say(`DISCOVER aa:01 giaddr=10.0.0.5 id=${id} relay=${relay}`);
  assert.deepEqual(bench.replies, []);
  await bench.say(`DISCOVER aa:01 giaddr=10.0.0.5 id=${id} relay=${relay} maxsize=1400`);
  assert.equal(bench.replies.length, 1);
});

Deno.test("Server.reasonsNotReady names ports in trouble, and a stop", async () => {
  await using bench = new Bench();
  assert.deepEqual(bench.server.reasonsNotReady(), []);
  bench.otherPort.down = "interface lan1 is down";
  assert.deepEqual(bench.server.reasonsNotReady(), ["interface lan1 is down"]);
  bench.otherPort.down = undefined;
  const stopped = bench.stop();
  assert.deepEqual(bench.server.reasonsNotReady(), ["stopping"]);
  await stopped;
});

Deno.test("Server.stop sends what the store still settles, takes nothing new, and closes", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  await bench.say(take("aa:01", "10.0.0.10"));
  const stopped = bench.stop();
  await settled();
  assert.ok(!bench.port.isClosed && !bench.store.isClosed);
  assert.deepEqual(bench.replies, []);
  bench.store.release();
  await stopped;
  assert.deepEqual(bench.replies, ["ACK 10.0.0.10 unconfigured"]);
  assert.ok(bench.port.isClosed && bench.otherPort.isClosed && bench.store.isClosed);
  bench.port.deliver(packet("DISCOVER aa:02"));
  await bench.settle();
  assert.equal(bench.replies.length, 1);
});

Deno.test("Server.stop takes up nothing that arrives after it", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  await bench.say(take("aa:01", "10.0.0.10"));
  const stopped = bench.stop();
  await bench.say("DISCOVER aa:02", take("aa:03", "10.0.0.11"));
  bench.store.release();
  await stopped;
  assert.deepEqual(bench.replies, ["ACK 10.0.0.10 unconfigured"]);
});

Deno.test("Server.stop does not wait for ever for a store that is stuck", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  await bench.say(take("aa:01", "10.0.0.10"));
  const stopped = bench.stop();
  await bench.clock.pass(2000);
  await stopped;
  assert.ok(bench.port.isClosed && bench.store.isClosed);
  assert.deepEqual(bench.replies, []);
});

Deno.test("Server goes on after a port that throws, and says so", async () => {
  await using bench = new Bench();
  bench.port.fault = new Error("no such socket");
  await bench.say("DISCOVER aa:01", take("aa:02", "10.0.0.11"));
  bench.port.fault = undefined;
  await bench.say("DISCOVER aa:01 requested=10.0.0.10", take("aa:02", "10.0.0.11"));
  assert.equal(bench.replies.length, 2);
  assert.equal(bench.metrics.packetsDropped.get("fault"), 2);
  assert.equal(bench.log.of("error").length, 2);
});

Deno.test("Server goes on after a store that breaks its promise never to reject", async () => {
  await using bench = new Bench();
  bench.store.mood = "reject";
  await bench.say(take("aa:01", "10.0.0.10"));
  assert.deepEqual(bench.replies, []);
  bench.store.mood = "prompt";
  await bench.clock.pass(1000);
  await bench.say(take("aa:01", "10.0.0.10"));
  assert.deepEqual(bench.replies, ["ACK 10.0.0.10 unconfigured"]);
  assert.ok(bench.log.of("error").length >= 1);
});

Deno.test("Server warns of an exhausted pool once an episode", async () => {
  await using bench = new Bench();
  for (const n of [0, 1, 2]) await bench.say(take(`aa:0${n}`, `10.0.0.1${n}`));
  await bench.clock.pass(5000);
  assert.deepEqual(bench.log.of("warn"), []);
  await bench.say(take("aa:03", "10.0.0.13"));
  await bench.clock.pass(5000);
  assert.deepEqual(bench.log.of("warn"), ["the pool is exhausted; new clients get no answer"]);
  await bench.say("DISCOVER aa:07");
  await bench.clock.pass(5000);
  assert.equal(bench.log.of("warn").length, 1);
  await bench.say("RELEASE aa:03 ciaddr=10.0.0.13 server=10.0.0.1");
  await bench.clock.pass(5000);
  assert.ok(bench.log.of("info").includes("the pool has room again"));
  await bench.say(take("aa:04", "10.0.0.13"));
  await bench.clock.pass(5000);
  assert.equal(bench.log.of("warn").length, 2);
});

Deno.test("Server.alive while nothing comes, and while much does", async () => {
  await using bench = new Bench();
  await bench.clock.pass(60_000);
  assert.ok(bench.server.alive(2000));
  for (let i = 0; i < 10; i++) {
    await bench.say("DISCOVER aa:01", take("aa:02", "10.0.0.11"));
    await bench.clock.pass(1000);
    assert.ok(bench.server.alive(2000));
  }
});

Deno.test("Server.alive is false while the loop of one port is stuck, and true again after", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  bench.port.deliver(...Array.from({ length: 2100 }, () => packet(take("aa:01", "10.0.0.10"))));
  await bench.clock.pass(1000);
  assert.ok(bench.port.waiting > 0, "the loop waits for the store");
  assert.ok(bench.server.alive(5000));
  await bench.clock.pass(10_000);
  assert.ok(!bench.server.alive(5000));
  bench.store.release();
  await bench.settle();
  await bench.clock.pass(1000);
  assert.ok(bench.server.alive(5000));
});

Deno.test("Server.alive is false while what comes is not taken, although its rounds go on", async () => {
  await using bench = new Bench();
  bench.port.standing = 4000;
  await bench.clock.pass(10_000);
  assert.ok(bench.server.alive(5000));
  bench.port.standing = 6000;
  assert.ok(!bench.server.alive(5000));
});

Deno.test("Server.alive is false once its rounds have ended", async () => {
  const bench = new Bench();
  await bench.clock.pass(3000);
  assert.ok(bench.server.alive(5000));
  await bench.stop();
  await bench.clock.pass(10_000);
  assert.ok(!bench.server.alive(5000));
});

for (const years of [56, -56]) {
  const what = years > 0 ? "forward" : "back";
  Deno.test(`Server.clockSet: a clock set ${what} by 56 years neither ends nor prolongs leases`, async () => {
    await using bench = new Bench();
    const by = years * 365 * 86_400_000;
    await bench.say(take("aa:01", "10.0.0.10"));
    await bench.clock.pass(600_000);
    bench.clock.set(by);
    bench.server.clockSet(by);
    await bench.clock.pass(5000);
    const lease = () => bench.store.view.ofAddress(parseIpv4("10.0.0.10"))!;
    assert.equal(lease().state, "bound");
    assert.equal(Math.round((lease().expires - bench.clock.now()) / 1000), 3600 - 605);
    await bench.say(take("aa:02", "10.0.0.10"));
    assert.deepEqual(bench.replies, ["ACK 10.0.0.10 unconfigured", "NAK 0.0.0.0 broadcast"]);
    await bench.clock.pass(2990_000);
    assert.equal(lease().state, "bound");
    await bench.clock.pass(10_000);
    assert.equal(lease().state, "expired");
  });
}

Deno.test("Server.clockSet: what was asked before counts by the clock of before", async () => {
  await using bench = new Bench();
  bench.store.mood = "hold";
  await bench.say(take("aa:01", "10.0.0.10"));
  const by = -365 * 86_400_000;
  bench.clock.set(by);
  bench.server.clockSet(by);
  bench.store.release();
  await bench.clock.pass(2000);
  assert.deepEqual(bench.replies, ["ACK 10.0.0.10 unconfigured"]);
  const lease = bench.store.view.ofAddress(parseIpv4("10.0.0.10"))!;
  assert.equal(lease.state, "bound");
  assert.ok(lease.expires - bench.clock.now() <= 3_600_000);
});

Deno.test("Server.clockSet: nothing that was offered is kept aside for years", async () => {
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.10"] });
  await using bench = new Bench({ subnet });
  await bench.say("DISCOVER aa:01");
  bench.clock.set(-1e12);
  bench.server.clockSet(-1e12);
  await bench.say("DISCOVER aa:02");
  assert.deepEqual(bench.replies, ["OFFER 10.0.0.10 unconfigured", "OFFER 10.0.0.10 unconfigured"]);
});
