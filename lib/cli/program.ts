/**
 * The command line as a whole: which command, its flags, its help.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { OperatorError } from "../config/operator_error.ts";
import { type Command, readArguments, refuse } from "./command.ts";
import type { Edges } from "./edges.ts";

/** A command's name and where it is: each is loaded only when it is wanted. */
interface Entry {
  /** As in {@linkcode Command}. */
  readonly name: string;
  readonly load: () => Promise<Command>;
}

/** Commands that share a first word. */
export interface Group {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
}

/** Every command, in the order in which help lists them. */
const COMMANDS: readonly Entry[] = [
  { name: "serve", load: async () => (await import("./serve.ts")).serve },
  { name: "discover", load: async () => (await import("./discover.ts")).discover },
  { name: "lease list", load: async () => (await import("./lease_list.ts")).leaseList },
  { name: "lease show", load: async () => (await import("./lease_show.ts")).leaseShow },
  { name: "lease watch", load: async () => (await import("./lease_watch.ts")).leaseWatch },
  { name: "lease release", load: async () => (await import("./lease_release.ts")).leaseRelease },
  { name: "lease export", load: async () => (await import("./lease_export.ts")).leaseExport },
  { name: "lease import", load: async () => (await import("./lease_import.ts")).leaseImport },
  {
    name: "reservation list",
    load: async () => (await import("./reservation_list.ts")).reservationList,
  },
  {
    name: "reservation add",
    load: async () => (await import("./reservation_add.ts")).reservationAdd,
  },
  {
    name: "reservation remove",
    load: async () => (await import("./reservation_remove.ts")).reservationRemove,
  },
  { name: "pool status", load: async () => (await import("./pool_status.ts")).poolStatus },
  { name: "pool add", load: async () => (await import("./pool_add.ts")).poolAdd },
  { name: "pool remove", load: async () => (await import("./pool_remove.ts")).poolRemove },
  { name: "config check", load: async () => (await import("./config_check.ts")).configCheck },
  { name: "config show", load: async () => (await import("./config_show.ts")).configShow },
  { name: "config schema", load: async () => (await import("./config_schema.ts")).configSchema },
  { name: "options", load: async () => (await import("./options.ts")).options },
  {
    name: "completions",
    load: async () => (await import("./completions.ts")).completions(allCommands),
  },
  { name: "version", load: async () => (await import("./version.ts")).version },
];

/** The first words of the commands that have two. */
const GROUPS: readonly Group[] = [
  { name: "lease", summary: "List, watch, take back, export and import leases" },
  { name: "reservation", summary: "Keep addresses for devices" },
  { name: "pool", summary: "See and change what may be leased" },
  { name: "config", summary: "Check and show the configuration" },
];

/** Everything that can be run. */
export interface Program {
  readonly commands: readonly Entry[];
  readonly groups: readonly Group[];
}

const PROGRAM: Program = { commands: COMMANDS, groups: GROUPS };

/**
 * Runs the command that the arguments name; without a name, `serve`.
 *
 * @param program what can be run; tests bring their own.
 * @returns the exit code: 0 done, 2 arguments or settings that make no sense, 1 anything else.
 */
export async function run(
  argv: readonly string[],
  edges: Edges,
  program: Program = PROGRAM,
): Promise<number> {
  const [first] = argv;
  if (first === undefined || first.startsWith("-")) {
    if (isHelp(first)) return await programHelp(program, edges);
    const version = /^--?version$/.test(first ?? "");
    const words = version ? ["version", ...argv.slice(1)] : ["serve", ...argv];
    return await runNamed(words, edges, program);
  }
  if (first !== "help") return await runNamed(argv, edges, program);
  const words = argv.slice(1);
  if (words[0] === undefined || isHelp(words[0])) return await programHelp(program, edges);
  return await runNamed([...words, "--help"], edges, program);
}

function isHelp(argument: string | undefined): boolean {
  return /^--?(help|h)$/.test(argument ?? "");
}

/** Runs the command that the first words name. */
async function runNamed(
  argv: readonly string[],
  edges: Edges,
  program: Program,
): Promise<number> {
  const [first, second] = argv as [string, string?];
  const entry = program.commands.find(({ name }) => name === first);
  if (entry !== undefined) return await runCommand(entry, argv.slice(1), edges);
  const group = program.groups.find(({ name }) => name === first);
  if (group === undefined) {
    const known = [...program.commands, ...program.groups].map(({ name }) => name.split(" ")[0]!);
    return refuse([unknown(first, known, "etcdhcp --help")], edges);
  }
  if (isHelp(second)) return await groupHelp(group, program, edges);
  const members = membersOf(group, program);
  const words = members.map(({ name }) => name.slice(group.name.length + 1));
  if (second === undefined || second.startsWith("-")) {
    return refuse([`${first}: missing: wanted ${words.join(", ")}`], edges);
  }
  const member = members[words.indexOf(second)];
  if (member === undefined) {
    const known = words.map((word) => `${first} ${word}`);
    return refuse([unknown(`${first} ${second}`, known, `etcdhcp ${first} --help`)], edges);
  }
  return await runCommand(member, argv.slice(2), edges);
}

function membersOf(group: Group, { commands }: Program): readonly Entry[] {
  return commands.filter(({ name }) => name.startsWith(`${group.name} `));
}

function unknown(name: string, known: readonly string[], help: string): string {
  const meant = nearest(name, known);
  const hint = meant === undefined ? `see ${help}` : `did you mean ${meant}?`;
  return `unknown command ${JSON.stringify(name)}; ${hint}`;
}

async function runCommand(entry: Entry, argv: readonly string[], edges: Edges): Promise<number> {
  const command = await entry.load();
  const args = readArguments(command.flags, argv, command.operands);
  if (args.help) {
    // Help is rare and starting is not, so what lays help out is loaded only here.
    const { commandHelp } = await import("./help.ts");
    edges.out(commandHelp(command));
    return 0;
  }
  try {
    return await command.run(args, edges);
  } catch (error) {
    // What the operator can mend is told in a line; anything else is a bug, whose place matters.
    const bug = error instanceof Error ? error.stack ?? error.message : String(error);
    edges.err(`etcdhcp: ${error instanceof OperatorError ? error.message : `bug: ${bug}`}\n`);
    return 1;
  }
}

async function programHelp({ commands, groups }: Program, edges: Edges): Promise<number> {
  const { listHelp } = await import("./help.ts");
  const single = commands.filter(({ name }) => !name.includes(" "));
  const loaded = await Promise.all(single.map(({ load }) => load()));
  edges.out(listHelp(undefined, [...loaded, ...groups]));
  return 0;
}

async function groupHelp(group: Group, program: Program, edges: Edges): Promise<number> {
  const { listHelp } = await import("./help.ts");
  edges.out(
    listHelp(group, await Promise.all(membersOf(group, program).map(({ load }) => load()))),
  );
  return 0;
}

/** Every command, loaded: for what tells of all of them. */
export async function allCommands(program: Program = PROGRAM): Promise<readonly Command[]> {
  return await Promise.all(program.commands.map(({ load }) => load()));
}
