import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "smol-toml";
import { OPTION_TYPES } from "../../lib/config/option_values.ts";
import { configSchema } from "../../lib/config/schema.ts";
import { type Setting, SETTINGS } from "../../lib/config/settings.ts";

const ajv = new Ajv2020({ allErrors: true, strictTypes: false, strictRequired: false });
ajv.addFormat("ipv4", /^(\d{1,3}\.){3}\d{1,3}$/);
const validate = ajv.compile(configSchema());

/** Where a file is not as the schema has it. */
function flaws(text: string): string[] {
  validate(parse(text));
  return [...new Set((validate.errors ?? []).map(({ instancePath }) => instancePath))];
}

const DESIGN = `
[server]
interfaces = ["lan0"]
[store]
path = "/var/lib/etcdhcp/leases.db"
[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.100"]
router = ["10.6.9.1"]
dns = ["10.6.9.1"]
lease = "1h"
[[subnet.reservation]]
mac = "5c:96:56:a4:be:eb"
ip = "10.6.9.2"
`;

Deno.test("configSchema takes the examples", () => {
  const example = Deno.readTextFileSync(new URL("../../scripts/etcdhcp.toml", import.meta.url));
  // With the lines that are commented out, in the order of the file.
  const all = example.replaceAll(/^#(?=[a-z-]+ = |\[)/gm, "");
  assert.notEqual(all, example);
  const etcd = DESIGN.replace(
    /path = .*/,
    'etcd = { endpoints = ["10.0.0.5:2379"], prefix = "x::" }',
  );
  for (const text of [DESIGN, etcd, example, all]) assert.deepEqual(flaws(text), []);
});

Deno.test("configSchema refuses what config check refuses", () => {
  const table: [string, string, string][] = [
    ["[store]", "[stoer]", ""],
    ["path =", "paht =", "/store"],
    ['["lan0"]', "[1]", "/server/interfaces"],
    ["[store]", "port = 'x'\n[store]", "/server/port"],
    ["[store]", "port = 70000\n[store]", "/server/port"],
    ["[store]", "confined-elsewhere = 1\n[store]", "/server/confined-elsewhere"],
    ["[store]", "[log]\nformat = 'xml'\n[store]", "/log/format"],
    ['"1h"', '"1 hour"', "/subnet/0/lease"],
    ['"lan"', '"leases"', "/subnet/0/name"],
    ['cidr = "10.6.9.0/24"', "", "/subnet/0"],
    ['"10.6.9.0/24"', '"10.6.9.0"', "/subnet/0/cidr"],
    ["5c:96", "5c96", "/subnet/0/reservation/0/mac"],
    ["router =", "options = { 51 = 5.5, interface-mtu = 70000 }\nrouter =", "/subnet/0/options"],
    [
      "router =",
      "options = { interface-mtu = 70000 }\nrouter =",
      "/subnet/0/options/interface-mtu",
    ],
    ["router =", "options = { frobnicate = 1 }\nrouter =", "/subnet/0/options"],
  ];
  for (const [from, to, place] of table) {
    assert.ok(
      flaws(DESIGN.replace(from, to)).includes(place),
      `${to}: ${flaws(DESIGN.replace(from, to))}`,
    );
  }
  const hook = (text: string) => flaws(`${DESIGN}[[hook]]\n${text}`);
  assert.deepEqual(hook('events = ["lease.created"]\nrun = ["/x"]'), []);
  assert.ok(hook('events = ["lease.created"]').includes("/hook/0"));
  assert.ok(hook('events = ["lease.made"]\nurl = "https://x"').includes("/hook/0/events/0"));
});

Deno.test("configSchema has every setting, with its description and default", () => {
  // deno-lint-ignore no-explicit-any -- a schema is a tree of anything
  const schema = configSchema() as any;
  for (const row of Object.values<Setting>(SETTINGS)) {
    if (row.file === undefined) continue;
    const place = row.file.split(".").reduce((at, step) => at.properties[step], schema);
    assert.ok(place.description.startsWith(row.help), row.file);
    assert.equal(place.default === undefined, row.fallback === undefined, row.file);
  }
  assert.equal(schema.properties.server.properties.port.maximum, 65535);
  assert.deepEqual(schema.properties.log.properties.format.enum, ["text", "json", "journal"]);
  assert.ok(OPTION_TYPES.includes("ipv4-list"));
  assert.ok(JSON.stringify(schema.$defs.options).includes("ntp-server"));
});
