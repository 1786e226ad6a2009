import assert from "node:assert/strict";
import { run } from "../../lib/cli/program.ts";
import { optionCode, optionHelp, readOptionValue } from "../../lib/config/option_values.ts";
import { OPTIONS } from "../../lib/wire/registry.ts";
import { FakeEdges } from "./fake_edges.ts";

async function told(line: string) {
  const edges = new FakeEdges();
  const code = await run(line.split(" "), edges);
  return { code, stdout: edges.stdout, stderr: edges.stderr };
}

Deno.test("options lists every option of the registry once", async () => {
  const { code, stdout } = await told("options --json");
  assert.equal(code, 0);
  const codes = stdout.trimEnd().split("\n").map((line) => JSON.parse(line).code);
  assert.deepEqual(codes, OPTIONS.map((row) => row.code).toSorted((a, b) => a - b));
});

Deno.test("options finds by code and by part of a name", async () => {
  const { stdout } = await told("options 121");
  assert.deepEqual(stdout.split("\n").map((line) => line.replaceAll(/  +/g, "|")), [
    "CODE|NAME|TYPE|IN A FILE|DEFINED IN",
    " 121|classless-static-route|classless-routes|classless-static-route = " +
    '["0.0.0.0/0 via 10.6.9.1", "10.8.0.0/16 via 10.6.9.2"]|RFC 3442',
    "",
  ]);
  const ntp = await told("options NTP");
  assert.match(ntp.stdout, /\n +42 +ntp-server +ipv4-list +ntp-server = \["10\.6\.9\.1", /);
  const lease = await told("options lease-time");
  assert.match(lease.stdout, / 51 .*not to be set: the lease time is the setting lease/);
});

Deno.test("options says when nothing matches", async () => {
  assert.deepEqual(await told("options ntp-srever"), {
    code: 1,
    stdout: "",
    stderr: 'etcdhcp: no option matches "ntp-srever"; did you mean ntp-server?\n',
  });
  assert.equal((await told("options 255")).code, 1);
});

Deno.test("optionHelp: a file may give every option its example", () => {
  for (const { code, name, example, reason } of optionHelp()) {
    if (reason !== undefined) continue;
    assert.equal(optionCode(name), code);
    const octets = readOptionValue(code, example);
    assert.ok(octets instanceof Uint8Array, `${name}: ${octets}`);
  }
});
