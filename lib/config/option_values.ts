/**
 * Values of DHCP options as a file has them, and as octets: one form for each shape that the
 * registry knows.
 *
 * @module
 */

import {
  AddressError,
  formatCidr,
  formatIpv4,
  formatMac,
  type Ipv4,
  parseCidr,
  parseIpv4,
} from "../wire/address.ts";
import { DecodeError } from "../wire/bytes.ts";
import * as codecs from "../wire/codec.ts";
import type { Codec, Shape } from "../wire/codec.ts";
import { optionByCode, OPTIONS } from "../wire/registry.ts";
import { nearest } from "./nearest.ts";
import { isTable, shown } from "./section.ts";
import { type JsonSchema, parseDuration } from "./types.ts";

/** How a file writes values of one shape. */
interface Form {
  /** Completes "wanted ...". */
  readonly wanted: string;
  /** A value to begin from. */
  readonly example: unknown;
  readonly json: JsonSchema;
  /** What the codec of the shape encodes; undefined for what is no such value. */
  readonly read: (value: unknown) => unknown;
  /** The value in the file's words, from what the codec decodes. */
  readonly show: (value: never) => unknown;
}

const TEXT = { type: "string" };
const ADDRESS = { type: "string", format: "ipv4" };

function listOf(json: JsonSchema): JsonSchema {
  return { anyOf: [{ type: "array", items: json, minItems: 1 }, json] };
}

/** One thing may stand for a list of one. */
function readList<T>(value: unknown, read: (item: unknown) => T | undefined): T[] | undefined {
  const items = (Array.isArray(value) ? value : [value]).map(read);
  return items.includes(undefined) ? undefined : items as T[];
}

function readAddress(value: unknown): Ipv4 | undefined {
  return typeof value === "string" ? unlessAddressError(() => parseIpv4(value)) : undefined;
}

function unlessAddressError<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

function integer(max: number, min = 0): Form {
  const isOne = (value: unknown) =>
    typeof value === "number" && Number.isInteger(value) && value >= min && value <= max;
  return {
    wanted: `a whole number, ${min} to ${max}`,
    example: 1,
    json: { type: "integer", minimum: min, maximum: max },
    read: (value) => isOne(value) ? value : undefined,
    show: (value) => value,
  };
}

function integers(max: number): Form {
  const one = integer(max);
  return {
    wanted: `whole numbers, each 0 to ${max}, like [1, 2]`,
    example: [1, 2],
    json: listOf(one.json),
    read: (value) => readList(value, one.read),
    show: (value: Iterable<number>) => [...value],
  };
}

/** Hexadecimal octets, perhaps with colons, dashes or spaces between. */
function readHex(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  const digits = value.replaceAll(/[:\- ]/g, "");
  if (!/^([0-9a-f]{2})*$/i.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (octet) => parseInt(octet, 16));
}

const HEX_EXAMPLE = "01:02:ff";
const HEX_WANTED = `octets in hexadecimal, like ${HEX_EXAMPLE}`;
const HEX_JSON = { type: "string", pattern: "^([0-9A-Fa-f]{2}[: -]?)*$" };

function showHex(octets: Uint8Array): string {
  return formatMac(octets);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && !value.includes("\0");
}

const names: Form = {
  wanted: 'domain names, like ["lan.example", "example.net"]',
  example: ["lan.example", "example.net"],
  json: listOf(TEXT),
  read: (value) => readList(value, (item) => isText(item) ? item : undefined),
  show: (value) => value,
};

const ipv4List: Form = {
  wanted: 'IPv4 addresses, like ["10.6.9.1"]',
  example: ["10.6.9.1", "10.6.9.2"],
  json: listOf(ADDRESS),
  read: (value) => readList(value, readAddress),
  show: (list: readonly Ipv4[]) => list.map(formatIpv4),
};

/** Forms by shape. Values of the other shapes are written in hex. */
const FORMS: { readonly [S in Shape]?: Form } = {
  "ipv4": {
    wanted: 'an IPv4 address, like "10.6.9.1"',
    example: "10.6.9.1",
    json: ADDRESS,
    read: readAddress,
    show: formatIpv4,
  },
  "ipv4-list": ipv4List,
  "ipv4-pairs": {
    wanted: 'pairs of IPv4 addresses, like ["10.8.0.0 10.6.9.2"]',
    example: ["10.8.0.0 10.6.9.2"],
    json: listOf({ type: "string", pattern: "^[0-9.]+ +[0-9.]+$" }),
    read: (value) =>
      readList(value, (item) => {
        const pair = typeof item === "string" ? item.split(/ +/).map(readAddress) : [];
        return pair.length === 2 && !pair.includes(undefined) ? pair : undefined;
      }),
    show: (pairs: readonly codecs.Ipv4Pair[]) =>
      pairs.map((pair) => pair.map(formatIpv4).join(" ")),
  },
  "u8": integer(0xff),
  "u16": integer(0xffff),
  "u32": integer(0xffffffff),
  "i32": integer(0x7fffffff, -0x80000000),
  "seconds": {
    wanted: 'a duration, like "1h", or whole seconds',
    example: "1h",
    json: { anyOf: [{ type: "string" }, integer(0xffffffff).json] },
    read(value) {
      const seconds = typeof value === "string" ? (parseDuration(value) ?? NaN) / 1000 : value;
      return integer(0xffffffff).read(seconds);
    },
    show: (value) => value,
  },
  "bool": {
    wanted: "true or false",
    example: true,
    json: { type: "boolean" },
    read: (value) => typeof value === "boolean" ? value : undefined,
    show: (value) => value,
  },
  "flag": {
    wanted: "true",
    example: true,
    json: { const: true },
    read: (value) => value === true ? true : undefined,
    show: (value) => value,
  },
  "text": {
    wanted: "text",
    example: "text",
    json: { type: "string", minLength: 1 },
    read: (value) => isText(value) ? value : undefined,
    show: (value) => value,
  },
  "bytes": {
    wanted: HEX_WANTED,
    example: HEX_EXAMPLE,
    json: HEX_JSON,
    read: readHex,
    show: showHex,
  },
  "u8-list": {
    ...integers(0xff),
    read: (value) => {
      const list = integers(0xff).read(value);
      return list === undefined ? undefined : Uint8Array.from(list as number[]);
    },
  },
  "u16-list": integers(0xffff),
  "domain-list": names,
  "classless-routes": {
    wanted: 'routes, like ["0.0.0.0/0 via 10.6.9.1", "10.8.0.0/16 via 10.6.9.2"]',
    example: ["0.0.0.0/0 via 10.6.9.1", "10.8.0.0/16 via 10.6.9.2"],
    json: listOf({ type: "string", pattern: "^[0-9.]+/[0-9]+ +via +[0-9.]+$" }),
    read: (value) => readList(value, readRoute),
    show: (routes: readonly codecs.Route[]) =>
      routes.map(({ destination, router }) =>
        `${formatCidr(destination)} via ${formatIpv4(router)}`
      ),
  },
  "sip-servers": {
    wanted: 'addresses, like ["10.6.9.5"], or names, like ["sip.example"], not both',
    example: ["10.6.9.5"],
    json: listOf(TEXT),
    read(value) {
      const addresses = ipv4List.read(value);
      if (addresses !== undefined) return { form: "addresses", addresses };
      const list = names.read(value) as string[] | undefined;
      const mixed = list?.some((name) => readAddress(name) !== undefined) ?? true;
      return mixed ? undefined : { form: "names", names: list };
    },
    show: (servers: codecs.SipServers) =>
      servers.form === "names" ? servers.names : servers.addresses.map(formatIpv4),
  },
};

function readRoute(value: unknown): codecs.Route | undefined {
  const match = typeof value === "string" ? /^(\S+) +via +(\S+)$/.exec(value) : null;
  const destination = match === null ? undefined : unlessAddressError(() => parseCidr(match[1]!));
  const router = match === null ? undefined : readAddress(match[2]);
  return destination && router !== undefined ? { destination, router } : undefined;
}

/** Codecs by the shape's name, for options whose type the file states. */
const CODECS: { readonly [S in Shape]?: Codec<unknown> } = {
  "ipv4": codecs.ipv4,
  "ipv4-list": codecs.ipv4List,
  "ipv4-pairs": codecs.ipv4Pairs,
  "u8": codecs.u8,
  "u16": codecs.u16,
  "u32": codecs.u32,
  "i32": codecs.i32,
  "seconds": codecs.seconds,
  "bool": codecs.bool,
  "flag": codecs.flag,
  "text": codecs.text,
  "bytes": codecs.bytes,
  "u8-list": codecs.u8List,
  "u16-list": codecs.u16List,
  "domain-list": codecs.domainList,
  "classless-routes": codecs.classlessRoutes,
  "sip-servers": codecs.sipServersCodec,
};

/** Types that a file can name. */
export const OPTION_TYPES: readonly string[] = Object.keys(CODECS);

const ANSWERS = "it answers what each client says";

/** Options that a file may not set, and why. */
export const PROTOCOL_OPTIONS: ReadonlyMap<number, string> = new Map([
  [50, "only clients send it"],
  [51, "the lease time is the setting lease"],
  [52, "the server decides how options are packed"],
  [53, "every message has its own"],
  [54, "it is the server's own address"],
  [55, "only clients send it"],
  [56, "it is the reason of a refusal"],
  [57, "only clients send it"],
  [58, "it follows from the lease time (a half)"],
  [59, "it follows from the lease time (seven eighths)"],
  [61, "it is the client's own, sent back"],
  [80, ANSWERS],
  [81, ANSWERS],
  [82, "it is the relay's own, sent back"],
  [90, ANSWERS],
  [91, ANSWERS],
  [92, ANSWERS],
  [118, "only clients send it"],
]);

const byName = new Map(OPTIONS.map((row) => [row.name, row.code]));

/** The code of an option by name or code; a plural is the singular. Else what is wrong. */
export function optionCode(key: string): number | string {
  const code = /^\d{1,9}$/.test(key)
    ? Number(key)
    : byName.get(key) ?? byName.get(key.replace(/s$/, "")) ?? byName.get(`${key}s`);
  if (code === undefined) {
    const meant = nearest(key, byName.keys());
    const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
    return `unknown option: wanted a name of the registry or a code 1 to 254${hint}`;
  }
  if (code < 1 || code > 254) return `no such option: wanted a code 1 to 254`;
  const reason = PROTOCOL_OPTIONS.get(code);
  if (reason === undefined) return code;
  const name = optionByCode(code)?.name;
  return `option ${code}${name === undefined ? "" : ` (${name})`} cannot be set: ${reason}`;
}

/** An option of the registry as a file has it. */
export interface OptionHelp {
  readonly code: number;
  readonly name: string;
  /** The shape of its value: one of {@linkcode OPTION_TYPES}, or one that is written in hex. */
  readonly type: string;
  /** A value that a file may give it; undefined when it may not. */
  readonly example: unknown;
  /** Why a file may not set it. */
  readonly reason: string | undefined;
  /** The text that defines it. */
  readonly source: string;
}

/** Every option of the registry, by code. */
export function optionHelp(): readonly OptionHelp[] {
  const rows = OPTIONS.map(({ code, name, codec, source }): OptionHelp => {
    const reason = PROTOCOL_OPTIONS.get(code);
    const form = FORMS[codec.shape];
    const example = form === undefined ? { hex: HEX_EXAMPLE } : form.example;
    const shown = reason === undefined ? example : undefined;
    return { code, name, type: codec.shape, example: shown, reason, source };
  });
  return rows.toSorted((one, other) => one.code - other.code);
}

/** An option's octets from its value in a file, or what is wrong with it. */
export function readOptionValue(code: number, given: unknown): Uint8Array | string {
  if (isTable(given)) {
    const extra = Object.keys(given).find((key) => !["hex", "type", "value"].includes(key));
    if (extra !== undefined) return `unknown key ${extra}: wanted hex, or type and value`;
    if (Object.hasOwn(given, "hex")) {
      if (Object.keys(given).length > 1) return "hex stands alone, without type and value";
      return readHex(given["hex"]) ??
        `cannot use ${shown(given["hex"])}: wanted ${HEX_WANTED}`;
    }
    if (!Object.hasOwn(given, "value")) return "missing: wanted hex, or type and value";
    if (!Object.hasOwn(given, "type")) return readOptionValue(code, given["value"]);
    const type = given["type"];
    if (typeof type !== "string" || !OPTION_TYPES.includes(type)) {
      const meant = typeof type === "string" ? nearest(type, OPTION_TYPES) : undefined;
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return `cannot use ${shown(type)}: wanted a type, one of ${OPTION_TYPES.join(", ")}${hint}`;
    }
    return encode(CODECS[type as Shape]!, given["value"]);
  }
  const row = optionByCode(code);
  if (row === undefined) {
    return `option ${code} has no type that is known here: wanted { hex = "..." } or ` +
      "{ type = ..., value = ... }";
  }
  return encode(row.codec, given);
}

function encode(codec: Codec<unknown>, given: unknown): Uint8Array | string {
  const form = FORMS[codec.shape];
  if (form === undefined) return `cannot use ${shown(given)}: wanted { hex = "..." }`;
  const value = form.read(given);
  if (value === undefined) return `cannot use ${shownWhole(given)}: wanted ${form.wanted}`;
  try {
    return codec.encode(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return `cannot use ${shownWhole(given)}: ${error.message.replace(/^.*?: /, "")}`;
  }
}

/** As {@linkcode shown}, but a list with its items. */
function shownWhole(value: unknown): string {
  return Array.isArray(value) ? `[${value.map(shown).join(", ")}]` : shown(value);
}

/** An option's value in a file's words, such that reading it gives the same octets. */
export function showOptionValue(code: number, octets: Uint8Array): unknown {
  const row = optionByCode(code);
  const form = row && FORMS[row.codec.shape];
  if (row !== undefined && form !== undefined) {
    const value = decodeShown(row.codec, form, octets);
    const again = value === undefined ? undefined : readOptionValue(code, value);
    if (again instanceof Uint8Array && showHex(again) === showHex(octets)) return value;
  }
  return { hex: showHex(octets) };
}

function decodeShown(codec: Codec<unknown>, form: Form, octets: Uint8Array): unknown {
  try {
    return form.show(codec.decode(octets) as never);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

/** What a file may hold in a table of options, for editors. */
export function optionsSchema(): JsonSchema {
  const raw = {
    anyOf: [
      {
        type: "object",
        properties: { hex: HEX_JSON },
        required: ["hex"],
        additionalProperties: false,
      },
      {
        type: "object",
        properties: { type: { enum: OPTION_TYPES }, value: {} },
        required: ["value"],
        additionalProperties: false,
      },
    ],
  };
  const properties: Record<string, JsonSchema> = {};
  for (const { code, name, codec, source } of OPTIONS) {
    if (PROTOCOL_OPTIONS.has(code)) continue;
    const form = FORMS[codec.shape];
    const json = form === undefined ? raw : { anyOf: [form.json, ...raw.anyOf] };
    const wanted = form === undefined ? HEX_WANTED : form.wanted;
    const row = { description: `Option ${code} (${source}): ${wanted}.`, ...json };
    for (const key of [name, String(code)]) properties[key] = row;
    const other = name.endsWith("s") ? name.slice(0, -1) : `${name}s`;
    if (!byName.has(other)) properties[other] = row;
  }
  return {
    type: "object",
    properties,
    patternProperties: { "^[1-9][0-9]{0,2}$": {} },
    additionalProperties: false,
  };
}
