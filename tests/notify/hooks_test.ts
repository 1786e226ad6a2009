import assert from "node:assert/strict";
import { Metrics } from "../../lib/admin/metrics.ts";
import type { HookEvent } from "../../lib/config/model.ts";
import { type Courier, DELIVERED, type Delivery, failed } from "../../lib/notify/courier.ts";
import { Hooks } from "../../lib/notify/hooks.ts";
import type { Notice } from "../../lib/notify/notice.ts";
import { signatureOf, Webhook } from "../../lib/notify/webhook.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
import { until } from "../e2e/poll.ts";
import { EPOCH } from "../lease/fixtures.ts";
import { FakeClock } from "../store/etcd/fake_clock.ts";
import { created, crossed, KeptLog, leaseOf, realClock } from "./fixtures.ts";

/** Brings a notice when it is told how that went. */
class FakeCourier implements Courier {
  readonly title = "courier";
  readonly notices: Notice[] = [];
  #settle: ((delivery: Delivery) => void) | undefined;
  #setback: (reason: string) => void = () => {};

  deliver(
    notice: Notice,
    signal: AbortSignal,
    setback: (reason: string) => void,
  ): Promise<Delivery> {
    assert.ok(this.#settle === undefined, "two at once");
    this.notices.push(notice);
    this.#setback = setback;
    return new Promise((resolve) => {
      this.#settle = resolve;
      signal.addEventListener("abort", () => resolve(failed("there was no more time")));
    });
  }

  settle(delivery: Delivery): void {
    const settle = this.#settle!;
    this.#settle = undefined;
    settle(delivery);
  }

  setBack(reason: string): void {
    this.#setback(reason);
  }

  get addresses(): string[] {
    return this.notices.map(({ event }) =>
      event.kind === "pool.threshold" ? event.kind : formatIpv4(event.lease.address)
    );
  }
}

const ALL: ReadonlySet<HookEvent> = new Set(["lease.created", "pool.threshold"]);

function makeHooks(events: readonly ReadonlySet<HookEvent>[], mostWaiting = 3) {
  const couriers = events.map(() => new FakeCourier());
  const clock = new FakeClock(EPOCH);
  const log = new KeptLog();
  const metrics = new Metrics();
  const hooks = new Hooks({
    routes: events.map((events, index) => ({ events, courier: couriers[index]! })),
    clock,
    log,
    counter: metrics,
    server: "router1",
    instance: "0f",
    mostWaiting,
  });
  const results = (hook: string) => Object.fromEntries(metrics.hookEvents.get(hook)!);
  return { hooks, couriers, clock, log, results };
}

function nth(n: number) {
  return created({ address: (parseIpv4("10.0.0.0") + n) as Ipv4 });
}

Deno.test("Hooks tells each hook what it wants to hear", async () => {
  const { hooks, couriers, clock, results } = makeHooks([
    new Set<HookEvent>(["lease.created"]),
    new Set<HookEvent>(["pool.threshold", "lease.released"]),
  ]);
  hooks.tell(nth(1));
  hooks.tell(crossed(true));
  hooks.tell({ kind: "lease.declined", lease: leaseOf(), at: EPOCH });
  await clock.pass(0);
  assert.deepEqual(couriers.map(({ addresses }) => addresses), [["10.0.0.1"], ["pool.threshold"]]);
  assert.deepEqual(couriers.map(({ notices }) => notices[0]!.id), ["0f-1", "0f-2"]);
  assert.equal(couriers[0]!.notices[0]!.server, "router1");
  assert.deepEqual(results("1"), { delivered: 0, failed: 0, dropped: 0 });
  couriers.forEach((courier) => courier.settle(DELIVERED));
  await hooks.stop(1000);
  assert.deepEqual(results("1"), { delivered: 1, failed: 0, dropped: 0 });
});

Deno.test("Hooks keeps the order, one at a time", async () => {
  const { hooks, couriers: [courier], clock } = makeHooks([ALL]);
  [1, 2, 3].forEach((n) => hooks.tell(nth(n)));
  assert.deepEqual(courier!.addresses, [], "nothing is done while an event is told");
  for (const expected of [["10.0.0.1"], ["10.0.0.1", "10.0.0.2"]]) {
    await clock.pass(0);
    assert.deepEqual(courier!.addresses, expected);
    courier!.settle(DELIVERED);
  }
  await clock.pass(0);
  assert.deepEqual([...hooks.waiting()], [{ hook: "1", count: 1 }]);
  courier!.settle(DELIVERED);
  await clock.pass(0);
  assert.deepEqual([...hooks.waiting()], [{ hook: "1", count: 0 }]);
});

Deno.test("Hooks drops the oldest when a hook cannot keep up, and says so once", async () => {
  const { hooks, couriers: [courier], clock, log, results } = makeHooks([ALL]);
  hooks.tell(nth(1));
  await clock.pass(0);
  [2, 3, 4, 5, 6].forEach((n) => hooks.tell(nth(n)));
  assert.deepEqual(log.lines, [
    "warn a hook cannot keep up; its oldest events are dropped hook=1 to=courier",
  ]);
  for (let i = 0; i < 4; i++) {
    courier!.settle(DELIVERED);
    await clock.pass(0);
  }
  assert.deepEqual(courier!.addresses, ["10.0.0.1", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
  assert.deepEqual(courier!.notices.map(({ missed }) => missed), [0, 2, 0, 0]);
  assert.equal(log.lines[1], "info a hook keeps up again hook=1 to=courier dropped=2");
  assert.deepEqual(results("1"), { delivered: 4, failed: 0, dropped: 2 });
  hooks.tell(nth(7));
  await clock.pass(0);
  [8, 9, 10, 11].forEach((n) => hooks.tell(nth(n)));
  assert.equal(log.lines.filter((line) => line.startsWith("warn")).length, 2);
  await hooks.stop(0);
});

Deno.test("Hooks tells of a failing receiver once, and of each event that is given up", async () => {
  const { hooks, couriers: [courier], clock, log, results } = makeHooks([ALL]);
  [1, 2].forEach((n) => hooks.tell(nth(n)));
  await clock.pass(0);
  courier!.setBack("status 500");
  courier!.setBack("status 502");
  courier!.settle(failed("status 400"));
  await clock.pass(0);
  courier!.setBack("status 500");
  assert.deepEqual(courier!.notices.map(({ missed }) => missed), [0, 1]);
  courier!.settle(DELIVERED);
  await clock.pass(0);
  assert.deepEqual(log.lines, [
    "warn a hook fails; trying again until it works hook=1 to=courier reason=status 500",
    "warn a hook missed an event hook=1 to=courier event=lease.created id=0f-1 reason=status 400",
    "info a hook works again hook=1 to=courier",
  ]);
  assert.deepEqual(results("1"), { delivered: 1, failed: 1, dropped: 0 });
});

Deno.test("Hooks.stop delivers what it can in its time", async () => {
  const { hooks, couriers: [courier], clock, log, results } = makeHooks([ALL]);
  [1, 2, 3].forEach((n) => hooks.tell(nth(n)));
  await clock.pass(0);
  let isStopped = false;
  const stopped = hooks.stop(1000).then(() => isStopped = true);
  hooks.tell(nth(4));
  courier!.settle(DELIVERED);
  await clock.pass(999);
  assert.equal(isStopped, false);
  await clock.pass(1);
  await stopped;
  assert.deepEqual(courier!.addresses, ["10.0.0.1", "10.0.0.2"]);
  assert.deepEqual(results("1"), { delivered: 1, failed: 1, dropped: 2 });
  assert.equal(
    log.lines[0],
    "warn stopped before a hook had its events hook=1 to=courier events=1",
  );
});

Deno.test("Hooks.stop waits for nothing where nothing waits", async () => {
  const { hooks } = makeHooks([ALL, ALL]);
  await hooks.stop(1000);
});

/** A receiver as it should be: it checks the signature and takes each id once. */
class Receiver implements AsyncDisposable {
  readonly taken: string[] = [];
  readonly ids = new Set<string>();
  repeats = 0;
  refusals = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  #requests = 0;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/hook`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const body = await request.text();
    const timestamp = Number(request.headers.get("x-etcdhcp-timestamp"));
    assert.equal(
      request.headers.get("x-etcdhcp-signature"),
      signatureOf("s3cret", timestamp, body),
    );
    // Half of all requests fail, in all the ways there are, one after another.
    const way = this.#requests++ % 8;
    const failure = [
      new Response("out of order", { status: 500 }),
      new Response(null, { status: 429, headers: { "retry-after": "1" } }),
      new Response(null, { status: 503 }),
    ][way];
    if (failure !== undefined) {
      this.refusals++;
      return failure;
    }
    this.#take(JSON.parse(body));
    // What was taken is reported as failed: its answer was lost on the way.
    return way === 3 ? new Response(null, { status: 502 }) : new Response("taken");
  }

  #take({ id, lease }: { id: string; lease: { ip: string } }): void {
    if (this.ids.has(id)) {
      this.repeats++;
      return;
    }
    this.ids.add(id);
    this.taken.push(lease.ip);
  }
}

Deno.test("Hooks and a receiver that fails half the time: all arrives, in order, once", async () => {
  await using receiver = new Receiver();
  const clock = realClock(200);
  const log = new KeptLog();
  const metrics = new Metrics();
  const courier = new Webhook({
    url: receiver.url,
    secret: "s3cret",
    timeout: 1_000_000,
    clock,
    random: Math.random,
  });
  const hooks = new Hooks({
    routes: [{ events: ALL, courier }],
    clock,
    log,
    counter: metrics,
    server: "router1",
    instance: "0f",
  });
  const wanted = Array.from({ length: 120 }, (_, n) => n + 1);
  wanted.forEach((n) => hooks.tell(nth(n)));
  await until("all events to arrive", 120, () => receiver.taken.length === 120 || undefined);
  await hooks.stop(1_000_000);
  assert.deepEqual(receiver.taken, wanted.map((n) => `10.0.0.${n}`));
  assert.ok(receiver.refusals > 50, String(receiver.refusals));
  assert.ok(receiver.repeats > 10, String(receiver.repeats));
  assert.deepEqual(Object.fromEntries(metrics.hookEvents.get("1")!), {
    delivered: 120,
    failed: 0,
    dropped: 0,
  });
});
