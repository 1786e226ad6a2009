import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { signatureOf, Webhook } from "../../lib/notify/webhook.ts";
import { EPOCH } from "../lease/fixtures.ts";
import { FakeClock } from "../store/etcd/fake_clock.ts";
import { created, noticeOf, realClock } from "./fixtures.ts";

const URL_ = "https://hooks.example/secret-path";
const NOTICE = noticeOf(created());

/** A webhook whose receiver answers as a list says; each answer is a status or something thrown. */
class Receiver {
  readonly clock = new FakeClock(EPOCH);
  /** When each try came, milliseconds since the start, and its headers. */
  readonly tries: { readonly at: number; readonly headers: Headers; readonly body: string }[] = [];
  readonly setbacks: string[] = [];
  readonly stop = new AbortController();
  readonly webhook: Webhook;
  readonly #answers: (Response | Error | "hang")[];

  constructor(answers: (Response | Error | "hang")[], secret?: string) {
    this.#answers = answers;
    this.webhook = new Webhook({
      url: URL_,
      secret,
      timeout: 10_000,
      clock: this.clock,
      random: () => 1 - Number.EPSILON,
      fetch: (_, init) => {
        this.tries.push({
          at: this.clock.elapsed(),
          headers: new Headers(init!.headers),
          body: String(init!.body),
        });
        const answer = this.#answers.shift();
        assert.ok(answer !== undefined, "one try too many");
        if (answer instanceof Response) return Promise.resolve(answer);
        if (answer instanceof Error) return Promise.reject(answer);
        return new Promise((_, reject) => {
          init!.signal!.addEventListener("abort", () => reject(new Error("aborted")));
        });
      },
    });
  }

  /** Delivers one notice, however long that takes. */
  async deliver(limit = 3 * 3_600_000) {
    let result: Awaited<ReturnType<Webhook["deliver"]>> | undefined;
    this.webhook.deliver(NOTICE, this.stop.signal, (reason) => this.setbacks.push(reason))
      .then((delivery) => result = delivery);
    for (const end = this.clock.elapsed() + limit; result === undefined;) {
      assert.ok(this.clock.elapsed() < end, "not settled in time");
      await this.clock.pass(100);
    }
    return result;
  }

  get times(): number[] {
    return this.tries.map(({ at }) => at);
  }
}

function status(code: number, headers?: Record<string, string>): Response {
  return new Response(null, { status: code, ...(headers && { headers }) });
}

Deno.test("Webhook posts once what is accepted", async () => {
  const receiver = new Receiver([status(204)], "s3cret");
  assert.deepEqual(await receiver.deliver(), { kind: "delivered" });
  const [{ headers, body }] = receiver.tries as [typeof receiver.tries[0]];
  assert.equal(JSON.parse(body).lease.ip, "10.0.0.10");
  assert.equal(headers.get("content-type"), "application/json");
  assert.equal(headers.get("x-etcdhcp-id"), "0f-1");
  assert.equal(headers.get("x-etcdhcp-event"), "lease.created");
  assert.equal(headers.get("x-etcdhcp-timestamp"), "1800000000");
  assert.equal(headers.get("x-etcdhcp-signature"), signatureOf("s3cret", 1_800_000_000, body));
  assert.deepEqual(receiver.setbacks, []);
});

Deno.test("Webhook without a secret signs nothing", async () => {
  const receiver = new Receiver([status(200)]);
  await receiver.deliver();
  assert.equal(receiver.tries[0]!.headers.get("x-etcdhcp-signature"), null);
});

Deno.test("Webhook is called by its origin, for the path may be a secret", () => {
  assert.equal(new Receiver([]).webhook.title, "https://hooks.example");
});

Deno.test("Webhook tries again, ever more rarely, with the same id and a signature of the time", async () => {
  const receiver = new Receiver(
    [status(500), new Error("connection refused"), status(503), status(200)],
    "s3cret",
  );
  assert.deepEqual(await receiver.deliver(), { kind: "delivered" });
  assert.deepEqual(receiver.times, [0, 500, 1500, 3500]);
  assert.deepEqual(receiver.setbacks, ["status 500", "connection refused", "status 503"]);
  assert.equal(new Set(receiver.tries.map(({ headers }) => headers.get("x-etcdhcp-id"))).size, 1);
  const [first, , , last] = receiver.tries;
  assert.equal(first!.body, last!.body);
  assert.equal(last!.headers.get("x-etcdhcp-timestamp"), "1800000003");
  assert.equal(
    last!.headers.get("x-etcdhcp-signature"),
    signatureOf("s3cret", 1_800_000_003, last!.body),
  );
});

Deno.test("Webhook spreads its tries", async () => {
  const clock = new FakeClock(EPOCH);
  const times: number[] = [];
  const webhook = new Webhook({
    url: URL_,
    secret: undefined,
    timeout: 1000,
    clock,
    random: () => 0,
    fetch: () => {
      times.push(clock.elapsed());
      return Promise.resolve(status(times.length < 3 ? 500 : 200));
    },
  });
  const delivered = webhook.deliver(NOTICE, new AbortController().signal, () => {});
  await clock.pass(2000);
  assert.deepEqual(await delivered, { kind: "delivered" });
  assert.deepEqual(times, [0, 250, 750]);
});

Deno.test("Webhook does not repeat what was refused", async () => {
  for (const code of [400, 401, 404, 410, 422]) {
    const receiver = new Receiver([status(code)]);
    assert.deepEqual(await receiver.deliver(), { kind: "failed", reason: `status ${code}` });
  }
  const moved = new Receiver([status(302, { location: "https://elsewhere.example/" })]);
  assert.deepEqual(await moved.deliver(), {
    kind: "failed",
    reason: "status 302: redirections are not followed",
  });
});

Deno.test("Webhook leaves a receiver alone for as long as it asks", async () => {
  const date = new Date(EPOCH + 130_000).toUTCString();
  const receiver = new Receiver([
    status(429, { "retry-after": "120" }),
    status(503, { "retry-after": date }),
    status(429, { "retry-after": "soon" }),
    status(200),
  ]);
  await receiver.deliver();
  assert.deepEqual(receiver.times, [0, 120_000, 130_000, 132_000]);
});

Deno.test("Webhook leaves a receiver alone beyond an event that it gives up", async () => {
  const receiver = new Receiver([status(429, { "retry-after": "1800" }), status(200)]);
  assert.deepEqual(await receiver.deliver(), { kind: "failed", reason: "status 429" });
  assert.deepEqual(await receiver.deliver(), { kind: "delivered" });
  assert.deepEqual(receiver.times, [0, 1_800_000]);
});

Deno.test("Webhook gives an event up after a quarter of an hour", async () => {
  const receiver = new Receiver(Array.from({ length: 30 }, () => new Error("unreachable")));
  assert.deepEqual(await receiver.deliver(), { kind: "failed", reason: "unreachable" });
  const last = receiver.times.at(-1)!;
  assert.ok(last <= 15 * 60_000 && last > 13 * 60_000, String(last));
  const pauses = receiver.times.slice(1).map((time, index) => time - receiver.times[index]!);
  assert.equal(Math.max(...pauses), 60_000);
});

Deno.test("Webhook does not wait for a receiver that hangs", async () => {
  const receiver = new Receiver(["hang", status(200)]);
  assert.deepEqual(await receiver.deliver(), { kind: "delivered" });
  assert.deepEqual(receiver.times, [0, 10_500]);
  assert.deepEqual(receiver.setbacks, ["no answer within 10 s"]);
});

Deno.test("Webhook breaks off when there is no more time", async () => {
  const hanging = new Receiver(["hang"]);
  const waiting = new Receiver([status(500)]);
  for (const receiver of [hanging, waiting]) {
    const delivery = receiver.webhook.deliver(NOTICE, receiver.stop.signal, () => {});
    await receiver.clock.pass(100);
    receiver.stop.abort();
    assert.equal((await delivery).kind, "failed");
    assert.equal(receiver.tries.length, 1);
  }
});

Deno.test("signatureOf is what openssl makes of time and body", () => {
  const made = execFileSync("openssl", ["dgst", "-sha256", "-hmac", "s3cret"], {
    input: "1800000000.{}",
    encoding: "utf8",
  });
  assert.equal(
    signatureOf("s3cret", 1_800_000_000, "{}"),
    `sha256=${made.trim().split(" ").at(-1)}`,
  );
});

Deno.test("Webhook reads no more of an answer than it must", async () => {
  let cancelled = false;
  const endless = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1 << 16)),
    cancel() {
      cancelled = true;
    },
  });
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response(endless),
  );
  const webhook = new Webhook({
    url: `http://127.0.0.1:${server.addr.port}/`,
    secret: undefined,
    timeout: 60_000,
    clock: realClock(),
    random: () => 0,
  });
  const delivery = await webhook.deliver(NOTICE, new AbortController().signal, () => {});
  assert.deepEqual(delivery, { kind: "delivered" });
  await server.shutdown();
  assert.ok(cancelled);
});

Deno.test("Webhook leaves a receiver that hangs, and comes again", async () => {
  let requests = 0;
  const never = Promise.withResolvers<Response>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => requests++ > 0 ? new Response() : never.promise,
  );
  const setbacks: string[] = [];
  const webhook = new Webhook({
    url: `http://127.0.0.1:${server.addr.port}/`,
    secret: undefined,
    timeout: 2000,
    clock: realClock(),
    random: () => 0,
  });
  const delivery = await webhook.deliver(
    NOTICE,
    new AbortController().signal,
    (reason) => setbacks.push(reason),
  );
  assert.deepEqual(delivery, { kind: "delivered" });
  assert.ok(setbacks.length >= 1, "the first try was in vain");
  assert.equal(setbacks[0], "no answer within 2 s");
  never.resolve(new Response());
});
