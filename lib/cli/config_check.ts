/**
 * The `config check` command: everything that is wrong with a configuration, before anything runs.
 *
 * @module
 */

import type { ServerConfig } from "../config/model.ts";
import type { Resolution } from "../config/resolve.ts";
import { environmentName, SETTINGS } from "../config/settings.ts";
import { readSettings } from "../config/sources.ts";
import { formatCidr, type Ipv4, rangeContains, rangeSize } from "../wire/address.ts";
import { type Command, flagSource, ownFlag, refuse } from "./command.ts";
import {
  configFileOf,
  FILE_OPERAND as FILE,
  PRINT_JSON,
  readConfiguration,
  SERVER_FLAGS,
} from "./configuration.ts";
import type { Edges } from "./edges.ts";

const ROWS = { json: PRINT_JSON };

/** Something that was found, taken apart for programs. */
interface Finding {
  readonly file: string | null;
  readonly line: number | null;
  readonly message: string;
}

/** Prints every problem of a file, or what the file comes to. */
export const configCheck: Command = {
  name: "config check",
  summary: "Tell everything that is wrong with a configuration file",
  flags: [...SERVER_FLAGS, ...Object.values(ROWS).map(ownFlag)],
  operands: [FILE],
  notes:
    "Flags and the environment count as they do for serve. Interfaces that this machine lacks are " +
    "told\nas warnings, as the file may be another's. Exit code: 0 when all is well, else 2.",
  async run(args, edges) {
    const problems = [...args.problems];
    const { json } = readSettings(ROWS, [flagSource(Object.values(ROWS), args.flags)], problems);
    const operand = args.operands.get(FILE.name);
    const env = edges.environment([environmentName(SETTINGS.config)]);
    const file = operand === undefined
      ? configFileOf(args.flags, env)
      : { text: operand, label: FILE.name };
    if (file === undefined) problems.push("missing: FILE: the configuration file to check");
    if (file === undefined || problems.length > 0) return refuse(problems, edges);

    const resolution = await readConfiguration(args.flags, edges, { file, elsewhere: true });
    const wrong = resolution.ok ? [] : resolution.problems;
    if (json.value) printJson(file.text, resolution, edges);
    else print(file.text, resolution, edges);
    return wrong.length > 0 ? 2 : 0;
  },
};

function print(file: string, resolution: Resolution, edges: Edges): void {
  for (const warning of resolution.warnings) edges.err(`warning: ${warning}\n`);
  const problems = resolution.ok ? [] : resolution.problems;
  for (const problem of problems) edges.out(`${problem}\n`);
  if (problems.length > 0) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    edges.err(`etcdhcp: ${file}: ${count}\n`);
  } else if (resolution.ok) edges.out(`${file}: ok: ${summary(resolution.config)}\n`);
  else edges.out(`${file}: ok, as far as can be told without its interfaces\n`);
}

function printJson(file: string, resolution: Resolution, edges: Edges): void {
  const problems = resolution.ok ? [] : resolution.problems;
  const report = {
    file,
    ok: problems.length === 0,
    problems: problems.map((one) => takeApart(one, file)),
    warnings: resolution.warnings.map((one) => takeApart(one, file)),
  };
  edges.out(JSON.stringify(report) + "\n");
}

/** "site.toml:12: subnet.lan.cidr: ..." is line 12 of site.toml, and the rest. */
function takeApart(text: string, file: string): Finding {
  if (!text.startsWith(`${file}:`)) return { file: null, line: null, message: text };
  const rest = text.slice(file.length + 1);
  const match = /^(\d+): (.*)$/s.exec(rest);
  if (match === null) return { file, line: null, message: rest.trimStart() };
  return { file, line: Number(match[1]), message: match[2]! };
}

/** What a configuration comes to, in a line. */
function summary({ interfaces, subnets, hooks, trial }: ServerConfig): string {
  const parts = subnets.map(({ name, cidr, pools, exclusions, reservations }) => {
    const inPools = (address: Ipv4) => pools.some((pool) => rangeContains(pool, address));
    const size = pools.reduce((sum, pool) => sum + rangeSize(pool), 0) -
      [...exclusions].filter(inPools).length;
    const what = name === undefined ? formatCidr(cidr) : `${name} (${formatCidr(cidr)})`;
    return `${what} with ${count(size, "address")} and ${count(reservations.size, "reservation")}`;
  });
  if (hooks.length > 0) parts.push(count(hooks.length, "hook"));
  const where = interfaces.map(({ name }) => name).join(", ") || "no interface of this machine";
  return `${parts.join("; ")}; on ${trial ? "loopback, for a trial" : where}`;
}

function count(number: number, what: string): string {
  const plural = what.endsWith("s") ? `${what}es` : `${what}s`;
  return `${number} ${number === 1 ? what : plural}`;
}
