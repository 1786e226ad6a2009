/**
 * The configuration file: TOML to settings, subnets and hooks, each value with its line.
 *
 * @module
 */

import { parse, TomlError } from "smol-toml";
import { readHook } from "./file_hooks.ts";
import { readSubnet, resolveSubnets, type SubnetEntry } from "./file_subnets.ts";
import { cidrContains, type Ipv4 } from "../wire/address.ts";
import type { ConfigFile } from "./config_file.ts";
import { isTable, type OpenFile, scalarText, Section, shown, type TomlTable } from "./section.ts";
import { type Setting, SETTINGS } from "./settings.ts";
import type { Given } from "./sources.ts";
import { foreignLanguage } from "./foreign.ts";
import { TomlLines } from "./toml_lines.ts";

/** Tables at the root that are not sections of settings. */
const STRUCTURES = ["subnet", "hook"];

/** Sections of settings, as deep as they go; a row is a leaf. */
type Layout = Map<string, Layout | Setting>;

const LAYOUT = layoutOf(Object.values<Setting>(SETTINGS));

function layoutOf(rows: readonly Setting[]): Layout {
  const root: Layout = new Map();
  for (const row of rows) {
    const steps = row.file?.split(".") ?? [];
    const last = steps.pop();
    if (last === undefined) continue;
    let section = root;
    for (const step of steps) {
      if (!section.has(step)) section.set(step, new Map());
      section = section.get(step) as Layout;
    }
    section.set(last, row);
  }
  return root;
}

/**
 * Reads a configuration file's text.
 *
 * @param path what messages call it.
 */
export function readConfigFile(path: string, text: string): ConfigFile {
  const file: OpenFile = { path, lines: new TomlLines(text), problems: [] };
  const root = parseToml(file, text);
  const values = new Map<string, Given>();
  const top = new Section(file, root ?? {}, [], "");
  top.refuseUnknown([...LAYOUT.keys(), ...STRUCTURES]);
  readSettingsOf(top, LAYOUT, values);
  const entries: SubnetEntry[] = top.tables("subnet").map(readSubnet);
  const hooks = top.tables("hook").map(readHook).filter((one) => one !== undefined);
  return {
    path,
    isToml: root !== undefined,
    problems: file.problems,
    settings: { kind: "file", values },
    hasSubnets: top.has("subnet"),
    prefers: (name, address) => prefers(entries, name, address),
    subnets: (surroundings) => resolveSubnets(entries, surroundings),
    hooks: hooks.map(({ hook }) => hook),
    needs: hooks.flatMap(({ needs }) => needs ?? []),
  };
}

/** Of an interface's addresses the one in the subnet that names it, or in any. */
function prefers(entries: readonly SubnetEntry[], name: string, address: Ipv4): boolean {
  const named = entries.filter((entry) => entry.interface?.value === name);
  return (named.length > 0 ? named : entries).some(({ cidr }) =>
    cidr !== undefined && cidrContains(cidr.value, address)
  );
}

function parseToml(file: OpenFile, text: string): TomlTable | undefined {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The message goes on with a drawing of the place.
    const [reason = ""] = error.message.replace("Invalid TOML document: ", "").split("\n");
    const language = foreignLanguage(text);
    file.problems.push(
      language === undefined
        ? `${file.path}:${error.line}: column ${error.column}: not TOML: ${reason}`
        : `${file.path}: this looks like ${language}; etcdhcp reads TOML, see ` +
          '"Configuration file" in README',
    );
    return undefined;
  }
}

function readSettingsOf(section: Section, layout: Layout, values: Map<string, Given>): void {
  for (const [key, known] of layout) {
    if (!section.has(key)) continue;
    const value = section.table[key];
    if (!(known instanceof Map)) {
      values.set(known.key, given(section, key, value, known));
    } else if (isTable(value)) {
      const inner = section.within(key, value);
      inner.refuseUnknown([...known.keys()]);
      readSettingsOf(inner, known, values);
    } else {
      section.problem(
        section.label(key),
        `cannot use ${shown(value)}: wanted a section, [${section.within(key, {}).name}]`,
      );
    }
  }
}

/** A setting's value as the text that a flag would have. */
function given(section: Section, key: string, value: unknown, row: Setting): Given {
  const label = section.label(key);
  const { type } = row;
  const unusable = (place: string, what: unknown, wanted: string): Given => {
    const said = row.secret ? "what was given" : shown(what);
    section.problem(place, `cannot use ${said}: wanted ${wanted}`);
    return { text: "(refused)", label, refused: true };
  };
  if (Array.isArray(value) && type.item !== undefined) {
    const { item } = type;
    const texts = value.map((one) => scalarText(one, item)?.trim());
    for (const [index, text] of texts.entries()) {
      if (text !== undefined && item.parse(text) !== undefined) continue;
      return unusable(section.label(key, index), value[index], item.wanted);
    }
    if (texts.length > 0) return { text: texts.join(","), label };
    // Flags have a word for an empty list, where one makes sense.
    const none = type.parse("none");
    const isEmpty = Array.isArray(none) && none.length === 0;
    return isEmpty ? { text: "none", label } : unusable(label, value, type.wanted);
  }
  const text = scalarText(value, type);
  return text === undefined ? unusable(label, value, type.wanted) : { text, label };
}
