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

Deno.test("splitRecords passes over any amount of white space, and looks at it once", async () => {
  const SHORT = 1 << 16;
  const LONG = 1 << 20;
  /** The least time of three, milliseconds: what else the machine does only adds to it. */
  const took = async (text: string, records: readonly string[]) => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const started = performance.now();
      assert.deepEqual(await split(text, 256), records);
      times.push(performance.now() - started);
    }
    return Math.min(...times);
  };
  for (const space of [" ", "\t", "\n", "\ufeff"]) {
    // Behind a value it might be a part of the record, so it is not waited for.
    const behind = split("[1" + space.repeat(LONG) + "]", 256);
    await assert.rejects(behind, { message: /^record 1 is longer/ });
    const isLine = space === "\n";
    const table: [string, string, (lines: number) => string[]][] = [
      ["", "", () => []],
      ["", "{}", (lines) => [`${lines + 1} {}`]],
      ["[", "{}]", () => ["1 {}"]],
      ["[{}]", "", () => ["1 {}"]],
      ["{}\n", "{}", (lines) => ["1 {}", `${lines + 2} {}`]],
    ];
    for (const [before, after, records] of table) {
      const wanted = (count: number) => records(isLine ? count : 0);
      const white = (count: number) => before + space.repeat(count) + after;
      const short = await took(white(SHORT), wanted(SHORT));
      const long = await took(white(LONG), wanted(LONG));
      // Sixteen times as much: sixteen times the time, not 256 times.
      const what = `${JSON.stringify([space, before, after])}: ${short} ms, ${long} ms`;
      assert.ok(long < 80 * Math.max(short, 1), what);
    }
  }
});
