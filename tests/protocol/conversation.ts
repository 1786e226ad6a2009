/**
 * Conversations as text: what clients say, what the server answers, and when.
 *
 *     at 0s   > DISCOVER aa:01
 *             < OFFER $A lease=3600 to=yiaddr
 *     at 1s   > REQUEST aa:01 server=10.0.0.1 requested=$A
 *             < ACK $A t1=1800 t2=3150
 *     at 2s   > RELEASE aa:01 server=10.0.0.1 ciaddr=$A
 *             - no-reply-wanted
 *
 * `>` a message: its type, its client, then fields. A type of digits is sent as it is; BOOTP sends
 * none. `<` the reply to it, `-` why there is none (or `- malformed`, and perhaps what is said of
 * it). `=` what is then true of the book. `!` something that happens to the server. A reply is
 * compared in what its line names and in nothing else. `$A` stands for an address that the server
 * chooses: the first use gives it its value, different names have different values.
 *
 * Fields of a message: server, requested, ciaddr, giaddr, lease, params (codes), id, relay (hex),
 * hostname, maxsize, flags (hex), via (interface, else the first), port (source), hops, secs, xid,
 * op, htype, chaddr (hex), and raw (CODE:HEX, an option octet for octet).
 *
 * Fields of a reply: to, lease, t1, t2, server, ciaddr, giaddr, siaddr, mask, router, dns, domain,
 * hostname, ntp, id, relay, options (codes in the order of the wire), flags, xid, hops, secs, chaddr,
 * op, and size.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Destination } from "../../lib/protocol/outcome.ts";
import {
  formatIpv4,
  type Ipv4,
  macOctets,
  parseIpv4,
  UNSPECIFIED,
} from "../../lib/wire/address.ts";
import { type Message, Op } from "../../lib/wire/message.ts";
import { Options } from "../../lib/wire/options.ts";
import {
  clientIdentifier,
  domainName,
  domainNameServer,
  hostName,
  leaseTime,
  maximumMessageSize,
  MessageType,
  messageType,
  messageTypeName,
  ntpServer,
  parameterRequestList,
  rebindingTime,
  relayAgentInformation,
  renewalTime,
  requestedAddress,
  router,
  serverIdentifier,
  subnetMask,
} from "../../lib/wire/registry.ts";
import {
  addPool,
  bind,
  EPOCH,
  free,
  macOf,
  octetsOf,
  removePool,
  reservation,
  reserve,
} from "../lease/fixtures.ts";
import { type Answer, Network, type Setting, type StoreMood } from "./network.ts";

/** Registers a conversation as a test. */
export function conversation(title: string, setting: Setting, script: string): void {
  Deno.test(title, () => new Conversation(setting).play(script));
}

/** A server that is spoken to in text; several scripts may go on where the last one ended. */
export class Conversation {
  readonly network: Network;
  readonly #names = new Map<string, string>();

  constructor(setting: Setting = {}) {
    this.network = new Network(setting);
  }

  /** Plays a script and compares what comes of it with what it says. */
  async play(script: string): Promise<void> {
    const lines = script.split("\n").map((line) => line.trim()).filter((line) => line !== "");
    const wanted: string[] = [];
    const found: string[] = [];
    for (let i = 0; i < lines.length;) {
      const [, time, said] = /^(?:at (\S+)\s+)?(.*)$/.exec(lines[i++]!)!;
      if (time !== undefined) await this.network.passTo(EPOCH + secondsOf(time) * 1000);
      const head = time === undefined ? said! : `at ${time} ${said}`;
      wanted.push(head);
      found.push(head);
      const [mark, text] = [said![0], said!.slice(1).trim()];
      if (mark === "!") await this.#happen(text);
      else if (mark === "=") this.#compare(text, this.#book(text), wanted, found);
      else if (mark === ">") {
        const answer = await this.say(this.#resolve(text));
        const line = lines[i++] ?? "";
        if (/^[<-]/.test(line)) this.#compare(line, showAnswer(answer, line), wanted, found);
        else assert.fail(`After "${head}" comes ${showAnswer(answer, "")}, not "${line}"`);
      } else assert.fail(`Cannot read "${lines[i - 1]}"`);
    }
    assert.equal(found.join("\n"), wanted.join("\n"));
  }

  /** Says one line to the server. */
  say(text: string): Promise<Answer> {
    const { message, via, port } = readMessage(text);
    return this.network.deliver(message, via ?? this.network.interfaces[0]!.name, port);
  }

  /** The address that a name stands for. */
  address(name: string): string {
    return this.#names.get(name)!;
  }

  #compare(wantedLine: string, foundLine: string, wanted: string[], found: string[]): void {
    const foundWords = foundLine.split(" ");
    wantedLine.split(/\s+/).forEach((word, index) => {
      const name = /\$\w+/.exec(word)?.[0];
      if (name === undefined || this.#names.has(name)) return;
      // The name takes what stands in its place, unless another name has that.
      const [before, after] = word.split(name);
      const value = foundWords[index]?.slice(before!.length, -after!.length || undefined);
      const isFree = value !== undefined && ![...this.#names.values()].includes(value);
      if (isFree && /^[\d.]+$/.test(value)) this.#names.set(name, value);
    });
    wanted.push(`    ${this.#resolve(wantedLine).replaceAll(/\s+/g, " ")}`);
    found.push(`    ${foundLine}`);
  }

  #resolve(text: string): string {
    return text.replaceAll(/\$\w+/g, (name) => this.#names.get(name) ?? name);
  }

  /**
   * What happens to the server: `store down`, `store unknown`, `store lost`, `store up`; `aa:02 takes 10.0.0.10`
   * for an hour, from another server; `meanwhile aa:02 takes 10.0.0.10`, between the next decision
   * and its commit; what operators do: `free 10.0.0.10`, `force 10.0.0.10`, `reserve 10.0.0.10 aa:01`,
   * `pool + 10.0.0.10-10.0.0.11`, `pool - 10.0.0.10-10.0.0.11`.
   */
  async #happen(text: string): Promise<void> {
    const [, mood] = /^store (up|down|unknown|lost)$/.exec(text) ?? [];
    if (mood !== undefined) {
      this.network.mood = mood as StoreMood;
      return;
    }
    if (await this.#operate(text.split(" "))) return;
    const [, meanwhile, client, address] =
      /^(meanwhile )?(\S+) takes (\S+)$/.exec(this.#resolve(text)) ??
        assert.fail(`Cannot read "! ${text}"`);
    const claim = bind(client!, address!, this.network.now + 3_600_000);
    if (meanwhile !== undefined) this.network.meanwhile = claim;
    else await this.network.store.commit([claim], this.network.now);
  }

  /** What an operator does; false when it is none of that. */
  async #operate([verb, what, whom]: readonly string[]): Promise<boolean> {
    const { store, now } = this.network;
    if (verb === "free" || verb === "force") {
      const [result] = await store.commit([free(what!, verb === "force")], now);
      assert.equal(result?.kind, "done", `${verb} ${what}`);
      return true;
    }
    if (verb !== "reserve" && verb !== "pool") return false;
    const amendment = verb === "reserve"
      ? reserve(whom!, reservation(what!))
      : what === "+"
      ? addPool(whom!)
      : removePool(whom!);
    assert.deepEqual(await store.amend([amendment], now), [{ kind: "done" }]);
    return true;
  }

  /** `= free=1 bound=3`, `= offers=2`, `= 10.0.0.10 bound aa:01 hostname=x`: what the book holds. */
  #book(text: string): string {
    const words = this.#resolve(text).split(/\s+/);
    const { store, subnets, offers } = this.network;
    if (/^\d/.test(words[0]!)) {
      const lease = store.view.ofAddress(parseIpv4(words[0]!));
      if (lease === undefined) return `${words[0]} none`;
      const name = words.some((word) => word.startsWith("hostname="))
        ? ` hostname=${lease.hostname || "none"}`
        : "";
      return `${words[0]} ${lease.state} ${lease.client.replace("02:00:00:00:", "")}${name}`;
    }
    const subnet = subnets[0]!.name ?? "";
    const facts: Record<string, number> = {
      ...store.view.counts(subnet),
      offers: offers.get(subnet)!.size,
    };
    return words.map((word) => {
      const [fact] = word.split("=");
      return `${fact}=${facts[fact!]}`;
    }).join(" ");
  }
}

function secondsOf(text: string): number {
  const [, count, unit] = /^([\d.]+)(s|m|h|d)$/.exec(text) ?? assert.fail(`Cannot read ${text}`);
  return Number(count) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit as "s" | "m" | "h" | "d"];
}

interface Said {
  readonly message: Message;
  readonly via: string | undefined;
  readonly port: number;
}

/** Reads a client's line. */
export function readMessage(text: string): Said {
  const [type, client, ...words] = text.split(/\s+/);
  const fields = new Map<string, string>();
  const options = new Options();
  if (type !== "BOOTP") options.set(messageType, typeOf(type!));
  for (const word of words) {
    const at = word.indexOf("=");
    const [name, value] = [word.slice(0, at), word.slice(at + 1)];
    const put = OPTION_FIELDS[name];
    if (put !== undefined) put(options, value);
    else if (HEADER_FIELDS.has(name)) fields.set(name, value);
    else assert.fail(`Cannot read "${word}" of "${text}"`);
  }
  const number = (name: string, fallback: number) => Number(fields.get(name) ?? fallback);
  const address = (name: string) => parseIpv4(fields.get(name) ?? "0.0.0.0");
  const chaddr = fields.has("chaddr") ? octetsOf(fields.get("chaddr")!) : macOctets(macOf(client!));
  const giaddr = address("giaddr");
  const message: Message = {
    op: number("op", Op.BOOTREQUEST),
    htype: number("htype", 1),
    hlen: chaddr.length,
    hops: number("hops", giaddr === UNSPECIFIED ? 0 : 1),
    xid: number("xid", 0x1234),
    secs: number("secs", 0),
    flags: parseInt(fields.get("flags") ?? "0", 16),
    ciaddr: address("ciaddr"),
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr,
    chaddr,
    sname: new Uint8Array(0),
    file: new Uint8Array(0),
    options,
  };
  return {
    message,
    via: fields.get("via"),
    port: number("port", giaddr === UNSPECIFIED ? 68 : 67),
  };
}

const HEADER_FIELDS = new Set(
  "ciaddr giaddr flags hops secs xid op htype chaddr via port".split(" "),
);

const OPTION_FIELDS: Readonly<Record<string, (options: Options, value: string) => void>> = {
  server: (options, value) => options.set(serverIdentifier, parseIpv4(value)),
  requested: (options, value) => options.set(requestedAddress, parseIpv4(value)),
  lease: (options, value) => options.set(leaseTime, Number(value)),
  params: (options, value) =>
    options.setRaw(parameterRequestList.code, Uint8Array.from(value.split(","), Number)),
  id: (options, value) => options.setRaw(clientIdentifier.code, octetsOf(value)),
  relay: (options, value) => options.setRaw(relayAgentInformation.code, octetsOf(value)),
  hostname: (options, value) => options.set(hostName, value),
  maxsize: (options, value) => options.set(maximumMessageSize, Number(value)),
  raw: (options, value) => {
    const [code, hex] = value.split(":");
    options.setRaw(Number(code), octetsOf(hex!));
  },
};

function typeOf(text: string): number {
  return /^\d+$/.test(text)
    ? Number(text)
    : MessageType[text as keyof typeof MessageType] ?? assert.fail(`Cannot read type ${text}`);
}

/** An answer in the words of the line that it is compared with. */
function showAnswer(answer: Answer, like: string): string {
  if (answer.kind === "silence") return `- ${answer.reason}`;
  if (answer.kind === "malformed") {
    return like.trim().replaceAll(/\s+/g, " ") === "- malformed"
      ? "- malformed"
      : `- malformed: ${answer.text}`;
  }
  const { options, yiaddr } = answer.message;
  const words = ["<", messageTypeName(options.get(messageType)!)];
  if (yiaddr !== UNSPECIFIED) words.push(formatIpv4(yiaddr));
  for (const word of like.split(/\s+/)) {
    const [name, value] = word.split("=");
    if (value !== undefined) words.push(`${name}=${REPLY_FIELDS[name!]?.(answer) ?? "none"}`);
  }
  return words.join(" ");
}

type Replied = Extract<Answer, { kind: "reply" }>;

const addresses = (list: readonly Ipv4[] | undefined) => list?.map(formatIpv4).join(",");
const hex = (octets: Uint8Array | undefined) =>
  octets && Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");

const REPLY_FIELDS: Readonly<Record<string, (answer: Replied) => string | undefined>> = {
  to: ({ destination }) => showDestination(destination),
  lease: ({ message }) => message.options.get(leaseTime)?.toString(),
  t1: ({ message }) => message.options.get(renewalTime)?.toString(),
  t2: ({ message }) => message.options.get(rebindingTime)?.toString(),
  server: ({ message }) => addresses(asList(message.options.get(serverIdentifier))),
  mask: ({ message }) => addresses(asList(message.options.get(subnetMask))),
  router: ({ message }) => addresses(message.options.get(router)),
  dns: ({ message }) => addresses(message.options.get(domainNameServer)),
  domain: ({ message }) => message.options.get(domainName),
  hostname: ({ message }) => message.options.get(hostName),
  ntp: ({ message }) => addresses(message.options.get(ntpServer)),
  id: ({ message }) => hex(message.options.raw(clientIdentifier.code)),
  relay: ({ message }) => hex(message.options.raw(relayAgentInformation.code)),
  options: ({ message }) => message.options.codes().join(","),
  overload: ({ message }) => message.options.overload.toString(),
  ciaddr: ({ message }) => formatIpv4(message.ciaddr),
  giaddr: ({ message }) => formatIpv4(message.giaddr),
  siaddr: ({ message }) => formatIpv4(message.siaddr),
  chaddr: ({ message }) => hex(message.chaddr),
  flags: ({ message }) => message.flags.toString(16),
  xid: ({ message }) => message.xid.toString(),
  hops: ({ message }) => message.hops.toString(),
  secs: ({ message }) => message.secs.toString(),
  op: ({ message }) => message.op.toString(),
  size: ({ size }) => size.toString(),
};

function asList(address: Ipv4 | undefined): Ipv4[] | undefined {
  return address === undefined ? undefined : [address];
}

/** yiaddr: to the address that the client is given and does not have yet. */
function showDestination(destination: Destination): string {
  switch (destination.kind) {
    case "relay":
    case "client":
      return `${destination.kind}/${formatIpv4(destination.address)}`;
    case "unconfigured":
      return "yiaddr";
    case "broadcast":
      return "broadcast";
  }
}
