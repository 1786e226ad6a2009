import assert from "node:assert/strict";
import fc from "fast-check";
import { FORMATS, READERS } from "../../../lib/cli/import/format.ts";

/** Words that the formats are made of, so that chance comes near to what they mean. */
const WORDS = fc.constantFrom(
  ...["lease", "10.6.9.11", "{", "}", ";", '"', "\\", "#", "ends", "starts", "never", "epoch"],
  ...["binding state active", "hardware ethernet", "5c:96:56:a4:be:eb", "2026/11/22", "13:00:00"],
  ...["uid", "client-hostname", "1795390000", "0", "*", ",", "\n", "\r\n", " ", "duid", "address"],
  ...["address,hwaddr,valid_lifetime,expire", "4294967295", "999999999999", "&#x2c", "[", ":"],
);

const TEXT = fc.oneof(
  fc.string(),
  fc.array(WORDS, { maxLength: 80 }).map((words) => words.join(" ")),
  fc.array(WORDS, { maxLength: 80 }).map((words) => words.join("")),
);

Deno.test("every reader takes any text, and gives nothing that it did not understand", () => {
  fc.assert(
    fc.property(TEXT, fc.constantFrom(...FORMATS), (text, format) => {
      const { leases, problems, passedOver } = READERS[format](text);
      const lines = text.split("\n").length;
      assert.ok(passedOver >= 0);
      for (const { line } of [...leases, ...problems]) assert.ok(line >= 1 && line <= lines);
      if (format === "jsonl") return;
      for (const { lease } of leases) {
        assert.match(lease.ip, /^\d+\.\d+\.\d+\.\d+$/);
        assert.match(lease.mac, /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
        assert.ok(lease.expires === null || !Number.isNaN(Date.parse(lease.expires)));
      }
    }),
    { numRuns: 2000 },
  );
});
