import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import type { Command } from "../../lib/cli/command.ts";
import { allCommands, type Program, run } from "../../lib/cli/program.ts";
import { VERSION } from "../../lib/cli/version.ts";
import { environmentName, type Setting, SETTINGS } from "../../lib/config/settings.ts";
import { FakeEdges } from "./fake_edges.ts";

async function told(line: string, edges = new FakeEdges()) {
  const code = await run(line.split(" ").filter((arg) => arg !== ""), edges);
  return { code, stdout: edges.stdout, stderr: edges.stderr };
}

Deno.test("run refuses what makes no sense, all of it, before anything is touched", async () => {
  const table: [string, string][] = [
    ["sevre", 'etcdhcp: unknown command "sevre"; did you mean serve?\n'],
    ["frobnicate", 'etcdhcp: unknown command "frobnicate"; see etcdhcp --help\n'],
    ["help sevre", 'etcdhcp: unknown command "sevre"; did you mean serve?\n'],
    ["version x", 'etcdhcp: unexpected argument "x"\n'],
    ["version --json=maybe", 'etcdhcp: --json: cannot use "maybe": wanted true or false\n'],
    [
      "serve --dhcp.leese 1h -dhcp.lease 1x -dhcp.port=0",
      "etcdhcp: unknown flag --dhcp.leese; did you mean --dhcp.lease?\n" +
      'etcdhcp: -dhcp.port: cannot use "0": wanted a whole number, 1 to 65535\n' +
      'etcdhcp: -dhcp.lease: cannot use "1x": wanted a duration between 1s and 4294967294s, like ' +
      "1h or 30m\n",
    ],
    ["--frobnicate", "etcdhcp: unknown flag --frobnicate; see --help\n"],
    ["discover --release", "etcdhcp: --release: needs --request\n"],
    [
      "discover -mac x -dhcp.server-if nosuch0",
      'etcdhcp: -mac: cannot use "x": wanted a hardware address, like 5c:96:56:a4:be:eb\n' +
      "etcdhcp: -dhcp.server-if: no IPv4 address of nosuch0 can be seen to ask from\n",
    ],
  ];
  for (const [line, stderr] of table) {
    assert.deepEqual(await told(line), { code: 2, stdout: "", stderr }, line);
  }
});

Deno.test("run prints the version", async () => {
  for (const line of ["version", "--version", "-version"]) {
    assert.deepEqual(await told(line), { code: 0, stdout: `etcdhcp ${VERSION}\n`, stderr: "" });
  }
  const { stdout } = await told("version -json");
  assert.equal(JSON.parse(stdout).version, VERSION);
});

Deno.test("run --help lists the commands", async () => {
  for (const line of ["--help", "-h", "-help", "help"]) {
    const { code, stdout, stderr } = await told(line);
    assert.equal(code, 0);
    assert.equal(stderr, "");
    for (const name of ["serve", "discover", "version"]) {
      assert.match(stdout, RegExp(`^  ${name} `, "m"));
    }
  }
});

Deno.test("run serve --help lists every setting under its heading, and no retired flag", async () => {
  const { code, stdout } = await told("serve --help");
  assert.equal(code, 0);
  const words = stdout.replaceAll(/\s+/g, " ");
  for (const row of Object.values<Setting>(SETTINGS)) {
    const dashes = row.flag.length === 1 ? "-" : "--";
    assert.ok(words.includes(` ${dashes}${row.flag} `), row.flag);
    assert.ok(words.includes(environmentName(row)), row.flag);
    assert.ok(words.includes(` ${row.help} `), row.flag);
    assert.match(stdout, RegExp(`^${row.group}:$`, "m"));
  }
  assert.ok(!stdout.includes("logtostderr"));
  assert.ok(stdout.split("\n").every((line) => line.length <= 100));
  assert.deepEqual(await told("help serve"), { code: 0, stdout, stderr: "" });
  assert.deepEqual(await told("-dhcp.lease 1x --help"), { code: 0, stdout, stderr: "" });
});

/** A command that prints its name and what it was given. */
function echo(name: string, operands: Command["operands"] = []) {
  const command: Command = {
    name,
    summary: `Does ${name}`,
    flags: [{ name: "json", placeholder: "", group: "Output", help: "Print JSON" }],
    operands,
    run({ flags, operands, problems }, edges) {
      edges.out([name, ...flags.keys(), ...operands.values(), ...problems].join("|"));
      return Promise.resolve(problems.length > 0 ? 2 : 0);
    },
  };
  return { name, load: () => Promise.resolve(command) };
}

const GROUPED: Program = {
  commands: [
    echo("serve"),
    echo("lease list"),
    echo("lease show", [{ name: "IP", help: "The address" }, {
      name: "FILE",
      help: "Where to",
      optional: true,
    }]),
  ],
  groups: [{ name: "lease", summary: "Look at leases" }],
};

async function toldGrouped(line: string) {
  const edges = new FakeEdges();
  const code = await run(line.split(" ").filter((arg) => arg !== ""), edges, GROUPED);
  return `${code} ${edges.stdout}${edges.stderr}`;
}

Deno.test("run finds commands of two words and gives them the rest", async () => {
  const table: [string, string][] = [
    ["lease list --json", "0 lease list|json"],
    ["lease show 10.0.0.1 -json out", "0 lease show|json|10.0.0.1|out"],
    ["lease show", "2 lease show|missing: IP: the address"],
    ["lease", "2 etcdhcp: lease: missing: wanted list, show\n"],
    ["lease --json", "2 etcdhcp: lease: missing: wanted list, show\n"],
    ["lease lits", '2 etcdhcp: unknown command "lease lits"; did you mean lease list?\n'],
    [
      "lease frobnicate",
      '2 etcdhcp: unknown command "lease frobnicate"; see etcdhcp lease --help\n',
    ],
    ["leas list", '2 etcdhcp: unknown command "leas"; did you mean lease?\n'],
    ["help lease lits", '2 etcdhcp: unknown command "lease lits"; did you mean lease list?\n'],
    ["", "0 serve"],
    ["--json", "0 serve|json"],
  ];
  for (const [line, wanted] of table) assert.equal(await toldGrouped(line), wanted, line);
});

Deno.test("run --help lists groups, a group's help its commands", async () => {
  const top = await toldGrouped("--help");
  assert.match(top, /^ {2}serve +Does serve$/m);
  assert.match(top, /^ {2}lease +Look at leases$/m);
  assert.ok(!top.includes("Does lease list"));
  const group = await toldGrouped("lease --help");
  assert.match(group, /^0 Usage: etcdhcp lease COMMAND \[FLAGS\]$/m);
  assert.match(group, /^ {2}list +Does lease list$/m);
  assert.match(group, /^ {2}show +Does lease show$/m);
  assert.ok(!group.includes("serve"));
  assert.equal(await toldGrouped("help lease"), group);
  const command = await toldGrouped("lease show -h");
  assert.match(command, /^0 Usage: etcdhcp lease show \[FLAGS\] IP \[FILE\]$/m);
  assert.match(command, /^ {2}IP +The address$/m);
  assert.match(command, /^ {2}--json +Print JSON$/m);
  assert.equal(await toldGrouped("help lease show"), command);
});

Deno.test("allCommands: the name under which each is loaded is its own", async () => {
  const loaded = (await allCommands()).map(({ name }) => name);
  assert.ok(loaded.includes("serve"));
  assert.equal(new Set(loaded).size, loaded.length);
  for (const name of loaded) assert.equal((await told(`${name} --help`)).code, 0, name);
});

Deno.test("main.ts exits 2 with all problems on stderr and touches nothing", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--allow-read", main],
        ...["-dhcp.server-if=lan0", "-dhcp.issue-from", "10.6.9.10", "--store.path=./leases.db"],
        ...["--dhcp.lease", "1x", "-etcd.auth.password", "hunter2"],
      ],
      cwd: directory,
      env: { NO_COLOR: "1" },
      stdin: "null",
    });
    const { code, stdout, stderr } = await command.output();
    const decoder = new TextDecoder();
    assert.equal(
      decoder.decode(stderr),
      'etcdhcp: --dhcp.lease: cannot use "1x": wanted a duration between 1s and 4294967294s, like ' +
        "1h or 30m\n" +
        "etcdhcp: -dhcp.server-if: cannot look up the address of lan0: allow it " +
        "(--allow-sys=networkInterfaces), or give --dhcp.server-ip and --dhcp.subnet-mask\n" +
        "etcdhcp: --dhcp.issue-to: missing: wanted the last address to lease\n" +
        "etcdhcp: -etcd.auth.password: needs --etcd.discovery.endpoints or " +
        "--etcd.discovery.srv\n",
    );
    assert.equal(decoder.decode(stdout), "");
    assert.equal(code, 2);
    assert.deepEqual([...Deno.readDirSync(directory)], []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
