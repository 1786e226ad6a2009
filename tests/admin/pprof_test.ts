import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import { gunzipSync } from "node:zlib";
import { Profile } from "pprof-format";
import { heap, profile, PROFILE_FLAGS } from "../../lib/admin/pprof.ts";
import { lacks, run } from "../tools.ts";
import { startSite } from "./fixtures.ts";

type Ask = (request: Request, stopping?: AbortSignal) => Promise<Response>;

function ask(handler: Ask, query: string, stopping?: AbortSignal): Promise<Response> {
  return handler(new Request(`http://localhost/debug/pprof/x${query}`), stopping);
}

/** Work with a name that a profile must show, until the other promise is settled. */
async function workWhile<T>(other: Promise<T>): Promise<T> {
  const kept: object[] = [];
  let isSettled = false;
  const settled = other.finally(() => isSettled = true);
  while (!isSettled) {
    keepBusy(kept);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.ok(kept.length > 0);
  return await settled;
}

function keepBusy(kept: object[]): void {
  const end = performance.now() + 20;
  let sum = 0;
  while (performance.now() < end) for (let i = 0; i < 10_000; i++) sum += Math.sqrt(i);
  for (let i = 0; i < 2000 && kept.length < 500_000; i++) kept.push({ sum, text: `kept ${i}` });
}

/** Samples by the name of their innermost function, and every function's file. */
async function decode(response: Response) {
  assert.equal(response.status, 200);
  const found = Profile.decode(gunzipSync(new Uint8Array(await response.arrayBuffer())));
  const text = (index: number | bigint) => found.stringTable.strings[Number(index)]!;
  const functions = new Map(found.function.map((one) => [Number(one.id), one]));
  const nameOf = (location: number | bigint) => {
    const { line } = found.location.find(({ id }) => Number(id) === Number(location))!;
    return text(functions.get(Number(line[0]!.functionId))!.name);
  };
  return {
    types: found.sampleType.map(({ type, unit }) => `${text(type)}/${text(unit)}`),
    stacks: found.sample.map(({ locationId, value }) => ({
      names: locationId.map(nameOf),
      values: value.map(Number),
    })),
    files: found.function.map(({ filename }) => text(filename)),
    duration: Number(found.durationNanos) / 1e9,
  };
}

Deno.test("profile says where time went, in pprof's format", async () => {
  const { types, stacks, files, duration } = await decode(
    await workWhile(ask(profile, "?seconds=1")),
  );
  assert.deepEqual(types, ["samples/count", "wall/nanoseconds"]);
  const busy = stacks.filter(({ names }) => names[0] === "keepBusy tests/admin/pprof_test.ts");
  assert.ok(busy.length > 0, JSON.stringify(stacks));
  assert.ok(busy.some(({ names }) => names.some((name) => name.startsWith("workWhile "))));
  const seconds = busy.reduce((sum, { values }) => sum + values[1]!, 0) / 1e9;
  assert.ok(seconds > 0 && seconds <= duration, `${seconds} of ${duration}`);
  assert.ok(files.includes("tests/admin/pprof_test.ts"));
  assert.ok(!files.some((file) => file.includes("file:")));
});

Deno.test("heap says who holds what was allocated, in pprof's format", async () => {
  const { types, stacks } = await decode(await workWhile(ask(heap, "?seconds=1")));
  assert.deepEqual(types, ["samples/count", "inuse_space/bytes"]);
  const held = stacks.filter(({ names }) => names[0] === "keepBusy tests/admin/pprof_test.ts");
  assert.ok(
    held.reduce((sum, { values }) => sum + values[1]!, 0) > 100_000,
    JSON.stringify(stacks),
  );
});

Deno.test("profile and heap have V8's own formats", async () => {
  const time = await workWhile(ask(profile, "?seconds=1&format=cpuprofile"));
  assert.equal(time.headers.get("content-type"), "application/json");
  assert.match(time.headers.get("content-disposition")!, /"profile\.cpuprofile"/);
  assert.deepEqual(Object.keys(await time.json()).sort(), [
    "endTime",
    "nodes",
    "samples",
    "startTime",
    "timeDeltas",
  ]);
  const memory = await workWhile(ask(heap, "?seconds=1&format=heapprofile"));
  assert.deepEqual(Object.keys(await memory.json()).sort(), ["head", "samples"]);
});

Deno.test("profile refuses what it cannot do", async () => {
  for (const seconds of ["0", "61", "-1", "1.5", "", "ten", "1e1"]) {
    await assert.rejects(ask(profile, `?seconds=${seconds}`), {
      name: "HttpError",
      status: 400,
      message: `seconds is "${seconds}", wanted whole seconds from 1 to 60`,
    });
  }
  await assert.rejects(ask(heap, "?format=cpuprofile"), {
    status: 400,
    message: 'format is "cpuprofile", wanted pprof or heapprofile',
  });
});

Deno.test("profile and heap are taken one at a time, and end with the server", async () => {
  const stopping = new AbortController();
  const first = ask(profile, "?seconds=60", stopping.signal);
  await assert.rejects(ask(heap, ""), {
    status: 409,
    message: "another profile is being taken; try again when it is done",
  });
  stopping.abort();
  assert.equal((await first).status, 200);
  const third = await ask(heap, "?seconds=60", AbortSignal.abort());
  assert.equal(third.status, 200);
});

Deno.test({
  name: "profile says what permission is missing",
  permissions: { sys: ["hostname"], read: true, env: true },
  async fn() {
    await assert.rejects(ask(profile, "?seconds=1"), {
      status: 501,
      message: `profiles need another permission; run it with ${PROFILE_FLAGS}`,
    });
  },
});

Deno.test("profile: the task serve may not, and with the flags that the answer names it may", async () => {
  const module = new URL("../../lib/admin/pprof.ts", import.meta.url);
  const program = `const { profile } = await import(${JSON.stringify(module.href)});
    const taken = profile(new Request("http://localhost/?seconds=1"), AbortSignal.abort());
    console.log(await taken.then(({ status }) => status, ({ status }) => status));
    const names = ["cpus", "gid", "homedir", "loadavg", "osRelease", "systemMemoryInfo", "username"];
    const granted = names.filter((kind) =>
      Deno.permissions.querySync({ name: "sys", kind }).state === "granted");
    console.log(JSON.stringify(granted));`;
  const serve = manifest.tasks.serve.command.match(/--\S+/g)!
    .map((flag) => flag.replaceAll("$HOME", Deno.env.get("HOME") ?? ""));
  const others = serve.filter((flag) => !flag.startsWith("--allow-sys"));
  const path = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await Deno.writeTextFile(path, program);
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const said = async (flags: readonly string[]) => {
      const args = ["run", "--no-check", "--config", config, ...flags, path];
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
      const decoder = new TextDecoder();
      return decoder.decode(stdout) || decoder.decode(stderr);
    };
    assert.equal(await said(serve), "501\n[]\n");
    assert.equal(await said([...others, ...PROFILE_FLAGS.split(" ")]), "200\n[]\n");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test({
  name: "profile and heap are opened by go tool pprof",
  ignore: lacks("go"),
  async fn() {
    const path = await Deno.makeTempFile({ suffix: ".pb.gz" });
    try {
      for (const [handler, type] of [[profile, "wall"], [heap, "inuse_space"]] as const) {
        const response = await workWhile(ask(handler, "?seconds=1"));
        await Deno.writeFile(path, new Uint8Array(await response.arrayBuffer()));
        const top = run("go", ["tool", "pprof", "-top", path]);
        assert.match(top, new RegExp(`^Type: ${type}$`, "m"));
        assert.match(top, /%\s+keepBusy tests\/admin\/pprof_test\.ts$/m);
      }
    } finally {
      await Deno.remove(path);
    }
  },
});

Deno.test("startAdmin serves profiles", async () => {
  await using site = await startSite();
  const heap = await site.ask("/debug/pprof/heap?seconds=1");
  assert.ok(gunzipSync(new Uint8Array(await heap.arrayBuffer())).length > 0);
  const refused = await site.ask("/debug/pprof/profile?seconds=0");
  assert.deepEqual([refused.status, await refused.json()], [400, {
    error: 'seconds is "0", wanted whole seconds from 1 to 60',
  }]);
});
