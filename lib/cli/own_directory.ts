/**
 * A directory that is one user's alone, in a place like /tmp where everybody may make one first.
 *
 * Within such a directory nobody else can plant anything, so its files can be used as they are. All
 * is judged by what is there itself: a symbolic link at its place is never followed.
 *
 * @module
 */

import { dirname } from "node:path";
import { messageOf, OperatorError } from "../config/operator_error.ts";

const ROOT = 0;

/** Bits of a mode: others may write; only owners may rename and remove what is there. */
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Makes the directory, unless it is there already and is this user's.
 *
 * @throws {OperatorError} when it is not there and cannot be made, or is not this user's alone.
 */
export function claimDirectory(path: string, user: number | undefined): void {
  let problem: string | undefined;
  try {
    try {
      Deno.mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    }
    problem = flawOf(path, user);
    // What only its owner could write has nothing of others in it; now they cannot read it either.
    if (problem === undefined) Deno.chmodSync(path, 0o700);
  } catch (error) {
    problem = messageOf(error);
  }
  if (problem === undefined) return;
  throw new OperatorError(
    `cannot keep the trial's files in ${path}: ${problem}; remove it, or name a directory of your ` +
      "own in TMPDIR (XDG_RUNTIME_DIR comes first)",
  );
}

/** Whether the directory is there, and nobody but this user can have put anything into it. */
export function isOwnDirectory(path: string, user: number | undefined): boolean {
  try {
    return flawOf(path, user) === undefined;
  } catch {
    // What cannot be looked at is not trusted.
    return false;
  }
}

/** Why a directory is not this user's alone. @throws when it cannot be looked at. */
function flawOf(path: string, user: number | undefined): string | undefined {
  if (user === undefined) return "whose it is cannot be told (--allow-sys=uid)";
  const found = Deno.lstatSync(path);
  if (found.isSymlink) return "it is a symbolic link, which somebody may have planted there";
  if (!found.isDirectory) return "it is no directory";
  if (found.uid !== user) return `it belongs to user ${found.uid}, not to user ${user}`;
  if (((found.mode ?? OTHERS_WRITE) & OTHERS_WRITE) !== 0) return "others may write to it";
  // Who may rename it can put another in its place.
  const parent = Deno.statSync(dirname(path));
  const mode = parent.mode ?? OTHERS_WRITE;
  if (parent.uid !== user && parent.uid !== ROOT) {
    return `the directory that it is in belongs to user ${parent.uid}`;
  }
  if ((mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0) {
    return "the directory that it is in can be written by others, who could replace it";
  }
  return undefined;
}
