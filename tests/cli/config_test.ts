import assert from "node:assert/strict";
import { readConfiguration } from "../../lib/cli/configuration.ts";
import { processEdges } from "../../lib/cli/edges.ts";
import { run } from "../../lib/cli/program.ts";
import { INTERFACES } from "../config/fixtures.ts";
import { FakeEdges } from "./fake_edges.ts";

const SITE = `[server]
interfaces = ["lan0"]

[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.19"]

[[subnet.reservation]]
mac = "5c:96:56:a4:be:eb"
ip = "10.6.9.2"
`;

const BROKEN = SITE.replace("10.6.9.2", "10.6.8.2");

async function told(line: string, env: Record<string, string> = {}) {
  const edges = new FakeEdges(env, INTERFACES, {
    "site.toml": SITE,
    "broken.toml": BROKEN,
    "away.toml": SITE.replace("lan0", "lan9"),
    "flags.toml": '[server]\ninterfaces = ["lan9"]\n[dhcp]\nissue-from = "10.6.9.1"\n' +
      'issue-to = "10.6.9.9"\n',
  });
  const code = await run(line.split(" "), edges);
  return { code, stdout: edges.stdout, stderr: edges.stderr };
}

const OK = "site.toml: ok: lan (10.6.9.0/24) with 10 addresses and 1 reservation; on lan0\n";

Deno.test("config check says what a good file comes to", async () => {
  assert.deepEqual(await told("config check site.toml"), { code: 0, stdout: OK, stderr: "" });
  assert.deepEqual(await told("config check --config site.toml"), {
    code: 0,
    stdout: OK,
    stderr: "",
  });
  const env = { ETCDHCP_CONFIG: "site.toml" };
  assert.deepEqual(await told("config check", env), { code: 0, stdout: OK, stderr: "" });
});

Deno.test("config check exits 2 with every problem on stdout", async () => {
  assert.deepEqual(await told("config check broken.toml"), {
    code: 2,
    stdout: "broken.toml:11: subnet.lan.reservation[1].ip: 10.6.8.2 is outside the subnet " +
      "10.6.9.0/24\n",
    stderr: "etcdhcp: broken.toml: 1 problem\n",
  });
  const flagged = await told("config check broken.toml --dhcp.port=0");
  assert.match(flagged.stdout, /^--dhcp\.port: cannot use "0": .*\nbroken\.toml:11: /);
  assert.match(flagged.stderr, /: 2 problems\n$/);
});

Deno.test("config check --json takes places apart", async () => {
  const { code, stdout, stderr } = await told("config check --json broken.toml --dhcp.port=0");
  assert.deepEqual([code, stderr], [2, ""]);
  assert.deepEqual(JSON.parse(stdout), {
    file: "broken.toml",
    ok: false,
    problems: [
      {
        file: null,
        line: null,
        message: '--dhcp.port: cannot use "0": wanted a whole number, 1 to 65535',
      },
      {
        file: "broken.toml",
        line: 11,
        message: "subnet.lan.reservation[1].ip: 10.6.8.2 is outside the subnet 10.6.9.0/24",
      },
    ],
    warnings: [],
  });
  const good = JSON.parse((await told("config check --json site.toml")).stdout);
  assert.deepEqual([good.ok, good.problems], [true, []]);
});

Deno.test("config check warns of interfaces that this machine lacks; serve and show refuse", async () => {
  const away = await told("config check away.toml");
  assert.equal(away.code, 0);
  assert.match(
    away.stderr,
    /^warning: away\.toml:2: server\.interfaces: there is no interface lan9/,
  );
  assert.match(away.stdout, /^away\.toml: ok: lan .*; on no interface of this machine\n$/);
  const flags = await told("config check flags.toml");
  assert.equal(flags.code, 0);
  assert.equal(flags.stdout, "flags.toml: ok, as far as can be told without its interfaces\n");
  for (const line of ["config show away.toml", "serve --config away.toml"]) {
    const { code, stderr } = await told(line);
    assert.equal(code, 2, line);
    assert.match(
      stderr,
      /^etcdhcp: away\.toml:2: server\.interfaces: there is no interface lan9 \(.*\); did you mean lan0\?; /,
    );
  }
});

Deno.test("config and serve say why a file cannot be had", async () => {
  const table: [string, string][] = [
    ["config check", "missing: FILE: the configuration file to check"],
    ["config check nosuch.toml", 'FILE: cannot read "nosuch.toml": there is no such file'],
    ["config show nosuch.toml", 'FILE: cannot read "nosuch.toml": there is no such file'],
    ["serve -config=nosuch.toml", '-config: cannot read "nosuch.toml": there is no such file'],
    ["config check a b", 'unexpected argument "b"'],
    ["config chekc a", 'unknown command "config chekc"; did you mean config check?'],
  ];
  for (const [line, problem] of table) {
    const { code, stdout, stderr } = await told(line);
    const wrong = [stdout, stderr.replace(/^etcdhcp: nosuch.toml: 1 problem\n/, "")].join("");
    assert.equal(code, 2);
    assert.equal(wrong.replace("etcdhcp: ", ""), `${problem}\n`, line);
  }
});

Deno.test("config check says of a directory that it is one", async () => {
  const directory = await Deno.makeTempDir({ prefix: "etcdhcp-config-" });
  try {
    const edges = new FakeEdges({}, INTERFACES);
    edges.readText = (path) => processEdges.readText(path);
    assert.equal(await run(["config", "check", directory], edges), 2);
    const said = "it is a directory: name the file in it, like etcdhcp.toml";
    assert.equal(edges.stdout, `FILE: cannot read ${JSON.stringify(directory)}: ${said}\n`);
  } finally {
    await Deno.remove(directory);
  }
});

Deno.test("config show prints TOML with places, or JSON", async () => {
  const { code, stdout, stderr } = await told("config show site.toml --dhcp.lease 2h");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.match(stdout, /^\[server\]$/m);
  assert.match(stdout, /^pools = \["10\.6\.9\.10-10\.6\.9\.19"\] +# site\.toml:7$/m);
  assert.match(stdout, /^lease = "2h" +# --dhcp\.lease$/m);
  const { tables } = JSON.parse((await told("config show site.toml --json")).stdout);
  const subnet = tables.find(({ name }: { name: string }) => name === "subnet");
  assert.ok(subnet.isList);
  assert.deepEqual(subnet.rows[0], { key: "name", value: "lan", from: "site.toml:5" });
  assert.equal((await told("config show --json")).code, 0);
});

Deno.test("config schema prints a JSON Schema", async () => {
  const { code, stdout } = await told("config schema");
  assert.equal(code, 0);
  assert.equal(JSON.parse(stdout).$schema, "https://json-schema.org/draft/2020-12/schema");
  const short = await told("config schema --json");
  assert.equal(short.stdout.split("\n").length, 2);
  assert.deepEqual(JSON.parse(short.stdout), JSON.parse(stdout));
});

Deno.test("readConfiguration reads the file again each time, and a bad one changes nothing", async () => {
  const files: Record<string, string> = { "site.toml": SITE };
  const edges = new FakeEdges({ ETCDHCP_CONFIG: "site.toml" }, INTERFACES, files);
  const read = () => readConfiguration(new Map(), edges);
  const size = async () => {
    const resolution = await read();
    return resolution.ok ? resolution.config.subnets[0]!.pools[0]!.to & 255 : resolution.problems;
  };
  assert.equal(await size(), 19);
  files["site.toml"] = SITE.replace("10.6.9.19", "10.6.9.29");
  assert.equal(await size(), 29);
  files["site.toml"] = BROKEN;
  assert.deepEqual(await size(), [
    "site.toml:11: subnet.lan.reservation[1].ip: 10.6.8.2 is outside the subnet 10.6.9.0/24",
  ]);
  delete files["site.toml"];
  assert.deepEqual(await size(), [
    'ETCDHCP_CONFIG: cannot read "site.toml": there is no such file',
  ]);
  files["site.toml"] = SITE;
  assert.equal(await size(), 19);
});

Deno.test("the annotated example passes config check", async () => {
  const path = "scripts/etcdhcp.toml";
  const text = Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
  const edges = new FakeEdges({}, INTERFACES, { [path]: text });
  assert.equal(await run(["config", "check", path], edges), 0);
  assert.equal(
    edges.stderr,
    "warning: vlan20 does not have the address 10.6.20.1 yet; waiting for it\n",
  );
  assert.match(
    edges.stdout,
    /: ok: lan .* with 145 addresses and 2 reservations; guests .*; on lan0, vlan20\n$/,
  );
});
