/**
 * Programs of other people's that some unit tests put our files before. Where one is missing, its
 * tests are left out, which the runner reports as ignored; continuous integration installs them all
 * and sets REQUIRE_TOOLS, so that there a missing one fails. Every test that may be left out for
 * what the machine lacks asks here.
 *
 * @module
 */

import { spawnSync } from "node:child_process";

/** A program and how it says that it is there. */
const PROBES = {
  promtool: ["--version"],
  go: ["tool", "-n", "pprof"],
  zsh: ["--version"],
  fish: ["--version"],
  "systemd-analyze": ["--version"],
  "dpkg-deb": ["--version"],
} as const;

type Tool = keyof typeof PROBES;

/** Whether everything that tests need must be there. */
export function requiresAll(): boolean {
  return Deno.env.has("REQUIRE_TOOLS");
}

/** Whether tests that need the program are to be left out. */
export function lacks(tool: Tool): boolean {
  if (requiresAll()) return false;
  return spawnSync(tool, PROBES[tool], { stdio: "ignore" }).status !== 0;
}

/**
 * Runs a program.
 *
 * @returns what it printed on both streams.
 * @throws with that in the message when it ends with anything but 0.
 */
export function run(tool: Tool, args: readonly string[], input = ""): string {
  const { status, stdout, stderr, error } = spawnSync(tool, [...args], {
    input,
    encoding: "utf8",
    env: { ...Deno.env.toObject(), NO_COLOR: "1" },
  });
  if (error !== undefined) throw error;
  if (status !== 0) {
    throw new Error(`${tool} ${args.join(" ")} ended with ${status}:\n${stdout}${stderr}`);
  }
  return stdout + stderr;
}
