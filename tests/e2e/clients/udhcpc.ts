/**
 * udhcpc, BusyBox's client: routers, containers, initramfs.
 *
 * @module
 */

import type { Host, Lab } from "../lab.ts";
import type { Process } from "../process.ts";
import { type Client, clientHost, count, crash, INTERFACE, script, witness } from "./client.ts";

const HOOK = `
case $1 in
  bound|renew) ip address replace "$ip/$mask" brd + dev "$interface" ;;
  deconfig) ip address flush dev "$interface"; ip link set "$interface" up ;;
esac
echo "hook $1 $ip"
`;

/** udhcpc's least lease: it treats shorter ones as this long, seconds (2 x 61 in its source). */
export const LEAST_LEASE = 122;

/** udhcpc in a namespace of its own. It keeps nothing on disk. */
export class Udhcpc implements Client {
  readonly host: Host;
  readonly chaddr: string;
  readonly #lab: Lab;
  readonly #hook: string;
  #process: Process | undefined;

  private constructor(lab: Lab, host: Host, chaddr: string, hook: string) {
    this.#lab = lab;
    this.host = host;
    this.chaddr = chaddr;
    this.#hook = hook;
  }

  static async make(lab: Lab, wire: Host): Promise<Udhcpc> {
    const { host, chaddr, directory } = await clientHost(lab, wire, "udhcpc");
    return new Udhcpc(lab, host, chaddr, await script(`${directory}/hook`, HOOK));
  }

  /** `extra`: such as `-r ADDRESS`, which is how udhcpc remembers. */
  start(...extra: string[]): void {
    this.#process = this.host.start(
      ["udhcpc", "-f", "-i", INTERFACE, "-s", this.#hook, "-t", "20", "-T", "1", ...extra],
      { title: "udhcpc" },
    );
    witness(this.#lab, this.#process);
  }

  get bindings(): number {
    return count(this.#process, /^hook (bound|renew)/);
  }

  async crash(): Promise<void> {
    await crash(this.#process);
  }

  /** It unicasts a renewal, and after a second without an answer broadcasts it. */
  renew(): void {
    this.#process?.signal("SIGUSR1");
  }

  release(): Promise<void> {
    this.#process?.signal("SIGUSR2");
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
  }
}
