import assert from "node:assert/strict";
import { Signals, type SignalSource } from "../../lib/cli/signals.ts";

/** Signals that a test sends. */
class Sender implements SignalSource {
  elapsed = 1000;
  readonly #calls = new Map<string, () => void>();

  on(signal: string, call: () => void): void {
    this.#calls.set(signal, call);
  }

  send(signal: string): void {
    this.#calls.get(signal)!();
  }
}

/** Whether a promise has been settled, once everything that is ready to run has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  await new Promise((resolve) => setTimeout(resolve));
  return settled;
}

Deno.test("Signals: the first stops, the second stops at once, whichever they are", async () => {
  const sender = new Sender();
  const signals = new Signals(sender, () => sender.elapsed);
  sender.send("SIGHUP");
  assert.ok(!await isSettled(signals.stop));
  sender.send("SIGINT");
  assert.equal(await signals.stop, "SIGINT");
  assert.ok(!await isSettled(signals.stopAtOnce));
  sender.elapsed += 500;
  sender.send("SIGTERM");
  assert.equal(await signals.stopAtOnce, "SIGTERM");
});

Deno.test("Signals: a Ctrl-C that arrives twice is one", async () => {
  const sender = new Sender();
  const signals = new Signals(sender, () => sender.elapsed);
  sender.send("SIGINT");
  sender.elapsed += 150;
  sender.send("SIGINT");
  assert.equal(await signals.stop, "SIGINT");
  assert.ok(!await isSettled(signals.stopAtOnce));
  sender.elapsed += 100;
  sender.send("SIGINT");
  assert.equal(await signals.stopAtOnce, "SIGINT");
});

Deno.test("Signals: another signal at once is a second one, and not an echo of the first", async () => {
  const sender = new Sender();
  const signals = new Signals(sender, () => sender.elapsed);
  sender.send("SIGTERM");
  sender.send("SIGINT");
  assert.equal(await signals.stopAtOnce, "SIGINT");
});

Deno.test("Signals.onReload: one call at a time, and one more for all that came meanwhile", async () => {
  const sender = new Sender();
  const signals = new Signals(sender, () => sender.elapsed);
  const calls: PromiseWithResolvers<void>[] = [];
  signals.onReload(() => {
    const call = Promise.withResolvers<void>();
    calls.push(call);
    return call.promise;
  });
  assert.equal(calls.length, 0);
  for (let i = 0; i < 3; i++) sender.send("SIGHUP");
  assert.equal(calls.length, 1);
  calls[0]!.resolve();
  assert.ok(await isSettled(calls[0]!.promise));
  assert.equal(calls.length, 2);
  calls[1]!.resolve();
  assert.ok(await isSettled(calls[1]!.promise));
  assert.equal(calls.length, 2);
  sender.send("SIGHUP");
  assert.equal(calls.length, 3);
  calls[2]!.resolve();
});

Deno.test("Signals.reload: in its turn, and told from what SIGHUP has asked for", async () => {
  const sender = new Sender();
  const signals = new Signals(sender, () => sender.elapsed);
  const asked: boolean[] = [];
  let call = Promise.withResolvers<void>();
  signals.onReload((isAsked) => {
    asked.push(isAsked);
    call = Promise.withResolvers<void>();
    return call.promise;
  });
  const finish = async () => {
    call.resolve();
    await isSettled(call.promise);
  };
  signals.reload();
  assert.deepEqual(asked, [false]);
  signals.reload();
  sender.send("SIGHUP");
  signals.reload();
  await finish();
  assert.deepEqual(asked, [false, true], "whoever has asked is answered");
  signals.reload();
  await finish();
  assert.deepEqual(asked, [false, true, false]);
  await finish();
  assert.equal(asked.length, 3);
});

Deno.test("Signals.onReload answers a SIGHUP that came before", () => {
  const sender = new Sender();
  const signals = new Signals(sender, () => sender.elapsed);
  sender.send("SIGHUP");
  let calls = 0;
  signals.onReload(() => {
    calls++;
    return Promise.resolve();
  });
  assert.equal(calls, 1);
});
