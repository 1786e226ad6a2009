/**
 * Follows the addresses of interfaces that were not configured but looked up.
 *
 * @module
 */

import type { Log } from "../config/log.ts";
import type { ServedInterface, ServerConfig } from "../config/model.ts";
import type { InterfaceAddress, Resolution } from "../config/resolve.ts";
import { formatIpv4 } from "../wire/address.ts";

export class MovedInterfaces {
  /** Resolves with the configuration of the new addresses, when there is one. */
  readonly to: Promise<ServerConfig>;
  readonly #followed: readonly ServedInterface[];
  readonly #read: (() => Promise<Resolution>) | undefined;
  readonly #log: Log;
  readonly #settle: (config: ServerConfig) => void;
  #looking = false;
  #said = "";

  constructor(
    interfaces: readonly ServedInterface[],
    read: (() => Promise<Resolution>) | undefined,
    log: Log,
  ) {
    const { promise, resolve } = Promise.withResolvers<ServerConfig>();
    this.to = promise;
    this.#settle = resolve;
    this.#followed = interfaces.filter(({ follows }) => follows);
    this.#read = read;
    this.#log = log;
  }

  /**
   * Looks whether an address has gone, and if so whether the configuration makes sense without it.
   * If it does not, the log says why, once; the port of the interface is in trouble meanwhile.
   */
  async look(interfaces: readonly Pick<InterfaceAddress, "name" | "address">[]): Promise<void> {
    const gone = this.#followed.filter(({ name, address }) =>
      !interfaces.some((one) => one.name === name && one.address === formatIpv4(address))
    );
    if (gone.length === 0) this.#said = "";
    if (gone.length === 0 || this.#looking || this.#read === undefined) return;
    this.#looking = true;
    const resolution = await this.#read();
    this.#looking = false;
    if (resolution.ok) {
      const now = resolution.config.interfaces;
      for (const { name, address } of gone) {
        const own = now.find((one) => one.name === name);
        if (own === undefined) continue;
        this.#log.warn("the interface has another address; serving anew with it", {
          interface: name,
          before: formatIpv4(address),
          address: formatIpv4(own.address),
        });
      }
      this.#settle(resolution.config);
      return;
    }
    const problems = resolution.problems.join("; ");
    if (problems === this.#said) return;
    this.#said = problems;
    if (problems !== "") this.#log.error(`cannot go on with another address: ${problems}`);
  }
}
