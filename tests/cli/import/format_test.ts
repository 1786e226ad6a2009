import assert from "node:assert/strict";
import { formatOf } from "../../../lib/cli/import/format.ts";
import { readJsonLines } from "../../../lib/cli/import/jsonl.ts";

Deno.test("formatOf knows a file by how it begins", () => {
  const table: [string, string | undefined][] = [
    ['{"ip":"10.6.9.1"}', "jsonl"],
    ['\ufeff\n [{"ip":"10.6.9.1"}]', "jsonl"],
    ["address,hwaddr,client_id\n", "kea"],
    ["# The format of this file is\n\nauthoring-byte-order little-endian;\n", "isc"],
    ['server-duid "x";', "isc"],
    ["lease 10.6.9.1 {", "isc"],
    ["1795390000 5c:96:56:a4:be:eb 10.6.9.11 laptop *", "dnsmasq"],
    ["duid 00:01", "dnsmasq"],
    ["", undefined],
    ["# nothing\n", undefined],
    ["lease granted", undefined],
    ["PK\u0003\u0004", undefined],
  ];
  for (const [text, format] of table) assert.equal(formatOf(text), format, JSON.stringify(text));
});

Deno.test("readJsonLines reads lines and arrays, and names what is neither", () => {
  assert.deepEqual(readJsonLines('{"ip":"a"}\n\nx\n7\n{"ip":"b"}'), {
    leases: [{ line: 1, lease: { ip: "a" } }, { line: 5, lease: { ip: "b" } }],
    problems: [{ line: 3, problem: "not JSON" }, { line: 4, problem: "not a JSON object" }],
    passedOver: 0,
  });
  assert.deepEqual(readJsonLines('[{"ip":"a"},\n7]'), {
    leases: [{ line: 1, lease: { ip: "a" } }],
    problems: [{ line: 2, problem: "not a JSON object" }],
    passedOver: 0,
  });
  assert.deepEqual(readJsonLines("[").problems, [{ line: 1, problem: "the array is not JSON" }]);
});
