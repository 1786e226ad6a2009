/**
 * The `serve` command: be the server, until told to stop.
 *
 * @module
 */

import { fstatSync } from "node:fs";
import { dirname } from "node:path";
import { SERVICE_VARIABLES, serviceEnvironment } from "../notify/service_manager.ts";
import type { ServerConfig } from "../config/model.ts";
import { type Command, refuse } from "./command.ts";
import { readConfiguration, SERVER_FLAGS } from "./configuration.ts";
import type { Edges } from "./edges.ts";
import { claimDirectory } from "./own_directory.ts";
import { Reloader } from "./reload.ts";
import { tokenPlaces, trialDirectory } from "./token_places.ts";
import { isJournal, LineLog, type LogFormat } from "./logging.ts";

/** Says which file stderr is when it is the journal. */
const JOURNAL_STREAM = "JOURNAL_STREAM";

/** What a trial says of itself. */
const TRIAL_NOTICE =
  "no interface was named (--dhcp.server-if), so this is a trial on loopback; to " +
  "get a lease from it: etcdhcp discover --request, from source: deno task discover --request";

/** The form of a log that nobody has chosen one for. */
function ownFormat(edges: Edges): LogFormat {
  const stream = edges.environment([JOURNAL_STREAM]).get(JOURNAL_STREAM);
  if (stream === undefined) return "text";
  try {
    return isJournal(stream, fstatSync(2)) ? "journal" : "text";
  } catch {
    // There is no stderr: what is written to it goes nowhere in any form.
    return "text";
  }
}

/** A file's text; undefined when it cannot be had. */
function textOf(path: string, edges: Edges): string | undefined {
  try {
    return edges.readText(path);
  } catch {
    // Why, whoever reads the configuration says.
    return undefined;
  }
}

/** A trial's own directory is made sure of before anything in it is used. */
function claimTrialDirectory({ trial, store, admin }: ServerConfig, edges: Edges): void {
  if (!trial) return;
  const user = edges.user();
  const own = trialDirectory(edges.environment(tokenPlaces.names), user);
  const files = [admin.tokenFile, ...(store.kind === "embedded" ? [store.path] : [])];
  if (files.some((path) => dirname(path) === own)) claimDirectory(own, user);
}

/** Runs the server. Nothing is opened or made before the whole configuration has been checked. */
export const serve: Command = {
  name: "serve",
  summary: "Run the server (the default)",
  flags: SERVER_FLAGS,
  notes: "A flag beats the environment, which beats the file, which beats the default. Without\n" +
    "--dhcp.server-if the server runs unprivileged on loopback, for a trial: etcdhcp discover " +
    "--request\nthen gets a lease.",
  async run(args, edges) {
    const resolution = await readConfiguration(args.flags, edges);
    const problems = [...args.problems, ...(resolution.ok ? [] : resolution.problems)];
    const known = resolution.ok ? resolution : resolution.pending;
    if (known === undefined || problems.length > 0) return refuse(problems, edges);
    const { config, settings } = known;
    const format = settings.logFormat.source === "default" ? ownFormat(edges) : config.log.format;
    const log = new LineLog({ ...config.log, format }, Deno.stderr, Date.now);
    for (const warning of resolution.warnings) log.warn(warning);
    if (resolution.ok && resolution.config.trial) log.info(TRIAL_NOTICE);
    try {
      if (resolution.ok) claimTrialDirectory(resolution.config, edges);
      // Loaded only now: the other commands, and a refusal, do without the server's code.
      const { runServer } = await import("./run_server.ts");
      const service = serviceEnvironment(edges.environment(SERVICE_VARIABLES));
      const read = () => readConfiguration(args.flags, edges);
      const reloader = (config: ServerConfig) => {
        const { file } = config;
        return file === undefined ? undefined : new Reloader({
          config,
          read,
          text: () => textOf(file, edges),
          stamp: () => edges.stamp(file),
          log,
          setVerbosity: (verbosity) => log.verbosity = verbosity,
        });
      };
      return await runServer(config, log, { service, reloader, read });
    } finally {
      await log.flush();
    }
  },
};
