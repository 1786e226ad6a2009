/**
 * The `serve` command: be the server, until told to stop.
 *
 * @module
 */

import { resolveConfig } from "../config/resolve.ts";
import { environmentName, RETIRED_FLAGS, SETTINGS } from "../config/settings.ts";
import { environmentSource, strayVariables } from "../config/sources.ts";
import {
  type Command,
  type Flag,
  flagSource,
  type FlagValues,
  refuse,
  settingFlag,
} from "./command.ts";
import type { Edges } from "./edges.ts";
import { LineLog } from "./logging.ts";

const rows = Object.values(SETTINGS);

const retired: readonly Flag[] = RETIRED_FLAGS.map((one) => ({
  name: one.flag,
  placeholder: one.boolean ? "" : "VALUE",
  group: undefined,
  help: "Has no effect",
}));

/** Variables that say where files go. */
const STATE_DIRECTORY = "STATE_DIRECTORY";
const RUNTIME_DIRECTORY = "XDG_RUNTIME_DIR";
const TEMPORARY_DIRECTORY = "TMPDIR";

/** What a trial says of itself. */
const TRIAL_NOTICE =
  "no interface was named (--dhcp.server-if), so this is a trial on loopback; to " +
  "get a lease from it: etcdhcp discover --request, from source: deno task discover --request";

/** Settings from flags and environment, and the machine as it is. */
export function readConfiguration(flags: FlagValues, edges: Edges) {
  const places = [STATE_DIRECTORY, RUNTIME_DIRECTORY, TEMPORARY_DIRECTORY];
  const names = [...rows.map(environmentName), ...places];
  const env = edges.environment(names);
  const sources = [flagSource(rows, flags), environmentSource(SETTINGS, env)];
  const resolution = resolveConfig(sources, {
    interfaces: edges.interfaces(),
    stateDirectory: env.get(STATE_DIRECTORY),
    trialDirectory: trialDirectory(env, edges),
  });
  if (!resolution.ok) return resolution;
  const ignored = retired.flatMap(({ name }) => {
    const given = flags.get(name);
    return given === undefined ? [] : [`${given.label} has no effect`];
  });
  const warnings = [...ignored, ...strayVariables(SETTINGS, env), ...resolution.warnings];
  return { ...resolution, warnings };
}

/** A directory of the user's own: others may run a trial on the machine too. */
function trialDirectory(env: ReadonlyMap<string, string>, edges: Edges): string {
  const runtime = env.get(RUNTIME_DIRECTORY);
  if (runtime) return `${runtime}/etcdhcp-trial`;
  return `${env.get(TEMPORARY_DIRECTORY) || "/tmp"}/etcdhcp-trial-${edges.user() ?? "user"}`;
}

/** Runs the server. Nothing is opened or made before the whole configuration has been checked. */
export const serve: Command = {
  name: "serve",
  summary: "Run the server (the default)",
  flags: [...rows.map((row) => settingFlag(row)), ...retired],
  notes:
    "A flag beats the environment, which beats the default. Without --dhcp.server-if the server " +
    "runs\nunprivileged on loopback, for a trial: etcdhcp discover --request then gets a lease.",
  async run(args, edges) {
    const resolution = readConfiguration(args.flags, edges);
    const problems = [...args.problems, ...(resolution.ok ? [] : resolution.problems)];
    if (!resolution.ok || problems.length > 0) return refuse(problems, edges);
    const log = new LineLog(resolution.config.log, Deno.stderr, Date.now);
    for (const warning of resolution.warnings) log.warn(warning);
    if (resolution.config.trial) log.info(TRIAL_NOTICE);
    try {
      // Loaded only now: the other commands, and a refusal, do without the server's code.
      const { runServer } = await import("./run_server.ts");
      return await runServer(resolution.config, log);
    } finally {
      await log.flush();
    }
  },
};
