/**
 * Option values as text, by the shape that the registry knows, and back.
 *
 * @module
 */

import { optionCode } from "../../config/option_values.ts";
import { AddressError, formatIpv4, formatMac, type Ipv4, parseIpv4 } from "../../wire/address.ts";
import { DecodeError } from "../../wire/bytes.ts";
import { optionByCode } from "../../wire/registry.ts";
import { HttpError } from "../route.ts";

const HEX = /^hex:(?:[0-9a-f]{2}(?::?[0-9a-f]{2})*)?$/i;

/** Text by option name, else "option-CODE". */
export function optionsJson(options: ReadonlyMap<number, Uint8Array>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [code, octets] of [...options].toSorted(([a], [b]) => a - b)) {
    texts[optionByCode(code)?.name ?? `option-${code}`] = textOf(code, octets);
  }
  return texts;
}

function textOf(code: number, octets: Uint8Array): string {
  const row = optionByCode(code);
  const hex = `hex:${formatMac(octets)}`;
  if (row === undefined) return hex;
  try {
    const value = row.codec.decode(octets);
    switch (row.codec.shape) {
      case "ipv4":
        return formatIpv4(value as Ipv4);
      case "ipv4-list":
        return (value as readonly Ipv4[]).map(formatIpv4).join(",");
      case "text":
        return value as string;
      case "domain-list":
      case "u16-list":
        return (value as readonly unknown[]).join(",");
      case "u8":
      case "u16":
      case "u32":
      case "i32":
      case "seconds":
      case "bool":
        return String(value);
      default:
        return hex;
    }
  } catch (error) {
    if (error instanceof DecodeError) return hex;
    throw error;
  }
}

/**
 * Options as a request has them: an object of texts by name or code.
 *
 * @throws {HttpError} 400.
 */
export function readOptions(given: unknown): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  if (given === undefined || given === null) return options;
  if (typeof given !== "object" || Array.isArray(given)) {
    throw new HttpError(400, "options: wanted an object of values by option name or code");
  }
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== "string") throw new HttpError(400, `options: ${name}: wanted text`);
    const code = codeOf(name);
    if (options.has(code)) throw new HttpError(400, `options: ${name}: given twice`);
    options.set(code, octetsOf(name, code, value));
  }
  return options;
}

/** The code that a name stands for, as in a configuration file; our own listing's names too. */
function codeOf(name: string): number {
  const code = optionCode(name.replace(/^option-(?=\d)/, ""));
  if (typeof code === "number") return code;
  throw new HttpError(400, `options: ${name}: ${code}`);
}

function octetsOf(name: string, code: number, text: string): Uint8Array {
  const wrong = (wanted: string) =>
    new HttpError(400, `options: ${name}: cannot use ${JSON.stringify(text)}: wanted ${wanted}`);
  if (text.startsWith("hex:")) {
    if (!HEX.test(text)) throw wrong("hex: and octets, like hex:0a:06:09:01");
    const octets = text.slice(4).replaceAll(":", "").match(/../g) ?? [];
    return Uint8Array.from(octets, (octet) => parseInt(octet, 16));
  }
  const row = optionByCode(code);
  if (row === undefined) throw wrong("hex: and octets, as its form is not known");
  const parts = text.split(",").map((part) => part.trim());
  try {
    switch (row.codec.shape) {
      case "ipv4":
        return row.codec.encode(parseIpv4(text));
      case "ipv4-list":
        return row.codec.encode(parts.map(parseIpv4));
      case "text":
        return row.codec.encode(text);
      case "domain-list":
        return row.codec.encode(parts);
      case "u16-list":
        return row.codec.encode(parts.map(wholeNumber));
      case "u8":
      case "u16":
      case "u32":
      case "i32":
      case "seconds":
        return row.codec.encode(wholeNumber(text));
      case "bool":
        if (text === "true" || text === "false") return row.codec.encode(text === "true");
        throw wrong("true or false");
      default:
        throw wrong("hex: and octets, as its form has no text");
    }
  } catch (error) {
    if (!(error instanceof AddressError || error instanceof RangeError)) throw error;
    throw wrong(`a value of the form ${row.codec.shape}`);
  }
}

function wholeNumber(text: string): number {
  if (!/^-?\d{1,10}$/.test(text)) throw new RangeError("not a whole number");
  return Number(text);
}
