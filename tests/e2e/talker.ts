/**
 * Scripted clients: as many as a test wants, saying exactly what the test says, over one real
 * socket in a namespace.
 *
 * @module
 */

import {
  addressOption,
  type Bootp,
  decodeBootp,
  dotted,
  encodeBootp,
  OPTION,
  quad,
  typeOf,
  TYPES,
} from "./bootp.ts";
import type { Host, Lab } from "./lab.ts";
import { type DeadlineError, until } from "./poll.ts";
import type { Process } from "./process.ts";

const PIPE = new URL("./udp_pipe.ts", import.meta.url).pathname;

/** How the scripted clients reach the server. */
export interface TalkerOptions {
  /** The host's own address, in the server's subnet; see `relay`. */
  readonly address: string;
  readonly server: string;
  /**
   * True: they sit behind a relay that is this host, so giaddr is its address and everything is
   * unicast to port 67. False: they share the wire, so everything is broadcast both ways.
   */
  readonly relay: boolean;
}

/** A lease as a scripted client has it. */
export interface Leased {
  readonly chaddr: string;
  readonly address: string;
  readonly serverIdentifier: string;
}

/** A socket for scripted clients, in its own scope. */
export class Talker implements AsyncDisposable {
  readonly #process: Process;
  readonly #options: TalkerOptions;
  readonly #replies: Bootp[] = [];
  #read = 1;
  #xid = crypto.getRandomValues(new Uint32Array(1))[0]!;

  private constructor(process: Process, options: TalkerOptions) {
    this.#process = process;
    this.#options = options;
  }

  /** Opens the socket in a host that has the address already. */
  static async open(lab: Lab, host: Host, options: TalkerOptions): Promise<Talker> {
    const [bind, port] = options.relay ? [options.address, "67"] : ["0.0.0.0", "68"];
    const process = host.start(
      [Deno.execPath(), "run", "--no-config", "--unstable-net", "--allow-net", PIPE, bind, port],
      { title: `scripted clients on ${host.title}` },
    );
    lab.evidence.push({
      title: process.title,
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
    return new Talker(process, options);
  }

  /** Sends a message; returns its transaction. */
  async send(
    chaddr: string,
    type: keyof typeof TYPES,
    options: Iterable<readonly [number, Uint8Array]> = [],
    fields: Partial<Bootp> = {},
  ): Promise<number> {
    const xid = this.#xid = (this.#xid + 1) >>> 0;
    const bytes = encodeBootp({
      xid,
      chaddr,
      broadcast: !this.#options.relay,
      ...(this.#options.relay && { giaddr: this.#options.address }),
      options: new Map([[OPTION.messageType, Uint8Array.of(TYPES[type])], ...options]),
      ...fields,
    });
    const { relay, server } = this.#options;
    const named = new Map(options).get(OPTION.serverIdentifier);
    const to = type === "RELEASE" && named ? dotted(named) : relay ? server : "255.255.255.255";
    await this.#process.write(`${to} 67 ${bytes.toHex()}\n`);
    return xid;
  }

  /** Sends whatever it is to the server's port. */
  async sendRaw(address: string, payload: Uint8Array): Promise<void> {
    await this.#process.write(`${address} 67 ${payload.toHex()}\n`);
  }

  /** Waits for the reply to a transaction; undefined when there is none in time. */
  async reply(xid: number, seconds: number): Promise<Bootp | undefined> {
    try {
      return await until("a reply", seconds, () => {
        for (; this.#read < this.#process.lines.length; this.#read++) {
          const { text } = this.#process.lines[this.#read]!;
          if (/^[0-9a-f]+$/.test(text)) this.#replies.push(decodeBootp(Uint8Array.fromHex(text)));
        }
        return this.#replies.find((message) => message.op === 2 && message.xid === xid);
      }, 10);
    } catch (error) {
      if ((error as DeadlineError).name === "DeadlineError") return undefined;
      throw error;
    }
  }

  /** DISCOVER; the OFFER, or undefined for silence. */
  async discover(chaddr: string, seconds: number, requested?: string): Promise<Bootp | undefined> {
    const options = requested ? [[OPTION.requestedAddress, quad(requested)] as const] : [];
    return await this.reply(await this.send(chaddr, "DISCOVER", options), seconds);
  }

  /** REQUEST for an offered address; the ACK or NAK, or undefined for silence. */
  async select(offer: Bootp, seconds: number): Promise<Bootp | undefined> {
    const xid = await this.send(offer.chaddr, "REQUEST", [
      [OPTION.requestedAddress, quad(offer.yiaddr)],
      [OPTION.serverIdentifier, offer.options.get(OPTION.serverIdentifier)!],
    ]);
    return await this.reply(xid, seconds);
  }

  /** The whole exchange; undefined when either answer stays out. */
  async lease(chaddr: string, seconds: number, requested?: string): Promise<Leased | undefined> {
    const offer = await this.discover(chaddr, seconds, requested);
    const ack = offer && await this.select(offer, seconds);
    if (!ack || typeOf(ack) !== "ACK") return undefined;
    const serverIdentifier = addressOption(ack, OPTION.serverIdentifier)!;
    return { chaddr, address: ack.yiaddr, serverIdentifier };
  }

  /** INIT-REBOOT: does the client still have this address? The ACK or NAK, or undefined. */
  async reboot(chaddr: string, address: string, seconds: number): Promise<Bootp | undefined> {
    const options = [[OPTION.requestedAddress, quad(address)] as const];
    return await this.reply(await this.send(chaddr, "REQUEST", options), seconds);
  }

  /** RELEASE, which has no answer. */
  async release({ chaddr, address, serverIdentifier }: Leased): Promise<void> {
    const options = [[OPTION.serverIdentifier, quad(serverIdentifier)] as const];
    await this.send(chaddr, "RELEASE", options, { ciaddr: address });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
