/**
 * The formats of lease files that can be read, and which one a file is in.
 *
 * @module
 */

import { readDnsmasq } from "./dnsmasq.ts";
import { readIsc } from "./isc.ts";
import { readJsonLines } from "./jsonl.ts";
import { readKea } from "./kea.ts";
import type { ImportReader } from "./record.ts";

export const FORMATS = ["jsonl", "isc", "kea", "dnsmasq"] as const;
export type Format = typeof FORMATS[number];

export const READERS: Readonly<Record<Format, ImportReader>> = {
  jsonl: readJsonLines,
  isc: readIsc,
  kea: readKea,
  dnsmasq: readDnsmasq,
};

/** How files of each format begin, after comments. */
const SIGNS: readonly (readonly [Format, RegExp])[] = [
  ["jsonl", /^[{[]/],
  ["kea", /^address,/],
  ["isc", /^(lease\s+[\d.]+\s*\{|authoring-byte-order|server-duid|failover\s+peer|host\s|group\s)/],
  ["dnsmasq", /^(\d+\s+\S+\s+\d+\.\d+\.\d+\.\d+\s|duid\s)/],
];

/** The format that a file looks like; undefined when it looks like none. */
export function formatOf(text: string): Format | undefined {
  for (const line of text.replace(/^\ufeff/, "").split("\n")) {
    const start = line.trim();
    if (start === "" || start.startsWith("#")) continue;
    return SIGNS.find(([, sign]) => sign.test(start))?.[0];
  }
  return undefined;
}
