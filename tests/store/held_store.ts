/**
 * A store in a process of its own, which may be killed, stopped and starved.
 *
 * @module
 */

import assert from "node:assert/strict";

const PROGRAM = new URL("./store_process.ts", import.meta.url).pathname;

/** The process and its first line already read. */
export class HeldStore implements AsyncDisposable {
  /** What the process said first: "open", or why it could not. */
  readonly greeting: string;
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;

  static async start(path: string): Promise<HeldStore> {
    // SIGXFSZ ignored: a write beyond the limit of `starve` then fails instead of killing.
    const child = new Deno.Command("/bin/sh", {
      args: [
        "-c",
        'trap "" XFSZ; exec "$0" run --quiet --no-check --allow-read --allow-write "$@"',
        Deno.execPath(),
        PROGRAM,
        path,
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = linesOf(child.stdout);
    const first = await lines.next();
    return new HeldStore(child, lines, first.done ? "" : first.value);
  }

  private constructor(child: Deno.ChildProcess, lines: AsyncIterator<string>, greeting: string) {
    this.#child = child;
    this.#lines = lines;
    this.greeting = greeting;
    this.#writer = child.stdin.getWriter();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Asks for something and gives the one line that answers. */
  async ask(command: string): Promise<string> {
    await this.tell(command);
    return await this.line();
  }

  async tell(command: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${command}\n`));
  }

  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    assert.ok(!done, "the process has ended");
    return value;
  }

  /** What is left to read, to the end. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let next = await this.#lines.next(); !next.done; next = await this.#lines.next()) {
      lines.push(next.value);
    }
    return lines;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Lets it write no octet of a file beyond this one; undefined for any. */
  async starve(octets: number | undefined): Promise<void> {
    const limit = `--fsize=${octets ?? "unlimited"}:unlimited`;
    await run("prlimit", "--pid", String(this.pid), limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.rest();
    await this.#writer.abort().catch(() => {});
    await this.#child.status;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream() as never)) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Runs a program of the system's to its end. */
export async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
