/**
 * Programs that are run for an event: the notice as JSON on standard input and as variables in an
 * otherwise clean environment, the event's name as the last argument. No shell is involved.
 *
 * @module
 */

import type { Clock } from "../config/clock.ts";
import { messageOf } from "../config/operator_error.ts";
import { type Courier, DELIVERED, type Delivery, failed } from "./courier.ts";
import { type Notice, noticeJson, noticeVariables } from "./notice.ts";
import { deadline, wait } from "./wait.ts";

/** Where a program finds others. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** How long output is waited for that a child of the program may still hold open, milliseconds. */
const LINGER = 200;

/** How much of the output's first line is logged, characters. */
const LONGEST_LINE = 200;

/** How many programs may run at once, over all hooks. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Resolves when there is a slot, with what gives it back. */
  async take(): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return () => {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    };
  }
}

/** What runs a program is made of. */
export interface ProgramParts {
  readonly path: string;
  readonly args: readonly string[];
  /** How long one run may take, milliseconds; then the program is killed. */
  readonly timeout: number;
  readonly clock: Clock;
  readonly slots: Slots;
  /**
   * Kills a process group by its leader's number; returns false when it cannot, and then the program
   * alone is killed and not what it started.
   */
  readonly killGroup: (leader: number) => boolean;
}

export class Program implements Courier {
  readonly title: string;
  readonly #parts: ProgramParts;

  constructor(parts: ProgramParts) {
    this.#parts = parts;
    this.title = parts.path;
  }

  async deliver(notice: Notice, signal: AbortSignal): Promise<Delivery> {
    const release = await this.#parts.slots.take();
    try {
      return signal.aborted ? failed("there was no more time") : await this.#run(notice, signal);
    } catch (error) {
      return failed(messageOf(error));
    } finally {
      release();
    }
  }

  async #run(notice: Notice, stop: AbortSignal): Promise<Delivery> {
    const { path, args, timeout, clock, killGroup } = this.#parts;
    const child = new Deno.Command(path, {
      args: [...args, notice.event.kind],
      clearEnv: true,
      env: { PATH, ...noticeVariables(notice) },
      cwd: "/",
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      // A process group of its own, so that its children can be killed with it.
      detached: true,
    }).spawn();
    const { signal, end } = deadline(clock, timeout, stop);
    const kill = () => {
      try {
        if (killGroup(child.pid)) return;
        child.kill("SIGKILL");
      } catch {
        // It has just ended by itself.
      }
    };
    signal.addEventListener("abort", kill);
    if (signal.aborted) kill();
    const output = [new FirstLine(child.stderr), new FirstLine(child.stdout)];
    try {
      const fed = feed(child.stdin, noticeJson(notice) + "\n");
      const { code, signal: killedBy } = await child.status;
      await fed;
      if (code === 0) return DELIVERED;
      await this.#linger(output);
      const line = output.map(({ text }) => text).find((text) => text !== "");
      const ended = signal.aborted && !stop.aborted
        ? `killed after ${timeout / 1000} s`
        : killedBy === null
        ? `exit code ${code}`
        : `ended by ${killedBy}`;
      return failed(line === undefined ? ended : `${ended}: ${line}`);
    } finally {
      end();
      signal.removeEventListener("abort", kill);
      await Promise.all(output.map((one) => one.close()));
    }
  }

  /** Waits for the end of the output, but not for a child of the program that keeps it open. */
  async #linger(output: readonly FirstLine[]): Promise<void> {
    const enough = new AbortController();
    const ended = Promise.all(output.map(({ ended }) => ended)).then(() => enough.abort());
    await Promise.race([ended, wait(this.#parts.clock, LINGER, enough.signal)]);
  }
}

/** Writes what the program may read or not. */
async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch {
    // A program that does not want to know closes its input, or ends; that is its right.
  }
}

/** Reads all that a program says, so that it never waits for a reader, and keeps one line. */
class FirstLine {
  readonly ended: Promise<void>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #kept = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.ended = this.#read();
  }

  /** The first line that is not empty, cut to a reasonable length. */
  get text(): string {
    const line = this.#kept.trimStart().split(/[\r\n]/, 1)[0]!;
    return line.slice(0, LONGEST_LINE).trimEnd();
  }

  /** Reads no more. */
  async close(): Promise<void> {
    await this.#reader.cancel();
    await this.ended;
  }

  async #read(): Promise<void> {
    try {
      for (let part = await this.#reader.read(); !part.done; part = await this.#reader.read()) {
        if (this.#kept.length < 2 * LONGEST_LINE) {
          this.#kept += this.#decoder.decode(part.value.subarray(0, 4096), { stream: true });
        }
      }
    } catch {
      // Output that cannot be read is output that is not logged; the exit code tells the rest.
    }
  }
}
