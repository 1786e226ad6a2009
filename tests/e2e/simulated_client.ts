/**
 * A DHCP client as RFC 2131 section 4.4 draws it (figure 5), in a hurry: a machine that is fed
 * packets and the time, and hands out what it sends. It reckons its lease from the instant it first
 * asked for it, retransmits with growing and random pauses (section 4.1, eight times as fast), and
 * stops using an address at the end of its lease.
 *
 * @module
 */

import { addressOption, type Bootp, OPTION, quad, secondsOption, typeOf, TYPES } from "./bootp.ts";
import type { Random } from "./random.ts";

/** The states of figure 5; OFF is a machine without power. */
export type State =
  | "OFF"
  | "INIT"
  | "SELECTING"
  | "REQUESTING"
  | "BOUND"
  | "RENEWING"
  | "REBINDING"
  | "REBOOTING";

/** What a client sends: to one server, or undefined to all. */
export type Send = (to: string | undefined, message: Partial<Bootp> & { chaddr: string }) => void;

/** A lease as the client reckons it; instants in milliseconds since the epoch. */
interface Held {
  readonly address: string;
  readonly server: string;
  readonly renewAt: number;
  readonly rebindAt: number;
  readonly until: number;
}

/** The first pause between retransmissions, and the longest, milliseconds. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 2000;

/** How often a REQUEST is sent before the client starts over. */
const TRIES = 4;

/** The shortest pause between renewals' retransmissions, milliseconds. */
const RENEWAL_PAUSE = 1000;

/** How long after a NAK or a DECLINE the client waits, milliseconds. */
const CHASTENED = 300;

const NONE = "0.0.0.0";

export class SimulatedClient {
  readonly #random: Random;
  readonly #send: Send;
  #chaddr: string;
  #state: State = "OFF";
  #held: Held | undefined;
  /** What was offered, or what is remembered from before a reboot. */
  #wanted: { readonly address: string; readonly server: string | undefined } | undefined;
  #xid = 0;
  /** When the first REQUEST of this transaction was sent. */
  #asked = 0;
  #tries = 0;
  /** When something is to be sent again. */
  #next = 0;

  constructor(chaddr: string, random: Random, send: Send) {
    this.#chaddr = chaddr;
    this.#random = random;
    this.#send = send;
  }

  get chaddr(): string {
    return this.#chaddr;
  }

  get state(): State {
    return this.#state;
  }

  /** The transaction that an answer must belong to. */
  get xid(): number {
    return this.#xid;
  }

  /** The address that it uses at an instant, or undefined. */
  addressAt(now: number): string | undefined {
    return this.#held && now < this.#held.until ? this.#held.address : undefined;
  }

  /** Power on, with no memory of an address. */
  join(now: number): void {
    this.#held = undefined;
    this.#init(now);
  }

  /** Off and on again at once: it still has its lease and asks whether that is right. */
  reboot(now: number): void {
    if (this.#held === undefined) return this.join(now);
    this.#wanted = { address: this.#held.address, server: undefined };
    this.#held = undefined;
    this.#begin("REBOOTING", now);
  }

  /** RELEASE, and off. */
  release(): void {
    if (this.#held !== undefined) this.#give("RELEASE", this.#held);
    this.vanish();
  }

  /** DECLINE: somebody else uses the address. The client starts over. */
  decline(now: number): void {
    if (this.#held !== undefined) this.#give("DECLINE", this.#held);
    this.#held = undefined;
    this.#init(now, CHASTENED);
  }

  /** Power off without a word. */
  vanish(): void {
    this.#held = undefined;
    this.#state = "OFF";
  }

  /** From now on another machine, that nobody has seen. */
  become(chaddr: string): void {
    this.vanish();
    this.#chaddr = chaddr;
  }

  /** Time has passed. */
  tick(now: number): void {
    if (this.#state === "OFF") return;
    const held = this.#held;
    if (held !== undefined && now >= held.until) {
      this.#held = undefined;
      return this.#init(now);
    }
    if (held !== undefined && this.#state === "BOUND" && now >= held.renewAt) {
      return this.#begin("RENEWING", now);
    }
    if (held !== undefined && this.#state === "RENEWING" && now >= held.rebindAt) {
      return this.#begin("REBINDING", now);
    }
    if (this.#state === "BOUND" || now < this.#next) return;
    if (this.#state === "INIT") return this.#begin("SELECTING", now);
    const isHopeless = this.#tries >= TRIES &&
      (this.#state === "REQUESTING" || this.#state === "REBOOTING");
    if (isHopeless) this.#init(now);
    else this.#transmit(now);
  }

  /** A message to this client's address has arrived. */
  receive(message: Bootp, now: number): void {
    if (message.xid !== this.#xid) return;
    const server = addressOption(message, OPTION.serverIdentifier);
    const type = typeOf(message);
    if (this.#state === "SELECTING" && type === "OFFER" && server !== undefined) {
      this.#wanted = { address: message.yiaddr, server };
      this.#state = "REQUESTING";
      this.#asked = now;
      this.#tries = 0;
      return this.#transmit(now);
    }
    const isAsking = this.#state === "REQUESTING" || this.#state === "REBOOTING" ||
      this.#state === "RENEWING" || this.#state === "REBINDING";
    if (!isAsking) return;
    if (type === "NAK") {
      this.#held = undefined;
      return this.#init(now, CHASTENED);
    }
    const lease = secondsOption(message, OPTION.leaseTime);
    if (type !== "ACK" || lease === undefined || server === undefined) return;
    const after = (share: number) => this.#asked + lease * 1000 * share;
    this.#held = {
      address: message.yiaddr,
      server,
      renewAt: after(0.5),
      rebindAt: after(0.875),
      until: after(1),
    };
    this.#state = "BOUND";
  }

  #init(now: number, pause = 0): void {
    this.#state = "INIT";
    this.#next = now + pause;
  }

  /** Enters a state with a transaction of its own. */
  #begin(state: State, now: number): void {
    this.#state = state;
    this.#xid = this.#newXid();
    this.#asked = now;
    this.#tries = 0;
    this.#transmit(now);
  }

  #newXid(): number {
    return Math.floor(this.#random.next() * 2 ** 32);
  }

  #transmit(now: number): void {
    this.#tries++;
    const { chaddr, state } = { chaddr: this.#chaddr, state: this.#state };
    const say = (
      to: string | undefined,
      type: "DISCOVER" | "REQUEST",
      options: readonly (readonly [number, Uint8Array])[],
      ciaddr = NONE,
    ) =>
      this.#send(to, {
        xid: this.#xid,
        chaddr,
        ciaddr,
        broadcast: ciaddr === NONE,
        options: new Map([[OPTION.messageType, Uint8Array.of(TYPES[type])], ...options]),
      });
    const requested = (address: string) => [OPTION.requestedAddress, quad(address)] as const;
    if (state === "SELECTING") {
      say(undefined, "DISCOVER", []);
    } else if (state === "REQUESTING") {
      const { address, server } = this.#wanted!;
      const identifier = [OPTION.serverIdentifier, quad(server!)] as const;
      say(undefined, "REQUEST", [requested(address), identifier]);
    } else if (state === "REBOOTING") {
      say(undefined, "REQUEST", [requested(this.#wanted!.address)]);
    } else {
      const { address, server } = this.#held!;
      say(state === "RENEWING" ? server : undefined, "REQUEST", [], address);
    }
    this.#next = now + this.#pause(now);
  }

  #pause(now: number): number {
    const held = this.#held;
    if (held !== undefined) {
      // Half of what is left (section 4.4.5).
      const end = this.#state === "RENEWING" ? held.rebindAt : held.until;
      return Math.max(RENEWAL_PAUSE, (end - now) / 2);
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#tries - 1));
    return pause * this.#random.between(0.75, 1.25);
  }

  /** Neither has an answer. */
  #give(type: "RELEASE" | "DECLINE", { address, server }: Held): void {
    const isRelease = type === "RELEASE";
    this.#xid = this.#newXid();
    this.#send(isRelease ? server : undefined, {
      xid: this.#xid,
      chaddr: this.#chaddr,
      ciaddr: isRelease ? address : NONE,
      options: new Map([
        [OPTION.messageType, Uint8Array.of(TYPES[type])],
        [OPTION.serverIdentifier, quad(server)],
        ...(isRelease ? [] : [[OPTION.requestedAddress, quad(address)] as const]),
      ]),
    });
  }
}
