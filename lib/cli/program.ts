/**
 * The command line as a whole: which command, its flags, its help.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { OperatorError } from "../config/operator_error.ts";
import { type Command, readArguments, refuse } from "./command.ts";
import { discover } from "./discover.ts";
import type { Edges } from "./edges.ts";
import { serve } from "./serve.ts";
import { version } from "./version.ts";

const COMMANDS: readonly Command[] = [serve, discover, version];

/**
 * Runs the command that the arguments name; without a name, `serve`.
 *
 * @returns the exit code: 0 done, 2 arguments or settings that make no sense, 1 anything else.
 */
export async function run(argv: readonly string[], edges: Edges): Promise<number> {
  const [first] = argv;
  if (first === undefined || first.startsWith("-")) {
    if (/^--?(help|h)$/.test(first ?? "")) return await help(undefined, edges);
    if (/^--?version$/.test(first ?? "")) return await runCommand(version, argv.slice(1), edges);
    return await runCommand(serve, argv, edges);
  }
  const name = first === "help" ? argv[1] : first;
  if (name === undefined) return await help(undefined, edges);
  const command = COMMANDS.find((one) => one.name === name);
  if (command === undefined) {
    const meant = nearest(name, COMMANDS.map((one) => one.name));
    const hint = meant === undefined ? "see etcdhcp --help" : `did you mean ${meant}?`;
    return refuse([`unknown command ${JSON.stringify(name)}; ${hint}`], edges);
  }
  if (first === "help") return await help(command, edges);
  return await runCommand(command, argv.slice(1), edges);
}

async function runCommand(
  command: Command,
  argv: readonly string[],
  edges: Edges,
): Promise<number> {
  const args = readArguments(command.flags, argv);
  if (args.help) return await help(command, edges);
  try {
    return await command.run(args, edges);
  } catch (error) {
    // What the operator can mend is told in a line; anything else is a bug, whose place matters.
    const bug = error instanceof Error ? error.stack ?? error.message : String(error);
    edges.err(`etcdhcp: ${error instanceof OperatorError ? error.message : `bug: ${bug}`}\n`);
    return 1;
  }
}

/** Help is rare and starting is not, so what lays help out is loaded only here. */
async function help(command: Command | undefined, edges: Edges): Promise<number> {
  const { commandHelp, programHelp } = await import("./help.ts");
  edges.out(command === undefined ? programHelp(COMMANDS) : commandHelp(command));
  return 0;
}
