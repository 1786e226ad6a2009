/**
 * As much of JSON Schema as our document uses: a check of a value against a schema. A keyword that
 * it does not know is an error, so that nothing passes unchecked.
 *
 * @module
 */

import type { Schema } from "../../lib/admin/route.ts";

/** Keywords that say nothing about whether a value fits. */
const REMARKS = new Set(["description"]);

const FORMATS: Readonly<Record<string, RegExp>> = {
  ipv4: /^(\d{1,3}\.){3}\d{1,3}$/,
  "date-time": /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
};

/** What does not fit, a line each, with its place. */
export function misfits(
  value: unknown,
  schema: Schema,
  named: Readonly<Record<string, Schema>>,
  at = "$",
): string[] {
  const problems: string[] = [];
  const check = (fits: boolean, what: string) => {
    if (!fits) problems.push(`${at}: ${JSON.stringify(value)}: ${what}`);
  };
  const isObject = typeOf(value) === "object";
  const fields = isObject ? value as Record<string, unknown> : {};
  for (const [keyword, wanted] of Object.entries(schema)) {
    if (REMARKS.has(keyword)) continue;
    switch (keyword) {
      case "$ref": {
        const name = (wanted as string).replace("#/components/schemas/", "");
        const target = named[name];
        if (target === undefined) problems.push(`${at}: no schema ${wanted}`);
        else problems.push(...misfits(value, target, named, at));
        break;
      }
      case "type": {
        const types = [wanted].flat() as string[];
        const own = typeOf(value);
        check(
          types.includes(own) || (types.includes("integer") && Number.isInteger(value)),
          `is no ${types.join(" or ")}`,
        );
        break;
      }
      case "const":
        check(value === wanted, `is not ${wanted}`);
        break;
      case "enum":
        check((wanted as unknown[]).includes(value), `is none of ${wanted}`);
        break;
      case "minimum":
        check(typeof value !== "number" || value >= (wanted as number), `is less than ${wanted}`);
        break;
      case "format": {
        const pattern = FORMATS[wanted as string];
        if (pattern === undefined) throw new Error(`${at}: format ${wanted} is not checked`);
        check(typeof value !== "string" || pattern.test(value), `is no ${wanted}`);
        break;
      }
      case "required":
        for (const name of wanted as string[]) check(name in fields || !isObject, `lacks ${name}`);
        break;
      case "properties":
        for (const [name, inner] of Object.entries(wanted as Record<string, Schema>)) {
          if (name in fields) {
            problems.push(...misfits(fields[name], inner, named, `${at}.${name}`));
          }
        }
        break;
      case "additionalProperties": {
        const known = Object.keys((schema.properties as object) ?? {});
        for (const [name, inner] of Object.entries(fields)) {
          if (known.includes(name)) continue;
          if (wanted === false) problems.push(`${at}.${name}: is not in the schema`);
          else problems.push(...misfits(inner, wanted as Schema, named, `${at}.${name}`));
        }
        break;
      }
      case "items":
        if (!Array.isArray(value)) break;
        value.forEach((item, index) =>
          problems.push(...misfits(item, wanted as Schema, named, `${at}[${index}]`))
        );
        break;
      case "anyOf":
        check(
          (wanted as Schema[]).some((one) => misfits(value, one, named, at).length === 0),
          "fits none",
        );
        break;
      default:
        throw new Error(`${at}: keyword ${keyword} is not checked`);
    }
  }
  return problems;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
