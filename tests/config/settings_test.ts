import assert from "node:assert/strict";
import { nearest } from "../../lib/config/nearest.ts";
import {
  environmentName,
  type Setting,
  SETTINGS,
  settingsReference,
} from "../../lib/config/settings.ts";
import { environmentSource, readSettings, strayVariables } from "../../lib/config/sources.ts";

const rows = Object.values<Setting>(SETTINGS);

Deno.test("SETTINGS has every flag of the original", () => {
  const flags = new Set(rows.map((row) => row.flag));
  const original = [
    "dhcp.server-if",
    "dhcp.server-ip",
    "dhcp.subnet-mask",
    "dhcp.router",
    "dhcp.dns",
    "dhcp.issue-from",
    "dhcp.issue-to",
    "dhcp.lease",
    "dhcp.request-timeout",
    "dhcp.monitor-interval",
    "admin-addr",
    "etcd.discovery.endpoints",
    "etcd.discovery.srv",
    "etcd.auth.username",
    "etcd.auth.password",
    "etcd.auth.ca",
    "etcd.auth.cert",
    "etcd.auth.key",
    "etcd.prefix",
    "v",
  ];
  for (const flag of original) assert.ok(flags.has(flag), flag);
});

Deno.test("SETTINGS names nothing twice, and each default can be read", () => {
  for (const name of [(row: Setting) => row.flag, (row: Setting) => row.key, environmentName]) {
    assert.equal(new Set(rows.map(name)).size, rows.length);
  }
  for (const row of rows) {
    if (row.fallback === undefined) continue;
    assert.notEqual(row.type.parse(row.fallback), undefined, row.flag);
  }
});

Deno.test("environmentName comes from the key", () => {
  assert.equal(environmentName(SETTINGS.lease), "ETCDHCP_DHCP_LEASE");
  assert.equal(environmentName(SETTINGS.serverIf), "ETCDHCP_DHCP_SERVER_IF");
  assert.equal(environmentName(SETTINGS.adminAddr), "ETCDHCP_ADMIN_ADDR");
  assert.equal(environmentName(SETTINGS.verbosity), "ETCDHCP_LOG_VERBOSITY");
});

Deno.test("SETTINGS: each has a key of its own in the file, but for the file's name", () => {
  const keys = rows.filter((row) => row !== SETTINGS.config).map((row) => row.file);
  assert.ok(!keys.includes(undefined));
  assert.equal(new Set(keys).size, keys.length);
  for (const key of keys) assert.match(key!, /^[a-z]+(\.[a-z-]+)+$/);
  // No key is a section of others.
  for (const key of keys) assert.ok(!keys.some((other) => other!.startsWith(`${key}.`)), key!);
  assert.equal(SETTINGS.config.file, undefined);
  assert.equal(SETTINGS.etcdEndpoints.file, "store.etcd.endpoints");
  assert.equal(SETTINGS.etcdUsername.file, "store.etcd.username");
  assert.equal(SETTINGS.etcdPrefix.file, "store.etcd.prefix");
  assert.equal(SETTINGS.serverIf.file, "server.interfaces");
});

Deno.test("settingsReference has one well-formed row a setting", () => {
  const lines = settingsReference().trimEnd().split("\n");
  assert.equal(lines[0], "| Flag | Environment | File | Default | Meaning |");
  assert.equal(lines.length, rows.length + 2);
  for (const [index, row] of rows.entries()) {
    const cells = lines[index + 2]!.split(/(?<!\\)\|/);
    assert.equal(cells.length, 7, lines[index + 2]!);
    assert.ok(cells[1]!.includes(`--${row.flag}`));
    assert.ok(cells[2]!.includes(environmentName(row)));
    assert.ok(cells[3]!.includes(row.file ?? ""));
  }
  assert.ok(lines.includes(
    "| `--dhcp.lease DURATION` | `ETCDHCP_DHCP_LEASE` | `dhcp.lease` | `1h` | " +
      "Length of a lease when the client asks for none |",
  ));
});

Deno.test("readSettings: flags beat the environment, which beats defaults", () => {
  const flags = {
    kind: "flag",
    values: new Map([["dhcp.lease", { text: "2h", label: "-dhcp.lease" }]]),
  } as const;
  const environment = environmentSource(
    SETTINGS,
    new Map([
      ["ETCDHCP_DHCP_LEASE", "3h"],
      ["ETCDHCP_DHCP_OFFER_HOLD", "10s"],
      ["ETCDHCP_DHCP_QUARANTINE", ""],
    ]),
  );
  const problems: string[] = [];
  const settings = readSettings(SETTINGS, [flags, environment], problems);
  assert.deepEqual(problems, []);
  assert.deepEqual(settings.lease, {
    value: 7200,
    source: "flag",
    text: "2h",
    label: "-dhcp.lease",
    usable: true,
  });
  assert.deepEqual(settings.offerHold, {
    value: 10,
    source: "environment",
    text: "10s",
    label: "ETCDHCP_DHCP_OFFER_HOLD",
    usable: true,
  });
  assert.deepEqual(settings.quarantine, {
    value: 3600,
    source: "default",
    text: "1h",
    label: "--dhcp.quarantine",
    usable: true,
  });
});

Deno.test("readSettings: an empty flag leaves the word to the environment", () => {
  const key = SETTINGS.etcdUsername.key;
  const flags = {
    kind: "flag",
    values: new Map([[key, { text: " ", label: `-${key}` }]]),
  } as const;
  const environment = environmentSource(SETTINGS, new Map([["ETCDHCP_ETCD_AUTH_USERNAME", "u"]]));
  const problems: string[] = [];
  const { etcdUsername } = readSettings(SETTINGS, [flags, environment], problems);
  assert.deepEqual([etcdUsername.value, etcdUsername.source, problems], ["u", "environment", []]);
});

Deno.test("readSettings names the variable whose value cannot be used, and hides secrets", () => {
  const table = { port: SETTINGS.port, secret: { ...SETTINGS.lease, key: "s", secret: true } };
  const environment = environmentSource(
    table,
    new Map([["ETCDHCP_DHCP_PORT", "dhcp"], ["ETCDHCP_S", "hunter2"]]),
  );
  const problems: string[] = [];
  readSettings(table, [environment], problems);
  assert.deepEqual(problems, [
    'ETCDHCP_DHCP_PORT: cannot use "dhcp": wanted a whole number, 1 to 65535',
    "ETCDHCP_S: cannot use what was given: wanted a duration between 1s and 4294967294s, like 1h " +
    "or 30m",
  ]);
});

Deno.test("strayVariables names mistyped settings and leaves Kubernetes' variables alone", () => {
  const names = ["ETCDHCP_DHCP_LEESE", "ETCDHCP_LOG_X", "ETCDHCP_SERVICE_HOST", "ETCDHCP_PORT"];
  assert.deepEqual(strayVariables(SETTINGS, new Map(names.map((name) => [name, "1"]))), [
    "ETCDHCP_DHCP_LEESE is not a setting and has no effect; did you mean ETCDHCP_DHCP_LEASE?",
    "ETCDHCP_LOG_X is not a setting and has no effect",
  ]);
});

Deno.test("nearest finds the word that was meant, and none when nothing is near", () => {
  const words = ["dhcp.lease", "dhcp.dns", "v"];
  assert.equal(nearest("dhcp.leese", words), "dhcp.lease");
  assert.equal(nearest("DHCP.Lease", words), "dhcp.lease");
  assert.equal(nearest("completely", words), undefined);
  assert.equal(nearest("", words), "v");
});
