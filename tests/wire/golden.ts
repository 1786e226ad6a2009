/**
 * Packets of real clients and servers, from the `.hex` files beside this module.
 *
 * @module
 */

const DIRECTORY = new URL("./golden/", import.meta.url);

/** Reads hex; blanks and what follows a `#` do not count. */
export function parseHex(text: string): Uint8Array {
  const digits = text.replaceAll(/#.*|\s/g, "");
  if (!/^(?:[0-9a-f]{2})*$/.test(digits)) throw new Error("Cannot parse hex: wanted 0-9 and a-f");
  return Uint8Array.from(digits.match(/../g) ?? [], (octet) => parseInt(octet, 16));
}

/** Formats octets as hex, without blanks. */
export function formatHex(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** The UDP payload of a captured packet, by file name without ".hex". */
export function golden(name: string): Uint8Array {
  return parseHex(Deno.readTextFileSync(new URL(`${name}.hex`, DIRECTORY)));
}

/** The names of all captured packets, sorted. */
export function goldenNames(): string[] {
  return Array.from(Deno.readDirSync(DIRECTORY), (file) => file.name.replace(/\.hex$/, "")).sort();
}
