/**
 * The `config show` command: the configuration in force, and where each value came from.
 *
 * @module
 */

import { readSettings } from "../config/sources.ts";
import { type Command, flagSource, ownFlag, refuse } from "./command.ts";
import { FILE_OPERAND, PRINT_JSON, readConfiguration, SERVER_FLAGS } from "./configuration.ts";

const ROWS = { json: PRINT_JSON };

/** Prints what `serve` would run with, given the same flags, environment and file. */
export const configShow: Command = {
  name: "config show",
  summary: "Print the configuration in force, and where each value came from",
  flags: [...SERVER_FLAGS, ...Object.values(ROWS).map(ownFlag)],
  operands: [FILE_OPERAND],
  notes:
    "What is printed is a configuration file itself, but for secrets, which are hidden: flags of " +
    "a unit\nfile become a file by it.",
  async run(args, edges) {
    const problems = [...args.problems];
    const { json } = readSettings(ROWS, [flagSource(Object.values(ROWS), args.flags)], problems);
    const operand = args.operands.get("FILE");
    const file = operand === undefined ? undefined : { text: operand, label: "FILE" };
    const resolution = await readConfiguration(args.flags, edges, { file });
    if (!resolution.ok) problems.push(...resolution.problems);
    if (!resolution.ok || problems.length > 0) return refuse(problems, edges);

    for (const warning of resolution.warnings) edges.err(`warning: ${warning}\n`);
    const { showConfig, toToml } = await import("../config/show.ts");
    const tables = showConfig(resolution.config, resolution.settings, resolution.origins);
    edges.out(json.value ? JSON.stringify({ tables }) + "\n" : toToml(tables));
    return 0;
  },
};
