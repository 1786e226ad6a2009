import assert from "node:assert/strict";
import { until } from "../e2e/poll.ts";
import { Program, Slots } from "../../lib/notify/program.ts";
import { created, killGroup, noticeOf, realClock } from "./fixtures.ts";

interface RunOptions {
  readonly timeout?: number;
  readonly hostname?: string;
  readonly killGroup?: (leader: number) => boolean;
}

/** Runs a shell script as a hook. The script is the test's own; a hook's arguments meet no shell. */
async function run(script: string, options: RunOptions = {}) {
  const program = new Program({
    path: "/bin/sh",
    args: ["-c", script, "hook"],
    timeout: options.timeout ?? 60_000,
    clock: realClock(),
    slots: new Slots(1),
    killGroup: options.killGroup ?? killGroup,
  });
  const notice = noticeOf(created({ hostname: options.hostname ?? "printer" }));
  return await program.deliver(notice, new AbortController().signal);
}

async function withFile(body: (path: string) => Promise<void>): Promise<string> {
  const path = await Deno.makeTempFile();
  try {
    await body(path);
    return await Deno.readTextFile(path);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("Program gets the event as last argument, variables and JSON", async () => {
  const said = await withFile(async (path) => {
    const script = `{ echo "$1|$#|$PWD|$ETCDHCP_IP|$ETCDHCP_HOSTNAME"; cat; } > ${path}`;
    assert.deepEqual(await run(script, { hostname: "$(id)" }), { kind: "delivered" });
  });
  const [line, json] = said.split("\n");
  assert.equal(line, "lease.created|1|/|10.0.0.10|__id_");
  assert.equal(JSON.parse(json!).lease.hostname, "$(id)");
});

Deno.test("Program has no other variable than its own and PATH", async () => {
  const said = await withFile(async (path) => {
    assert.deepEqual(await run(`env > ${path}`), { kind: "delivered" });
  });
  const names = said.trim().split("\n").map((line) => line.split("=")[0]!);
  const foreign = names.filter((name) => !name.startsWith("ETCDHCP_")).sort();
  // The shell sets PWD and its like itself.
  assert.deepEqual(foreign.filter((name) => !["PWD", "OLDPWD", "SHLVL", "_"].includes(name)), [
    "PATH",
  ]);
});

Deno.test("Program that fails is told of with its code and first line", async () => {
  const table: [string, string][] = [
    ["exit 3", "exit code 3"],
    ["echo; echo no such zone >&2; echo more >&2; exit 1", "exit code 1: no such zone"],
    ["echo on stdout; exit 1", "exit code 1: on stdout"],
    ["kill -TERM $$", "ended by SIGTERM"],
  ];
  for (const [script, reason] of table) {
    assert.deepEqual(await run(script), { kind: "failed", reason });
  }
});

Deno.test("Program that does not exist is told of", async () => {
  const program = new Program({
    path: "/nowhere/hook",
    args: [],
    timeout: 1000,
    clock: realClock(),
    slots: new Slots(1),
    killGroup,
  });
  const delivery = await program.deliver(noticeOf(created()), new AbortController().signal);
  assert.equal(delivery.kind, "failed");
  assert.match(delivery.kind === "failed" ? delivery.reason : "", /nowhere/);
});

Deno.test("Program that hangs is killed", async () => {
  assert.deepEqual(await run("echo waiting; exec sleep 1000", { timeout: 500 }), {
    kind: "failed",
    reason: "killed after 0.5 s: waiting",
  });
});

/** Whether a process is there and not merely waiting for somebody to ask how it ended. */
async function runs(pid: number): Promise<boolean> {
  try {
    return !/\) Z /.test(await Deno.readTextFile(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}

/** A program that starts another, and both hang; the file gets the other's number. */
const parentOf = (path: string) => `sleep 1000 & echo $! > ${path}; echo waiting; wait`;

Deno.test("Program that is killed takes with it what it has started", async () => {
  const pid = await withFile(async (path) => {
    const delivery = await run(parentOf(path), { timeout: 500 });
    assert.deepEqual(delivery, { kind: "failed", reason: "killed after 0.5 s: waiting" });
  });
  assert.ok(Number(pid) > 1);
  await until("the child to be gone", 20, async () => !(await runs(Number(pid))));
});

Deno.test("Program that is killed takes its children along with a site's permissions", async () => {
  const ffi = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6,/lib64/libc.so.6,/usr/lib/libc.so.6`;
  const pid = await withFile(async (path) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--allow-run=/bin/sh", `--allow-ffi=${ffi}`]
        .concat(new URL("confined_hook.ts", import.meta.url).pathname, parentOf(path)),
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.deepEqual(JSON.parse(new TextDecoder().decode(stdout)), {
      kind: "failed",
      reason: "killed after 0.5 s: waiting",
    });
  });
  await until("the child to be gone", 20, async () => !(await runs(Number(pid))));
});

Deno.test("Program alone is killed when the group cannot be", async () => {
  const pid = await withFile(async (path) => {
    const delivery = await run(parentOf(path), { timeout: 500, killGroup: () => false });
    assert.deepEqual(delivery, { kind: "failed", reason: "killed after 0.5 s: waiting" });
  });
  assert.ok(await runs(Number(pid)));
  Deno.kill(Number(pid), "SIGKILL");
});

Deno.test("Program is not waited for beyond its end, whatever its children keep open", async () => {
  const pid = await withFile(async (path) => {
    const delivery = await run(`sleep 1000 & echo $! > ${path}; exit 4`);
    assert.deepEqual(delivery, { kind: "failed", reason: "exit code 4" });
  });
  Deno.kill(Number(pid), "SIGKILL");
});

Deno.test("Program that floods its output is read and cut", async () => {
  const flood = "head -c 20000000 /dev/zero | tr '\\0' x";
  assert.deepEqual(await run(flood), { kind: "delivered" });
  const delivery = await run(`${flood}; exit 1`);
  assert.deepEqual(delivery, { kind: "failed", reason: `exit code 1: ${"x".repeat(200)}` });
});

Deno.test("Program need not read its input", async () => {
  assert.deepEqual(await run("exec 0<&-; exit 0"), { kind: "delivered" });
});

Deno.test("Program is killed when there is no more time", async () => {
  const stop = new AbortController();
  await withFile(async (path) => {
    const program = new Program({
      path: "/bin/sh",
      args: ["-c", `echo $$ > ${path}; exec sleep 1000`],
      timeout: 60_000,
      clock: realClock(),
      slots: new Slots(1),
      killGroup,
    });
    const delivery = program.deliver(noticeOf(created()), stop.signal);
    await until("the program to run", 60, async () => (await Deno.readTextFile(path)) || undefined);
    stop.abort();
    assert.deepEqual(await delivery, { kind: "failed", reason: "ended by SIGKILL" });
  });
});

Deno.test("Slots lets so many in, in their order", async () => {
  const slots = new Slots(2);
  const order: string[] = [];
  const first = await slots.take();
  const second = await slots.take();
  const third = slots.take().then((release) => {
    order.push("third");
    return release;
  });
  const fourth = slots.take().then((release) => {
    order.push("fourth");
    return release;
  });
  await Promise.resolve();
  assert.deepEqual(order, []);
  second();
  (await third)();
  first();
  (await fourth)();
  assert.deepEqual(order, ["third", "fourth"]);
});
