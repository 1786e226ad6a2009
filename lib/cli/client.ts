/**
 * A DHCP client that asks and listens, without putting what it gets to use.
 *
 * @module
 */

import {
  formatIpv4,
  formatMac,
  type Ipv4,
  type Mac,
  macOctets,
  UNSPECIFIED,
} from "../wire/address.ts";
import { DecodeError } from "../wire/bytes.ts";
import {
  BROADCAST_FLAG,
  decodeMessage,
  encodeMessage,
  type Message,
  MIN_MESSAGE,
  Op,
} from "../wire/message.ts";
import { Options } from "../wire/options.ts";
import {
  MessageType,
  messageType,
  parameterRequestList,
  requestedAddress,
  serverIdentifier,
} from "../wire/registry.ts";

/** Where a client stands and whom it asks. */
export interface ClientPlace {
  /**
   * Addresses to bind. Questions leave by the first, which chooses the network; answers may come to
   * any.
   */
  readonly bind: readonly string[];
  /** UDP ports, 1 to 65535. */
  readonly clientPort: number;
  readonly serverPort: number;
  /** Where questions go: a server, or 255.255.255.255. */
  readonly server: string;
  readonly mac: Mac;
  /** Whether answers have to be broadcast, for lack of an address to send them to. */
  readonly broadcast: boolean;
}

/** Mask, router, DNS, domain, broadcast, lease, server, T1, T2, routes: what a host is set up by. */
const WANTED = Uint8Array.of(1, 3, 6, 15, 28, 51, 54, 58, 59, 121);

/** Octets: more than Ethernet carries in one packet. */
const BUFFER = 1600;

/** One exchange with whoever answers. Close it when done. */
export class Client implements Disposable {
  readonly #place: ClientPlace;
  readonly #sockets: Deno.DatagramConn[] = [];
  readonly #xid = crypto.getRandomValues(new Uint32Array(1))[0]!;
  readonly #arrived: Message[] = [];
  #wake: (() => void) | undefined;

  /** @throws {Deno.errors.AddrInUse} and the like when an address cannot be bound. */
  constructor(place: ClientPlace) {
    this.#place = place;
    const { clientPort: port } = place;
    try {
      for (const hostname of place.bind) {
        const options = { transport: "udp", hostname, port, reuseAddress: true } as const;
        this.#sockets.push(Deno.listenDatagram(options));
      }
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    for (const socket of this.#sockets) this.#listen(socket);
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.close();
  }

  /** Asks who would give an address (RFC 2131 section 4.4.1). */
  async discover(): Promise<void> {
    await this.#send(MessageType.DISCOVER, UNSPECIFIED, this.#place.server, (options) => {
      options.set(parameterRequestList, WANTED);
    });
  }

  /** Takes up an offer (RFC 2131 section 4.3.2, SELECTING). */
  async request(address: Ipv4, server: Ipv4): Promise<void> {
    await this.#send(MessageType.REQUEST, UNSPECIFIED, this.#place.server, (options) => {
      options.set(requestedAddress, address);
      options.set(serverIdentifier, server);
      options.set(parameterRequestList, WANTED);
    });
  }

  /** Gives an address back, to its server alone (RFC 2131 section 4.4.4). Nobody answers that. */
  async release(address: Ipv4, server: Ipv4): Promise<void> {
    await this.#send(MessageType.RELEASE, address, formatIpv4(server), (options) => {
      options.set(serverIdentifier, server);
    });
  }

  /**
   * The next answer of one of these types.
   *
   * @param deadline when to give up, in milliseconds of `performance.now()`.
   * @returns undefined when none came in time.
   */
  async next(types: readonly number[], deadline: number): Promise<Message | undefined> {
    for (;;) {
      const message = this.#arrived.shift();
      if (message !== undefined) {
        if (types.includes(typeOf(message))) return message;
        continue;
      }
      const left = deadline - performance.now();
      if (left <= 0) return undefined;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async #send(
    type: number,
    ciaddr: Ipv4,
    hostname: string,
    fill: (options: Options) => void,
  ): Promise<void> {
    const { mac, broadcast, serverPort: port } = this.#place;
    const options = new Options();
    options.set(messageType, type);
    fill(options);
    const message: Message = {
      op: Op.BOOTREQUEST,
      htype: 1,
      hlen: 6,
      hops: 0,
      xid: this.#xid,
      secs: 0,
      flags: broadcast && type !== MessageType.RELEASE ? BROADCAST_FLAG : 0,
      ciaddr,
      yiaddr: UNSPECIFIED,
      siaddr: UNSPECIFIED,
      giaddr: UNSPECIFIED,
      chaddr: macOctets(mac),
      sname: new Uint8Array(0),
      file: new Uint8Array(0),
      options,
    };
    const packet = new Uint8Array(MIN_MESSAGE);
    const { length } = encodeMessage(message, packet, packet.length);
    await this.#sockets[0]!.send(packet.subarray(0, length), { transport: "udp", hostname, port });
  }

  async #listen(socket: Deno.DatagramConn): Promise<void> {
    for (;;) {
      let packet: Uint8Array;
      try {
        // A buffer each, for messages are views of theirs.
        [packet] = await socket.receive(new Uint8Array(BUFFER));
      } catch {
        // Closed, which ends the exchange; an error that stands ends in silence and so is told.
        return;
      }
      const message = this.#read(packet);
      if (message === undefined) continue;
      this.#arrived.push(message);
      this.#wake?.();
    }
  }

  /** The message when it answers this client; others share the port. */
  #read(packet: Uint8Array): Message | undefined {
    try {
      const message = decodeMessage(packet);
      const ours = message.op === Op.BOOTREPLY && message.xid === this.#xid &&
        formatMac(message.chaddr) === this.#place.mac;
      return ours && message.options.get(messageType) !== undefined ? message : undefined;
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }
}

/** The type of a message that {@linkcode Client} took. */
export function typeOf(message: Message): number {
  return message.options.get(messageType)!;
}
