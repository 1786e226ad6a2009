/**
 * A configuration file's tables, read key by key: each value with its place, and a problem with its
 * place for each that cannot be used.
 *
 * @module
 */

import { nearest } from "./nearest.ts";
import type { Path, TomlLines } from "./toml_lines.ts";
import type { ValueType } from "./types.ts";

/** What other servers and people call a key, and what it is here. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ["range", "pools"],
  ["ranges", "pools"],
  ["gateway", "router"],
  ["gateways", "router"],
]);

/** A TOML table as the parser gives it. */
export type TomlTable = { readonly [key: string]: unknown };

/** A value and what to call it in a message: "site.toml:12: subnet.lan.cidr". */
export interface Placed<T> {
  readonly value: T;
  readonly label: string;
}

/** A file that has been parsed, while it is being read. */
export interface OpenFile {
  readonly path: string;
  readonly lines: TomlLines;
  /** Takes one line for each thing that is wrong. */
  readonly problems: string[];
}

/** Whether a value is a table, and neither a list nor a date. */
export function isTable(value: unknown): value is TomlTable {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/** A value as messages show it. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (value instanceof Date) return "a date";
  if (isTable(value)) return "a table";
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

/** The text of a value where a type takes it, undefined where it does not. */
export function scalarText(value: unknown, { json }: ValueType<unknown>): string | undefined {
  if (typeof value === "string") return value;
  const kinds = json === undefined ? ["integer", "boolean"] : kindsOf(json);
  if (typeof value === "number" && kinds.some((kind) => kind === "integer" || kind === "number")) {
    return String(value);
  }
  return typeof value === "boolean" && kinds.includes("boolean") ? String(value) : undefined;
}

function kindsOf(json: NonNullable<ValueType<unknown>["json"]>): unknown[] {
  const choices = (json["anyOf"] as NonNullable<ValueType<unknown>["json"]>[]) ?? [json];
  return choices.map((one) => one["type"]);
}

/** One table of a file. */
export class Section {
  readonly file: OpenFile;
  readonly table: TomlTable;
  readonly path: Path;
  /** What messages call it: "subnet.lan"; empty for the root. */
  readonly name: string;

  constructor(file: OpenFile, table: TomlTable, path: Path, name: string) {
    this.file = file;
    this.table = table;
    this.path = path;
    this.name = name;
  }

  /** What messages call a key of this table, or the table itself, with its place. */
  label(key?: string, index?: number): string {
    const path = [...this.path, ...[key, index].filter((step) => step !== undefined)];
    const line = this.file.lines.of(path);
    const name = [this.name, key].filter(Boolean).join(".");
    const place = line === undefined ? this.file.path : `${this.file.path}:${line}`;
    return name === "" ? place : `${place}: ${name}`;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.table, key);
  }

  problem(label: string, text: string): void {
    this.file.problems.push(`${label}: ${text}`);
  }

  /** Refuses keys that nobody knows, each with the one that was probably meant. */
  refuseUnknown(known: readonly string[]): void {
    for (const key of Object.keys(this.table)) {
      if (known.includes(key)) continue;
      const usual = OTHER_NAMES.get(key);
      const meant = usual !== undefined && known.includes(usual) ? usual : nearest(key, known);
      const hint = meant === undefined ? `known are ${known.join(", ")}` : `did you mean ${meant}?`;
      this.problem(this.label(key), `unknown key; ${hint}`);
    }
  }

  /** The value of a key, undefined when there is none that can be used. */
  one<T>(key: string, type: ValueType<T>): Placed<T> | undefined {
    if (!this.has(key)) return undefined;
    return this.#read(this.table[key], type, this.label(key));
  }

  /**
   * The values of a key that takes several: a list, or text with commas; "none" is an empty list.
   * Undefined when the key is not there; without those that cannot be used.
   */
  many<T>(key: string, type: ValueType<T>): Placed<T>[] | undefined {
    if (!this.has(key)) return undefined;
    const value = this.table[key];
    const found: (Placed<T> | undefined)[] = [];
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        found.push(this.#read(item, type, this.label(key, index)));
      }
    } else if (value !== "none") {
      const items = typeof value === "string" ? value.split(",") : [value];
      for (const item of items) found.push(this.#read(item, type, this.label(key)));
    }
    return found.filter((one) => one !== undefined);
  }

  /** The tables of a list of tables, [[key]]; none when the key is not there. */
  tables(key: string): Section[] {
    if (!this.has(key)) return [];
    const value = this.table[key];
    if (!Array.isArray(value) || !value.every(isTable)) {
      const header = [...this.path.filter((step) => typeof step === "string"), key].join(".");
      this.problem(this.label(key), `cannot use ${shown(value)}: wanted tables, [[${header}]]`);
      return [];
    }
    const name = [this.name, key].filter(Boolean).join(".");
    return value.map((table, index) =>
      new Section(this.file, table, [...this.path, key, index], `${name}[${index + 1}]`)
    );
  }

  /** This section under another name in messages. */
  called(name: string): Section {
    return new Section(this.file, this.table, this.path, name);
  }

  /** A table inside this one. */
  within(key: string, table: TomlTable): Section {
    const name = [this.name, key].filter(Boolean).join(".");
    return new Section(this.file, table, [...this.path, key], name);
  }

  #read<T>(value: unknown, type: ValueType<T>, label: string): Placed<T> | undefined {
    const text = scalarText(value, type);
    const read = text === undefined ? undefined : type.parse(text.trim());
    if (read !== undefined) return { value: read, label };
    this.problem(label, `cannot use ${shown(value)}: wanted ${type.wanted}`);
    return undefined;
  }
}
