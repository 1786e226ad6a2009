import assert from "node:assert/strict";
import { settingsReference } from "../../lib/config/settings.ts";

/** The cells of a Markdown table, without the white space that aligns them. */
function cellsOf(table: string): string[][] {
  return table.split("\n").filter((line) => line.startsWith("|")).map((line) =>
    line.slice(1, -1).split(/(?<!\\)\|/).map((cell) => cell.trim().replace(/^-+$/, "---"))
  );
}

Deno.test("settingsReference: the README has it as it is", () => {
  const readme = Deno.readTextFileSync(new URL("../../README.md", import.meta.url));
  const [, table = ""] = /<!-- settings:.*?-->([\s\S]*?)<!-- end of settings -->/.exec(readme) ??
    [];
  assert.deepEqual(cellsOf(table), cellsOf(settingsReference()));
});
