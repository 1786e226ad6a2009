/**
 * The value types of settings: how text becomes a value, and what to say was wanted when it does
 * not.
 *
 * @module
 */

import { AddressError, type Ipv4, parseIpv4, prefixOf } from "../wire/address.ts";
import type { ListenAddress } from "./model.ts";

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
  };
}

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
};

/** Names of network interfaces. Linux allows 15 bytes, without slashes and spaces. */
export const interfaceNames: ValueType<readonly string[]> = {
  placeholder: "NAME,...",
  wanted: "names of network interfaces separated by commas, like lan0",
  parse(text) {
    const names = text.split(",").map((name) => name.trim());
    const distinct = new Set(names).size === names.length;
    return distinct && names.every((name) => /^[^\s\/:]{1,15}$/.test(name)) ? names : undefined;
  },
};

/** One of a few words. */
export function choice<const T extends string>(...words: readonly T[]): ValueType<T> {
  return {
    placeholder: words.join("|"),
    wanted: words.join(" or "),
    parse: (text) => words.find((word) => word === text),
  };
}

/** Text that is not empty. */
export function text(placeholder: string, wanted: string): ValueType<string> {
  const parse = (given: string) => given === "" ? undefined : given;
  return { placeholder, wanted, parse, emptyIsNone: true };
}

/** The beginning of keys. Empty, it would be all keys there are, others' included. */
export const keyPrefix: ValueType<string> = {
  placeholder: "PREFIX",
  wanted: "the beginning of keys, like etcdhcp::, at least one character",
  parse: (given) => given === "" ? undefined : given,
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
};

/** What Go's flag package takes for a boolean. */
export const boolean: ValueType<boolean> = {
  placeholder: "",
  wanted: "true or false",
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
};
