import assert from "node:assert/strict";
import { readReport } from "./perfdhcp.ts";

const REPORT = `Running: perfdhcp -4 -l gen0 -r 100 -p 1
***Rate statistics***
Rate: 76.6 4-way exchanges/second, expected rate: 100

***Malformed Packets***
Malformed packets: 0
***Statistics for: DISCOVER-OFFER***
sent packets: 100
received packets: 99
drops: 1
drops ratio: 1 %
orphans: 0

min delay: 0.177 ms
avg delay: 0.459 ms
max delay: 3.1 ms
std deviation: 0.299 ms
collected packets: 0

***Statistics for: REQUEST-ACK***
sent packets: 99
received packets: 98
drops: 1
drops ratio: 1.0101 %
orphans: 0

min delay: 0.18 ms
avg delay: 0.5 ms
max delay: 4.25 ms
std deviation: 0.3 ms
collected packets: 0
`;

Deno.test("readReport reads both exchanges", () => {
  assert.deepEqual(readReport(REPORT), {
    offer: { sent: 100, received: 99, averageDelay: 0.459, worstDelay: 3.1 },
    ack: { sent: 99, received: 98, averageDelay: 0.5, worstDelay: 4.25 },
    medianAckDelay: undefined,
  });
});

Deno.test("readReport finds the middle delay from REQUEST to ACK", () => {
  const timed = `${REPORT}
***Timestamps for packets: DISCOVER-OFFER***
sent / received: 000000.000100 / 000000.900000

***Timestamps for packets: REQUEST-ACK***
sent / received: 000000.999900 / 000001.001400
sent / received: 000001.100000 / 000001.100500
sent / received: 000001.200000 / 000001.290000

`;
  assert.equal(readReport(timed).medianAckDelay?.toFixed(3), "1.500");
});

Deno.test("readReport gives no delay when nothing was received", () => {
  const silent = REPORT.replaceAll(/received packets: \d+/g, "received packets: 0")
    .replaceAll(/(\w+) delay: .*/g, "$1 delay: n/a");
  assert.equal(readReport(silent).ack.averageDelay, 0);
});

Deno.test("readReport refuses what is no report", () => {
  assert.throws(() => readReport("perfdhcp: no such interface"), /no DISCOVER-OFFER/);
});
