/**
 * The signals that a server heeds: SIGTERM and SIGINT stop it, the second of them at once; SIGHUP
 * has it read its configuration again.
 *
 * @module
 */

/** What listens for signals; tests bring their own. */
export interface SignalSource {
  on(signal: "SIGTERM" | "SIGINT" | "SIGHUP", call: () => void): void;
}

/** This process. */
export const processSignals: SignalSource = {
  on: (signal, call) => Deno.addSignalListener(signal, call),
};

/**
 * The same signal twice, this close together, is one, milliseconds: a terminal sends Ctrl-C to a
 * task runner and to what it runs, and the task runner passes it on.
 */
const SAME = 200;

export class Signals {
  /** Resolves with the name of the first signal that asks the server to stop. */
  readonly stop: Promise<string>;
  /** Resolves with the name of the second. */
  readonly stopAtOnce: Promise<string>;
  #reload: ((asked: boolean) => Promise<void>) | undefined;
  #reloading: Promise<void> | undefined;
  /** What is to be done: nothing, or a reload that somebody has asked for, or nobody. */
  #due: "no" | "seen" | "asked" = "no";

  /**
   * @param source Listened to from now on.
   * @param elapsed A monotonic clock, milliseconds.
   */
  constructor(source: SignalSource, elapsed: () => number) {
    const [first, second] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    this.stop = first.promise;
    this.stopAtOnce = second.promise;
    let asked: { readonly by: string; readonly at: number } | undefined;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      source.on(signal, () => {
        const now = elapsed();
        if (asked === undefined) first.resolve(signal);
        else if (signal !== asked.by || now - asked.at > SAME) second.resolve(signal);
        asked ??= { by: signal, at: now };
      });
    }
    // From the first instant on: what nobody listens for would end the process.
    source.on("SIGHUP", () => this.#hangUp());
  }

  /**
   * Has SIGHUP call a function, one call at a time: of several that come during a call, one more
   * follows. A SIGHUP that came before is answered now.
   *
   * @param reload Never rejects. Told whether SIGHUP has asked for it.
   */
  onReload(reload: (asked: boolean) => Promise<void>): void {
    this.#reload = reload;
    this.#start();
  }

  /** Does what SIGHUP does, in its turn, without anybody having asked for it. */
  reload(): void {
    if (this.#due === "no") this.#due = "seen";
    this.#start();
  }

  #hangUp(): void {
    this.#due = "asked";
    this.#start();
  }

  #start(): void {
    if (this.#reload === undefined || this.#due === "no") return;
    this.#reloading ??= this.#reloadAll(this.#reload);
  }

  async #reloadAll(reload: (asked: boolean) => Promise<void>): Promise<void> {
    while (this.#due !== "no") {
      const isAsked = this.#due === "asked";
      this.#due = "no";
      await reload(isAsked);
    }
    this.#reloading = undefined;
  }
}
