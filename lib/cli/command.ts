/**
 * What a command is, and how its flags are read: Go's flag syntax, as unit files of the original
 * have it.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { defaultText, environmentName, type Setting } from "../config/settings.ts";
import type { Given, Source } from "../config/sources.ts";
import type { Edges } from "./edges.ts";

/** A flag that a command takes. */
export interface Flag {
  /** Its name, without dashes. */
  readonly name: string;
  /** What stands for its value in help; empty for a boolean. */
  readonly placeholder: string;
  /** The heading in help; undefined keeps the flag out of help. */
  readonly group: string | undefined;
  readonly help: string;
}

/** An argument without dashes that a command takes, by its place. */
export interface Operand {
  /** What stands for it in help and messages: "FILE". Unique in its command. */
  readonly name: string;
  /** What it is, for help and for the message that it is missing. */
  readonly help: string;
  /** Only the last ones may be optional. */
  readonly optional?: boolean;
  /** The words it may be, when those are few. */
  readonly choices?: readonly string[];
}

/** One command of the program. */
export interface Command {
  /** One word, or two: a group and what to do in it, like "lease list". */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Its arguments without dashes, in their order; none when undefined. */
  readonly operands?: readonly Operand[];
  /** What help adds at its end. */
  readonly notes?: string;
  /**
   * Does it. Problems among the arguments are for the command to refuse, together with those that
   * it finds itself, so that all are told at once.
   *
   * @returns the exit code.
   */
  run(args: Arguments, edges: Edges): Promise<number>;
}

/** What was given for each flag, by its name; of a repeated flag, the last. */
export type FlagValues = ReadonlyMap<string, Given>;

/** The flag of a setting that the environment can hold too. */
export function settingFlag(row: Setting): Flag {
  return flagOf(row, defaultNote(row), environmentName(row));
}

/** The flag of what one command alone is told, on its command line alone. */
export function ownFlag(row: Setting): Flag {
  return flagOf(row, defaultNote(row));
}

function defaultNote(row: Setting): string {
  const fallback = defaultText(row);
  return fallback === "" || row.type.placeholder === "" ? "" : `default: ${fallback}`;
}

function flagOf(row: Setting, ...notes: readonly string[]): Flag {
  const said = notes.filter((note) => note !== "").join("; ");
  const help = said === "" ? row.help : `${row.help} (${said})`;
  return { name: row.flag, placeholder: row.type.placeholder, group: row.group, help };
}

/** Flags as a source of settings. */
export function flagSource(rows: Iterable<Setting>, flags: FlagValues): Source {
  const values = new Map<string, Given>();
  for (const row of rows) {
    const given = flags.get(row.flag);
    if (given !== undefined) values.set(row.key, given);
  }
  return { kind: "flag", values };
}

/** What a command's arguments came to. */
export interface Arguments {
  readonly flags: FlagValues;
  /** Each that was given for a flag, in order, for flags that mean more when given again. */
  readonly repeated: ReadonlyMap<string, readonly Given[]>;
  /** What was given without dashes, by the operand's name. */
  readonly operands: ReadonlyMap<string, string>;
  /** Whether help was asked for, among whatever else. */
  readonly help: boolean;
  /** One line for each argument that makes no sense. */
  readonly problems: readonly string[];
}

/**
 * Reads arguments as Go's flag package does: one dash or two, `=` or a space, the argument after a
 * flag that wants a value is that value whatever it looks like, the last of a repeated flag wins.
 * Unlike Go it takes operands before, between and after flags, and goes on after a mistake, so that
 * all of them are told at once.
 */
export function readArguments(
  known: readonly Flag[],
  args: readonly string[],
  wanted: readonly Operand[] = [],
): Arguments {
  const byName = new Map(known.map((flag) => [flag.name, flag]));
  const flags = new Map<string, Given>();
  const repeated = new Map<string, Given[]>();
  const give = (name: string, given: Given) => {
    flags.set(name, given);
    repeated.set(name, [...repeated.get(name) ?? [], given]);
  };
  const operands = new Map<string, string>();
  const problems: string[] = [];
  let help = false;
  // Whether an operand may have been taken for the value of a flag that nobody knows.
  let swallowed = false;
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    const match = /^(--?)([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
    if (match === null) {
      const operand = argument.startsWith("--") ? undefined : wanted[operands.size];
      if (operand === undefined) problems.push(`unexpected argument ${JSON.stringify(argument)}`);
      else operands.set(operand.name, argument);
      continue;
    }
    const [, dashes, name, attached] = match as unknown as [string, string, string, string?];
    const label = dashes + name;
    const flag = byName.get(name);
    if (flag === undefined) {
      if (name === "help" || name === "h") {
        help = true;
        continue;
      }
      const meant = nearest(name, byName.keys());
      const hint = meant === undefined ? "see --help" : `did you mean ${dashes}${meant}?`;
      problems.push(`unknown flag ${label}; ${hint}`);
      // A mistyped flag's value is no mistake of its own.
      const next = args[i + 1];
      if (attached === undefined && next !== undefined && !next.startsWith("-")) {
        i++;
        swallowed = true;
      }
    } else if (attached !== undefined) {
      give(name, { text: attached, label });
    } else if (flag.placeholder === "") {
      give(name, { text: "true", label });
    } else if (i + 1 < args.length) {
      give(name, { text: args[++i]!, label });
    } else {
      problems.push(`${label}: needs a value: ${flag.placeholder}`);
    }
  }
  for (const operand of wanted) {
    const problem = operandProblem(operand, operands.get(operand.name), swallowed);
    if (problem !== undefined) problems.push(problem);
  }
  return { flags, repeated, operands, help, problems };
}

function operandProblem(
  { name, help, optional = false, choices }: Operand,
  given: string | undefined,
  swallowed: boolean,
): string | undefined {
  if (given === undefined) {
    return optional || swallowed ? undefined : `missing: ${name}: ${decapitalize(help)}`;
  }
  if (choices === undefined || choices.includes(given)) return undefined;
  const meant = nearest(given, choices);
  const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
  return `${name}: cannot use ${JSON.stringify(given)}: wanted ${choices.join(", ")}${hint}`;
}

function decapitalize(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

/** Tells what is wrong, a line each. @returns the exit code for it. */
export function refuse(problems: readonly string[], edges: Edges): number {
  for (const problem of problems) edges.err(`etcdhcp: ${problem}\n`);
  return 2;
}
