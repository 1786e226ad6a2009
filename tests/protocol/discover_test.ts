import assert from "node:assert/strict";
import { formatIpv4 } from "../../lib/wire/address.ts";
import { clientKey, clientNumber, EPOCH } from "../lease/fixtures.ts";
import { Conversation, conversation } from "./conversation.ts";

/** The address that a client is offered by a server of this setting that knows nobody. */
async function offered(talk: Conversation, client: string): Promise<string> {
  const answer = await talk.say(`DISCOVER ${client}`);
  assert.equal(answer.kind, "reply");
  return formatIpv4(answer.message.yiaddr);
}

conversation(
  "discover: a new client gets a lease in four messages (RFC 2131 3.1)",
  {},
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A lease=3600 server=10.0.0.1 mask=255.255.255.0 router=10.0.0.1
            = free=4 bound=0 offers=1
    at 1s   > REQUEST aa:01 server=10.0.0.1 requested=$A
            < ACK $A lease=3600 t1=1800 t2=3150 server=10.0.0.1
            = $A bound aa:01
            = free=3 bound=1 offers=0
  `,
);

conversation(
  "discover: whoever asks again is offered the same address (RFC 2131 4.3.1)",
  {},
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
    at 3s   > DISCOVER aa:01
            < OFFER $A
            = offers=1
  `,
);

conversation(
  "discover: a current lease comes first (RFC 2131 4.3.1)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.12
            < ACK 10.0.0.12
    at 9s   > DISCOVER aa:01 requested=10.0.0.13
            < OFFER 10.0.0.12 lease=3600
  `,
);

conversation(
  "discover: then the previous address, before the one asked for (RFC 2131 4.3.1)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.12
            < ACK 10.0.0.12
    at 9s   > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.12
            - no-reply-wanted
    at 10s  > DISCOVER aa:01 requested=10.0.0.13
            < OFFER 10.0.0.12
    at 2h   > DISCOVER aa:01 requested=10.0.0.13
            < OFFER 10.0.0.12
  `,
);

conversation(
  "discover: then the one that was offered a moment ago, then the one asked for (RFC 2131 4.3.1)",
  {},
  `
    at 0s   > DISCOVER aa:01 requested=10.0.0.13
            < OFFER 10.0.0.13
    at 1s   > DISCOVER aa:01 requested=10.0.0.12
            < OFFER 10.0.0.13
    at 32s  > DISCOVER aa:01 requested=10.0.0.12
            < OFFER 10.0.0.12
  `,
);

conversation(
  "discover: an address asked for must be free, in the pool, and nobody's offer (RFC 2131 4.3.1)",
  { subnets: [{ exclusions: ["10.0.0.13"], reservations: { "ee:01": "10.0.0.12" } }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > DISCOVER aa:02 requested=10.0.0.10
            < OFFER 10.0.0.11
            > DISCOVER aa:03 requested=10.0.0.12
            < OFFER 10.0.0.11
    at 40s  > DISCOVER aa:02 requested=10.0.0.13
            < OFFER 10.0.0.11
    at 80s  > DISCOVER aa:02 requested=10.0.0.200
            < OFFER 10.0.0.11
    at 120s > DISCOVER aa:02 requested=192.168.1.1
            < OFFER 10.0.0.11
  `,
);

conversation(
  "discover: an operator's reservation comes before all, from inside or outside the pools",
  {
    subnets: [{
      reservations: { "ee:01": "10.0.0.11", "ee:02": "10.0.0.77" },
    }],
  },
  `
    at 0s   > DISCOVER ee:01 requested=10.0.0.13
            < OFFER 10.0.0.11
            > REQUEST ee:01 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            > DISCOVER ee:02
            < OFFER 10.0.0.77
            > REQUEST ee:02 server=10.0.0.1 requested=10.0.0.77
            < ACK 10.0.0.77
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.77
            < NAK
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.11
            < NAK
            = free=3 bound=2
  `,
);

conversation(
  "discover: offers end after their time, and the address is anybody's (RFC 2131 3.1)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"], offerHold: 30 }] },
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
            > DISCOVER aa:02
            < OFFER $B
            = offers=2
    at 29s  = offers=2
    at 30s  = offers=0
            > DISCOVER aa:03 requested=$A
            < OFFER $A
  `,
);

conversation(
  "discover: what is on offer to one is not offered to another who asks for it (RFC 2131 4.3.1)",
  {},
  `
    at 0s   > DISCOVER aa:01 requested=10.0.0.12
            < OFFER $A
            > DISCOVER aa:02 requested=$A
            < OFFER $B
            > DISCOVER aa:01
            < OFFER $A
            = offers=2
  `,
);

conversation(
  "discover: an offer is withdrawn when the client takes another server's (RFC 2131 3.1)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"] }] },
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
            > DISCOVER aa:02
            < OFFER $B
    at 1s   > REQUEST aa:01 server=10.0.0.250 requested=10.0.0.99
            - other-server
            = offers=1 free=2
            > DISCOVER aa:03
            < OFFER $A
  `,
);

conversation(
  "discover: a flood of DISCOVERs cannot empty the pool: the oldest offer is passed on",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.12"] }] },
  `
    at 0s   > DISCOVER ff:01
            < OFFER $A
            > DISCOVER ff:02
            < OFFER $B
            > DISCOVER ff:03
            < OFFER $C
            > DISCOVER aa:01
            < OFFER $A
            > DISCOVER ff:04
            < OFFER $B
            = offers=3 free=3
            > REQUEST aa:01 server=10.0.0.1 requested=$A
            < ACK $A
  `,
);

conversation(
  "discover: an offer that its client alone may take is no reason to turn others away",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"], reservations: { "ee:01": "10.0.0.50" } }] },
  `
    at 0s   > DISCOVER ee:01
            < OFFER 10.0.0.50
            > DISCOVER ff:01
            < OFFER $A
            > DISCOVER ff:02
            < OFFER $B
            > DISCOVER aa:01
            < OFFER $A
  `,
);

conversation(
  "discover: an offer whose address another took in the meantime is passed over",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"] }] },
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
            > DISCOVER aa:02
            < OFFER $B
            > REQUEST aa:03 server=10.0.0.1 requested=$A
            < ACK $A
            > DISCOVER aa:04
            < OFFER $B
            > DISCOVER aa:01
            < OFFER $B
  `,
);

conversation(
  "discover: silence when nothing is left (RFC 2131 4.3.1)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"] }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            > DISCOVER aa:03
            - pool-exhausted
            > DISCOVER aa:01
            < OFFER 10.0.0.10
    at 1h   > DISCOVER aa:03
            < OFFER $A
  `,
);

conversation(
  "discover: an address that was another's is the last to be given away (RFC 2131 4.3.1)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.12"] }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
    at 1s   > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.11
            - no-reply-wanted
    at 2s   > DISCOVER aa:02
            < OFFER $A
            > REQUEST aa:02 server=10.0.0.1 requested=$A
            < ACK $A
            > DISCOVER aa:03
            < OFFER $B
            > REQUEST aa:03 server=10.0.0.1 requested=$B
            < ACK $B
            = 10.0.0.11 released aa:01
            > DISCOVER aa:04
            < OFFER 10.0.0.11
            > REQUEST aa:04 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            > DISCOVER aa:01
            - pool-exhausted
  `,
);

conversation(
  "discover: a lease that ran out is its client's again, as long as nobody else needed the address",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"] }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
    at 1h   = 10.0.0.11 expired aa:01
            > DISCOVER aa:02
            < OFFER 10.0.0.10
    at 2h   > DISCOVER aa:01
            < OFFER 10.0.0.11
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            = 10.0.0.11 bound aa:01
  `,
);

conversation(
  "discover: ciaddr says nothing about where a client without a lease is (RFC 2131 table 5)",
  {
    interfaces: ["lan0 10.0.0.1/24"],
    subnets: [{ name: "a" }, {
      name: "b",
      cidr: "10.1.0.0/24",
      pools: ["10.1.0.10-10.1.0.20"],
    }],
  },
  `
    at 0s   > DISCOVER aa:01 ciaddr=10.1.0.15 requested=10.0.0.12
            < OFFER 10.0.0.12
  `,
);

Deno.test("discover: two servers that know the same offer a client the same address", async () => {
  const pools = ["10.0.0.10-10.0.0.250"];
  const one = new Conversation({ subnets: [{ pools }] });
  const other = new Conversation({ interfaces: ["lan0 10.0.0.3/24"], subnets: [{ pools }] });
  for (let n = 0; n < 40; n++) {
    const client = clientNumber(n);
    // Each asks afresh: what others are offered meanwhile is another matter.
    for (const { network } of [one, other]) network.offers.get("")!.withdraw(clientKey(client));
    const address = await offered(one, client);
    assert.equal(await offered(other, client), address);
    await one.network.passTo(EPOCH + (n + 1) * 60_000);
    await other.network.passTo(EPOCH + (n + 1) * 60_000);
  }
});

Deno.test("discover: two new clients rarely meet at one address on two servers", async () => {
  const size = 1024;
  const setting = {
    interfaces: ["lan0 10.0.0.1/16"],
    subnets: [{ cidr: "10.0.0.0/16", pools: ["10.0.16.0-10.0.19.255"] }],
  };
  // Neighbours off one assembly line: the last octets count up.
  for (const clients of [32, 128]) {
    const picked = new Set<string>();
    for (let n = 0; n < clients; n++) {
      picked.add(await offered(new Conversation(setting), clientNumber(0x4a00 + n)));
    }
    // Throwing dice, n clients would be expected to take this many different addresses.
    const expected = size * (1 - (1 - 1 / size) ** clients);
    assert.ok(
      picked.size >= expected - 0.1 * clients,
      `${clients} clients picked ${picked.size} addresses, dice ${expected.toFixed(1)}`,
    );
  }
});
