/**
 * dhcpcd: Raspberry Pi OS, Arch, the BSDs.
 *
 * @module
 */

import type { Host, Lab } from "../lab.ts";
import { type Process, run } from "../process.ts";
import { type Client, clientHost, count, crash, INTERFACE, script, witness } from "./client.ts";

/** Without `noarp` it probes five seconds for every address. */
const CONFIG = `
ipv4only
noarp
noipv4ll
clientid
option subnet_mask, routers, domain_name_servers
timeout 60
reboot 5
`;

/** It sets addresses by itself; the hook only tells. */
const HOOK = `echo "hook $reason $new_ip_address"\n`;

/** dhcpcd's least lease: it treats shorter ones as this long, seconds (its DHCP_MIN_LEASE). */
export const LEAST_LEASE = 20;

/** dhcpcd in a namespace of its own. */
export class Dhcpcd implements Client {
  readonly host: Host;
  readonly chaddr: string;
  readonly #lab: Lab;
  readonly #directory: string;
  #process: Process | undefined;

  private constructor(lab: Lab, host: Host, chaddr: string, directory: string) {
    this.#lab = lab;
    this.host = host;
    this.chaddr = chaddr;
    this.#directory = directory;
  }

  static async make(lab: Lab, wire: Host): Promise<Dhcpcd> {
    const { host, chaddr, directory } = await clientHost(lab, wire, "dhcpcd");
    await script(`${directory}/hook`, HOOK);
    await Deno.writeTextFile(`${directory}/dhcpcd.conf`, CONFIG);
    await Deno.mkdir(`${directory}/lib`);
    await Deno.mkdir(`${directory}/run`);
    return new Dhcpcd(lab, host, chaddr, directory);
  }

  start(): void {
    // Its directories are compiled in. `ip netns exec` gives a mount namespace, so ours can be put
    // over them without the machine noticing.
    const enter = `mount --bind "$1/lib" /var/lib/dhcpcd && mount --bind "$1/run" /run &&
      exec dhcpcd -B -4 -f "$1/dhcpcd.conf" -c "$1/hook" ${INTERFACE}`;
    this.#process = this.host.start(["sh", "-c", enter, "enter", this.#directory], {
      title: "dhcpcd",
    });
    witness(this.#lab, this.#process);
  }

  get bindings(): number {
    return count(this.#process, /^hook (BOUND|RENEW|REBIND|REBOOT)/);
  }

  /**
   * Kills the whole family: dhcpcd is several processes, and the survivors would release or go on.
   * All that lives in this client's namespace is dhcpcd.
   */
  async crash(): Promise<void> {
    const pids = (await run(["ip", "netns", "pids", this.host.netns])).split("\n");
    for (const pid of pids) {
      try {
        if (pid !== "") Deno.kill(Number(pid), "SIGKILL");
      } catch (error) {
        // One of the family may be gone already.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await crash(this.#process);
  }

  /** What `dhcpcd -k` does: SIGALRM to the running one. */
  release(): Promise<void> {
    this.#process?.signal("SIGALRM");
    return Promise.resolve();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
  }
}
