/**
 * An operator at a server's console: runs our commands there.
 *
 * @module
 */

import type { Host, Lab } from "./lab.ts";
import { Process, run } from "./process.ts";
import { MAIN, PERMISSIONS } from "./server.ts";

const FOLLOW = new URL("./follow.ts", import.meta.url).pathname;

/** A server's host, and the directory that its service keeps its state in. */
export class Operator {
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #state: string;

  private constructor(lab: Lab, host: Host, state: string) {
    this.#lab = lab;
    this.#host = host;
    this.#state = state;
  }

  static async make(lab: Lab, host: Host): Promise<Operator> {
    const state = `${lab.directory}/${host.netns}-state`;
    await Deno.mkdir(state);
    return new Operator(lab, host, state);
  }

  /** What the server must be run under, so that it keeps its token where the commands look. */
  get under(): readonly string[] {
    return ["env", `STATE_DIRECTORY=${this.#state}`];
  }

  #command(words: readonly string[]): string[] {
    const deno = [Deno.execPath(), "run", ...PERMISSIONS, MAIN];
    return this.#host.inside(...this.under, ...deno, ...words);
  }

  /** Runs a command to its end; what it printed. @throws {Error} when it fails. */
  run(line: string): Promise<string> {
    return run(this.#command(line.split(" ")));
  }

  /** The same with --json: the values that it printed. */
  // deno-lint-ignore no-explicit-any -- tests look into them at any depth
  async values(line: string): Promise<any[]> {
    const text = await this.run(`${line} --json`);
    return text.split("\n").filter((one) => one !== "").map((one) => JSON.parse(one));
  }

  /** Starts a command that goes on until it is stopped. */
  start(line: string): Process {
    return this.#witnessed(Process.start(this.#command(line.split(" ")), { title: line }));
  }

  /** Follows the events, from after one of them on. */
  follow(lastId?: string): Process {
    const argv = [
      ...[Deno.execPath(), "run", "--no-config", "--allow-net", FOLLOW],
      "http://127.0.0.1:9842/api/events",
      ...(lastId === undefined ? [] : [lastId]),
    ];
    return this.#witnessed(this.#host.start(argv, { title: `events after ${lastId ?? "now"}` }));
  }

  #witnessed(process: Process): Process {
    this.#lab.evidence.push({ title: process.title, text: () => process.text(40) });
    return process;
  }
}
