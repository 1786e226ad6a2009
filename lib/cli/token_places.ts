/**
 * Where servers on this machine keep their tokens unless told otherwise.
 *
 * @module
 */

const STATE_DIRECTORY = "STATE_DIRECTORY";
const RUNTIME_DIRECTORY = "XDG_RUNTIME_DIR";
const TEMPORARY_DIRECTORY = "TMPDIR";

export const tokenPlaces = {
  /** The environment variables that they depend on. */
  names: [STATE_DIRECTORY, RUNTIME_DIRECTORY, TEMPORARY_DIRECTORY],

  /** Paths, the likeliest first: a service's, then a trial's of this user. */
  of(env: ReadonlyMap<string, string>, user: number | undefined): readonly string[] {
    const state = env.get(STATE_DIRECTORY);
    const runtime = env.get(RUNTIME_DIRECTORY);
    const trial = runtime
      ? `${runtime}/etcdhcp-trial`
      : `${env.get(TEMPORARY_DIRECTORY) || "/tmp"}/etcdhcp-trial-${user ?? "user"}`;
    const directories = [...(state ? [state] : []), "/var/lib/etcdhcp", trial];
    return directories.map((directory) => `${directory}/admin-token`);
  },
};
