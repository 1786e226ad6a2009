/**
 * The `serve` command: be the server, until told to stop.
 *
 * @module
 */

import { type Command, refuse } from "./command.ts";
import { readConfiguration, SERVER_FLAGS } from "./configuration.ts";
import { LineLog } from "./logging.ts";

/** What a trial says of itself. */
const TRIAL_NOTICE =
  "no interface was named (--dhcp.server-if), so this is a trial on loopback; to " +
  "get a lease from it: etcdhcp discover --request, from source: deno task discover --request";

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
