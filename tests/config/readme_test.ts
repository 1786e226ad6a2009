import assert from "node:assert/strict";
import { settingsReference } from "../../lib/config/settings.ts";
import { structureReference } from "../../lib/config/structure.ts";

/** The cells of a Markdown table, without the white space that aligns them. */
function cellsOf(table: string): string[][] {
  return table.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/^-+$/, "---"))
  );
}

/** What the README has between two comments. */
function part(name: string): string {
  const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
  return RegExp(`<!-- ${name}:.*?-->([\\s\\S]*?)<!-- end of ${name} -->`).exec(readme)?.[1] ?? "";
}

Deno.test("settingsReference: the README has it as it is", () => {
  assert.deepEqual(cellsOf(part("settings")), cellsOf(settingsReference()));
});

Deno.test("structureReference: the README has it as it is", () => {
  assert.deepEqual(cellsOf(part("structure")), cellsOf(structureReference()));
});
