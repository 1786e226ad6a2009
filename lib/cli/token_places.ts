/**
 * Where servers on this machine keep their tokens unless told otherwise.
 *
 * @module
 */

import { isOwnDirectory } from "./own_directory.ts";

const STATE_DIRECTORY = "STATE_DIRECTORY";
const RUNTIME_DIRECTORY = "XDG_RUNTIME_DIR";
const TEMPORARY_DIRECTORY = "TMPDIR";

/** Where a user's trials keep their files: others may run a trial on the machine too. */
export function trialDirectory(
  env: ReadonlyMap<string, string>,
  user: number | undefined,
): string {
  const runtime = env.get(RUNTIME_DIRECTORY);
  if (runtime) return `${runtime}/etcdhcp-trial`;
  return `${env.get(TEMPORARY_DIRECTORY) || "/tmp"}/etcdhcp-trial-${user ?? "user"}`;
}

export const tokenPlaces = {
  /** The environment variables that they depend on. */
  names: [STATE_DIRECTORY, RUNTIME_DIRECTORY, TEMPORARY_DIRECTORY],

  /**
   * Paths, the likeliest first: a service's, then a trial's of this user, if there is one; a
   * directory that somebody else may have put there is none.
   */
  of(env: ReadonlyMap<string, string>, user: number | undefined): readonly string[] {
    const state = env.get(STATE_DIRECTORY);
    const trial = trialDirectory(env, user);
    const directories = [
      ...(state ? [state] : []),
      "/var/lib/etcdhcp",
      ...(isOwnDirectory(trial, user) ? [trial] : []),
    ];
    return directories.map((directory) => `${directory}/admin-token`);
  },
};
