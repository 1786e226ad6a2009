import assert from "node:assert/strict";
import fc from "fast-check";
import { readConfigFile } from "../../lib/config/file.ts";
import { type Machine, resolveConfig } from "../../lib/config/resolve.ts";
import { type Setting, SETTINGS } from "../../lib/config/settings.ts";
import { environmentSource, type Given, type Source } from "../../lib/config/sources.ts";
import { formatCidr, formatIpv4, formatMac, formatRange } from "../../lib/wire/address.ts";
import { INTERFACES } from "./fixtures.ts";

const MACHINE: Machine = {
  interfaces: INTERFACES,
  hasInterface: () => false,
  stateDirectory: undefined,
  trialDirectory: "/run/user/1000/etcdhcp-trial",
};

/** `--flag=value` words as a source. */
function flagsOf(text: string): Source {
  const values = new Map<string, Given>();
  for (const word of text.split(" ").filter((word) => word !== "")) {
    const [label, value] = word.split("=") as [string, string];
    const row = Object.values<Setting>(SETTINGS).find(({ flag }) => `--${flag}` === label)!;
    values.set(row.key, { text: value, label });
  }
  return { kind: "flag", values };
}

interface Besides {
  readonly flags?: string;
  readonly env?: Record<string, string>;
  readonly machine?: Partial<Machine>;
}

function resolve(text: string, { flags = "", env = {}, machine = {} }: Besides = {}) {
  const sources = [flagsOf(flags), environmentSource(SETTINGS, new Map(Object.entries(env)))];
  return resolveConfig(sources, { ...MACHINE, ...machine }, readConfigFile("site.toml", text));
}

function whole(text: string, besides: Besides = {}) {
  const resolution = resolve(text, besides);
  return resolution.ok ? resolution : assert.fail(resolution.problems.join("\n"));
}

function config(text: string, besides: Besides = {}) {
  return whole(text, besides).config;
}

function problems(text: string, besides: Besides = {}): readonly string[] {
  const resolution = resolve(text, besides);
  return resolution.ok ? [] : resolution.problems;
}

const LAN = `
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
mac = "5C:96:56:A4:BE:EB"
ip = "10.6.9.2"
`;

Deno.test("readConfigFile reads the example of the design", () => {
  const { config, warnings } = whole(LAN);
  assert.deepEqual(warnings, []);
  assert.equal(config.trial, false);
  assert.equal(config.file, "site.toml");
  assert.deepEqual(config.store, { kind: "embedded", path: "/var/lib/etcdhcp/leases.db" });
  assert.deepEqual(config.interfaces.map(({ name, address }) => [name, formatIpv4(address)]), [
    ["lan0", "10.6.9.1"],
  ]);
  const [subnet, ...others] = config.subnets;
  assert.deepEqual(others, []);
  assert.equal(subnet!.name, "lan");
  assert.equal(formatCidr(subnet!.cidr), "10.6.9.0/24");
  assert.deepEqual(subnet!.pools.map(formatRange), ["10.6.9.10-10.6.9.100"]);
  assert.deepEqual([...subnet!.exclusions].map(formatIpv4), ["10.6.9.1"]);
  assert.deepEqual(subnet!.lease, { default: 3600, min: 120, max: 3600 });
  // Keyed as clients are: in lower case.
  assert.deepEqual([...subnet!.reservations.keys()], ["5c:96:56:a4:be:eb"]);
});

Deno.test("readConfigFile takes every setting as flags do, in TOML's own types too", () => {
  const settings = config(`
    [server]
    interfaces = "lan0, up0"
    port = 6767
    client-port = "6868"
    confined-elsewhere = true
    request-timeout = "500ms"
    reload-on-change = true
    [store.etcd]
    endpoints = ["10.0.0.5:2379", "10.0.0.6:2379"]
    prefix = "x::"
    hold-factor = 1.5
    skip-renewals = false
    ca = ""
    [admin]
    addr = ":9842"
    [pool]
    threshold = 0.5
    [log]
    format = "json"
    verbosity = 2
    [[subnet]]
    cidr = "10.6.9.0/24"
    pools = "10.6.9.10-10.6.9.19, 10.6.9.30"
  `);
  assert.deepEqual(settings.interfaces.map(({ name }) => name), ["lan0", "up0"]);
  assert.deepEqual([settings.port, settings.clientPort], [6767, 6868]);
  assert.equal(settings.confinedElsewhere, true);
  assert.equal(settings.requestTimeout, 500);
  assert.equal(settings.reloadOnChange, true);
  assert.ok(settings.store.kind === "etcd");
  assert.deepEqual(settings.store.endpoints, ["10.0.0.5:2379", "10.0.0.6:2379"]);
  assert.equal(settings.store.prefix, "x::");
  assert.deepEqual([settings.store.holdFactor, settings.store.skipRenewals], [1.5, false]);
  assert.equal(settings.store.ca, undefined);
  assert.deepEqual(settings.admin.listen, { hostname: "::", port: 9842 });
  assert.equal(settings.poolThreshold, 0.5);
  assert.deepEqual(settings.log, { format: "json", leases: true, verbosity: 2 });
  assert.deepEqual(settings.subnets[0]!.pools.map(formatRange), [
    "10.6.9.10-10.6.9.19",
    "10.6.9.30-10.6.9.30",
  ]);
});

Deno.test("readConfigFile: every setting has a place in a file that is read", () => {
  for (const row of Object.values<Setting>(SETTINGS)) {
    if (row.file === undefined) continue;
    const steps = row.file.split(".");
    const key = steps.pop()!;
    const bad = `[${steps.join(".")}]\n${key} = { x = 1 }`;
    const said = row.secret ? "what was given" : "a table";
    assert.ok(
      problems(bad).includes(
        `site.toml:2: ${row.file}: cannot use ${said}: wanted ${row.type.wanted}`,
      ),
      `${row.file}: ${problems(bad)}`,
    );
  }
});

Deno.test("resolveConfig: flags beat the environment, which beats the file, then defaults", () => {
  const text = LAN.replace(
    "[store]",
    "port = 1067\nclient-port = 1068\n[log]\nverbosity = 1\n[store]",
  );
  const env = { ETCDHCP_DHCP_PORT: "2067", ETCDHCP_DHCP_CLIENT_PORT: "2068" };
  const { config, settings } = whole(text, { flags: "--dhcp.port=3067", env });
  assert.deepEqual([config.port, config.clientPort, config.log.verbosity], [3067, 2068, 1]);
  assert.deepEqual(
    [settings.port, settings.clientPort, settings.verbosity, settings.logFormat].map((one) => [
      one.source,
      one.label,
    ]),
    [
      ["flag", "--dhcp.port"],
      ["environment", "ETCDHCP_DHCP_CLIENT_PORT"],
      ["file", "site.toml:7: log.verbosity"],
      ["default", "--log.format"],
    ],
  );
});

Deno.test("resolveConfig: a subnet's own beats [dhcp], a flag beats both", () => {
  const text = `${LAN}
    [dhcp]
    lease = "2h"
    min-lease = "10m"
    quarantine = "5m"
    domain = "example.net"
    [[subnet]]
    name = "up"
    cidr = "192.0.2.0/24"
    pools = ["192.0.2.10"]
    domain = "up.example.net"
    decline-share = "50%"
  `;
  const [lan, up] = config(text).subnets;
  assert.deepEqual(lan!.lease, { default: 3600, min: 600, max: 3600 });
  assert.deepEqual(up!.lease, { default: 7200, min: 600, max: 7200 });
  assert.deepEqual([lan!.quarantine, up!.quarantine], [300, 300]);
  assert.deepEqual([lan!.declineShare, up!.declineShare], [0.25, 0.5]);
  const domain = (subnet: typeof lan) => new TextDecoder().decode(subnet!.options.get(15));
  assert.deepEqual([domain(lan), domain(up)], ["example.net", "up.example.net"]);

  const flagged = config(text, { flags: "--dhcp.lease=30m --dhcp.dns=9.9.9.9" }).subnets;
  assert.deepEqual(flagged.map(({ lease }) => lease.default), [1800, 1800]);
  assert.deepEqual(flagged.map(({ options }) => formatMac(options.get(6)!)), [
    "09:09:09:09",
    "09:09:09:09",
  ]);
});

Deno.test("resolveConfig: what defines the flags' one subnet cannot be used with the file's", () => {
  const why = (own: string) =>
    `cannot be used with the subnets of site.toml: each has its own ${own}`;
  const flags = "--dhcp.router=10.6.9.1 --dhcp.issue-from=10.6.9.10 --dhcp.issue-to=10.6.9.20";
  assert.deepEqual(problems(LAN, { flags }), [
    `--dhcp.router: ${why("router")}`,
    `--dhcp.issue-from: ${why("pools")}`,
    `--dhcp.issue-to: ${why("pools")}`,
  ]);
  const env = { ETCDHCP_DHCP_ISSUE_TO: "10.6.9.20" };
  assert.deepEqual(problems(LAN, { env }), [`ETCDHCP_DHCP_ISSUE_TO: ${why("pools")}`]);
});

Deno.test("resolveConfig: flags define the one subnet where the file has none", () => {
  const text = '[server]\ninterfaces = ["lan0"]\n[dhcp]\nissue-to = "10.6.9.30"\nlease = "2h"\n';
  const flags = "--dhcp.issue-from=10.6.9.20";
  const { config: { subnets }, origins } = whole(text, { flags });
  assert.equal(subnets[0]!.name, undefined);
  assert.deepEqual(subnets[0]!.pools.map(formatRange), ["10.6.9.20-10.6.9.30"]);
  assert.equal(subnets[0]!.lease.default, 7200);
  assert.equal(origins.get("subnet[0].pools"), "--dhcp.issue-from, site.toml:4: dhcp.issue-to");
  assert.deepEqual(problems('[server]\ninterfaces = ["lan0"]\n'), [
    "site.toml: missing: [[subnet]]: wanted the addresses to lease",
  ]);
  // A file that names no interface tunes the trial.
  const trial = config('[log]\nverbosity = 2\n[dhcp]\nlease = "5m"\n');
  assert.deepEqual([trial.trial, trial.log.verbosity], [true, 2]);
  assert.equal(trial.subnets[0]!.lease.default, 300);
});

Deno.test("resolveConfig gives a subnet the server's own address for router and DNS, if there is one", () => {
  const text = `
    [server]
    interfaces = ["lan0", "up0"]
    [[subnet]]
    name = "lan"
    cidr = "10.6.9.0/24"
    [[subnet]]
    name = "up"
    cidr = "192.0.2.0/24"
    router = []
    dns = "none"
    [[subnet]]
    name = "relayed"
    cidr = "10.8.0.0/24"
  `;
  const options = config(text).subnets.map(({ options }) =>
    Object.fromEntries([...options].map(([code, value]) => [code, formatMac(value)]))
  );
  assert.deepEqual(options, [
    { 1: "ff:ff:ff:00", 3: "0a:06:09:01", 6: "0a:06:09:01", 28: "0a:06:09:ff" },
    { 1: "ff:ff:ff:00", 28: "c0:00:02:ff" },
    { 1: "ff:ff:ff:00", 28: "0a:08:00:ff" },
  ]);
});

Deno.test("resolveConfig takes the address of an interface that its subnet has", () => {
  const subnet = (cidr: string, more = "") =>
    `[[subnet]]\nname = "s${cidr.replaceAll(/\W/g, "-")}"\ncidr = "${cidr}"\n${more}\n`;
  const own = (text: string) =>
    formatIpv4(config(`[server]\ninterfaces = ["lan0"]\n${text}`).interfaces[0]!.address);
  assert.equal(own(subnet("10.6.9.0/24")), "10.6.9.1");
  assert.equal(own(subnet("10.7.0.0/16")), "10.7.0.1");
  const both = subnet("10.6.9.0/24") + subnet("10.7.0.0/16", 'interface = "lan0"') +
    subnet("10.99.99.0/24");
  assert.equal(own(both), "10.7.0.1");
});

Deno.test("resolveConfig: pools as subnets leave out the ends; exclusions are never leased", () => {
  const [subnet] = config(`
    [server]
    interfaces = ["lan0"]
    [[subnet]]
    cidr = "10.6.9.0/24"
    pools = ["10.6.9.0/25", "10.6.9.192/26", "10.6.9.129"]
    exclude = ["10.6.9.5-10.6.9.6", "10.6.9.8/30"]
    router = ["10.6.9.254"]
  `).subnets;
  assert.deepEqual(subnet!.pools.map(formatRange), [
    "10.6.9.1-10.6.9.127",
    "10.6.9.192-10.6.9.254",
    "10.6.9.129-10.6.9.129",
  ]);
  assert.deepEqual([...subnet!.exclusions].map(formatIpv4), [
    ...["10.6.9.1", "10.6.9.254", "10.6.9.5", "10.6.9.6"],
    ...["10.6.9.8", "10.6.9.9", "10.6.9.10", "10.6.9.11"],
  ]);
});

Deno.test("resolveConfig: options of subnets and reservations become octets", () => {
  const [subnet] = config(`${LAN}
    hostname = "printer"
    options = [{ name = "ntp-servers", value = "10.6.9.5" }, { code = 224, hex = "0102" }]
    [subnet.options]
    ntp-server = ["10.6.9.3"]
    66 = "tftp.example"
  `).subnets;
  const shown = (options: ReadonlyMap<number, Uint8Array>) =>
    [...options].map(([code, value]) => `${code}=${formatMac(value)}`).sort();
  assert.ok(shown(subnet!.options).includes("42=0a:06:09:03"));
  assert.ok(shown(subnet!.options).includes("66=74:66:74:70:2e:65:78:61:6d:70:6c:65"));
  const reservation = subnet!.reservations.get("5c:96:56:a4:be:eb")!;
  assert.equal(formatIpv4(reservation.address), "10.6.9.2");
  assert.equal(reservation.hostname, "printer");
  assert.deepEqual(shown(reservation.options), [
    "12=70:72:69:6e:74:65:72",
    "224=01:02",
    "42=0a:06:09:05",
  ]);
});

Deno.test("resolveConfig: hooks run programs or post", () => {
  const { hooks } = config(`${LAN}
    [[hook]]
    events = ["lease.created", "pool.threshold"]
    run = ["/bin/tell", "--now"]
    [[hook]]
    events = "lease.expired"
    url = "https://example.net/x"
    secret-file = "/etc/secret"
    timeout = "500ms"
  `);
  assert.deepEqual(hooks, [
    {
      events: new Set(["lease.created", "pool.threshold"]),
      target: { kind: "program", path: "/bin/tell", args: ["--now"] },
      timeout: 10_000,
    },
    {
      events: new Set(["lease.expired"]),
      target: { kind: "webhook", url: "https://example.net/x", secretFile: "/etc/secret" },
      timeout: 500,
    },
  ]);
});

Deno.test("resolveConfig warns of what is odd and may be meant", () => {
  const { warnings } = whole(`
    [server]
    interfaces = ["lan0", "up0"]
    [[subnet]]
    name = "lan"
    cidr = "10.6.9.0/24"
    pools = ["10.6.9.10"]
    options = { classless-static-route = ["10.8.0.0/16 via 10.6.9.2"] }
    [[subnet]]
    name = "bare"
    cidr = "10.9.0.0/24"
  `);
  assert.deepEqual(warnings, [
    "site.toml:8: subnet.lan.options.classless-static-route: clients that take these routes " +
    'ignore the routers: add "0.0.0.0/0 via ROUTER" if they are to reach anything else',
    "site.toml:9: subnet.bare: nothing to lease: it has neither pools nor reservations",
    "no subnet has the address of up0, 192.0.2.2: clients on it are answered through relays alone",
  ]);
});

Deno.test("resolveConfig tells what one place is wrong for once, however many subnets it is for", () => {
  const text = LAN.replace('lease = "1h"', "") +
    '[[subnet]]\nname = "up"\ncidr = "192.0.2.0/24"\n[dhcp]\nmin-lease = "2h"\n';
  assert.deepEqual(problems(text), [
    "site.toml:20: dhcp.min-lease: 7200s is longer than the lease (--dhcp.lease, 3600s)",
  ]);
});

Deno.test("readConfigFile has nothing but one thing to say of what is no TOML", () => {
  const [said, ...more] = problems("[server]\nport = \n", { flags: "--dhcp.router=1.2.3.4" });
  assert.match(said!, /^site\.toml:2: column \d+: not TOML: /);
  assert.deepEqual(more, []);
});

Deno.test("readConfigFile: whatever stands for a value, it is taken or told of with its line", () => {
  const example = Deno.readTextFileSync(new URL("../../scripts/etcdhcp.toml", import.meta.url))
    .replace('"lan0"', '"lan0=10.6.9.1/24"').split("\n");
  const keys = example.flatMap((line, index) => /^[a-z0-9-]+ = /.test(line) ? [index] : []);
  const values = fc.constantFrom(
    ...["0", "-1", "1.5", "inf", "nan", "true", "1979-05-27", "07:32:00", '""', '" "', '"none"'],
    ...[
      '","',
      "[]",
      "[[]]",
      '[""]',
      "[1]",
      "{}",
      "{ hex = 1 }",
      "[{}]",
      '"10.6.9.1"',
      '"0.0.0.0/0"',
    ],
    ...[
      '["10.6.9.1-10.6.9.1"]',
      '["255.255.255.255"]',
      '"1h"',
      "{ value = [] }",
      '{ type = "u8" }',
    ],
  );
  fc.assert(
    fc.property(fc.constantFrom(...keys), values, (index, value) => {
      const text = example.with(index, example[index]!.replace(/=.*/, `= ${value}`)).join("\n");
      const resolution = resolve(text);
      if (resolution.ok) return;
      assert.ok(resolution.problems.length > 0);
      for (const problem of resolution.problems) assert.match(problem, /^site\.toml(:\d+)?: /);
    }),
    { numRuns: 1000 },
  );
});
