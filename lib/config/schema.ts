/**
 * A JSON Schema of the configuration file, from the tables that the file is read by: editors check
 * and complete with it.
 *
 * @module
 */

import { optionsSchema } from "./option_values.ts";
import { defaultText, type Setting, SETTINGS } from "./settings.ts";
import { type Field, HOOK_FIELDS, RESERVATION_FIELDS, SUBNET_FIELDS } from "./structure.ts";
import type { JsonSchema, ValueType } from "./types.ts";

interface ObjectSchema {
  readonly type: "object";
  readonly description?: string;
  readonly properties: Record<string, JsonSchema>;
  readonly required?: readonly string[];
  readonly additionalProperties: false;
}

/** The schema, JSON Schema 2020-12. */
export function configSchema(): JsonSchema {
  const root: ObjectSchema = { type: "object", properties: {}, additionalProperties: false };
  for (const row of Object.values<Setting>(SETTINGS)) addSetting(root, row);
  const options = { $ref: "#/$defs/options" };
  const reservation = tableOf(RESERVATION_FIELDS, "A fixed address for one client", { options });
  const subnet = tableOf(SUBNET_FIELDS, "A subnet to lease from", {
    options,
    reservation: { type: "array", items: reservation },
  });
  root.properties["subnet"] = { type: "array", items: subnet };
  root.properties["hook"] = {
    type: "array",
    items: {
      ...tableOf(HOOK_FIELDS, "A program or a URL that is told of events", {}),
      oneOf: [{ required: ["run"] }, { required: ["url"] }],
    },
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "etcDHCP configuration",
    ...root,
    $defs: { options: eitherForm(optionsSchema()) },
  };
}

/** Options are a table by name or code, or a list of tables that say their name or code. */
function eitherForm(table: JsonSchema): JsonSchema {
  const item = {
    type: "object",
    properties: {
      name: { type: "string" },
      code: { type: "integer", minimum: 1, maximum: 254 },
      hex: { type: "string" },
      type: { type: "string" },
      value: {},
    },
    oneOf: [{ required: ["name"] }, { required: ["code"] }],
    additionalProperties: false,
  };
  return {
    description: "DHCP options by name or code",
    anyOf: [table, { type: "array", items: item }],
  };
}

function addSetting(root: ObjectSchema, row: Setting): void {
  const steps = row.file?.split(".") ?? [];
  const key = steps.pop();
  if (key === undefined) return;
  let section = root;
  for (const step of steps) {
    section.properties[step] ??= { type: "object", properties: {}, additionalProperties: false };
    section = section.properties[step] as unknown as ObjectSchema;
  }
  const fallback = defaultText(row);
  const description = fallback === "" ? `${row.help}.` : `${row.help}. Default: ${fallback}.`;
  const typed = row.fallback === undefined ? undefined : defaultValue(row.fallback, row.type);
  section.properties[key] = {
    description,
    ...(typed === undefined ? {} : { default: typed }),
    ...schemaOf(row.type, row.type.item !== undefined),
  };
}

/** The text of a default as the file has it. */
function defaultValue(text: string, { json }: ValueType<unknown>): unknown {
  const kind = json?.["type"];
  if (kind === "integer" || kind === "number") return Number(text);
  return kind === "boolean" ? text === "true" : text;
}

function schemaOf(type: ValueType<unknown>, isList: boolean): JsonSchema {
  const own = isList && type.item !== undefined ? type.item : type;
  const one = own.json ?? { type: "string" };
  if (!isList) return one;
  // Text with commas in it does as well, as on the command line.
  return { anyOf: [{ type: "array", items: one }, { type: "string" }] };
}

function tableOf(
  fields: Readonly<Record<string, Field>>,
  description: string,
  more: Record<string, JsonSchema>,
): ObjectSchema {
  const rows = Object.values(fields);
  const properties = rows.map(({ key, type, help, fallback, isList }) => {
    const note = fallback === undefined ? "" : ` Default: ${fallback}.`;
    return [key, { description: `${help}.${note}`, ...schemaOf(type, isList) }];
  });
  const required = rows.filter(({ required }) => required).map(({ key }) => key);
  return {
    type: "object",
    description,
    properties: { ...Object.fromEntries(properties), ...more },
    required,
    additionalProperties: false,
  };
}
