import assert from "node:assert/strict";
import fc from "fast-check";
import * as registry from "../../lib/wire/registry.ts";
import {
  MessageType,
  messageTypeName,
  type Option,
  optionByCode,
  optionByName,
  OPTIONS,
} from "../../lib/wire/registry.ts";
import { Options } from "../../lib/wire/options.ts";
import { VALUES } from "./arbitraries.ts";

Deno.test("OPTIONS: holds every row that the module exports, by ascending code", () => {
  const isRow = (value: unknown): value is Option<unknown> =>
    typeof value === "object" && value !== null && "codec" in value;
  const exported = Object.values<unknown>(registry).filter(isRow);
  assert.deepEqual(new Set(OPTIONS), new Set(exported));
  const codes = OPTIONS.map(({ code }) => code);
  assert.deepEqual(codes, codes.toSorted((a, b) => a - b));
  assert.equal(new Set(codes).size, codes.length);
});

Deno.test("OPTIONS: all of RFC 2132 is there", () => {
  const wanted = [
    ...Array.from({ length: 61 }, (_, i) => i + 1),
    ...Array.from({ length: 13 }, (_, i) => i + 64),
  ];
  for (const code of wanted) assert.match(optionByCode(code)?.source ?? "", /^RFC 2132 section \d/);
});

Deno.test("OPTIONS: names are unique, lower case, with dashes; sources name a document", () => {
  assert.equal(new Set(OPTIONS.map(({ name }) => name)).size, OPTIONS.length);
  for (const { name, source } of OPTIONS) {
    assert.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/);
    assert.match(source, /^(RFC \d{4}|MS-DHCPE|draft-)/);
  }
});

for (const row of OPTIONS) {
  if (row.code === registry.overload.code) continue;
  Deno.test(`${row.name}: a value that is set is the value that is got`, () => {
    fc.assert(
      fc.property(VALUES[row.codec.shape], (value) => {
        const options = new Options();
        options.set(row, value);
        assert.deepEqual(options.get(row), value);
      }),
      { numRuns: 20 },
    );
  });
}

Deno.test("optionByName: finds what optionByCode finds", () => {
  for (const row of OPTIONS) {
    assert.equal(optionByName(row.name), row);
    assert.equal(optionByCode(row.code), row);
  }
  assert.equal(optionByName("no-such-option"), undefined);
  assert.equal(optionByCode(0), undefined);
  assert.equal(optionByCode(255), undefined);
});

Deno.test("messageTypeName: known ones by name, the rest as one word for metrics", () => {
  assert.equal(messageTypeName(MessageType.DISCOVER), "DISCOVER");
  assert.equal(messageTypeName(8), "INFORM");
  assert.equal(messageTypeName(0), "UNKNOWN");
  assert.equal(messageTypeName(200), "UNKNOWN");
});
