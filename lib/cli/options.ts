/**
 * The `options` command: what options the server knows by name, and how a file writes them.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import { readSettings } from "../config/sources.ts";
import { type Command, flagSource, type Operand, ownFlag, refuse } from "./command.ts";
import { PRINT_JSON } from "./configuration.ts";
import { layOut } from "./table.ts";

const ROWS = { json: PRINT_JSON };

const OPTION: Operand = {
  name: "OPTION",
  help: "A code, or part of a name; default: all",
  optional: true,
};

/** Lists the registry, or what of it matches. */
export const options: Command = {
  name: "options",
  summary: "List the DHCP options by name, with their types and an example each",
  flags: Object.values(ROWS).map(ownFlag),
  operands: [OPTION],
  notes: 'An option that is not listed is set by its code, like 225 = { hex = "01:02" }.',
  async run(args, edges) {
    const problems = [...args.problems];
    const { json } = readSettings(ROWS, [flagSource(Object.values(ROWS), args.flags)], problems);
    if (problems.length > 0) return refuse(problems, edges);
    // Loaded only here: the registry is large.
    const { optionHelp } = await import("../config/option_values.ts");
    const { tomlValue } = await import("../config/show.ts");
    const wanted = args.operands.get(OPTION.name);
    const all = optionHelp();
    const found = wanted === undefined
      ? all
      : all.filter(({ code, name }) =>
        String(code) === wanted || !/^\d+$/.test(wanted) && name.includes(wanted.toLowerCase())
      );
    if (found.length === 0) {
      const meant = nearest(wanted!, all.map(({ name }) => name));
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      edges.err(`etcdhcp: no option matches ${JSON.stringify(wanted)}${hint}\n`);
      return 1;
    }
    if (json.value) {
      edges.out(found.map((one) => JSON.stringify(one) + "\n").join(""));
      return 0;
    }
    const columns = [
      { title: "CODE", right: true },
      { title: "NAME" },
      { title: "TYPE" },
      { title: "IN A FILE", shrinks: true },
      { title: "DEFINED IN", shrinks: true },
    ];
    const rows = found.map(({ code, name, type, example, reason, source }) => [
      String(code),
      name,
      type,
      reason === undefined ? `${name} = ${tomlValue(example)}` : `not to be set: ${reason}`,
      source,
    ]);
    edges.out(layOut(columns, rows, edges.columns("out")));
    return 0;
  },
};
