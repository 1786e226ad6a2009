/**
 * A child process whose output is kept, line by line, and which never outlives its scope.
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";
import { until, within } from "./poll.ts";

/** One line that a process printed. */
export interface Line {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly text: string;
}

/** How a process is started. */
export interface ProcessOptions {
  /** What failures call it. */
  readonly title: string;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  /** How long SIGTERM may take before SIGKILL follows, seconds. */
  readonly grace?: number;
}

/** A running program, in its own scope: `await using server = Process.start(...)`. */
export class Process implements AsyncDisposable {
  readonly title: string;
  /** Everything printed so far on either stream, in order of arrival. */
  readonly lines: Line[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: Promise<unknown>;
  readonly #grace: number;
  #status: Deno.CommandStatus | undefined;

  private constructor(argv: readonly string[], options: ProcessOptions) {
    this.title = options.title;
    this.#grace = options.grace ?? 3;
    const [program, ...args] = argv;
    this.#child = new Deno.Command(program!, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      ...(options.env && { env: options.env }),
      ...(options.cwd && { cwd: options.cwd }),
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = Promise.all([this.#keep(this.#child.stdout), this.#keep(this.#child.stderr)]);
    this.#child.status.then((status) => this.#status = status);
  }

  /** Starts a program. */
  static start(argv: readonly string[], options: ProcessOptions): Process {
    return new Process(argv, options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The exit status, or undefined while it runs. */
  get status(): Deno.CommandStatus | undefined {
    return this.#status;
  }

  async #keep(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const lines = stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const text of lines) this.lines.push({ at: Date.now(), text });
  }

  /** What it printed, as one text; with `last`, only so many lines from the end. */
  text(last = Infinity): string {
    return this.lines.slice(-last).map((line) => line.text).join("\n");
  }

  /**
   * Waits for a line that matches, looking from line number `from` on.
   *
   * @throws {Error} at the deadline, or at once when the process ends without printing it.
   */
  async line(pattern: RegExp, seconds: number, from = 0): Promise<Line> {
    const find = () => this.lines.slice(from).find((line) => pattern.test(line.text));
    const found = await until(`${pattern} from ${this.title}`, seconds, async () => {
      if (find() === undefined && this.#status) {
        await this.#output;
        return find() ?? "gone";
      }
      return find();
    });
    if (found === "gone") {
      throw new Error(
        `${this.title} ended with ${describe(this.#status!)} before ${pattern}:\n${this.text(40)}`,
      );
    }
    return found;
  }

  /** Writes to its standard input. */
  async write(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Sends a signal; a process that is gone already is left in peace. */
  signal(signal: Deno.Signal): void {
    if (this.#status) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It may have ended since: then there is nobody to signal.
      if (!(error instanceof Deno.errors.NotFound) && !(error instanceof TypeError)) throw error;
    }
  }

  /**
   * Waits for the end and for the last line of output.
   *
   * @throws {Error} when it still runs after so many seconds.
   */
  async exit(seconds: number): Promise<Deno.CommandStatus> {
    const status = await within(seconds, this.#child.status);
    if (!status) throw new Error(`${this.title} still runs after ${seconds} s`);
    await this.#end();
    return status;
  }

  /** Lets go of the streams of a process that has ended. */
  async #end(): Promise<void> {
    await this.#input.close().catch(() => {});
    await this.#output;
  }

  /** SIGTERM, then SIGKILL if it takes longer than the grace. */
  async stop(): Promise<Deno.CommandStatus> {
    await this.#input.close().catch(() => {});
    this.signal("SIGTERM");
    if (!await within(this.#grace, this.#child.status)) this.signal("SIGKILL");
    const status = await this.#child.status;
    await this.#end();
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** An exit status in words. */
export function describe(status: Deno.CommandStatus): string {
  return status.signal ? `signal ${status.signal}` : `exit code ${status.code}`;
}

/**
 * Runs a program to its end and returns what it printed on standard output.
 *
 * @throws {Error} when it fails, with what it printed on standard error.
 */
export async function run(argv: readonly string[]): Promise<string> {
  const [program, ...args] = argv;
  const { success, stdout, stderr, code } = await new Deno.Command(program!, { args }).output();
  const decoder = new TextDecoder();
  if (!success) {
    throw new Error(`${argv.join(" ")} failed with ${code}: ${decoder.decode(stderr).trim()}`);
  }
  return decoder.decode(stdout);
}
