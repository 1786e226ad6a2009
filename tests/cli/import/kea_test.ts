import assert from "node:assert/strict";
import { readKea } from "../../../lib/cli/import/kea.ts";

/** As Kea 2.2 writes it. */
const SAMPLE =
  `address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context
10.6.9.11,5c:96:56:a4:be:eb,01:5c:96:56:a4:be:eb,3600,1795356000,1,0,0,old.lan.,0,
10.6.9.12,00:1a:2b:3c:4d:5e,,36000,1795392000,1,1,1,anna.lan.,0,{ "comment": "a&#x2cb" }
10.6.9.11,5c:96:56:a4:be:eb,01:5c:96:56:a4:be:eb,36000,1795390000,1,0,0,laptop,0,
10.6.9.13,02:00:00:00:00:13,,4294967295,6090319695,1,0,0,,0,
10.6.9.14,02:00:00:00:00:14,,3600,1795356000,1,0,0,,0,
10.6.9.14,02:00:00:00:00:14,,0,1795352400,1,0,0,,0,
10.6.9.15,,,86400,1795438800,1,0,0,,1,
10.6.9.16,02:00:00:00:00:16,,3600,1795356000,1,0,0,,2,
`;

Deno.test("readKea takes the last row of each address", () => {
  assert.deepEqual(readKea(SAMPLE), {
    leases: [
      {
        line: 4,
        lease: {
          ip: "10.6.9.11",
          mac: "5c:96:56:a4:be:eb",
          clientId: "015c9656a4beeb",
          hostname: "laptop",
          since: "2026-11-22T13:26:40.000Z",
          expires: "2026-11-22T23:26:40.000Z",
        },
      },
      {
        line: 3,
        lease: {
          ip: "10.6.9.12",
          mac: "00:1a:2b:3c:4d:5e",
          hostname: "anna.lan",
          since: "2026-11-22T14:00:00.000Z",
          expires: "2026-11-23T00:00:00.000Z",
        },
      },
      {
        line: 5,
        lease: {
          ip: "10.6.9.13",
          mac: "02:00:00:00:00:13",
          since: "2026-11-22T13:00:00.000Z",
          expires: null,
        },
      },
    ],
    problems: [],
    passedOver: 5,
  });
});

Deno.test("readKea finds columns by their names", () => {
  const text = "address,expire,hwaddr,valid_lifetime,pool_id\r\n" +
    "10.6.9.11,1795390000,5c:96:56:a4:be:eb,3600,0\r\n" +
    "address,hwaddr,valid_lifetime,expire\r\n10.6.9.12,02:00:00:00:00:12,3600,1795390000\r\n";
  assert.deepEqual(readKea(text).leases.map(({ lease }) => [lease.ip, lease.mac]), [
    ["10.6.9.11", "5c:96:56:a4:be:eb"],
    ["10.6.9.12", "02:00:00:00:00:12"],
  ]);
  assert.deepEqual(readKea("address,hwaddr\n10.6.9.1,x\n").problems, [
    { line: 1, problem: "the header lacks valid_lifetime, expire" },
  ]);
  assert.deepEqual(readKea("10.6.9.1,02:00:00:00:00:01,,3600,1795390000\n").problems, [
    { line: 1, problem: "there is no header that names the columns" },
  ]);
});

Deno.test("readKea names rows that it cannot read and goes on", () => {
  const [header] = SAMPLE.split("\n");
  const text = [
    header,
    "10.6.9.999,02:00:00:00:00:01,,3600,1795390000,1,0,0,,0,",
    "10.6.9.1",
    "10.6.9.2,x,,3600,1795390000,1,0,0,,0,",
    "10.6.9.3,02:00:00:00:00:01,,x,1795390000,1,0,0,,0,",
    "10.6.9.4,02:00:00:00:00:01,,3600,-1,1,0,0,,0,",
    "10.6.9.5,02:00:00:00:00:01,0q,3600,1795390000,1,0,0,,0,",
    "10.6.9.6,02:00:00:00:00:01,,3600,1795390000,1,0,0,,0,",
  ].join("\n");
  const { leases, problems, passedOver } = readKea(text);
  assert.deepEqual(leases.map(({ line }) => line), [8]);
  assert.equal(passedOver, 0);
  assert.deepEqual(problems, [
    { line: 2, problem: '"10.6.9.999" is no IPv4 address' },
    { line: 3, problem: "1 columns, wanted 11" },
    { line: 4, problem: '10.6.9.2: cannot use the hardware address "x"' },
    { line: 5, problem: '10.6.9.3: cannot use the valid_lifetime "x"' },
    { line: 6, problem: '10.6.9.4: cannot use the expire "-1"' },
    { line: 7, problem: "10.6.9.5: cannot use the client_id 0q" },
  ]);
});
