import assert from "node:assert/strict";
import { type Command } from "../../lib/cli/command.ts";
import { completions } from "../../lib/cli/completions.ts";
import { allCommands, run } from "../../lib/cli/program.ts";
import { lacks } from "../tools.ts";
import { FakeEdges } from "./fake_edges.ts";

async function script(shell: string): Promise<string> {
  const edges = new FakeEdges();
  assert.equal(await run(["completions", shell], edges), 0);
  return edges.stdout;
}

/** Runs a shell with a script. @returns the lines that it prints. */
async function shell(command: string, args: string[], text: string): Promise<string[]> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/script`, text);
    await Deno.writeTextFile(`${directory}/site.toml`, "");
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args: [...args, `${directory}/script`],
      cwd: directory,
      env: { HOME: directory },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    assert.equal(decoder.decode(stderr), "");
    assert.equal(code, 0);
    return decoder.decode(stdout).split("\n").filter((line) => line !== "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Lines to complete, their last word cut short, and what must and must not be offered. */
const LINES: readonly [line: string, offered: readonly string[], not?: readonly string[]][] = [
  ["ser", ["serve"]],
  ["", ["serve", "discover", "config", "completions", "version", "help"], ["check"]],
  ["config ", ["check", "show", "schema"], ["serve"]],
  ["config sh", ["show"], ["check"]],
  ["help conf", ["config"]],
  ["serve --dhcp.le", ["--dhcp.lease"], ["--dhcp.min-lease"]],
  ["--dhcp.le", ["--dhcp.lease"]],
  ["serve --dhcp.lease 1h --log.f", ["--log.format"]],
  ["serve --log.format j", ["json", "journal"], ["text"]],
  ["config check --js", ["--json"]],
  ["config check si", ["site.toml"]],
  ["serve --config si", ["site.toml"]],
  ["completions z", ["zsh"], ["bash"]],
  ["discover --dhcp.is", [], ["--dhcp.issue-from"]],
  ["serve --dhcp.lease ser", [], ["serve", "site.toml"]],
];

function judge(line: string, found: readonly string[], wanted: typeof LINES[number]): void {
  const [, offered, not = []] = wanted;
  const names = found.map((one) => one.split("\t")[0]!.trim());
  for (const word of offered) assert.ok(names.includes(word), `${line}: ${word}: ${names}`);
  for (const word of not) assert.ok(!names.includes(word), `${line}: ${word}: ${names}`);
}

function wordsOf(line: string): string {
  return ["etcdhcp", ...line.split(" ")].map((word) => `'${word}'`).join(" ");
}

Deno.test("completions bash: bash completes with it", async () => {
  const text = await script("bash");
  const cases: typeof LINES = [
    ...LINES,
    // Bash makes three words of what has an equals sign.
    ["serve --log.format = j", ["json", "journal"], ["text"]],
    ["serve --log.format =", ["json", "text"]],
  ];
  for (const wanted of cases) {
    const [line] = wanted;
    const found = await shell(
      "bash",
      ["--norc"],
      `set -u\n${text}\nCOMP_WORDS=(${wordsOf(line)})\nCOMP_CWORD=$((\${#COMP_WORDS[@]} - 1))\n` +
        `_etcdhcp\nprintf '%s\\n' "\${COMPREPLY[@]+"\${COMPREPLY[@]}"}"\n`,
    );
    judge(line, found, wanted);
  }
});

Deno.test({
  name: "completions zsh: zsh completes with it",
  ignore: lacks("zsh"),
  async fn() {
    const text = await script("zsh");
    for (const wanted of LINES) {
      const [line] = wanted;
      const found = await shell(
        "zsh",
        ["-f"],
        // What the completion system would do with what it is told.
        'compadd() { shift; for w in "$@"; do [[ $w == ${words[CURRENT]}* ]] && print -r -- $w; done; true }\n' +
          `_files() { print -l -- *(N) }\n${text}\nwords=(${wordsOf(line)})\nCURRENT=$#words\n` +
          "_etcdhcp\ntrue\n",
      );
      judge(line, found.filter((word) => word.startsWith(line.split(" ").at(-1)!)), wanted);
    }
  },
});

Deno.test({
  name: "completions fish: fish completes with it",
  ignore: lacks("fish"),
  async fn() {
    const text = await script("fish");
    for (const wanted of LINES) {
      const [line] = wanted;
      const found = await shell(
        "fish",
        ["--no-config"],
        `${text}\ncomplete -C 'etcdhcp ${line}'\n`,
      );
      judge(line, found, wanted);
    }
  },
});

Deno.test("completions has every command and every flag that help shows, and no other", async () => {
  const commands = await allCommands();
  for (const name of ["bash", "zsh"]) {
    const text = await script(name);
    for (const command of commands) {
      for (const flag of command.flags) {
        const word = `${flag.name.length === 1 ? "-" : "--"}${flag.name}`;
        const found = text.split(/[ ']/).includes(word);
        assert.equal(found, flag.group !== undefined, `${name} ${flag.name}`);
      }
    }
  }
});

Deno.test("completions quotes whatever help says", async () => {
  const odd: Command = {
    name: "odd",
    summary: 'It\'s $(odd) `here` \\ "there"',
    flags: [{ name: "x-y", placeholder: "a|b", group: "G", help: "That's \\'it" }],
    run: () => Promise.resolve(0),
  };
  const command = completions(() => Promise.resolve([odd]));
  for (const name of ["bash", "zsh", "fish"] as const) {
    if (name !== "bash" && lacks(name)) continue;
    const edges = new FakeEdges();
    const operands = new Map([["SHELL", name]]);
    await command.run({
      flags: new Map(),
      repeated: new Map(),
      operands,
      help: false,
      problems: [],
    }, edges);
    assert.deepEqual(await shell(name, ["-n"], edges.stdout), []);
  }
});

Deno.test("completions refuses a shell that it does not know", async () => {
  const edges = new FakeEdges();
  assert.equal(await run(["completions", "zhs"], edges), 2);
  assert.equal(
    edges.stderr,
    'etcdhcp: SHELL: cannot use "zhs": wanted bash, zsh, fish; did you mean zsh?\n',
  );
});
