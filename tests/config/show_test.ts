import assert from "node:assert/strict";
import { readConfigFile } from "../../lib/config/file.ts";
import type { ServerConfig } from "../../lib/config/model.ts";
import { resolveConfig } from "../../lib/config/resolve.ts";
import { showConfig, toToml } from "../../lib/config/show.ts";
import type { Source } from "../../lib/config/sources.ts";
import { INTERFACES } from "./fixtures.ts";

const MACHINE = {
  interfaces: INTERFACES,
  hasInterface: () => false,
  stateDirectory: undefined,
  trialDirectory: "/t",
};

function tablesOf(text: string, sources: readonly Source[] = []) {
  const resolution = resolveConfig(sources, MACHINE, readConfigFile("site.toml", text));
  if (!resolution.ok) assert.fail(resolution.problems.join("\n"));
  const { config, settings, origins } = resolution;
  return { config, tables: showConfig(config, settings, origins) };
}

function flags(...values: [string, string][]): Source {
  const given = values.map(([label, text]) => [label.slice(2), { text, label }] as const);
  return { kind: "flag", values: new Map(given) };
}

const TEXT = `
[server]
interfaces = ["lan0"]
[store.etcd]
endpoints = ["a:1"]
username = "dhcp"
password = "hunter2"
[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.100", "10.6.9.7"]
exclude = ["10.6.9.20-10.6.9.29", "10.6.9.40"]
router = []
lease = "90s"
options = { ntp-server = ["10.6.9.5"], 224 = { hex = "01ff" }, subnet-mask = "255.255.255.255" }
[[subnet.reservation]]
mac = "5c:96:56:a4:be:eb"
ip = "10.6.9.2"
hostname = "printer"
options = { root-path = "/\\"x\\"" }
[[hook]]
events = ["lease.created"]
url = "https://user:hunter2@example.net/x"
timeout = "1500ms"
`;

Deno.test("showConfig says where each value came from", () => {
  const text = toToml(tablesOf(TEXT, [flags(["--log.format", "json"])]).tables);
  const wanted = [
    /^interfaces = \["lan0=10\.6\.9\.1\/24"\] +# site\.toml:3$/m,
    /^port = 67 +# default$/m,
    /^hold-factor = 2 +# default$/m,
    /^endpoints = \["a:1"\] +# site\.toml:5$/m,
    /^format = "json" +# --log\.format$/m,
    /^pools = \["10\.6\.9\.10-10\.6\.9\.100", "10\.6\.9\.7"\] +# site\.toml:11$/m,
    /^exclude = \["10\.6\.9\.20-10\.6\.9\.29", "10\.6\.9\.40"\] +# site\.toml:12$/m,
    /^router = \[\] +# site\.toml:13$/m,
    /^dns = \["10\.6\.9\.1"\] +# default$/m,
    /^lease = "90s" +# site\.toml:14$/m,
    /^quarantine = "1h" +# default$/m,
    /^ntp-server = \["10\.6\.9\.5"\] +# site\.toml:15$/m,
    /^224 = \{ hex = "01:ff" \} +# site\.toml:15$/m,
    /^root-path = "\/\\"x\\"" +# site\.toml:18$/m,
    /^timeout = "1500ms" /m,
  ];
  for (const line of wanted) assert.match(text, line);
});

Deno.test("showConfig hides secrets", () => {
  const { tables } = tablesOf(TEXT);
  for (const text of [toToml(tables), JSON.stringify(tables)]) {
    assert.ok(!text.includes("hunter2"));
    assert.ok(text.includes("(hidden)"));
  }
});

Deno.test("toToml: what it shows is a file that comes to the same configuration", () => {
  const example = Deno.readTextFileSync(new URL("../../scripts/etcdhcp.toml", import.meta.url));
  const texts = [
    TEXT.replace("user:hunter2@", ""),
    example.replace('"lan0"', '"lan0=10.6.9.1/24"'),
  ];
  for (const text of texts) {
    const first = tablesOf(text);
    const again = tablesOf(toToml(first.tables).replace("(hidden)", "hunter2"));
    assert.deepEqual(again.config, pinned(first.config));
    assert.deepEqual(
      again.tables.map(({ rows }) => rows.map(({ key, value }) => [key, value])),
      first.tables.map(({ rows }) => rows.map(({ key, value }) => [key, value])),
    );
  }
});

/** What is shown has the address of every interface, so none is looked up again. */
function pinned(config: ServerConfig): ServerConfig {
  return { ...config, interfaces: config.interfaces.map((one) => ({ ...one, follows: false })) };
}

Deno.test("toToml makes a file of flags", () => {
  const values: [string, string][] = [
    ["--dhcp.server-if", "lan0"],
    ["--dhcp.issue-from", "10.6.9.10"],
    ["--dhcp.issue-to", "10.6.9.20"],
    ["--dhcp.dns", "none"],
    ["--dhcp.lease", "2h"],
  ];
  const resolution = resolveConfig([flags(...values)], MACHINE);
  assert.ok(resolution.ok);
  const { config, settings, origins } = resolution;
  const text = toToml(showConfig(config, settings, origins));
  assert.match(text, /^pools = \[.*\] +# --dhcp\.issue-from, --dhcp\.issue-to$/m);
  assert.match(text, /^lease = "2h" +# --dhcp\.lease$/m);
  const { config: again } = tablesOf(text);
  assert.deepEqual({ ...again, file: undefined }, pinned(config));
});
