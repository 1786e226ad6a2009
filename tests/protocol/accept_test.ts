import assert from "node:assert/strict";
import { accept } from "../../lib/protocol/accept.ts";
import { MessageType } from "../../lib/wire/registry.ts";
import { conversation, readMessage } from "./conversation.ts";

/** Why the message is dropped; undefined when it is taken. */
function dropped(text: string): string | undefined {
  const { message, port } = readMessage(text);
  const accepted = accept(message, port);
  return typeof accepted === "string" ? accepted : undefined;
}

Deno.test("accept: takes what clients send and gives its type (RFC 2131 table 2)", () => {
  for (const type of ["DISCOVER", "REQUEST", "DECLINE", "RELEASE", "INFORM"] as const) {
    const { message, port } = readMessage(`${type} aa:01`);
    assert.equal(accept(message, port), MessageType[type]);
  }
});

Deno.test("accept: drops what only servers send, and types that nobody defined", () => {
  for (const type of ["OFFER", "ACK", "NAK", "0", "9", "10", "255"]) {
    assert.equal(dropped(`${type} aa:01`), "message-type", type);
  }
});

Deno.test("accept: drops plain BOOTP, which has no leases (RFC 1534 section 2)", () => {
  assert.equal(dropped("BOOTP aa:01"), "bootp");
});

Deno.test("accept: drops what is no BOOTREQUEST (RFC 2131 section 2)", () => {
  for (const op of [2, 0, 3, 255]) {
    assert.equal(dropped(`DISCOVER aa:01 op=${op}`), "not-a-request", String(op));
  }
});

Deno.test("accept: takes any source port but 0, to which nothing can be answered", () => {
  assert.equal(dropped("DISCOVER aa:01 port=0"), "source-port");
  for (const port of [1, 67, 68, 40_000, 65_535]) {
    assert.equal(dropped(`DISCOVER aa:01 port=${port}`), undefined, String(port));
  }
});

Deno.test("accept: drops what has passed more relays than a message may (RFC 1542 4.1.1)", () => {
  assert.equal(dropped("DISCOVER aa:01 giaddr=10.0.0.2 hops=16"), undefined);
  assert.equal(dropped("DISCOVER aa:01 giaddr=10.0.0.2 hops=17"), "hops");
  assert.equal(dropped("DISCOVER aa:01 giaddr=10.0.0.2 hops=255"), "hops");
});

Deno.test("accept: wants an Ethernet address that one station can have (RFC 2131 section 2)", () => {
  const reasons = new Map([
    ["htype=6", "hardware-address"],
    ["htype=32", "hardware-address"],
    ["chaddr=", "hardware-address"],
    ["chaddr=020000000001ffff", "hardware-address"],
    ["chaddr=0200000000", "hardware-address"],
    ["chaddr=000000000000", "hardware-address"],
    ["chaddr=ffffffffffff", "hardware-address"],
    ["chaddr=01005e000001", "hardware-address"],
    ["chaddr=000000000001", undefined],
    ["chaddr=fe0000000000", undefined],
  ]);
  for (const [field, reason] of reasons) {
    assert.equal(dropped(`DISCOVER aa:01 ${field}`), reason, field);
  }
});

conversation(
  "accept: a malformed message type is named and located",
  {},
  `
    at 0s   > BOOTP aa:01 raw=53:0101
            - malformed: Cannot decode option 53 at byte 240: length is 2, wanted 1
  `,
);

conversation(
  "decide: a malformed option in a message that was accepted is named and located",
  {},
  `
    at 0s   > DISCOVER aa:01 raw=50:0a0000
            - malformed: Cannot decode option 50 at byte 243: length is 3, wanted 4
            > DISCOVER aa:01 raw=57:02
            - malformed: Cannot decode option 57 at byte 243: length is 1, wanted 2
            > DISCOVER aa:01 raw=51:00
            - malformed: Cannot decode option 51 at byte 243: length is 1, wanted 4
            > REQUEST aa:01 raw=54:0a000001ff
            - malformed: Cannot decode option 54 at byte 243: length is 5, wanted 4
            > RELEASE aa:01 ciaddr=10.0.0.10 raw=54:
            - malformed
            = free=4 bound=0 offers=0
  `,
);

conversation(
  "decide: what nobody here reads may be as malformed as it likes",
  {},
  `
    at 0s   > DISCOVER aa:01 raw=61: raw=12: raw=82:ff raw=93:00 raw=121:ff
            < OFFER $A relay=ff
  `,
);
