import assert from "node:assert/strict";
import { csvRow, layOut, showable } from "../../lib/cli/table.ts";

const COLUMNS = [{ title: "A" }, { title: "NAME", shrinks: true }, { title: "N", right: true }];

Deno.test("layOut lines columns up", () => {
  assert.equal(
    layOut(COLUMNS, [["10.6.9.1", "x", "7"], ["b", "laptop", "1234"]], undefined),
    "A         NAME       N\n10.6.9.1  x          7\nb         laptop  1234\n",
  );
  assert.equal(layOut(COLUMNS, [], 80), "A  NAME  N\n");
});

Deno.test("layOut cuts what may be cut until it fits", () => {
  const rows = [["10.6.9.1", "a-very-long-name-of-a-host", "7"]];
  const table = layOut(COLUMNS, rows, 30);
  assert.ok(table.split("\n").every((line) => line.length <= 30));
  assert.equal(table.split("\n")[1], "10.6.9.1  a-very-long-name…  7");
  // Less than it can be made is not tried for ever.
  assert.match(layOut(COLUMNS, rows, 5), /a-ver…/);
});

Deno.test("showable shows what would do a terminal harm", () => {
  assert.equal(showable('a"b\u001b[2J\u202e'), 'a"b\\u001b[2J\\u202e');
});

Deno.test("csvRow quotes what needs it", () => {
  assert.equal(csvRow(["a", 'b"c', "d,e", "f\ng", ""]), 'a,"b""c","d,e",f\\ng,\r\n');
});

Deno.test("csvRow gives a spreadsheet nothing to run, and nothing that it would not show", () => {
  for (const cell of ["=1+1", "+1", "-1", "@SUM(A1)"]) assert.equal(csvRow([cell]), `'${cell}\r\n`);
  assert.equal(csvRow(["\t=1", "\r=1"]), "'\\t=1,'\\r=1\r\n");
  assert.equal(csvRow(['=HYPERLINK("x","y")']), `"'=HYPERLINK(""x"",""y"")"\r\n`);
  assert.equal(csvRow(["lap\u202etop", "\u2066x\u061c"]), "lap\\u202etop,\\u2066x\\u061c\r\n");
  assert.equal(
    csvRow(["10.6.9.1", "a=b", "5c:96:56:a4:be:eb"]),
    "10.6.9.1,a=b,5c:96:56:a4:be:eb\r\n",
  );
});
