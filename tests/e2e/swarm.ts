/**
 * Hundreds of simulated clients on one wire, over one socket: they come and go, reboot, release and
 * decline as chance has it.
 *
 * All of the pool's addresses are local to the swarm's host, so whoever unicasts to a client is
 * answered there: as on a real wire, where the client itself would have its address.
 *
 * @module
 */

import { decodeBootp, encodeBootp } from "./bootp.ts";
import { newMac } from "./clients/client.ts";
import type { Host, Lab } from "./lab.ts";
import { pause, until } from "./poll.ts";
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import { SimulatedClient } from "./simulated_client.ts";

const PIPE = new URL("./udp_pipe.ts", import.meta.url).pathname;

/** How clients come and go. */
export interface Unrest {
  /** How many addresses the pool has beyond the clients. */
  readonly spare: number;
  /** For how long one may be out of reach that was left, milliseconds. */
  readonly spareFor: number;
  /** How long a client is content on average before it does something, milliseconds. */
  readonly contentment: number;
}

/** What a swarm is. */
export interface SwarmOptions {
  readonly clients: number;
  /** The host's own address and prefix length on the wire. */
  readonly address: string;
  /** A prefix that has the whole pool in it and neither servers nor this host. */
  readonly pool: string;
  readonly random: Random;
}

/** How much of the spare addresses clients that leave without a word, or decline, may have. */
const FORSAKEN_SHARE = 1 / 3;

/**
 * How much of them clients that release theirs and come back as somebody else may have: a RELEASE
 * has no answer, so any may be lost, and its address is as good as forsaken.
 */
const RELEASED_SHARE = 3 / 5;

/** How often time passes for the clients, milliseconds. */
const TICK = 10;

/** So many in any stretch of time of some length. */
class Ration {
  readonly #most: number;
  readonly #length: number;
  #taken: number[] = [];

  /** @param length Milliseconds. */
  constructor(most: number, length: number) {
    this.#most = most;
    this.#length = length;
  }

  take(now: number): boolean {
    this.#taken = this.#taken.filter((at) => at + this.#length > now);
    if (this.#taken.length >= this.#most) return false;
    this.#taken.push(now);
    return true;
  }
}

/** One place in the swarm: its client, and when that does something next. */
interface Seat {
  readonly client: SimulatedClient;
  whim: number;
}

export class Swarm implements AsyncDisposable {
  readonly #process: Process;
  readonly #options: SwarmOptions;
  readonly #seats: readonly Seat[];
  #forsaken = new Ration(0, 0);
  #released = new Ration(0, 0);
  #contentment = 0;
  #isRestless = false;
  #isOver = false;
  #running: Promise<void> | undefined;

  private constructor(process: Process, options: SwarmOptions) {
    this.#process = process;
    this.#options = options;
    this.#seats = Array.from({ length: options.clients }, () => ({
      client: new SimulatedClient(newMac(), options.random, (to, message) => {
        const line = `${to ?? "255.255.255.255"} 67 ${encodeBootp(message).toHex()}\n`;
        // A pipe that has broken is told of by the loop, which has nobody left to hear.
        process.write(line).catch(() => {});
      }),
      whim: 0,
    }));
  }

  /** Plugs the swarm in and has all clients join at once. */
  static async start(lab: Lab, wire: Host, options: SwarmOptions): Promise<Swarm> {
    const host = await lab.host("swarm");
    await lab.plug(host, wire, { name: "eth0", address: options.address });
    await host.ip("route", "add", "local", options.pool, "dev", "lo");
    await host.ip("route", "add", "255.255.255.255/32", "dev", "eth0");
    const process = host.start(
      [Deno.execPath(), "run", "--no-config", "--unstable-net", "--allow-net", PIPE],
      { title: "swarm" },
    );
    lab.evidence.push({
      title: "output of the swarm's socket",
      text: () =>
        process.lines.filter(({ text }) => !/^[0-9a-f]*$/.test(text)).map(({ text }) => text)
          .join("\n"),
    });
    try {
      await process.line(/^open$/, 10);
    } catch (error) {
      await process.stop();
      throw error;
    }
    const swarm = new Swarm(process, options);
    lab.evidence.push({ title: "clients by state", text: () => swarm.#census() });
    const now = Date.now();
    for (const { client } of swarm.#seats) client.join(now);
    swarm.#running = swarm.#run();
    return swarm;
  }

  /** The hardware addresses of the clients at present. */
  get chaddrs(): string[] {
    return this.#seats.map(({ client }) => client.chaddr);
  }

  /** How many clients use an address right now. */
  get leased(): number {
    const now = Date.now();
    return this.#seats.filter(({ client }) => client.addressAt(now) !== undefined).length;
  }

  /** Waits until all clients use an address; returns how long that took, seconds. */
  async whole(what: string, seconds: number): Promise<number> {
    const since = performance.now();
    await until(`every client to hold a lease ${what}`, seconds, () => {
      if (this.#process.status) throw new Error(`the swarm ended: ${this.#process.text(5)}`);
      return this.leased === this.#seats.length;
    }, TICK);
    return (performance.now() - since) / 1000;
  }

  /** From now on clients come and go. */
  unrest({ spare, spareFor, contentment }: Unrest): void {
    this.#isRestless = true;
    this.#forsaken = new Ration(spare * FORSAKEN_SHARE, spareFor);
    this.#released = new Ration(spare * RELEASED_SHARE, spareFor);
    this.#contentment = contentment;
    for (const seat of this.#seats) this.#content(seat, Date.now());
  }

  /** From now on all clients are on and stay as they are. */
  calm(): void {
    this.#isRestless = false;
    const now = Date.now();
    for (const { client } of this.#seats) if (client.state === "OFF") client.join(now);
  }

  /** No client sends anything any more. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await this.#process.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    let read = 0;
    const { lines } = this.#process;
    while (!this.#isOver && this.#process.status === undefined) {
      const now = Date.now();
      const byXid = new Map(this.#seats.map(({ client }) => [client.xid, client]));
      for (; read < lines.length; read++) {
        const { text } = lines[read]!;
        if (!/^[0-9a-f]+$/.test(text)) continue;
        const message = decodeBootp(Uint8Array.fromHex(text));
        const client = byXid.get(message.xid);
        if (message.op === 2 && client?.chaddr === message.chaddr) client.receive(message, now);
      }
      for (const seat of this.#seats) {
        if (this.#isRestless && now >= seat.whim) this.#act(seat, now);
        seat.client.tick(now);
      }
      await pause(TICK);
    }
  }

  /** Lets a client be content for a while. */
  #content(seat: Seat, now: number): void {
    seat.whim = now - this.#contentment * Math.log(1 - this.#options.random.next());
  }

  #act(seat: Seat, now: number): void {
    const { random } = this.#options;
    const { client } = seat;
    this.#content(seat, now);
    if (client.state === "OFF") return client.join(now);
    if (client.state !== "BOUND") return;
    const lot = random.next();
    if (lot < 0.25) return client.reboot(now);
    if (lot < 0.4) return client.join(now);
    if (lot < 0.5) {
      if (this.#forsaken.take(now)) client.decline(now);
      return;
    }
    // Those that go come back soon, some of them as somebody else.
    const released = lot < 0.8;
    if (released) client.release();
    else client.vanish();
    const ration = released ? this.#released : this.#forsaken;
    if (random.next() < 0.8 && ration.take(now)) client.become(newMac());
    seat.whim = now + random.between(100, 3000);
  }

  #census(): string {
    const seats = Map.groupBy(this.#seats, ({ client }) => client.state);
    return Array.from(seats, ([state, list]) => `${list.length} ${state}`).join(", ");
  }
}
