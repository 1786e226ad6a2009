/**
 * Our own export, JSON lines; or such leases in an array.
 *
 * @module
 */

import type { NewLeaseJson } from "../../admin/api/lease_json.ts";
import type { ImportFile, ImportLease, ImportProblem } from "./record.ts";

/** What becomes of the values is for the server to judge, which knows them best. */
export function readJsonLines(text: string): ImportFile {
  if (/^[\s\ufeff]*\[/.test(text)) return readArray(text.replace(/^\ufeff/, ""));
  const leases: ImportLease[] = [];
  const problems: ImportProblem[] = [];
  for (const [index, row] of text.replace(/^\ufeff/, "").split("\n").entries()) {
    if (row.trim() === "") continue;
    try {
      take(JSON.parse(row), index + 1, leases, problems);
    } catch {
      problems.push({ line: index + 1, problem: "not JSON" });
    }
  }
  return { leases, problems, passedOver: 0 };
}

function readArray(text: string): ImportFile {
  const leases: ImportLease[] = [];
  const problems: ImportProblem[] = [];
  try {
    for (const [index, value] of (JSON.parse(text) as unknown[]).entries()) {
      take(value, index + 1, leases, problems);
    }
  } catch {
    problems.push({ line: 1, problem: "the array is not JSON" });
  }
  return { leases, problems, passedOver: 0 };
}

function take(
  value: unknown,
  line: number,
  leases: ImportLease[],
  problems: ImportProblem[],
): void {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject) leases.push({ line, lease: value as NewLeaseJson });
  else problems.push({ line, problem: "not a JSON object" });
}
