import assert from "node:assert/strict";
import { decide } from "../../lib/protocol/decide.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { leaseTime, MessageType } from "../../lib/wire/registry.ts";
import { bind, EPOCH } from "../lease/fixtures.ts";
import { conversation, readMessage } from "./conversation.ts";
import { Network } from "./network.ts";

conversation(
  "store: while it cannot commit, nothing is offered",
  {},
  `
    at 0s   ! store down
            > DISCOVER aa:01
            - store-unavailable
            = offers=0
            ! store up
            > DISCOVER aa:01
            < OFFER $A
  `,
);

conversation(
  "store: an unknown result is silence, never a NAK, and the retry finds out",
  {},
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
            ! store unknown
    at 1s   > REQUEST aa:01 server=10.0.0.1 requested=$A
            - store-unavailable
            = offers=1 bound=0
    at 5s   > REQUEST aa:01 server=10.0.0.1 requested=$A
            - store-unavailable
            ! store up
    at 9s   > REQUEST aa:01 server=10.0.0.1 requested=$A
            < ACK $A
  `,
);

conversation(
  "store: an unknown result is silence in every state of a client",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 60s  ! store unknown
            > REQUEST aa:01 requested=10.0.0.10
            - store-unavailable
            > REQUEST aa:01 ciaddr=10.0.0.10
            - store-unavailable
            > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10
            - store-unavailable
            > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.10
            - store-unavailable
            = 10.0.0.10 bound aa:01
  `,
);

conversation(
  "store: a race that is lost is a NAK",
  {},
  `
    at 0s   ! meanwhile aa:02 takes 10.0.0.10
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < NAK
            = 10.0.0.10 bound aa:02
            = bound=1
  `,
);

conversation(
  "store: what it did without saying so is found by the client's retry",
  {},
  `
    at 0s   ! store lost
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            - store-unavailable
            = 10.0.0.10 bound aa:01
            ! store up
    at 4s   > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < NAK
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
  `,
);

Deno.test("store: an ACK never tells of more time than the store has committed to", async () => {
  const { interfaces, subnets, offers, store } = new Network();
  const { message } = readMessage("REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10 lease=3600");
  const outcome = decide(MessageType.REQUEST, message, interfaces[0]!, {
    interfaces,
    subnets,
    leases: store.view,
    offers,
    storeUp: true,
  }, EPOCH);
  assert.equal(outcome.kind, "commit");
  // As a store may that rides through an outage: it has committed to ten minutes and a bit.
  const other = new MemoryStore(subnets);
  const [result] = await other.commit([bind("aa:01", "10.0.0.10", EPOCH + 600_999)], EPOCH);
  const reply = outcome.settle(result!);
  assert.equal(reply.kind, "reply");
  assert.equal(reply.message.options.get(leaseTime), 600);
});
