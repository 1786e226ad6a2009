/**
 * What commands that talk to a running server have in common.
 *
 * @module
 */

import { type Setting, setting } from "../config/settings.ts";
import { readSettings, type ResolvedTable, type Table } from "../config/sources.ts";
import { boolean, type ValueType } from "../config/types.ts";
import type { AdminClient } from "./admin_client.ts";
import { ADMIN_FLAGS, readAsking } from "./admin_flags.ts";
import { type Arguments, type Command, flagSource, ownFlag, refuse } from "./command.ts";
import type { Edges } from "./edges.ts";
import { showable } from "./table.ts";

/** What such a command works with. */
export interface Work<T extends Table> {
  readonly client: AdminClient;
  readonly json: boolean;
  readonly own: ResolvedTable<T>;
  readonly args: Arguments;
  readonly edges: Edges;
}

/** What makes a command. */
interface Description<T extends Table> extends Pick<Command, "name" | "summary" | "operands"> {
  readonly notes?: string;
  /** Flags of its own. */
  readonly rows: T;
  /**
   * Whether it tells what is in the book. Of a server that is not ready that may be wrong: it is said
   * on standard error, and the exit code is 1.
   */
  readonly reads?: boolean;
  /** Finds what is wrong with the arguments before anybody is asked; a line each. */
  check?(args: Arguments): readonly string[];
  /** @returns the exit code. */
  work(work: Work<T>): Promise<number>;
}

/** Makes a command that talks to a running server. */
export function serverCommand<T extends Table>(description: Description<T>): Command {
  const { name, summary, operands, notes, rows, reads = false, check, work } = description;
  const own = Object.values<Setting>(rows);
  return {
    name,
    summary,
    ...(operands === undefined ? {} : { operands }),
    ...(notes === undefined ? {} : { notes }),
    flags: [...own.map(ownFlag), ...ADMIN_FLAGS],
    async run(args, edges) {
      const problems = [...args.problems];
      const settled = readSettings(rows, [flagSource(own, args.flags)], problems);
      if (args.problems.length === 0) problems.push(...check?.(args) ?? []);
      const asking = await readAsking(args, edges, problems);
      if (asking === undefined) return refuse(problems, edges);
      using client = asking.client;
      const reasons = reads ? await client.unready() : [];
      try {
        const code = await work({ client, json: asking.json, own: settled, args, edges });
        return reasons.length === 0 ? code : Math.max(code, 1);
      } finally {
        // Afterwards, so that no long list scrolls it away; of what failed it may be the cause.
        if (reasons.length > 0) {
          const why = showable(reasons.join("; "));
          edges.err(
            `etcdhcp: ${client.where} is not ready (${why}): what it says here may be wrong\n`,
          );
        }
      }
    },
  };
}

/** The subnet that a command is about, where there are several. */
export const SUBNET_ROW = setting({
  flag: "subnet",
  group: "Selection",
  type: {
    placeholder: "NAME",
    wanted: "the name of a subnet",
    // Empty is the subnet without a name.
    parse: (given: string) => given,
  },
  help: "The subnet, by its name",
});

/** A row for a flag that is there or not. */
export function switchRow(flag: string, group: string, help: string): Setting<boolean> {
  return setting({ flag, group, type: boolean, fallback: "false", help });
}

/** A problem of an operand, when its text is none of the type. */
export function operandProblem<T>(
  args: Arguments,
  name: string,
  type: Pick<ValueType<T>, "parse" | "wanted">,
): string[] {
  const text = args.operands.get(name);
  if (text === undefined || type.parse(text) !== undefined) return [];
  return [`${name}: cannot use ${JSON.stringify(text)}: wanted ${type.wanted}`];
}
