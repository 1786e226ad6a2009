/**
 * The log on stderr: one line an entry, as text for people, as JSON for programs, or for the
 * journal, which keeps the time itself and takes the priority from a prefix (sd-daemon(3)).
 *
 * A busy server writes thousands of lines a second, so a line is formatted in one pass, lines of
 * one turn of the event loop are written together, and writing never holds up the caller. When the
 * reader is too slow, lines are dropped and counted rather than kept without bound.
 *
 * @module
 */

import type { Fields, FieldValue, Log } from "../config/log.ts";
import { quote } from "./quote.ts";

/** How severe a line is; a lease event is an info line. */
type Level = "error" | "warn" | "info" | "debug";

/** What a line looks like. */
export type LogFormat = "text" | "json" | "journal";

/** Priorities of syslog(3), as the journal reads them from the beginning of a line. */
const PRIORITIES: Readonly<Record<Level, string>> = {
  error: "<3>",
  warn: "<4>",
  info: "<6>",
  debug: "<7>",
};

/** What the log is written to. */
export interface LineSink {
  /** Writes some of the bytes. @returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** How the log looks and how much it says. */
export interface LogOptions {
  readonly format: LogFormat;
  readonly verbosity: number;
}

/** Lines that wait for a slow reader, in characters: half a minute of a busy server. */
const MAX_WAITING = 1 << 22;

/** How long a line may wait for others to be written with it, milliseconds. */
const GATHER = 20;

/** Values that need no quotes in text. */
const PLAIN = /^[\w.:\/@+,;<>()[\]{}*%&#~^$!?-]+$/;

function textValue(value: Exclude<FieldValue, undefined>): string {
  return typeof value === "string" && !PLAIN.test(value) ? quote(value) : String(value);
}

/** A log that writes lines to a sink. */
export class LineLog implements Log {
  /** May be set while the log is in use. */
  verbosity: number;
  readonly #format: LogFormat;
  readonly #sink: LineSink;
  readonly #now: () => number;
  #waiting = "";
  #dropped = 0;
  #writing: Promise<void> | undefined;
  #second = -1;
  #secondText = "";

  /** @param now milliseconds since 1970. */
  constructor(options: LogOptions, sink: LineSink, now: () => number) {
    this.verbosity = options.verbosity;
    this.#format = options.format;
    this.#sink = sink;
    this.#now = now;
  }

  event(name: string, fields: Fields): void {
    this.#line("info", name, fields);
  }

  error(message: string, fields: Fields = {}): void {
    this.#line("error", message, fields);
  }

  warn(message: string, fields: Fields = {}): void {
    this.#line("warn", message, fields);
  }

  info(message: string, fields: Fields = {}): void {
    this.#line("info", message, fields);
  }

  debug(message: string, fields: Fields = {}): void {
    if (this.verbosity > 0) this.#line("debug", message, fields);
  }

  /** Settles once every line so far has been written, or could not be. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #line(level: Level, message: string, fields: Fields): void {
    if (this.#waiting.length > MAX_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting += this.#lineOf(level, message, fields);
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    // Whatever else is logged meanwhile goes with it: a write costs more than many lines.
    await new Promise((resolve) => setTimeout(resolve, GATHER));
    const encoder = new TextEncoder();
    while (this.#waiting !== "") {
      let rest: Uint8Array = encoder.encode(this.#waiting);
      this.#waiting = "";
      if (this.#dropped > 0) {
        const lost = { lines: this.#dropped };
        this.#dropped = 0;
        this.#waiting = this.#lineOf("warn", "log lines dropped: stderr is read too slowly", lost);
      }
      try {
        while (rest.length > 0) rest = rest.subarray(await this.#sink.write(rest));
      } catch {
        // There is nobody left to tell, and a server outlives the reader of its log.
        this.#waiting = "";
      }
    }
    this.#writing = undefined;
  }

  #lineOf(level: Level, message: string, fields: Fields): string {
    switch (this.#format) {
      case "json":
        return this.#formatJson(level, message, fields);
      case "journal":
        return this.#formatText(PRIORITIES[level], message, fields);
      case "text":
        return this.#formatText(`${this.#time()} ${level.padEnd(5)} `, message, fields);
    }
  }

  #formatText(start: string, message: string, fields: Fields): string {
    let line = start + message.replace(/[\r\n]+/g, " ");
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (value !== undefined) line += ` ${name}=${textValue(value)}`;
    }
    return line + "\n";
  }

  /** The fields stand beside time, level and msg, whose names no field may take. */
  #formatJson(level: Level, message: string, fields: Fields): string {
    let line = `{"time":"${this.#time()}","level":"${level}","msg":${JSON.stringify(message)}`;
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (value !== undefined) line += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
    }
    return line + "}\n";
  }

  /** UTC with milliseconds. The part down to the second is made once a second. */
  #time(): string {
    const now = this.#now();
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#secondText = new Date(second * 1000).toISOString().slice(0, -4);
    }
    return `${this.#secondText}${String(Math.floor(now % 1000)).padStart(3, "0")}Z`;
  }
}

/**
 * Whether stderr is the journal: then `$JOURNAL_STREAM` is its device and inode (systemd.exec(5)).
 *
 * @param stderr Of file descriptor 2; undefined when it is closed.
 */
export function isJournal(
  journalStream: string | undefined,
  stderr: { readonly dev: number; readonly ino: number } | undefined,
): boolean {
  return stderr !== undefined && journalStream === `${stderr.dev}:${stderr.ino}`;
}
