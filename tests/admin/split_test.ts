import assert from "node:assert/strict";
import { splitRecords } from "../../lib/admin/api/split.ts";

/** Cuts a text into pieces of so many octets. */
async function* pieces(text: string, size: number): AsyncGenerator<Uint8Array> {
  const octets = new TextEncoder().encode(text);
  for (let at = 0; at < octets.length; at += size) yield octets.subarray(at, at + size);
}

async function split(text: string, size: number): Promise<string[]> {
  const records: string[] = [];
  for await (const { line, text: record } of splitRecords(pieces(text, size))) {
    records.push(`${line} ${record}`);
  }
  return records;
}

Deno.test("splitRecords finds records however the text is cut", async () => {
  const table: [string, string[]][] = [
    ["", []],
    [" \n ", []],
    ['{"a":1}', ['1 {"a":1}']],
    ['\ufeff{"a":1}\r\n\n{"b":"é"}\n', ['1 {"a":1}', '3 {"b":"é"}']],
    ["x\ny", ["1 x", "2 y"]],
    ["[]", []],
    [' [ {"a":[1,2]} , {"b":"],[{\\""} ] \n', ['1 {"a":[1,2]}', '2 {"b":"],[{\\""}']],
    ["[1,2,]", ["1 1", "2 2"]],
  ];
  for (const [text, records] of table) {
    for (const size of [1, 2, 3, 7, 1000]) {
      assert.deepEqual(await split(text, size), records, JSON.stringify([text, size]));
    }
  }
});

Deno.test("splitRecords refuses what does not end, goes on, or is no record", async () => {
  await assert.rejects(split("[1", 1), { message: "the array does not end" });
  await assert.rejects(split("[1] 2", 1), { message: "there is something after the array" });
  await assert.rejects(split("[1]]", 1), { message: "there is something after the array" });
  const long = "x".repeat(16 * 1024 + 1);
  for (const text of [long, `\n${long}\n`, `["${long}"]`, `[1,"${long}`]) {
    await assert.rejects(split(text, 1000), { message: /^record [12] is longer than 16384 / });
  }
});
