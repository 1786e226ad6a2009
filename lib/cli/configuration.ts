/**
 * The server's whole configuration: what flags, environment and file say, and the machine as it is.
 *
 * @module
 */

import type { ConfigFile } from "../config/config_file.ts";
import { messageOf } from "../config/operator_error.ts";
import { type Machine, type Resolution, resolveConfig } from "../config/resolve.ts";
import { environmentName, RETIRED_FLAGS, setting, SETTINGS } from "../config/settings.ts";
import { environmentSource, type Given, strayVariables } from "../config/sources.ts";
import { boolean } from "../config/types.ts";
import { type Flag, flagSource, type FlagValues, type Operand, settingFlag } from "./command.ts";
import type { Edges } from "./edges.ts";
import { tokenPlaces, trialDirectory } from "./token_places.ts";

const rows = Object.values(SETTINGS);

const retired: readonly Flag[] = RETIRED_FLAGS.map((one) => ({
  name: one.flag,
  placeholder: one.boolean ? "" : "VALUE",
  group: undefined,
  help: "Has no effect",
}));

/** The flags of whoever reads the server's configuration. */
export const SERVER_FLAGS: readonly Flag[] = [...rows.map((row) => settingFlag(row)), ...retired];

/** What the commands about a file are told besides. */
export const PRINT_JSON = setting({
  flag: "json",
  group: "Output",
  type: boolean,
  fallback: "false",
  help: "Print JSON",
});

/** The file that they are about. */
export const FILE_OPERAND: Operand = {
  name: "FILE",
  help: "The configuration file; default: the one of --config or ETCDHCP_CONFIG",
  optional: true,
};

const STATE_DIRECTORY = "STATE_DIRECTORY";

/** How the configuration is to be read. */
export interface Reading {
  /** The file that an operand names; undefined for the one that flags or environment name. */
  readonly file?: Given | undefined;
  /** As in {@linkcode Machine}. */
  readonly elsewhere?: boolean;
}

/**
 * Reads the configuration, the file included, as it is at this moment. The same flags can be read
 * again whenever the file has changed: nothing is kept, and nothing is touched.
 */
export async function readConfiguration(
  flags: FlagValues,
  edges: Edges,
  { file: named, elsewhere = false }: Reading = {},
): Promise<Resolution> {
  const env = edges.environment([...rows.map(environmentName), ...tokenPlaces.names]);
  const sources = [flagSource(rows, flags), environmentSource(SETTINGS, env)];
  const given = named ?? configFileOf(flags, env);
  const file = given && await readFile(given, edges);
  if (typeof file === "string") return { ok: false, problems: [file], warnings: [] };
  const machine: Machine = {
    interfaces: edges.interfaces(),
    hasInterface: (name) => edges.hasInterface(name),
    stateDirectory: env.get(STATE_DIRECTORY),
    trialDirectory: trialDirectory(env, edges.user()),
    files: { exists: (path) => edges.exists(path), read: (path) => textOf(path, edges) },
    elsewhere,
  };
  const resolution = resolveConfig(sources, machine, file);
  const ignored = retired.flatMap(({ name }) => {
    const given = flags.get(name);
    return given === undefined ? [] : [`${given.label} has no effect`];
  });
  const warnings = [...ignored, ...strayVariables(SETTINGS, env), ...resolution.warnings];
  return { ...resolution, warnings };
}

/** The configuration file that flags name, else the environment; undefined for none. */
export function configFileOf(
  flags: FlagValues,
  env: ReadonlyMap<string, string>,
): Given | undefined {
  const label = environmentName(SETTINGS.config);
  const text = env.get(label);
  const given = flags.get(SETTINGS.config.flag) ?? (text ? { text, label } : undefined);
  // A flag with nothing to fill in says nothing.
  return given?.text.trim() === "" ? undefined : given;
}

/** The file, or why it cannot be had. What reads files is loaded only where there is one. */
async function readFile({ text: path, label }: Given, edges: Edges): Promise<ConfigFile | string> {
  let text: string;
  try {
    text = edges.readText(path);
  } catch (error) {
    return `${label}: cannot read ${JSON.stringify(path)}: ${whyUnread(error)}`;
  }
  const { readConfigFile } = await import("../config/file.ts");
  return readConfigFile(path, text);
}

function whyUnread(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) {
    return "it is a directory: name the file in it, like etcdhcp.toml";
  }
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not read it";
  if (error instanceof Deno.errors.NotCapable) return "the program may not read it (--allow-read)";
  return messageOf(error);
}

function textOf(path: string, edges: Edges): string | undefined {
  try {
    return edges.readText(path);
  } catch {
    // Whoever asks tells that it cannot be read.
    return undefined;
  }
}
