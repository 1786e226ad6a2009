/**
 * ISC dhcpd's `dhcpd.leases` (dhcpd.leases(5)): a journal of blocks, of which the last one for an
 * address counts.
 *
 * @module
 */

import { hexOf, type ImportFile, type ImportLease, type ImportProblem, isoOf } from "./record.ts";
import { isIpv4, macOf } from "./record.ts";

/** A word, a quoted string with its escapes undone, or one of `{ } ;`. */
interface Token {
  readonly line: number;
  readonly text: string;
  readonly quoted: boolean;
  /** Of a quoted string its octets. */
  readonly octets: Uint8Array;
}

/** A statement, or the head of a block and what is in it. */
interface Statement {
  readonly line: number;
  readonly words: readonly Token[];
  readonly block: readonly Statement[] | undefined;
}

const NOTHING = new Uint8Array(0);

export function readIsc(text: string): ImportFile {
  const problems: ImportProblem[] = [];
  const byAddress = new Map<string, ImportLease | undefined>();
  let [blocks, unread] = [0, 0];
  for (const statement of statementsOf(tokensOf(text), problems)) {
    const { words, block, line } = statement;
    if (words[0]?.text !== "lease" || block === undefined) continue;
    blocks++;
    const ip = words[1]?.text ?? "";
    if (!isIpv4(ip)) {
      problems.push({ line, problem: `${JSON.stringify(ip)} is no IPv4 address` });
      unread++;
      continue;
    }
    const entry = readBlock(ip, line, block);
    if (typeof entry === "string") {
      problems.push({ line, problem: `${ip}: ${entry}` });
      unread++;
    } else {
      // Also an entry that holds nothing takes the place of those before it.
      byAddress.set(ip, entry);
    }
  }
  const leases = [...byAddress.values()].filter((one) => one !== undefined);
  const passedOver = blocks - leases.length - unread;
  return { leases, problems: problems.toSorted((a, b) => a.line - b.line), passedOver };
}

/** A lease, undefined for an entry that holds nothing, or what is wrong with it. */
function readBlock(
  ip: string,
  line: number,
  block: readonly Statement[],
): ImportLease | undefined | string {
  const said = new Map<string, readonly Token[]>();
  for (const { words } of block) {
    const [first, second] = words;
    if (first === undefined) continue;
    said.set(first.text === "binding" ? `binding ${second?.text}` : first.text, words);
  }
  const state = said.get("binding state")?.[2]?.text;
  // Before version 3 there were no states: what had not ended was held.
  if (state !== undefined && state !== "active") return undefined;
  if (said.has("abandoned")) return undefined;
  const ends = said.get("ends");
  if (ends === undefined) return "it does not say when it ends";
  const expires = ends[1]?.text === "never" ? null : instantOf(ends);
  if (expires === undefined) return `cannot read when it ends: ${shown(ends)}`;
  const hardware = said.get("hardware");
  if (hardware === undefined) return "it has no hardware address";
  const mac = hardware[1]?.text === "ethernet" ? macOf(hardware[2]?.text ?? "") : undefined;
  if (mac === undefined) return `cannot use the hardware address: ${shown(hardware)}`;
  const starts = said.get("starts");
  const since = starts === undefined ? undefined : instantOf(starts);
  const uid = said.get("uid")?.[1];
  const clientId = uid === undefined ? undefined : uid.quoted ? hex(uid.octets) : hexOf(uid.text);
  const hostname = said.get("client-hostname")?.[1]?.text;
  return {
    line,
    lease: {
      ip,
      mac,
      ...(clientId ? { clientId } : {}),
      ...(hostname ? { hostname } : {}),
      ...(since ? { since } : {}),
      expires,
    },
  };
}

/** "ends 4 2026/11/26 13:44:55" in UTC, or "ends epoch 1764164695". */
function instantOf([, first, second, third]: readonly Token[]): string | undefined {
  if (first?.text === "epoch") {
    return /^\d{1,11}$/.test(second?.text ?? "") ? isoOf(Number(second!.text)) : undefined;
  }
  const date = /^(\d{4})\/(\d\d?)\/(\d\d?)$/.exec(second?.text ?? "");
  const time = /^(\d\d?):(\d\d):(\d\d)$/.exec(third?.text ?? "");
  if (date === null || time === null) return undefined;
  const [year, month, day] = date.slice(1).map(Number) as [number, number, number];
  const [hour, minute, second_] = time.slice(1).map(Number) as [number, number, number];
  if (month > 12 || day > 31 || hour > 23 || minute > 59) return undefined;
  return isoOf(Date.UTC(year, month - 1, day, hour, minute, second_) / 1000);
}

function shown(words: readonly Token[]): string {
  return words.map(({ text }) => text).join(" ");
}

function hex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

function* statementsOf(tokens: Iterable<Token>, problems: ImportProblem[]): Iterable<Statement> {
  const open: { words: Token[]; block: Statement[] }[] = [];
  let words: Token[] = [];
  let last = 1;
  for (const token of tokens) {
    last = token.line;
    const mark = token.quoted ? "" : token.text;
    if (mark === "{") {
      open.push({ words, block: [] });
      words = [];
    } else if (mark === ";" || mark === "}") {
      let done: Statement | undefined;
      if (words.length > 0) done = { line: words[0]!.line, words, block: undefined };
      words = [];
      if (done !== undefined && open.length > 0) open.at(-1)!.block.push(done);
      else if (done !== undefined) yield done;
      if (mark === ";") continue;
      const block = open.pop();
      if (block === undefined) {
        problems.push({ line: token.line, problem: "a } closes nothing" });
        continue;
      }
      const line = block.words[0]?.line ?? token.line;
      const whole: Statement = { line, words: block.words, block: block.block };
      if (open.length > 0) open.at(-1)!.block.push(whole);
      else yield whole;
    } else {
      // A block that a crash cut short is followed by the next one's head.
      if (mark === "lease" && open.length > 0 && words.length === 0) {
        const cut = open.shift()!;
        open.length = 0;
        const line = cut.words[0]?.line ?? token.line;
        problems.push({ line, problem: `${shown(cut.words)}: the block does not end` });
      }
      words.push(token);
    }
  }
  if (open.length > 0) {
    const line = open[0]!.words[0]?.line ?? last;
    problems.push({ line, problem: `the file ends within ${shown(open[0]!.words)}` });
  }
}

const TOKEN = /\s+|#[^\n]*|"((?:[^"\\\n]|\\[^\n])*)"|[{};]|[^\s{};"#]+|"/gy;

function* tokensOf(text: string): Iterable<Token> {
  let line = 1;
  for (const match of text.matchAll(TOKEN)) {
    const [whole, string] = match;
    if (string !== undefined) {
      const octets = unescape(string);
      const decoded = new TextDecoder().decode(octets);
      yield { line, text: decoded, quoted: true, octets };
    } else if (!/^[\s#]/.test(whole)) {
      yield { line, text: whole, quoted: false, octets: NOTHING };
    }
    for (const character of whole) if (character === "\n") line++;
  }
}

/** Undoes \ooo in octal, \xhh, and a backslash before what stands for itself. */
function unescape(text: string): Uint8Array {
  const octets: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, octal, hex] of text.matchAll(/\\([0-7]{1,3})|\\x([0-9a-f]{2})|\\?./giu)) {
    if (octal !== undefined) octets.push(parseInt(octal, 8) & 255);
    else if (hex !== undefined) octets.push(parseInt(hex, 16));
    else octets.push(...encoder.encode(plain(part)));
  }
  return Uint8Array.from(octets);
}

function plain(part: string): string {
  if (!part.startsWith("\\") || part.length === 1) return part;
  return { n: "\n", r: "\r", t: "\t", b: "\b" }[part[1]!] ?? part.slice(1);
}
