/**
 * A program made for one site: what it may not do, and that it serves from one file in an empty
 * directory.
 */

import assert from "node:assert/strict";
import { compileSite, siteFile, sitePermissions, whyNoCompiler } from "../binary.ts";
import { INTERFACE } from "../clients/client.ts";
import { Udhcpc } from "../clients/udhcpc.ts";
import type { Lab } from "../lab.ts";
import { until } from "../poll.ts";
import { describe } from "../process.ts";
import { scenario } from "../scenario.ts";
import { Server } from "../server.ts";
import { buildLan } from "./lan.ts";

/** An empty directory for the site, and its configuration outside of it. */
async function makeSite(
  lab: Lab,
  elsewhere = false,
): Promise<{ directory: string; config: string }> {
  const directory = `${lab.directory}/site`;
  const config = `${lab.directory}/site.toml`;
  await Deno.mkdir(directory);
  await Deno.writeTextFile(config, siteFile(directory, elsewhere));
  await Deno.writeTextFile(`${lab.directory}/secret`, "");
  return { directory, config };
}

scenario(
  "Under a site's permissions a program can do that site's work and nothing else",
  [],
  async (lab) => {
    const { directory, config } = await makeSite(lab);
    const { server: host } = await buildLan(lab);
    const flags = await sitePermissions(config);
    const probe = new URL("../probe.ts", import.meta.url).pathname;
    const said = await host.run(
      ...[Deno.execPath(), "run", "--no-config", "--no-check", "--unstable-net"],
      ...[...flags, probe, directory],
    );
    const results = Object.entries(JSON.parse(said) as Record<string, string>);
    const denied = results.filter(([name]) => !name.startsWith("own: "));
    assert.ok(denied.length >= 15);
    for (const [name, result] of denied) assert.equal(result, "NotCapable", name);
    for (const [name, result] of results) {
      if (name.startsWith("own: ")) assert.equal(result, "done", name);
    }
  },
);

for (const elsewhere of [false, true]) {
  const how = elsewhere ? "without FFI, being confined elsewhere" : "with FFI";
  scenario(`Under a site's permissions the server serves, ${how}`, ["udhcpc"], async (lab) => {
    const { directory, config } = await makeSite(lab, elsewhere);
    const root = new URL("../../../", import.meta.url).pathname;
    // A binary has its thread's code inside; from source it reads files.
    const flags = (await sitePermissions(config)).map((flag) =>
      flag.startsWith("--allow-read=") ? `${flag},${root}lib` : flag
    );
    assert.equal(flags.some((flag) => flag.startsWith("--allow-ffi")), !elsewhere);
    await serveAClient(lab, directory, [
      Deno.execPath(),
      "run",
      ...flags,
      `${root}main.ts`,
      "--config",
      config,
    ]);
  });
}

const missing = await whyNoCompiler();
const title = "A binary made for a site serves a client from an empty directory";
if (missing === undefined) {
  scenario(title, ["udhcpc"], async (lab) => {
    const { directory, config } = await makeSite(lab);
    const binary = `${lab.directory}/etcdhcp`;
    await compileSite(config, binary);
    await serveAClient(lab, directory, [binary, "--config", config]);
  });
} else {
  Deno.test({
    name: `NOT RUN, as this machine cannot make binaries (${missing}): ${title}`,
    ignore: true,
    fn() {},
  });
}

/** Starts the program in the directory and has a real client take a lease from it. */
async function serveAClient(lab: Lab, directory: string, argv: string[]): Promise<void> {
  const { server: host, wire } = await buildLan(lab);
  await using process = host.start(argv, { title: "server", cwd: directory });
  lab.evidence.push({ title: "the server's log", text: () => process.text(60) });
  const server = new Server(process, host);
  await server.ready(200, 60);
  await using client = await Udhcpc.make(lab, wire);
  client.start();
  await until("the client's address", 20, async () => {
    const shown = await client.host.ip("-4", "-o", "address", "show", "dev", INTERFACE);
    return / 10\.6\.9\.\d+\/24 /.test(shown);
  });
  process.signal("SIGTERM");
  assert.equal(describe(await process.exit(10)), "exit code 0");
  const files = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assert.ok(files.includes("leases.db"), files.join(" "));
}
