/**
 * dhclient, ISC's client: Debian and RHEL for twenty years.
 *
 * @module
 */

import type { Host, Lab } from "../lab.ts";
import type { Process } from "../process.ts";
import { type Client, clientHost, count, crash, INTERFACE, script, witness } from "./client.ts";

const HOOK = `
case $reason in
  BOUND|RENEW|REBIND|REBOOT)
    ip address replace "$new_ip_address/$new_subnet_mask" brd + dev "$interface" ;;
  EXPIRE|FAIL|RELEASE|STOP) ip address flush dev "$interface" ;;
  PREINIT) ip link set "$interface" up ;;
esac
echo "hook $reason $new_ip_address"
`;

/** Its defaults wait up to fifteen seconds between tries, and five minutes after them. */
const CONFIG = `
timeout 60;
retry 1;
reboot 5;
initial-interval 1;
backoff-cutoff 1;
initial-delay 0;
request subnet-mask, broadcast-address, routers, domain-name-servers;
`;

/**
 * The shortest lease that dhclient can be tested with, seconds. It writes its file at most every
 * 15 s (its MIN_LEASE_WRITE), so a shorter one is forgotten over a reboot; and it retries at whole
 * seconds, so the eighth of the lease that is left for rebinding must be more than two of them.
 */
export const LEAST_LEASE = 20;

/** dhclient in a namespace of its own. */
export class Dhclient implements Client {
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

  static async make(lab: Lab, wire: Host): Promise<Dhclient> {
    const { host, chaddr, directory } = await clientHost(lab, wire, "dhclient");
    await script(`${directory}/hook`, HOOK);
    await Deno.writeTextFile(`${directory}/dhclient.conf`, CONFIG);
    return new Dhclient(lab, host, chaddr, directory);
  }

  #command(...extra: string[]): string[] {
    const files = ["sf", "hook", "pf", "pid", "lf", "leases", "cf", "dhclient.conf"];
    const options = files.map((word, i) => i % 2 ? `${this.#directory}/${word}` : `-${word}`);
    return ["dhclient", "-4", "-d", ...extra, ...options, INTERFACE];
  }

  start(): void {
    this.#process = this.host.start(this.#command(), { title: "dhclient" });
    witness(this.#lab, this.#process);
  }

  /** It says so last, after its lease file is written. */
  get bindings(): number {
    return count(this.#process, /^bound to/);
  }

  async crash(): Promise<void> {
    await crash(this.#process);
  }

  /** A second dhclient sends the RELEASE and ends the first, found by its pid file. */
  async release(): Promise<void> {
    await using second = this.host.start(this.#command("-r"), { title: "dhclient -r" });
    witness(this.#lab, second);
    await second.exit(10);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process?.stop();
  }
}
