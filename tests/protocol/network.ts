/**
 * The protocol core with a network around it: messages go through the codec in both directions,
 * what is decided is carried out as the server loop does, and time is an argument.
 *
 * @module
 */

import type { ServedInterface, Subnet } from "../../lib/config/model.ts";
import { Offers } from "../../lib/lease/offers.ts";
import type { ManagedStore } from "../../lib/lease/management.ts";
import type { Operation, Result } from "../../lib/lease/store.ts";
import { accept } from "../../lib/protocol/accept.ts";
import { decide } from "../../lib/protocol/decide.ts";
import type { Destination, Outcome } from "../../lib/protocol/outcome.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { LARGEST_MESSAGE } from "../../lib/net/port.ts";
import { DecodeError } from "../../lib/wire/bytes.ts";
import { decodeMessage, encodeMessage, type Message } from "../../lib/wire/message.ts";
import { EPOCH, interfaceOf, subnetOf, type SubnetText } from "../lease/fixtures.ts";

/** What a server is configured with; each part has a small default. */
export interface Setting {
  /** "lan0 10.0.0.1/24": name, address, prefix. */
  readonly interfaces?: readonly string[];
  readonly subnets?: readonly SubnetText[];
  /** In place of both: interfaces and subnets as a configuration has them. */
  readonly config?: {
    readonly interfaces: readonly ServedInterface[];
    readonly subnets: readonly Subnet[];
  };
}

/** What came of a message. */
export type Answer =
  | {
    readonly kind: "reply";
    /** As a client reads it. */
    readonly message: Message;
    readonly destination: Destination;
    /** Octets of the UDP payload. */
    readonly size: number;
  }
  | { readonly kind: "silence"; readonly reason: string }
  | { readonly kind: "malformed"; readonly text: string };

/** What the store is made to do with the next operations. */
export type StoreMood = "up" | "down" | "unknown" | "lost";

/** One server, without sockets and without a clock. */
export class Network {
  readonly interfaces: readonly ServedInterface[];
  readonly subnets: readonly Subnet[];
  readonly store: ManagedStore;
  readonly offers: ReadonlyMap<string, Offers>;
  /**
   * "down": known not to commit. "unknown": believed good, but nothing is committed. "lost": it is,
   * and word of it does not come back.
   */
  mood: StoreMood = "up";
  /** Done between the decision and the commit, once: what another server does in that time. */
  meanwhile: Operation | undefined;
  #now = EPOCH;

  /** @param store Where leases are kept: in memory, unless another is given. */
  constructor(setting: Setting = {}, store?: ManagedStore) {
    const { config, interfaces = ["lan0 10.0.0.1/24"], subnets = [{}] } = setting;
    this.interfaces = config?.interfaces ?? interfaces.map(interfaceOf);
    this.subnets = config?.subnets ?? subnets.map(subnetOf);
    this.store = store ?? new MemoryStore(this.subnets);
    this.offers = new Map(
      this.subnets.map(({ name = "" }) => [name, new Offers(this.store.view.space(name))]),
    );
  }

  get now(): number {
    return this.#now;
  }

  /** Lets time pass up to an instant, and with it what the server does every second. */
  async passTo(instant: number): Promise<void> {
    this.#now = instant;
    for (const offers of this.offers.values()) offers.expire(instant);
    const due = this.store.due(instant, Infinity);
    if (this.mood === "up") {
      await this.store.commit(due.map((address) => ({ kind: "expire", address })), instant);
    }
  }

  /** Carries a message to the server and its answer back. */
  async deliver(message: Message, heardOn: string, sourcePort: number): Promise<Answer> {
    const packet = new Uint8Array(LARGEST_MESSAGE);
    const { length } = encodeMessage(message, packet, packet.length);
    return await this.deliverPacket(packet.subarray(0, length), heardOn, sourcePort);
  }

  async deliverPacket(packet: Uint8Array, heardOn: string, sourcePort: number): Promise<Answer> {
    const served = this.interfaces.find(({ name }) => name === heardOn)!;
    let outcome: Outcome;
    try {
      const received = decodeMessage(packet);
      const accepted = accept(received, sourcePort);
      if (typeof accepted === "string") return { kind: "silence", reason: accepted };
      outcome = decide(accepted, received, served, {
        interfaces: this.interfaces,
        subnets: this.store.subnets,
        leases: this.store.view,
        offers: this.offers,
        storeUp: this.mood !== "down",
      }, this.#now);
    } catch (error) {
      if (error instanceof DecodeError) return { kind: "malformed", text: error.message };
      throw error;
    }
    if (outcome.kind === "commit") outcome = outcome.settle(await this.#commit(outcome.operation));
    return this.#conclude(outcome);
  }

  async #commit(operation: Operation): Promise<Result> {
    const unknown = { kind: "unknown", reason: "the store is away" } as const;
    if (this.mood === "down" || this.mood === "unknown") return unknown;
    if (this.meanwhile !== undefined) await this.store.commit([this.meanwhile], this.#now);
    this.meanwhile = undefined;
    const [result] = await this.store.commit([operation], this.#now);
    return this.mood === "lost" ? unknown : result!;
  }

  #conclude(outcome: Exclude<Outcome, { kind: "commit" }>): Answer {
    if (outcome.withdraw !== undefined) {
      this.offers.get(outcome.withdrawIn!)!.withdraw(outcome.withdraw);
    }
    if (outcome.kind === "silence") return { kind: "silence", reason: outcome.reason };
    const { message, destination, maxSize, hold } = outcome;
    if (hold !== undefined) this.offers.get(hold.subnet)!.hold(hold);
    // What a client's buffer held before must not matter.
    const buffer = new Uint8Array(LARGEST_MESSAGE).fill(0xaa);
    const { length } = encodeMessage(message, buffer, maxSize);
    const packet = buffer.slice(0, length);
    return { kind: "reply", message: decodeMessage(packet), destination, size: length };
  }
}
