import assert from "node:assert/strict";
import { Metrics } from "../../lib/admin/metrics.ts";
import type { Hook } from "../../lib/config/model.ts";
import { makeHooks } from "../../lib/notify/start.ts";
import { signatureOf } from "../../lib/notify/webhook.ts";
import { created, KeptLog, killGroup, realClock } from "./fixtures.ts";

function hookOf(target: Hook["target"]): Hook {
  return { events: new Set(["lease.created"]), target, timeout: 60_000 };
}

function make(hooks: readonly Hook[]) {
  return makeHooks(hooks, {
    clock: realClock(),
    log: new KeptLog(),
    counter: new Metrics(),
    server: "router1",
    killGroup,
  });
}

function webhook(url: string, secretFile?: string): Hook {
  return hookOf({ kind: "webhook", url, secretFile });
}

Deno.test("makeHooks runs programs and posts to webhooks, signed with the file's secret", async () => {
  const secretFile = await Deno.makeTempFile();
  const outFile = await Deno.makeTempFile();
  const posted = Promise.withResolvers<{ body: string; headers: Headers }>();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      posted.resolve({ body: await request.text(), headers: request.headers });
      return new Response();
    },
  );
  try {
    await Deno.writeTextFile(secretFile, "s3cret\n");
    const hooks = await make([
      webhook(`http://127.0.0.1:${server.addr.port}/hook`, secretFile),
      hookOf({ kind: "program", path: "/bin/sh", args: ["-c", `cat > ${outFile}`] }),
    ]);
    hooks.tell(created());
    const { body, headers } = await posted.promise;
    await hooks.stop(60_000);
    const timestamp = Number(headers.get("x-etcdhcp-timestamp"));
    assert.equal(headers.get("x-etcdhcp-signature"), signatureOf("s3cret", timestamp, body));
    assert.equal(await Deno.readTextFile(outFile), body + "\n");
    assert.match(JSON.parse(body).id, /^[0-9a-f]{16}-1$/);
  } finally {
    await Deno.remove(secretFile);
    await Deno.remove(outFile);
  }
});

Deno.test("makeHooks says what is wrong with a hook", async () => {
  const empty = await Deno.makeTempFile();
  try {
    const table: [Hook, RegExp][] = [
      [webhook("hooks.example"), /^hook 2: url is "hooks\.example", wanted a URL$/],
      [webhook("ftp://hooks.example"), /^hook 2: url is .*, wanted http:\/\/ or https:\/\/$/],
      [webhook("https://me:pw@hooks.example"), /^hook 2: url holds a user name or password/],
      [
        webhook("https://hooks.example", "/nowhere/s"),
        /^hook 2: cannot read secret-file \/nowhere/,
      ],
      [webhook("https://hooks.example", empty), /^hook 2: secret-file .* is empty$/],
    ];
    const sound = hookOf({ kind: "program", path: "/bin/true", args: [] });
    for (const [hook, message] of table) {
      await assert.rejects(make([sound, hook]), { name: "OperatorError", message });
    }
  } finally {
    await Deno.remove(empty);
  }
});

Deno.test({
  name: "makeHooks refuses at the start what the process may not do",
  permissions: { read: true, write: true, env: true, run: false, net: false },
  async fn() {
    await assert.rejects(make([hookOf({ kind: "program", path: "/bin/true", args: [] })]), {
      name: "OperatorError",
      message: "hook 1: not allowed to run /bin/true; start with Deno's permission " +
        "--allow-run=/bin/true",
    });
    await assert.rejects(make([webhook("https://hooks.example/x")]), {
      name: "OperatorError",
      message: "hook 1: not allowed to connect to hooks.example:443; start with Deno's " +
        "permission --allow-net=hooks.example:443",
    });
  },
});
