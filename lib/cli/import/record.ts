/**
 * What readers of other servers' lease files make.
 *
 * @module
 */

import type { NewLeaseJson } from "../../admin/api/lease_json.ts";

/** A lease that a file holds. */
export interface ImportLease {
  /** Where in the file it stands, from 1. */
  readonly line: number;
  readonly lease: NewLeaseJson;
}

/** A part of a file that could not be read. */
export interface ImportProblem {
  readonly line: number;
  /** Completes "line 7: ". */
  readonly problem: string;
}

/** Everything that a file came to. */
export interface ImportFile {
  readonly leases: readonly ImportLease[];
  readonly problems: readonly ImportProblem[];
  /** Entries that hold no address: ended, released, or superseded by a later one. */
  readonly passedOver: number;
}

/** Reads the text of a file. Never throws: what cannot be read is a problem of the result. */
export type ImportReader = (text: string) => ImportFile;

/** An instant in seconds since 1970 as ISO 8601; undefined when no calendar has it. */
export function isoOf(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A hardware address with two digits an octet, lower case; undefined for what is none. */
export function macOf(text: string): string | undefined {
  const parts = text.toLowerCase().split(":");
  const isMac = parts.length === 6 && parts.every((part) => /^[0-9a-f]{1,2}$/.test(part));
  return isMac ? parts.map((part) => part.padStart(2, "0")).join(":") : undefined;
}

/** Hex with or without colons as plain hex; undefined for what is none. */
export function hexOf(text: string): string | undefined {
  const hex = text.toLowerCase().split(":").map((part) =>
    part.length === 1 ? part.padStart(2, "0") : part
  ).join("");
  return /^([0-9a-f]{2})*$/.test(hex) ? hex : undefined;
}

/** Whether the text is an IPv4 address in dotted decimal. */
export function isIpv4(text: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$/.test(text);
}
