/**
 * The `config schema` command: a JSON Schema of the configuration file, for editors.
 *
 * @module
 */

import { type Command, refuse } from "./command.ts";

/** Prints the schema. */
export const configSchema: Command = {
  name: "config schema",
  summary: "Print a JSON Schema of the configuration file, for editors",
  flags: [{
    name: "json",
    placeholder: "",
    group: "Output",
    help: "Print JSON on one line; without it, JSON to read",
  }],
  async run({ flags, problems }, edges) {
    if (problems.length > 0) return refuse(problems, edges);
    const { configSchema } = await import("../config/schema.ts");
    edges.out(JSON.stringify(configSchema(), undefined, flags.has("json") ? 0 : 2) + "\n");
    return 0;
  },
};
