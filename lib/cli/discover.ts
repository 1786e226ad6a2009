/**
 * The `discover` command: be a client, and show who answers what.
 *
 * @module
 */

import { messageOf } from "../config/operator_error.ts";
import { type InterfaceAddress, TRIAL } from "../config/resolve.ts";
import { environmentName, setting, SETTINGS } from "../config/settings.ts";
import { environmentSource, readSettings } from "../config/sources.ts";
import { boolean, duration, ipv4, macAddress } from "../config/types.ts";
import {
  formatCidr,
  formatIpv4,
  formatMac,
  type Ipv4,
  type Mac,
  macOctets,
  parseMac,
} from "../wire/address.ts";
import type { Route } from "../wire/codec.ts";
import { DecodeError } from "../wire/bytes.ts";
import type { Message } from "../wire/message.ts";
import {
  MessageType,
  messageType,
  messageTypeName,
  optionByCode,
  serverIdentifier,
} from "../wire/registry.ts";
import { Client, type ClientPlace, typeOf } from "./client.ts";
import {
  type Arguments,
  type Command,
  flagSource,
  ownFlag,
  refuse,
  settingFlag,
} from "./command.ts";
import type { Edges } from "./edges.ts";
import { quote } from "./quote.ts";

/** Settings that say where the server is: those of `serve`, seen from the other side. */
const SHARED = {
  serverIf: {
    ...SETTINGS.serverIf,
    type: { ...SETTINGS.serverIf.type, placeholder: "NAME" },
    help: "The interface to ask on",
  },
  port: { ...SETTINGS.port, help: "UDP port that the server listens on" },
  clientPort: { ...SETTINGS.clientPort, help: "UDP port to ask from" },
};

const QUESTION = "Question";

const OWN = {
  request: setting({
    flag: "request",
    group: QUESTION,
    type: boolean,
    fallback: "false",
    help: "Take up the first offer: a lease is made, and kept",
  }),
  release: setting({
    flag: "release",
    group: QUESTION,
    type: boolean,
    fallback: "false",
    help: "Give the lease back at once; with --request",
  }),
  mac: setting({
    flag: "mac",
    group: QUESTION,
    type: macAddress,
    defaultNote: "one of its own, the same each time",
    help: "The hardware address to ask with",
  }),
  server: setting({
    flag: "server",
    group: QUESTION,
    type: ipv4,
    defaultNote: "all, by broadcast; on loopback 127.0.0.1",
    help: "The server to ask",
  }),
  timeout: setting({
    flag: "timeout",
    group: QUESTION,
    type: duration("milliseconds", "10ms", "10m", "3s"),
    fallback: "3s",
    help: "How long to wait for answers",
  }),
  json: setting({
    flag: "json",
    group: "Output",
    type: boolean,
    fallback: "false",
    help: "Print one JSON object a line for each answer",
  }),
};

/** Asked with where nothing better is known; locally administered, so nobody's own. */
const TRIAL_MAC = parseMac("02:00:00:00:00:01");

/** Milliseconds until a question that nobody answered is asked again. */
const PATIENCE = 1000;

/** What to ask, and where. */
interface Question {
  readonly place: ClientPlace;
  /** Where that is, for messages. */
  readonly where: string;
  readonly trial: boolean;
  readonly request: boolean;
  readonly release: boolean;
  readonly json: boolean;
  /** Milliseconds, for all of it. */
  readonly timeout: number;
}

/** Asks for an address, prints every answer, and says so when there is none. */
export const discover: Command = {
  name: "discover",
  summary: "Be a client: ask for an address and print every answer",
  flags: [...Object.values(SHARED).map(settingFlag), ...Object.values(OWN).map(ownFlag)],
  notes:
    "Without --dhcp.server-if it asks the server that runs on loopback for a trial. With it, it " +
    "needs\nport 68, hence root, and a DHCP client that has that port to be stopped.\n" +
    "Exit code: 0 when answered, 1 when not.",
  async run(args, edges) {
    const question = readQuestion(args, edges);
    if (Array.isArray(question)) return refuse(question, edges);
    let client: Client;
    try {
      client = new Client(question.place);
    } catch (error) {
      edges.err(`etcdhcp: ${explain(error, question.place)}\n`);
      return 1;
    }
    using asking = client;
    try {
      return await ask(asking, question, edges);
    } catch (error) {
      edges.err(`etcdhcp: ${explain(error, question.place)}\n`);
      return 1;
    }
  },
};

/** What the arguments ask for, or what is wrong with them. */
function readQuestion(args: Arguments, edges: Edges): Question | string[] {
  const problems = [...args.problems];
  const env = edges.environment(Object.values(SHARED).map(environmentName));
  const shared = readSettings(
    SHARED,
    [flagSource(Object.values(SHARED), args.flags), environmentSource(SHARED, env)],
    problems,
  );
  const own = readSettings(OWN, [flagSource(Object.values(OWN), args.flags)], problems);
  if (own.release.value && !own.request.value) {
    problems.push(`${own.release.label}: needs --request`);
  }

  const names = shared.serverIf.value;
  const trial = shared.serverIf.source === "default";
  let source: InterfaceAddress | undefined;
  if (names !== undefined) {
    source = edges.interfaces()?.find((one) =>
      one.name === names[0]!.name && one.family === "IPv4"
    );
    if (names.length > 1) {
      problems.push(`${shared.serverIf.label}: wanted one interface to ask on`);
    } else if (source === undefined) {
      problems.push(
        `${shared.serverIf.label}: no IPv4 address of ${names[0]!.name} can be seen to ask from`,
      );
    }
  }
  if (problems.length > 0) return problems;

  const server = own.server.value;
  const clientPort = shared.clientPort.value ?? (trial ? TRIAL.clientPort : 68);
  const serverPort = shared.port.value ?? (trial ? TRIAL.port : 67);
  const loopback = formatIpv4(TRIAL.address);
  const place: ClientPlace = {
    // A broadcast leaves by the interface whose address the socket has, and arrives only at a
    // socket that has none, so a real network takes both.
    bind: source === undefined ? [loopback] : [source.address, "0.0.0.0"],
    clientPort,
    serverPort,
    server: server !== undefined ? formatIpv4(server) : trial ? loopback : "255.255.255.255",
    mac: own.mac.value ?? (source === undefined ? TRIAL_MAC : besides(source.mac)),
    broadcast: !trial,
  };
  const where = trial || server !== undefined
    ? `${place.server}, UDP port ${serverPort},`
    : `${source!.name}`;
  return {
    place,
    where,
    trial,
    request: own.request.value,
    release: own.release.value,
    json: own.json.value,
    timeout: own.timeout.value,
  };
}

/**
 * A hardware address beside the interface's own, always the same and locally administered, so that
 * asking leaves the machine's own lease alone.
 */
function besides(own: string): Mac {
  const octets = macOctets(parseMac(own));
  octets[0] = ((octets[0]! ^ 0x04) | 0x02) & 0xfe;
  return formatMac(octets);
}

async function ask(client: Client, question: Question, edges: Edges): Promise<number> {
  const deadline = performance.now() + question.timeout;
  const show = (message: Message) => edges.out(question.json ? json(message) : lines(message));

  const offers = [MessageType.OFFER];
  let offer = await insist(client, () => client.discover(), offers, deadline);
  if (offer === undefined) return unanswered(question, edges);
  show(offer);
  if (!question.request) {
    while ((offer = await client.next(offers, deadline)) !== undefined) show(offer);
    return 0;
  }

  const server = identify(offer);
  if (server === undefined) {
    edges.err("etcdhcp: the offer names no server (option 54), so it cannot be taken up\n");
    return 1;
  }
  const address = offer.yiaddr;
  const verdicts = [MessageType.ACK, MessageType.NAK];
  const request = () => client.request(address, server);
  const verdict = await insist(client, request, verdicts, deadline);
  if (verdict === undefined) {
    edges.err(
      `etcdhcp: ${formatIpv4(server)} offered ${formatIpv4(address)} and did not confirm it; its ` +
        "log says why (-v 1)\n",
    );
    return 1;
  }
  show(verdict);
  if (typeOf(verdict) === MessageType.NAK) {
    edges.err("etcdhcp: the server refused what it had offered; ask again\n");
    return 1;
  }
  if (question.release) await client.release(verdict.yiaddr, server);
  return 0;
}

/** Asks until somebody answers: a datagram may get lost. */
async function insist(
  client: Client,
  send: () => Promise<void>,
  types: readonly number[],
  deadline: number,
): Promise<Message | undefined> {
  let answer: Message | undefined;
  do {
    await send();
    answer = await client.next(types, Math.min(deadline, performance.now() + PATIENCE));
  } while (answer === undefined && performance.now() < deadline);
  return answer;
}

function unanswered({ where, trial, timeout }: Question, edges: Edges): number {
  const advice = trial
    ? "start a server first: etcdhcp serve"
    : "is a server running there, and does a firewall let UDP ports 67 and 68 through?";
  edges.err(`etcdhcp: nobody answered on ${where} within ${timeout / 1000}s; ${advice}\n`);
  return 1;
}

function explain(error: unknown, { bind, clientPort }: ClientPlace): string {
  const port = `UDP port ${clientPort} of ${bind[0]}`;
  if (error instanceof Deno.errors.AddrInUse) {
    return `cannot use ${port}: another program has it; a DHCP client? stop it first`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `cannot use ${port}: ports below 1024 need root or CAP_NET_BIND_SERVICE`;
  }
  return `cannot ask from ${port}: ${messageOf(error)}`;
}

/** The server identifier; undefined when there is none, or none that can be read. */
function identify(message: Message): Ipv4 | undefined {
  try {
    return message.options.get(serverIdentifier);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** A value as JSON has it; text, numbers and lists of them. */
type Plain = string | number | boolean | readonly Plain[];

function lines(message: Message): string {
  const server = identify(message);
  const from = server === undefined ? "a server without a name" : formatIpv4(server);
  let text = `${messageTypeName(typeOf(message))} ${formatIpv4(message.yiaddr)} from ${from}\n`;
  for (const [name, value] of options(message)) text += `  ${name} ${shown(value)}\n`;
  return text;
}

function shown(value: Plain): string {
  if (typeof value === "object") return value.map(shown).join(", ");
  const plain = typeof value !== "string" || /^[\w.:\/ -]+$/.test(value);
  return plain ? String(value) : quote(value);
}

function json(message: Message): string {
  const server = identify(message);
  return JSON.stringify({
    type: messageTypeName(typeOf(message)),
    address: formatIpv4(message.yiaddr),
    server: server === undefined ? null : formatIpv4(server),
    options: Object.fromEntries(options(message)),
  }) + "\n";
}

/** Names and values of a message's options, but for its type. */
function* options(message: Message): Iterable<readonly [string, Plain]> {
  for (const code of message.options.codes()) {
    if (code === messageType.code) continue;
    yield [optionByCode(code)?.name ?? `option-${code}`, valueOf(message, code)];
  }
}

/** An option's value by the shape that the registry knows; as hex where that is all there is. */
function valueOf(message: Message, code: number): Plain {
  const octets = formatMac(message.options.raw(code)!);
  const row = optionByCode(code);
  if (row === undefined) return octets;
  try {
    const value = message.options.get(row);
    switch (row.codec.shape) {
      case "ipv4":
        return formatIpv4(value as Ipv4);
      case "ipv4-list":
        return (value as readonly Ipv4[]).map(formatIpv4);
      case "classless-routes":
        return (value as readonly Route[]).map(
          ({ destination, router }) => `${formatCidr(destination)} via ${formatIpv4(router)}`,
        );
      case "u8":
      case "u16":
      case "u32":
      case "i32":
      case "seconds":
      case "bool":
      case "flag":
      case "text":
      case "u16-list":
      case "domain-list":
        return value as Plain;
      default:
        return octets;
    }
  } catch (error) {
    if (error instanceof DecodeError) return octets;
    throw error;
  }
}
