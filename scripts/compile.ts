// deno-lint-ignore-file no-console -- the command's output
/**
 * Makes one binary. With the configuration of a site, as flags of `serve` or as a file, its
 * permissions are what that site needs and nothing else, and are printed; without one they are the
 * general ones of the README.
 *
 *     deno task compile [--config SITE.toml] [--target x86_64-unknown-linux-gnu] [--output FILE]
 *
 * `deno compile` fetches the program that binaries are made from. Where it cannot, or another Deno
 * is wanted, `$ETCDHCP_COMPILER` is the command that takes the place of `deno compile`, and
 * `$ETCDHCP_COMPILER_DENO` the version of that Deno.
 *
 * @module
 */

import { mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { readConfiguration, SERVER_FLAGS } from "../lib/cli/configuration.ts";
import { type Arguments, type Flag, readArguments } from "../lib/cli/command.ts";
import { processEdges } from "../lib/cli/edges.ts";
import { type BuildFor, generalPermissions, permissionsFor } from "./permissions.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** The thread of the embedded store is not imported, so it is named. */
const WORKER = "lib/store/sqlite_worker.ts";

const TARGETS: Readonly<Record<string, string>> = {
  "x86_64-unknown-linux-gnu": "x86_64",
  "aarch64-unknown-linux-gnu": "aarch64",
};

const own = (name: string, placeholder: string): Flag => ({
  name,
  placeholder,
  group: undefined,
  help: "",
});
const FLAGS = [
  own("target", "TARGET"),
  own("output", "FILE"),
  own("print", ""),
  ...SERVER_FLAGS,
];

/** Everything that is wrong with what was asked for. */
class Refusal extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** The permissions of what is built. */
async function permissions(args: Arguments, build: BuildFor): Promise<string[]> {
  const resolution = await readConfiguration(args.flags, processEdges, { elsewhere: true });
  const problems = [...args.problems, ...(resolution.ok ? [] : resolution.problems)];
  if (!resolution.ok || problems.length > 0) throw new Refusal(problems);
  const { config, settings } = resolution;
  if (config.trial) return generalPermissions(build);
  const password = settings.etcdPasswordFile.value;
  return permissionsFor(config, build, password === undefined ? [] : [password]);
}

/** Does it. @returns the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const args = readArguments(FLAGS, argv);
  const given = (name: string) => args.flags.get(name)?.text;
  const target = given("target") ?? `${Deno.build.arch}-unknown-linux-gnu`;
  const arch = TARGETS[target];
  const known = Object.keys(TARGETS).join(" or ");
  if (arch === undefined) {
    throw new Refusal([`--target: cannot use "${target}": wanted ${known}`]);
  }
  const deno = Deno.env.get("ETCDHCP_COMPILER_DENO") || Deno.version.deno;
  const flags = await permissions(args, { arch, deno });
  for (const flag of flags) console.log(flag.replaceAll(",", ",\n    ").replace("=", "=\n    "));
  if (given("print") === "true") return 0;

  const output = resolve(given("output") ?? "dist/etcdhcp");
  mkdirSync(dirname(output), { recursive: true });
  const [program, ...words] = (Deno.env.get("ETCDHCP_COMPILER") || `${Deno.execPath()} compile`)
    .split(" ");
  const command = new Deno.Command(program!, {
    args: [...words, ...flags, "--include", WORKER]
      .concat(given("target") === undefined ? [] : ["--target", target])
      .concat("--output", output, "main.ts"),
    cwd: ROOT,
    stdin: "null",
  });
  const { code } = await command.spawn().status;
  if (code === 0) console.log(output);
  return code;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  for (const problem of error.problems) console.error(`compile: ${problem}`);
  Deno.exit(2);
}
