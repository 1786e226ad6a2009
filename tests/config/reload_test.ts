import assert from "node:assert/strict";
import { readConfigFile } from "../../lib/config/file.ts";
import type { ServerConfig } from "../../lib/config/model.ts";
import { compareConfigs, takenOver } from "../../lib/config/reload.ts";
import { resolveConfig } from "../../lib/config/resolve.ts";
import { subnetOf } from "../lease/fixtures.ts";
import { INTERFACES } from "./fixtures.ts";

const TEXT = `
[server]
interfaces = ["lan0", "up0"]
[store]
path = "/x/leases.db"
[log]
verbosity = 0
[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.100"]
options = { ntp-server = ["10.6.9.5"] }
[[subnet.reservation]]
mac = "5c:96:56:a4:be:eb"
ip = "10.6.9.2"
[[subnet]]
name = "up"
cidr = "192.0.2.0/24"
pools = ["192.0.2.10-192.0.2.20"]
[[hook]]
events = ["lease.created"]
url = "https://example.net/"
`;

function configOf(text: string): ServerConfig {
  const machine = {
    interfaces: INTERFACES,
    hasInterface: () => false,
    stateDirectory: undefined,
    trialDirectory: "/t",
  };
  const resolution = resolveConfig([], machine, readConfigFile("site.toml", text));
  return resolution.ok ? resolution.config : assert.fail(resolution.problems.join("\n"));
}

const running = configOf(TEXT);

/** What comes of a change of the text. */
function reload(from: string | RegExp, to: string) {
  const changed = TEXT.replace(from, to);
  assert.notEqual(changed, TEXT);
  return compareConfigs(running, configOf(changed));
}

Deno.test("compareConfigs: the same text changes nothing", () => {
  const { config, changed, restart } = compareConfigs(running, configOf(TEXT));
  assert.deepEqual([changed, restart], [[], []]);
  assert.deepEqual(config, running);
});

Deno.test("compareConfigs takes up subnets, pools, reservations, options, times, log level", () => {
  const table: [string | RegExp, string, string[]][] = [
    ["10.6.9.100", "10.6.9.99", ["subnet.lan"]],
    ["10.6.9.2", "10.6.9.3", ["subnet.lan"]],
    ["10.6.9.5", "10.6.9.6", ["subnet.lan"]],
    ['name = "up"', 'name = "up"\nlease = "2h"', ["subnet.up"]],
    [/\[\[subnet\]\]\nname = "up"\n.*\n.*\n/, "", ["subnet.up"]],
    ['name = "up"', 'name = "down"', ["subnet.up", "subnet.down"]],
    ['name = "up"', "", ["subnet.up", "subnet"]],
    ["[store]", "[dhcp]\nlease = '2h'\n[store]", ["subnet.lan", "subnet.up"]],
    ["verbosity = 0", "verbosity = 2", ["log.verbosity"]],
    ["[store]", "request-timeout = '1s'\n[store]", ["server.request-timeout"]],
    ["[store]", "[pool]\nthreshold = '50%'\n[store]", ["pool.threshold"]],
  ];
  for (const [from, to, wanted] of table) {
    const { config, changed, restart } = reload(from, to);
    assert.deepEqual([changed, restart], [wanted, []], String(from));
    assert.deepEqual(config, configOf(TEXT.replace(from, to)));
  }
});

Deno.test("compareConfigs names what needs a restart, and keeps it as it is", () => {
  const table: [string, string, string[]][] = [
    ['"lan0", "up0"', '"up0", "lan0"', ["server.interfaces"]],
    ["[store]", "port = 6767\n[store]", ["server.port"]],
    ["[store]", "client-port = 6868\n[store]", ["server.client-port"]],
    ["[store]", "confined-elsewhere = true\n[store]", ["server.confined-elsewhere"]],
    ["[store]", "reload-on-change = true\n[store]", ["server.reload-on-change"]],
    ["/x/leases.db", "/y/leases.db", ["store"]],
    ['path = "/x/leases.db"', 'etcd = { endpoints = ["a:1"] }', ["store"]],
    ["[log]", "[admin]\naddr = ':1'\nsocket = '/s'\n[log]", ["admin.addr", "admin.socket"]],
    ["[log]", "[admin]\ntoken-file = '/t'\n[log]", ["admin.token-file"]],
    ["[log]", "[admin]\ntls-cert = '/c'\ntls-key = '/k'\n[log]", ["admin.tls-cert"]],
    ["lease.created", "lease.renewed", ["hook"]],
    ["[log]", "[log]\nformat = 'json'", ["log.format"]],
  ];
  for (const [from, to, wanted] of table) {
    const { config, changed, restart } = reload(from, to);
    assert.deepEqual([changed, restart], [[], wanted], from);
    assert.deepEqual(config, running);
  }
});

Deno.test("takenOver: addresses that were another subnet's, whatever part of them", () => {
  const of = (...texts: [string | undefined, string][]) =>
    texts.map(([name, cidr]) => subnetOf({ ...(name && { name }), cidr, pools: [] }));
  const served = of(["lan", "10.6.8.0/23"], [undefined, "10.9.0.0/24"]);
  const bad = (name: string | undefined, cidr: string) => takenOver(served, of([name, cidr]));
  assert.deepEqual(bad("lan", "10.6.8.0/24"), []);
  assert.deepEqual(bad("up", "10.6.10.0/24"), []);
  assert.deepEqual(bad(undefined, "10.9.0.0/16"), []);
  assert.deepEqual(bad("up", "10.6.9.0/24"), [
    "subnet.up: 10.6.9.0/24 was subnet.lan, under whose name etcd has its leases; that needs a " +
    "restart of every server, once those leases have ended",
  ]);
  assert.match(bad("up", "10.6.0.0/16")[0]!, /^subnet\.up: 10\.6\.0\.0\/16 was subnet\.lan,/);
  assert.match(bad(undefined, "10.6.8.0/23")[0]!, /^subnet: .* was subnet\.lan,/);
  assert.match(bad("lan", "10.9.0.0/24")[0]!, /^subnet\.lan: .* was subnet,/);
});
