/**
 * Another configuration for a server that is running: when it is read again, what is taken up, and
 * what the log says of it.
 *
 * The file is looked at every few seconds rather than watched. Editors and configuration management
 * put a new file in the place of the old one, which a watch on the old one does not see; a watch on
 * the directory would need leave to read all of it, and a look needs no more than reading the file.
 *
 * @module
 */

import type { Log } from "../config/log.ts";
import type { ServerConfig, Subnet } from "../config/model.ts";
import { compareConfigs, takenOver } from "../config/reload.ts";
import type { Resolution } from "../config/resolve.ts";

/** How often the file is looked at, milliseconds. */
export const LOOK = 2000;

/** What a file is where there is none, or none that may be seen. */
const GONE = "gone";

/** What a reload stands on. */
export interface ReloadParts {
  /** What the server was started with. */
  readonly config: ServerConfig;
  /** Reads the whole configuration anew. */
  readonly read: () => Promise<Resolution>;
  /** The file's text; undefined when it cannot be had. */
  readonly text: () => string | undefined;
  /** Another value whenever the file is another; undefined when there is none. */
  readonly stamp: () => string | undefined;
  readonly log: Log;
  /** Has the log say more or less from now on. */
  readonly setVerbosity: (verbosity: number) => void;
}

/** What takes a new configuration up, subnets and all. */
export type TakeUp = (config: ServerConfig) => void;

export class Reloader {
  readonly #parts: ReloadParts;
  #config: ServerConfig;
  /** Every subnet that was served since the start. */
  #served: readonly Subnet[];
  /** The stamp at the last look, and the one that was read last. */
  #seen: string | undefined;
  #read: string | undefined;
  /** What was read last, and what was wrong with it. */
  #known: string | undefined;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#served = parts.config.subnets;
  }

  /**
   * Looks at the file: whether it is another than was read last, and has been the same for two
   * looks, so that nobody is still writing it. What was there before the first look counts as
   * another: it may have changed since the server read it.
   */
  look(): boolean {
    const stamp = this.#parts.stamp() ?? GONE;
    const isSettled = stamp === this.#seen;
    this.#seen = stamp;
    return isSettled && stamp !== this.#read;
  }

  /**
   * Reads the configuration and has it taken up if there is nothing wrong with it.
   *
   * @param asked Whether somebody wants to hear of it in any case. Else a file that says what it
   * said before, right or wrong, is passed over in silence.
   */
  async reload(takeUp: TakeUp, asked: boolean): Promise<void> {
    const { read, text, stamp, log } = this.#parts;
    // Before it is read: what changes from here on is another file.
    this.#read = stamp() ?? GONE;
    const content = text();
    const resolution = await read();
    const problems = resolution.ok ? this.#refusals(resolution.config) : resolution.problems;
    const known = JSON.stringify([content, problems]);
    const isNew = known !== this.#known;
    this.#known = known;
    if (!asked && !isNew) return;
    for (const problem of problems) log.error(`not reloaded: ${problem}`);
    if (!resolution.ok || problems.length > 0) return;
    for (const warning of resolution.warnings) log.warn(warning);
    this.#takeUp(takeUp, resolution.config, asked);
  }

  #takeUp(takeUp: TakeUp, wanted: ServerConfig, asked: boolean): void {
    const { log, setVerbosity } = this.#parts;
    const { config, changed, restart } = compareConfigs(this.#config, wanted);
    if (changed.length > 0) {
      takeUp(config);
      this.#config = config;
      this.#served = [...this.#served, ...config.subnets];
      setVerbosity(config.log.verbosity);
      log.info("reloaded", { changed: changed.join(", ") });
    } else if (restart.length === 0 && asked) log.info("reloaded: nothing has changed");
    if (restart.length > 0) {
      log.warn("some changes need a restart; until then all is as it was with", {
        settings: restart.join(", "),
      });
    }
  }

  /** An embedded book finds leases by their addresses, whatever the subnet is called. */
  #refusals(wanted: ServerConfig): string[] {
    return this.#config.store.kind === "etcd" ? takenOver(this.#served, wanted.subnets) : [];
  }
}
