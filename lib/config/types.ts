/**
 * The value types of settings: how text becomes a value, and what to say was wanted when it does
 * not.
 *
 * @module
 */

import {
  AddressError,
  broadcastOf,
  type Cidr,
  cidrOf,
  type Ipv4,
  type Ipv4Range,
  type Mac,
  parseCidr,
  parseIpv4,
  parseMac,
  parseRange,
  prefixOf,
} from "../wire/address.ts";
import type { ListenAddress } from "./model.ts";

/** A fragment of a JSON Schema. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/** How the text of a setting is read. */
export interface ValueType<T> {
  /** What stands for the value in help: DURATION. Empty for a boolean, which needs none. */
  readonly placeholder: string;
  /** Completes "wanted ...". */
  readonly wanted: string;
  /** The value, or undefined when the text is not one. */
  readonly parse: (text: string) => T | undefined;
  /**
   * Whether an empty text counts as none given: unit files have flags with nothing to fill in. Not
   * where one might be taken to mean something.
   */
  readonly emptyIsNone?: boolean;
  /**
   * What a file may hold for it, for editors. Where its `type` is a number or a boolean, a file may
   * have either that or the text. Undefined: anything that is not a list or a table.
   */
  readonly json?: JsonSchema;
  /** Of a list, the type of one item: a file may have an array in place of text with commas. */
  readonly item?: ValueType<unknown>;
}

/** Milliseconds in each unit that Go's time.ParseDuration knows. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "µs": 1e-3, // U+00B5, micro sign
  "μs": 1e-3, // U+03BC, Greek letter mu
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/**
 * Reads Go's duration syntax without a sign: "1h30m", "1.5h", "500ms". A number needs its unit,
 * as in Go; only "0" does without.
 *
 * @returns milliseconds, or undefined when the text is not a duration.
 */
export function parseDuration(text: string): number | undefined {
  if (text === "0") return 0;
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let total = 0;
  do {
    const match = part.exec(text);
    if (match === null) return undefined;
    total += Number(match[1]) * UNITS[match[2]!]!;
  } while (part.lastIndex < text.length);
  return total;
}

/** Whole seconds in the largest unit that leaves no rest: 3600 is "1h". */
export function formatSeconds(seconds: number): string {
  if (seconds > 0 && seconds % 3600 === 0) return `${seconds / 3600}h`;
  return seconds > 0 && seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}

const DURATION_PATTERN = "^(0|((\\d+(\\.\\d*)?|\\.\\d+)(ns|us|µs|μs|ms|s|m|h))+)$";

/**
 * A duration between two others, both included. Values are whole `unit`s; a rest is dropped, as
 * the wire has no room for it.
 */
export function duration(
  unit: "seconds" | "milliseconds",
  min: string,
  max: string,
  examples: string,
): ValueType<number> {
  const [low, high] = [parseDuration(min)!, parseDuration(max)!];
  return {
    placeholder: "DURATION",
    wanted: `a duration between ${min} and ${max}, like ${examples}`,
    parse(text) {
      const value = parseDuration(text);
      if (value === undefined || value < low || value > high) return undefined;
      return Math.floor(unit === "seconds" ? value / 1000 : value);
    },
    json: { type: "string", pattern: DURATION_PATTERN },
  };
}

/** A whole number between two others, both included. */
export function wholeNumber(placeholder: string, min: number, max: number): ValueType<number> {
  const upTo = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
  return {
    placeholder,
    wanted: `a whole number, ${upTo}`,
    parse(text) {
      if (!/^\d{1,15}$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
    json: {
      type: "integer",
      minimum: min,
      ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }),
    },
  };
}

/** A number between two others, both included, in decimal notation. */
export function decimalNumber(placeholder: string, min: number, max: number): ValueType<number> {
  return {
    placeholder,
    wanted: `a number, ${min} to ${max}`,
    parse(text) {
      if (!/^\d{1,9}(?:\.\d{1,9})?$/.test(text)) return undefined;
      const value = Number(text);
      return value >= min && value <= max ? value : undefined;
    },
    json: { type: "number", minimum: min, maximum: max },
  };
}
/** A part of a whole, as "90%" or 0.9; more than nothing, at most all. */
export const share: ValueType<number> = {
  placeholder: "SHARE",
  wanted: "a share above 0% and up to 100%, like 90%",
  parse(text) {
    const match = /^(\d{1,3}(?:\.\d{1,9})?)(%?)$/.exec(text);
    if (match === null) return undefined;
    const value = match[2] === "%" ? Number(match[1]) / 100 : Number(match[1]);
    return value > 0 && value <= 1 ? value : undefined;
  },
  json: {
    anyOf: [
      { type: "string", pattern: "^\\d{1,3}(\\.\\d{1,9})?%?$" },
      { type: "number", exclusiveMinimum: 0, maximum: 1 },
    ],
  },
};

/** What `read` gives, and nothing when it finds that the text is no address. */
function unlessAddressError<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}

/** An IPv4 address that a host can have. */
export const ipv4: ValueType<Ipv4> = {
  placeholder: "ADDRESS",
  wanted: "an IPv4 address, like 10.6.9.1",
  parse: (text) => unlessAddressError(() => hostAddress(text)),
  emptyIsNone: true,
  json: { type: "string", format: "ipv4" },
};

/** 0.0.0.0/8 and everything from multicast up are not addresses to serve or lease. */
function hostAddress(text: string): Ipv4 | undefined {
  const address = parseIpv4(text);
  const first = address >>> 24;
  return first === 0 || first >= 224 ? undefined : address;
}

/** Several IPv4 addresses; "none" is an empty list. An empty text could mean that or nothing. */
export const ipv4List: ValueType<readonly Ipv4[]> = {
  placeholder: "ADDRESS,...",
  wanted: "IPv4 addresses separated by commas, like 10.6.9.1,10.6.9.2, or none",
  parse(text) {
    if (text === "none") return [];
    const list = text.split(",").map((one) => ipv4.parse(one.trim()));
    return list.includes(undefined) ? undefined : list as Ipv4[];
  },
  item: ipv4,
};

/** Names separated by commas, at least one. */
export function names(placeholder: string, wanted: string): ValueType<readonly string[]> {
  return {
    placeholder,
    wanted,
    parse(text) {
      const list = text.split(",").map((one) => one.trim());
      return list.includes("") ? undefined : list;
    },
    emptyIsNone: true,
    item: text("NAME", wanted),
  };
}

/** A netmask, as its prefix length in bits. */
export const netmask: ValueType<number> = {
  placeholder: "MASK",
  wanted: "a netmask whose one bits are contiguous, like 255.255.255.0",
  parse(text) {
    const prefix = unlessAddressError(() => prefixOf(parseIpv4(text)));
    return prefix === 0 ? undefined : prefix;
  },
  emptyIsNone: true,
  json: { type: "string", format: "ipv4" },
};

/** A network interface by name, perhaps with the address that it has or is going to have. */
export interface NamedInterface {
  readonly name: string;
  /** The server's address there and the network's prefix; undefined for the interface's own. */
  readonly place: { readonly address: Ipv4; readonly cidr: Cidr } | undefined;
}

/** A network interface's name: Linux allows 15 bytes, without slashes and spaces. */
export const interfaceName: ValueType<string> = {
  placeholder: "NAME",
  wanted: "the name of a network interface, like lan0",
  parse: (text) => /^[^\s\/:=]{1,15}$/.test(text) ? text : undefined,
  json: { type: "string", pattern: "^[^\\s/:=]{1,15}$" },
};

/** One interface: "lan0", or with an address "lan0=10.6.9.1/24". */
const namedInterface: ValueType<NamedInterface> = {
  placeholder: "NAME",
  wanted: "the name of a network interface, like lan0, or with its address, like " +
    "lan0=10.6.9.1/24",
  parse(given) {
    const match = /^([^=]*)(?:=([\d.]+)\/(\d{1,2}))?$/.exec(given);
    const name = interfaceName.parse(match?.[1] ?? "");
    if (match === null || name === undefined) return undefined;
    const [, , address, prefix] = match as unknown as [string, string, string?, string?];
    if (address === undefined) return { name, place: undefined };
    const own = ipv4.parse(address);
    if (own === undefined || Number(prefix) < 1 || Number(prefix) > 32) return undefined;
    return { name, place: { address: own, cidr: cidrOf(own, Number(prefix)) } };
  },
  json: { type: "string", pattern: "^[^\\s/:=]{1,15}(=[0-9.]+/[0-9]+)?$" },
};

/** Network interfaces, each once. */
export const interfaceNames: ValueType<readonly NamedInterface[]> = {
  placeholder: "NAME,...",
  wanted: "names of network interfaces separated by commas, like lan0 or lan0=10.6.9.1/24",
  parse(text) {
    const list = text.split(",").map((one) => namedInterface.parse(one.trim()));
    const distinct = new Set(list.map((one) => one?.name)).size === list.length;
    return distinct && !list.includes(undefined) ? list as NamedInterface[] : undefined;
  },
  item: namedInterface,
};

/** One of a few words. */
export function choice<const T extends string>(...words: readonly T[]): ValueType<T> {
  return {
    placeholder: words.join("|"),
    wanted: words.join(", ").replace(/, (?=[^,]*$)/, " or "),
    parse: (text) => words.find((word) => word === text),
    json: { enum: words },
  };
}

/** Text that is not empty. */
export function text(placeholder: string, wanted: string): ValueType<string> {
  const parse = (given: string) => given === "" ? undefined : given;
  return { placeholder, wanted, parse, json: { type: "string" }, emptyIsNone: true };
}

/** The beginning of keys. Empty, it would be all keys there are, others' included. */
export const keyPrefix: ValueType<string> = {
  placeholder: "PREFIX",
  wanted: "the beginning of keys, like etcdhcp::, at least one character",
  parse: (given) => given === "" ? undefined : given,
  json: { type: "string", minLength: 1 },
};

/** A DNS domain name, without the final dot (RFC 1035 section 2.3.1, digits first allowed). */
export const domainName: ValueType<string> = {
  placeholder: "NAME",
  wanted: "a domain name, like lan.example",
  parse(given) {
    const name = given.replace(/\.$/, "");
    const label = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/i;
    return name.length <= 253 && name.split(".").every((part) => label.test(part))
      ? name
      : undefined;
  },
  emptyIsNone: true,
  json: { type: "string" },
};

/** What Go's flag package takes for a boolean. */
export const boolean: ValueType<boolean> = {
  placeholder: "",
  wanted: "true or false",
  json: { type: "boolean" },
  parse(given) {
    if (/^(1|t|T|true|TRUE|True)$/.test(given)) return true;
    if (/^(0|f|F|false|FALSE|False)$/.test(given)) return false;
    return undefined;
  },
};

/** HOST:PORT as Go writes it: no host is every address, an IPv6 address stands in brackets. */
export const listenAddress: ValueType<ListenAddress> = {
  placeholder: "HOST:PORT",
  wanted: "HOST:PORT, like 127.0.0.1:9842, or :9842 for every address",
  parse(given) {
    const match = /^(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]*)):(\d{1,5})$/i.exec(given);
    if (match === null || Number(match[3]) > 65535) return undefined;
    return { hostname: match[1] ?? (match[2] || "::"), port: Number(match[3]) };
  },
  json: { type: "string", pattern: ":[0-9]{1,5}$" },
};

/** A hardware address of six octets. */
export const macAddress: ValueType<Mac> = {
  placeholder: "MAC",
  wanted: "a hardware address, like 5c:96:56:a4:be:eb",
  parse: (text) => unlessAddressError(() => parseMac(text)),
  json: { type: "string", pattern: "^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$" },
};

/** A subnet, without host bits. */
export const cidr: ValueType<Cidr> = {
  placeholder: "SUBNET",
  wanted: "a subnet without host bits, like 10.6.9.0/24",
  parse(text) {
    const subnet = unlessAddressError(() => parseCidr(text));
    return subnet === undefined || subnet.prefix === 0 ? undefined : subnet;
  },
  json: { type: "string", pattern: "^\\d+(\\.\\d+){3}/\\d+$" },
};

/** Some addresses in a row, as somebody wrote them. */
export interface Addresses {
  readonly range: Ipv4Range;
  /** Whether it was written as a subnet, so that the ends need not be meant. */
  readonly asSubnet: boolean;
}

/** A range, a subnet, or one address. */
export const addresses: ValueType<Addresses> = {
  placeholder: "RANGE",
  wanted: "addresses like 10.6.9.10-10.6.9.100, 10.6.9.64/26 or 10.6.9.7",
  parse: (text) =>
    unlessAddressError(() => {
      if (text.includes("/")) {
        const cidr = parseCidr(text);
        return { range: { from: cidr.network, to: broadcastOf(cidr) }, asSubnet: true };
      }
      if (text.includes("-")) return { range: parseRange(text), asSubnet: false };
      const address = parseIpv4(text);
      return { range: { from: address, to: address }, asSubnet: false };
    }),
  json: { type: "string", pattern: "^\\d+(\\.\\d+){3}(/\\d+| *- *\\d+(\\.\\d+){3})?$" },
};

/** Words that keys in etcd have where a subnet's name would stand. */
const KEY_WORDS = ["ips", "nics", "leases", "reservations", "pools", "servers"];

/** A subnet's name, which is a part of keys in etcd. */
export const subnetName: ValueType<string> = {
  placeholder: "NAME",
  wanted:
    "up to 63 letters, digits, dashes and underscores, a letter or digit first, and none of " +
    KEY_WORDS.join(", "),
  parse: (text) =>
    /^[a-z0-9][a-z0-9_-]{0,62}$/i.test(text) && !KEY_WORDS.includes(text) ? text : undefined,
  json: { type: "string", pattern: "^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$", not: { enum: KEY_WORDS } },
};

/** Where to post to. */
export const webUrl: ValueType<string> = {
  placeholder: "URL",
  wanted: "an http or https URL",
  parse(text) {
    const url = URL.parse(text);
    return url !== null && /^https?:$/.test(url.protocol) ? text : undefined;
  },
  json: { type: "string", pattern: "^https?://" },
};
