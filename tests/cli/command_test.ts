import assert from "node:assert/strict";
import { type Flag, type Operand, readArguments } from "../../lib/cli/command.ts";
import { readConfiguration } from "../../lib/cli/configuration.ts";
import { serve } from "../../lib/cli/serve.ts";
import { FakeEdges } from "./fake_edges.ts";

const FLAGS: readonly Flag[] = [
  { name: "dhcp.lease", placeholder: "DURATION", group: "G", help: "" },
  { name: "dhcp.yes", placeholder: "", group: "G", help: "" },
  { name: "v", placeholder: "N", group: "G", help: "" },
];

function read(line: string) {
  const { flags, help, problems } = readArguments(
    FLAGS,
    line.split(" ").filter((arg) => arg !== ""),
  );
  const given = [...flags].map(([name, { text, label }]) => `${name}=${text} as ${label}`);
  return { given, help, problems };
}

Deno.test("readArguments takes every form of a flag that Go takes", () => {
  const table: [string, string[]][] = [
    ["", []],
    ["-dhcp.lease 1h", ["dhcp.lease=1h as -dhcp.lease"]],
    ["--dhcp.lease 1h", ["dhcp.lease=1h as --dhcp.lease"]],
    ["-dhcp.lease=1h", ["dhcp.lease=1h as -dhcp.lease"]],
    ["--dhcp.lease=1h", ["dhcp.lease=1h as --dhcp.lease"]],
    ["-dhcp.lease=", ["dhcp.lease= as -dhcp.lease"]],
    ["-dhcp.lease=a=b", ["dhcp.lease=a=b as -dhcp.lease"]],
    ["-dhcp.lease -1h", ["dhcp.lease=-1h as -dhcp.lease"]],
    ["-dhcp.lease --v", ["dhcp.lease=--v as -dhcp.lease"]],
    ["-dhcp.lease 1h --dhcp.lease=2h", ["dhcp.lease=2h as --dhcp.lease"]],
    ["-v 2", ["v=2 as -v"]],
    ["-v=2", ["v=2 as -v"]],
    ["--v 2", ["v=2 as --v"]],
    ["--v=2", ["v=2 as --v"]],
    ["-dhcp.yes", ["dhcp.yes=true as -dhcp.yes"]],
    ["--dhcp.yes", ["dhcp.yes=true as --dhcp.yes"]],
    ["-dhcp.yes=false", ["dhcp.yes=false as -dhcp.yes"]],
    ["--dhcp.yes=0 -v 1", ["dhcp.yes=0 as --dhcp.yes", "v=1 as -v"]],
    ["-dhcp.yes -v 1", ["dhcp.yes=true as -dhcp.yes", "v=1 as -v"]],
  ];
  for (const [line, given] of table) {
    assert.deepEqual(read(line), { given, help: false, problems: [] }, line);
  }
});

Deno.test("readArguments tells everything that is wrong", () => {
  const table: [string, string[]][] = [
    ["--dhcp.leese 1h", ["unknown flag --dhcp.leese; did you mean --dhcp.lease?"]],
    ["-dhcp.leese=1h", ["unknown flag -dhcp.leese; did you mean -dhcp.lease?"]],
    ["--frobnicate", ["unknown flag --frobnicate; see --help"]],
    ["-dhcp.lease", ["-dhcp.lease: needs a value: DURATION"]],
    ["lease", ['unexpected argument "lease"']],
    ["-dhcp.yes false", ['unexpected argument "false"']],
    ["--", ['unexpected argument "--"']],
    ["-", ['unexpected argument "-"']],
    ["---v 1", ['unexpected argument "---v"', 'unexpected argument "1"']],
    ["-=1", ['unexpected argument "-=1"']],
    ["-vv 1 x -dhcp.lease", [
      "unknown flag -vv; did you mean -v?",
      'unexpected argument "x"',
      "-dhcp.lease: needs a value: DURATION",
    ]],
  ];
  for (const [line, problems] of table) assert.deepEqual(read(line).problems, problems, line);
});

Deno.test("readArguments takes help in every form", () => {
  for (const line of ["-h", "--h", "-help", "--help", "-v 1 --help"]) {
    assert.ok(read(line).help, line);
  }
});

const OPERANDS: readonly Operand[] = [
  { name: "IP", help: "The address" },
  { name: "SHELL", help: "Which shell", optional: true, choices: ["bash", "zsh"] },
];

function readWithOperands(line: string) {
  const args = readArguments(FLAGS, line.split(" ").filter((arg) => arg !== ""), OPERANDS);
  return { given: [...args.operands].map((pair) => pair.join("=")), problems: args.problems };
}

Deno.test("readArguments takes operands in their order, wherever flags stand", () => {
  const table: [string, string[]][] = [
    ["10.0.0.1", ["IP=10.0.0.1"]],
    ["10.0.0.1 zsh", ["IP=10.0.0.1", "SHELL=zsh"]],
    ["-v 2 10.0.0.1 --dhcp.yes bash", ["IP=10.0.0.1", "SHELL=bash"]],
    ["- -v=2", ["IP=-"]],
  ];
  for (const [line, given] of table) {
    assert.deepEqual(readWithOperands(line), { given, problems: [] }, line);
  }
});

Deno.test("readArguments names operands that are missing, too many or none of the words", () => {
  const table: [string, string[]][] = [
    ["", ["missing: IP: the address"]],
    ["-v 2", ["missing: IP: the address"]],
    ["a bash c", ['unexpected argument "c"']],
    ["a zhs", ['SHELL: cannot use "zhs": wanted bash, zsh; did you mean zsh?']],
    ["a tcsh-like", ['SHELL: cannot use "tcsh-like": wanted bash, zsh']],
    ["a --", ['unexpected argument "--"']],
    // Whether the word was the flag's value or the operand cannot be known: one complaint is enough.
    ["--dhcp.leese 10.0.0.1", ["unknown flag --dhcp.leese; did you mean --dhcp.lease?"]],
  ];
  for (const [line, problems] of table) {
    assert.deepEqual(readWithOperands(line).problems, problems, line);
  }
});

Deno.test("readConfiguration puts flags before the environment", async () => {
  const { flags } = readArguments(serve.flags, ["-dhcp.lease", "2h"]);
  const env = { ETCDHCP_DHCP_LEASE: "3h", ETCDHCP_DHCP_OFFER_HOLD: "9s", TMPDIR: "/t" };
  const resolution = await readConfiguration(flags, new FakeEdges(env));
  assert.ok(resolution.ok);
  assert.equal(resolution.config.subnets[0]!.lease.default, 7200);
  assert.equal(resolution.config.subnets[0]!.offerHold, 9);
  const book = { kind: "embedded", path: "/t/etcdhcp-trial-1000/leases.db" };
  assert.deepEqual(resolution.config.store, book);
  const { lease, offerHold, quarantine } = resolution.settings;
  assert.deepEqual([lease.source, offerHold.source, quarantine.source], [
    "flag",
    "environment",
    "default",
  ]);
});

Deno.test("readConfiguration warns of flags that the original's log library had", async () => {
  const { flags, problems } = readArguments(
    serve.flags,
    "-logtostderr -alsologtostderr=false -stderrthreshold INFO -log_dir=/x -vmodule a=1 -v 2"
      .split(" "),
  );
  assert.deepEqual(problems, []);
  const resolution = await readConfiguration(flags, new FakeEdges({ ETCDHCP_DHCP_LEESE: "1" }));
  assert.ok(resolution.ok);
  assert.deepEqual(resolution.warnings, [
    "-logtostderr has no effect",
    "-alsologtostderr has no effect",
    "-stderrthreshold has no effect",
    "-log_dir has no effect",
    "-vmodule has no effect",
    "ETCDHCP_DHCP_LEESE is not a setting and has no effect; did you mean ETCDHCP_DHCP_LEASE?",
  ]);
});
