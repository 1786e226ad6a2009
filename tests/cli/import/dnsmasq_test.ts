import assert from "node:assert/strict";
import { readDnsmasq } from "../../../lib/cli/import/dnsmasq.ts";

/** As dnsmasq 2.90 writes it. */
const SAMPLE = `1795390000 5c:96:56:a4:be:eb 10.6.9.11 laptop 01:5c:96:56:a4:be:eb
0 02:00:00:00:00:13 10.6.9.13 * *
1795390000 00:1a:2b:3c:4d:5e 10.6.9.12 anna ff:9f:6e:85:24:0:2:0:0:ab:11
duid 00:01:00:01:2e:f6:3b:94:52:54:00:12:34:56
1795390000 1234567 fd00::11 laptop 00:01:00:01:2e:f6:3b:94
`;

Deno.test("readDnsmasq reads leases, and those that never end", () => {
  assert.deepEqual(readDnsmasq(SAMPLE), {
    leases: [
      {
        line: 1,
        lease: {
          ip: "10.6.9.11",
          mac: "5c:96:56:a4:be:eb",
          clientId: "015c9656a4beeb",
          hostname: "laptop",
          expires: "2026-11-22T23:26:40.000Z",
        },
      },
      { line: 2, lease: { ip: "10.6.9.13", mac: "02:00:00:00:00:13", expires: null } },
      {
        line: 3,
        lease: {
          ip: "10.6.9.12",
          mac: "00:1a:2b:3c:4d:5e",
          clientId: "ff9f6e852400020000ab11",
          hostname: "anna",
          expires: "2026-11-22T23:26:40.000Z",
        },
      },
    ],
    problems: [],
    passedOver: 0,
  });
});

Deno.test("readDnsmasq names lines that it cannot read and goes on", () => {
  const text = [
    "1795390000 06-00:11:22:33:44:55:66 10.6.9.1 * *",
    "tomorrow 02:00:00:00:00:01 10.6.9.2 * *",
    "1795390000 02:00:00:00:00:01 fd00::1 * *",
    "1795390000 02:00:00:00:00:01",
    "1795390000 02:00:00:00:00:01 10.6.9.3 * 0q",
    "1795390000 02:00:00:00:00:01 10.6.9.4 *",
  ].join("\n");
  const { leases, problems } = readDnsmasq(text);
  assert.deepEqual(leases.map(({ line }) => line), [6]);
  assert.deepEqual(problems, [
    { line: 1, problem: '10.6.9.1: cannot use the hardware address "06-00:11:22:33:44:55:66"' },
    { line: 2, problem: '10.6.9.2: cannot use the instant "tomorrow"' },
    { line: 3, problem: '"fd00::1" is no IPv4 address' },
    { line: 4, problem: "2 columns, wanted 4 or 5" },
    { line: 5, problem: "10.6.9.3: cannot use the client identifier 0q" },
  ]);
});
