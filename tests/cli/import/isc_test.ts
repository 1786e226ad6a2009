import assert from "node:assert/strict";
import { readIsc } from "../../../lib/cli/import/isc.ts";

/** As dhcpd 4.4 writes it, cut short by hand. */
const SAMPLE = String
  .raw`# The format of this file is documented in the dhcpd.leases(5) manual page.
# This lease file was written by isc-dhcp-4.4.3-P1

# authoring-byte-order entry is generated, DO NOT DELETE
authoring-byte-order little-endian;

server-duid "\000\001\000\001.\366;\224RT\000\022\064V";

failover peer "lan" state {
  my state normal at 4 2026/11/19 08:00:00;
  partner state normal at 4 2026/11/19 08:00:02;
}

lease 10.6.9.11 {
  starts 0 2026/11/22 13:00:00;
  ends 0 2026/11/22 14:00:00;
  cltt 0 2026/11/22 13:00:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 5c:96:56:a4:be:eb;
  client-hostname "old-name";
}
lease 10.6.9.12 {
  starts 0 2026/11/22 13:10:00;
  ends 0 2026/11/22 23:10:00;
  tstp 0 2026/11/22 23:10:00;
  cltt 0 2026/11/22 13:10:00;
  binding state active;
  next binding state free;
  rewind binding state free;
  hardware ethernet 00:1a:2b:3c:4d:5e;
  uid "\001\000\032+<M^";
  set vendor-class-identifier = "MSFT 5.0; { not a block }";
  client-hostname "Anna \"the\" laptop";
  on commit {
    if not static {
      set clip = binary-to-ascii (10, 8, ".", leased-address);
    }
  }
}
lease 10.6.9.11 {
  starts 0 2026/11/22 14:00:00;
  ends 0 2026/11/22 22:00:00; # renewed
  binding state active;
  hardware ethernet 5c:96:56:a4:be:eb;
  uid 01:5c:96:56:a4:be:eb;
  client-hostname "laptop";
}
lease 10.6.9.13 {
  starts epoch 1795352400; # Sun Nov 22 13:00:00 2026
  ends never;
  binding state active;
  hardware ethernet 2:0:0:0:0:13;
}
lease 10.6.9.14 {
  starts 0 2026/11/22 13:00:00;
  ends 0 2026/11/22 22:00:00;
  binding state active;
  hardware ethernet 02:00:00:00:00:14;
}
lease 10.6.9.14 {
  starts 0 2026/11/22 13:00:00;
  ends 0 2026/11/22 13:30:00;
  tstp 0 2026/11/22 13:30:00;
  binding state free;
  hardware ethernet 02:00:00:00:00:14;
}
lease 10.6.9.15 {
  starts epoch 1795352400;
  ends epoch 1795388400;
  binding state abandoned;
  next binding state free;
}
`;

Deno.test("readIsc takes the last entry of each address", () => {
  assert.deepEqual(readIsc(SAMPLE), {
    leases: [
      {
        line: 42,
        lease: {
          ip: "10.6.9.11",
          mac: "5c:96:56:a4:be:eb",
          clientId: "015c9656a4beeb",
          hostname: "laptop",
          since: "2026-11-22T14:00:00.000Z",
          expires: "2026-11-22T22:00:00.000Z",
        },
      },
      {
        line: 24,
        lease: {
          ip: "10.6.9.12",
          mac: "00:1a:2b:3c:4d:5e",
          clientId: "01001a2b3c4d5e",
          hostname: 'Anna "the" laptop',
          since: "2026-11-22T13:10:00.000Z",
          expires: "2026-11-22T23:10:00.000Z",
        },
      },
      {
        line: 50,
        lease: {
          ip: "10.6.9.13",
          mac: "02:00:00:00:00:13",
          since: "2026-11-22T13:00:00.000Z",
          expires: null,
        },
      },
    ],
    problems: [],
    passedOver: 4,
  });
});

Deno.test("readIsc names what it cannot read and goes on", () => {
  const good = (ip: string) =>
    `lease ${ip} { ends 0 2026/11/22 22:00:00; hardware ethernet 02:00:00:00:00:01; }`;
  const text = [
    "lease 10.6.9.999 { ends never; }",
    "lease 10.6.9.1 { hardware ethernet 02:00:00:00:00:01; }",
    "lease 10.6.9.2 { ends 0 yesterday; hardware ethernet 02:00:00:00:00:01; }",
    "lease 10.6.9.3 { ends 0 2026/13/22 22:00:00; hardware ethernet 02:00:00:00:00:01; }",
    "lease 10.6.9.4 { ends never; }",
    "lease 10.6.9.5 { ends never; hardware token-ring 02:00:00:00:00:01; }",
    good("10.6.9.6"),
    "}",
    "lease 10.6.9.7 {",
    "  ends 0 2026/11/22 22:00:00;",
    good("10.6.9.8"),
    'host "x" { fixed-address 10.6.9.9; }',
    "lease 10.6.9.10 {",
    "  ends 0 2026/11/2",
  ].join("\n");
  const { leases, problems } = readIsc(text);
  assert.deepEqual(leases.map(({ lease }) => lease.ip), ["10.6.9.6", "10.6.9.8"]);
  assert.deepEqual(problems, [
    { line: 1, problem: '"10.6.9.999" is no IPv4 address' },
    { line: 2, problem: "10.6.9.1: it does not say when it ends" },
    { line: 3, problem: "10.6.9.2: cannot read when it ends: ends 0 yesterday" },
    { line: 4, problem: "10.6.9.3: cannot read when it ends: ends 0 2026/13/22 22:00:00" },
    { line: 5, problem: "10.6.9.4: it has no hardware address" },
    {
      line: 6,
      problem: "10.6.9.5: cannot use the hardware address: hardware token-ring 02:00:00:00:00:01",
    },
    { line: 8, problem: "a } closes nothing" },
    { line: 9, problem: "lease 10.6.9.7: the block does not end" },
    { line: 13, problem: "the file ends within lease 10.6.9.10" },
  ]);
});

Deno.test("readIsc reads any text to its end", () => {
  for (const text of ["", '"', 'lease "x', "{{{", "}}}", 'uid "\\', "lease { } ;;", "\u0000"]) {
    assert.deepEqual(readIsc(text).leases, [], JSON.stringify(text));
  }
});
