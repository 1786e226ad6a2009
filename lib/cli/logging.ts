/**
 * The log on stderr: one line an entry, as text for people or as JSON for programs.
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

/** What the log is written to. */
export interface LineSink {
  /** Writes some of the bytes. @returns how many. */
  write(bytes: Uint8Array): Promise<number>;
}

/** How the log looks and how much it says. */
export interface LogOptions {
  readonly format: "text" | "json" | "journal";
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
  readonly verbosity: number;
  readonly #json: boolean;
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
    this.#json = options.format === "json";
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
    this.#waiting += this.#format(level, message, fields);
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
        this.#waiting = this.#format("warn", "log lines dropped: stderr is read too slowly", lost);
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

  #format(level: Level, message: string, fields: Fields): string {
    return this.#json
      ? this.#formatJson(level, message, fields)
      : this.#formatText(level, message, fields);
  }

  #formatText(level: Level, message: string, fields: Fields): string {
    let line = `${this.#time()} ${level.padEnd(5)} ${message.replace(/[\r\n]+/g, " ")}`;
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
