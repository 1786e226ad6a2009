/**
 * The `version` command.
 *
 * @module
 */

import manifest from "../../deno.json" with { type: "json" };
import { setting } from "../config/settings.ts";
import { readSettings } from "../config/sources.ts";
import { boolean } from "../config/types.ts";
import { type Command, flagSource, ownFlag, refuse } from "./command.ts";

/** This program's version, as deno.json has it. */
export const VERSION: string = manifest.version;

const ROWS = {
  json: setting({
    flag: "json",
    group: "Output",
    type: boolean,
    fallback: "false",
    help: "Print JSON",
  }),
};

/** Prints the version, and with --json what it runs on. */
export const version: Command = {
  name: "version",
  summary: "Print the version",
  flags: Object.values(ROWS).map(ownFlag),
  run(args, edges) {
    const problems = [...args.problems];
    const { json } = readSettings(ROWS, [flagSource(Object.values(ROWS), args.flags)], problems);
    if (problems.length > 0) return Promise.resolve(refuse(problems, edges));
    const about = { version: VERSION, deno: Deno.version.deno, target: Deno.build.target };
    edges.out(json.value ? JSON.stringify(about) + "\n" : `etcdhcp ${VERSION}\n`);
    return Promise.resolve(0);
  },
};
