/**
 * Where settings come from, and which source wins.
 *
 * @module
 */

import { nearest } from "./nearest.ts";
import { environmentName, type Setting, type SettingValue } from "./settings.ts";

/** The text that somebody gave for a setting, and what they wrote it under. */
export interface Given {
  readonly text: string;
  /** The setting as its giver spelt it, for messages: "-dhcp.lease", "ETCDHCP_DHCP_LEASE". */
  readonly label: string;
  /** Whether it has been found to be of no use, and somebody told. */
  readonly refused?: true;
}

/** One place that settings come from. */
export interface Source {
  readonly kind: "flag" | "environment" | "file";
  /** By setting key. */
  readonly values: ReadonlyMap<string, Given>;
}

/** A setting's value and where it came from. */
export interface Resolved<T> {
  readonly value: T;
  readonly source: Source["kind"] | "default";
  /** What was given, else the fallback's text; undefined where there is neither. */
  readonly text: string | undefined;
  /** What to call the setting in a message. */
  readonly label: string;
  /** False when what was given could not be used; `value` is the default then. */
  readonly usable: boolean;
}

/** A table of settings. */
export type Table = Readonly<Record<string, Setting>>;

/** What each row of a table came to. */
export type ResolvedTable<T extends Table> = {
  readonly [K in keyof T]: Resolved<SettingValue<T[K]>>;
};

/**
 * Settles every row of a table.
 *
 * @param sources strongest first.
 * @param problems takes one line for each value that cannot be used.
 */
export function readSettings<T extends Table>(
  table: T,
  sources: readonly Source[],
  problems: string[],
): ResolvedTable<T> {
  const rows = Object.entries(table).map(([name, row]) => [name, settle(row, sources, problems)]);
  return Object.fromEntries(rows) as ResolvedTable<T>;
}

function settle(
  row: Setting,
  sources: readonly Source[],
  problems: string[],
): Resolved<unknown> {
  const fallback = row.fallback === undefined ? undefined : row.type.parse(row.fallback);
  for (const { kind, values } of sources) {
    const given = values.get(row.key);
    if (given === undefined) continue;
    if (row.type.emptyIsNone && given.text.trim() === "") continue;
    const { label } = given;
    const { text } = given;
    const resolved = (value: unknown, usable: boolean) => (
      { value, source: kind, text, label, usable }
    );
    if (given.refused) return resolved(fallback, false);
    const value = row.type.parse(given.text.trim());
    if (value !== undefined) return resolved(value, true);
    const shown = row.secret ? "what was given" : JSON.stringify(given.text);
    problems.push(`${label}: cannot use ${shown}: wanted ${row.type.wanted}`);
    return resolved(fallback, false);
  }
  const label = `--${row.flag}`;
  return { value: fallback, source: "default", text: row.fallback, label, usable: true };
}

/**
 * The source that environment variables are. An empty variable counts as not set, as an
 * EnvironmentFile= often leaves some.
 */
export function environmentSource(table: Table, env: ReadonlyMap<string, string>): Source {
  const values = new Map<string, Given>();
  for (const row of Object.values(table)) {
    const label = environmentName(row);
    const text = env.get(label);
    if (text) values.set(row.key, { text, label });
  }
  return { kind: "environment", values };
}

/** Variables that commands read and that are no settings of the server's. */
const OTHER_VARIABLES: ReadonlySet<string> = new Set(["ETCDHCP_ADMIN_TOKEN"]);

/**
 * One line for each variable that looks like a setting and is none. They are warnings, for an
 * environment is not all ours: Kubernetes puts ETCDHCP_SERVICE_HOST and ETCDHCP_PORT into every pod
 * beside a service called etcdhcp.
 */
export function strayVariables(table: Table, env: ReadonlyMap<string, string>): string[] {
  const known = new Set(Object.values(table).map(environmentName));
  const sections = new Set([...known].map((name) => name.split("_", 2)[1]));
  return [...env.keys()]
    .filter((name) => name.startsWith("ETCDHCP_") && !known.has(name) && !OTHER_VARIABLES.has(name))
    .filter((name) => sections.has(name.split("_", 2)[1]))
    .map((name) => {
      const meant = nearest(name, known);
      const hint = meant === undefined ? "" : `; did you mean ${meant}?`;
      return `${name} is not a setting and has no effect${hint}`;
    });
}
