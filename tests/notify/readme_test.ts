import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { HOOK_EVENTS } from "../../lib/config/model.ts";
import { noticeJson } from "../../lib/notify/notice.ts";
import { signatureOf } from "../../lib/notify/webhook.ts";
import { created, crossed, noticeOf } from "./fixtures.ts";

const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
const [, section = ""] = /^## Hooks\n([\s\S]*?)^## /m.exec(readme) ?? [];

Deno.test("HOOK_EVENTS: the README has each", () => {
  for (const event of HOOK_EVENTS) assert.ok(section.includes(`| \`${event}\``), event);
});

Deno.test("noticeJson makes what the README shows", () => {
  const [, example = ""] = /```json\n([\s\S]*?)```/.exec(section) ?? [];
  const made = JSON.parse(noticeJson(noticeOf(created())));
  const shown = JSON.parse(example);
  assert.deepEqual(Object.keys(shown), Object.keys(made));
  assert.deepEqual(Object.keys(shown.lease), Object.keys(made.lease));
  const { pool } = JSON.parse(noticeJson(noticeOf(crossed(true))));
  for (const key of Object.keys(pool)) assert.ok(section.includes(`"${key}"`), key);
});

Deno.test("signatureOf is what the README's script checks", async () => {
  const [, script = ""] = /```sh\n([\s\S]*?)```/.exec(section) ?? [];
  const secretFile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(secretFile, "s3cret\n");
    const check = (body: string, timestamp: number, signature: string) =>
      spawnSync("/bin/sh", ["-c", script.replace("/etc/etcdhcp/hook-secret", secretFile)], {
        input: body,
        env: {
          PATH: Deno.env.get("PATH"),
          HTTP_X_ETCDHCP_TIMESTAMP: String(timestamp),
          HTTP_X_ETCDHCP_SIGNATURE: signature,
        },
      }).status;
    const body = noticeJson(noticeOf(created({ hostname: "%s \\n $(id) 'ä" })));
    const now = Math.floor(Date.now() / 1000);
    assert.equal(check(body, now, signatureOf("s3cret", now, body)), 0);
    assert.equal(check(body + " ", now, signatureOf("s3cret", now, body)), 1);
    assert.equal(check(body, now, signatureOf("other", now, body)), 1);
    assert.equal(check(body, now + 1, signatureOf("s3cret", now, body)), 1);
    assert.equal(check(body, now - 900, signatureOf("s3cret", now - 900, body)), 1);
  } finally {
    await Deno.remove(secretFile);
  }
});
