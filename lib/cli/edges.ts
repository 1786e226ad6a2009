/**
 * The outside world as commands meet it. Everything a command asks of its process is here, so that
 * tests run commands without one.
 *
 * @module
 */

import type { InterfaceAddress } from "../config/resolve.ts";
import { Libc } from "../net/libc.ts";

/** What a command may ask of its process. */
export interface Edges {
  /** Writes to stdout, all of it before returning. */
  out(text: string): void;
  /** Writes to stderr, all of it before returning. */
  err(text: string): void;
  /**
   * The environment variables that the program may see: all of them when it may see all, else those
   * of `names` that it may see.
   */
  environment(names: Iterable<string>): ReadonlyMap<string, string>;
  /** The machine's network interfaces; undefined when the program may not look. */
  interfaces(): readonly InterfaceAddress[] | undefined;
  /** Whether a network interface is there, with or without an address; false if nobody can tell. */
  hasInterface(name: string): boolean;
  /** A file's text. @throws {Deno.errors.NotFound} and the like. */
  readText(path: string): string;
  /** Whether a file or directory is there; undefined when the program may not look. */
  exists(path: string): boolean | undefined;
  /**
   * Stands for a file as it is at this moment: replaced, written or touched it has another. Undefined
   * when it is not there, or the program may not look.
   */
  stamp(path: string): string | undefined;
  /** The number of the user who runs the program; undefined when it may not look. */
  user(): number | undefined;
  /** How many columns the terminal has that a stream goes to; undefined when it goes elsewhere. */
  columns(stream: "out" | "err"): number | undefined;
  /** Aborted when the user wants the program to end, from the first look at it on. */
  interrupted(): AbortSignal;
}

/** Columns of a terminal that does not tell. */
const COLUMNS = 80;

function writeAll(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(to.writeSync(rest));
  } catch (error) {
    // The reader has gone, as `head` does once it has seen enough.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** The real process. Asks before it looks, so a missing permission never prompts. */
export const processEdges: Edges = {
  out: (text) => writeAll(Deno.stdout, text),
  err: (text) => writeAll(Deno.stderr, text),
  environment(names) {
    if (Deno.permissions.querySync({ name: "env" }).state === "granted") {
      return new Map(Object.entries(Deno.env.toObject()));
    }
    const seen = new Map<string, string>();
    for (const variable of names) {
      if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") continue;
      const value = Deno.env.get(variable);
      if (value !== undefined) seen.set(variable, value);
    }
    return seen;
  },
  interfaces() {
    const kind = "networkInterfaces";
    const { state } = Deno.permissions.querySync({ name: "sys", kind });
    return state === "granted" ? Deno.networkInterfaces() : undefined;
  },
  hasInterface: (name) => Libc.open()?.hasInterface(name) ?? false,
  readText(path) {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") {
      throw new Deno.errors.NotCapable(`Requires read access to ${JSON.stringify(path)}`);
    }
    return Deno.readTextFileSync(path);
  },
  exists(path) {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
    try {
      Deno.statSync(path);
      return true;
    } catch (error) {
      // Whatever else is in the way, like a directory that others may not enter, is no answer.
      return error instanceof Deno.errors.NotFound ? false : undefined;
    }
  },
  stamp(path) {
    if (Deno.permissions.querySync({ name: "read", path }).state !== "granted") return undefined;
    try {
      const { ino, size, mtime } = Deno.statSync(path);
      return `${ino} ${size} ${mtime?.getTime()}`;
    } catch {
      // Whoever reads it then is told what is wrong.
      return undefined;
    }
  },
  user() {
    const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
    return state === "granted" ? Deno.uid() ?? undefined : undefined;
  },
  columns(stream) {
    const isTerminal = stream === "out" ? Deno.stdout.isTerminal() : Deno.stderr.isTerminal();
    if (!isTerminal) return undefined;
    try {
      return Deno.consoleSize().columns || COLUMNS;
    } catch {
      // It asks stdin, stdout and stderr, and fails when none of them can tell.
      return COLUMNS;
    }
  },
  interrupted() {
    const abort = new AbortController();
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => abort.abort());
    }
    return abort.signal;
  },
};
