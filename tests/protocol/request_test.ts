import { conversation } from "./conversation.ts";

conversation(
  "request: SELECTING takes the offer of the server that it names (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
    at 1s   > REQUEST aa:01 server=10.0.0.1 requested=$A
            < ACK $A ciaddr=0.0.0.0
            = $A bound aa:01
  `,
);

conversation(
  "request: SELECTING without an offer that is remembered: the book knows as well (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < NAK
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.200
            < NAK
            > REQUEST aa:02 server=10.0.0.1 requested=192.168.0.1
            < NAK
            = 10.0.0.10 bound aa:01
  `,
);

conversation(
  "request: SELECTING again, because the ACK was lost, gets it again (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 4s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10 lease=3600
            = free=3 bound=1
  `,
);

conversation(
  "request: SELECTING another server is none of our business (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.250 requested=10.0.0.10
            - other-server
            > REQUEST aa:01 server=10.0.0.250 requested=10.0.0.200
            - other-server
            = free=4 bound=0
  `,
);

conversation(
  "request: any of our addresses names us (RFC 2131 4.3.2)",
  {
    interfaces: ["lan0 10.0.0.1/24", "lan1 10.1.0.1/24"],
    subnets: [{ name: "a" }, { name: "b", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.20"] }],
  },
  `
    at 0s   > REQUEST aa:01 server=10.1.0.1 requested=10.0.0.10 via=lan0
            < ACK 10.0.0.10 server=10.0.0.1
  `,
);

conversation(
  "request: two clients take one address: the second must start over (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A
            ! meanwhile aa:02 takes $A
    at 1s   > REQUEST aa:01 server=10.0.0.1 requested=$A
            < NAK
            = $A bound aa:02
            > DISCOVER aa:01
            < OFFER $B
  `,
);

conversation(
  "request: INIT-REBOOT with its own address (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 60s  > REQUEST aa:01 requested=10.0.0.10
            < ACK 10.0.0.10 lease=3600 ciaddr=0.0.0.0
  `,
);

conversation(
  "request: INIT-REBOOT after its lease ran out, while nobody else has the address (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 2h   > REQUEST aa:01 requested=10.0.0.10
            < ACK 10.0.0.10
            = 10.0.0.10 bound aa:01
  `,
);

conversation(
  "request: INIT-REBOOT with another address than the book has for it (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 60s  > REQUEST aa:01 requested=10.0.0.11
            < NAK to=broadcast
            = 10.0.0.10 bound aa:01
  `,
);

conversation(
  "request: INIT-REBOOT on the wrong network, even from a stranger (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 requested=192.168.1.20
            < NAK to=broadcast flags=0
  `,
);

conversation(
  "request: INIT-REBOOT on the wrong network behind a relay (RFC 2131 4.3.2)",
  { subnets: [{ cidr: "10.9.0.0/24", pools: ["10.9.0.10-10.9.0.20"] }] },
  `
    at 0s   > REQUEST aa:01 requested=10.0.0.10 giaddr=10.9.0.1
            < NAK to=relay/10.9.0.1 flags=8000 giaddr=10.9.0.1
  `,
);

conversation(
  "request: INIT-REBOOT from a client that nobody here knows: silence (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 requested=10.0.0.10
            - unknown-client
            > REQUEST aa:01 requested=10.0.0.200
            - unknown-client
            = free=4 bound=0
  `,
);

conversation(
  "request: INIT-REBOOT with an address that has become another's reservation (RFC 2131 4.3.2)",
  {
    subnets: [{
      pools: ["10.0.0.10-10.0.0.11"],
      exclusions: ["10.0.0.11"],
      reservations: { "ee:01": "10.0.0.10" },
    }],
  },
  `
    at 0s   ! aa:01 takes 10.0.0.10
            = 10.0.0.10 bound aa:01
    at 1s   > REQUEST aa:01 requested=10.0.0.10
            < NAK
    at 2s   > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK
  `,
);

conversation(
  "request: RENEWING by unicast (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10
            < ACK 10.0.0.10 ciaddr=10.0.0.10 lease=3600 t1=1800 t2=3150 to=client/10.0.0.10
    at 80m  = 10.0.0.10 bound aa:01
    at 90m  = 10.0.0.10 expired aa:01
  `,
);

conversation(
  "request: REBINDING another server's client, which the book knows (RFC 2131 4.3.2)",
  { interfaces: ["lan0 10.0.0.3/24"] },
  `
    at 0s   ! aa:01 takes 10.0.0.10
    at 52m  > REQUEST aa:01 ciaddr=10.0.0.10
            < ACK 10.0.0.10 server=10.0.0.3 lease=3600
  `,
);

conversation(
  "request: RENEWING with a requested address as well, as some do, is still RENEWING (RFC 2131 table 4)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10 requested=10.0.0.10
            < ACK 10.0.0.10 ciaddr=10.0.0.10
    at 40m  > REQUEST aa:01 ciaddr=10.0.0.10 server=10.0.0.1
            < ACK 10.0.0.10 ciaddr=10.0.0.10
    at 50m  > REQUEST aa:01 ciaddr=10.0.0.10 server=10.0.0.250
            - other-server
  `,
);

conversation(
  "request: RENEWING what has become another's: the client must stop (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 1s   > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK to=broadcast
            = 10.0.0.10 bound aa:02
  `,
);

conversation(
  "request: RENEWING what the book has lost: entered, lest it goes to somebody else",
  {},
  `
    at 0s   > REQUEST aa:01 ciaddr=10.0.0.10
            < ACK 10.0.0.10
            = 10.0.0.10 bound aa:01
  `,
);

conversation(
  "request: RENEWING an address that is not ours to lease (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 ciaddr=10.0.0.200
            - unknown-client
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 1s   > REQUEST aa:01 ciaddr=10.0.0.200
            < NAK to=broadcast
            > REQUEST aa:01 ciaddr=172.16.0.5
            - no-subnet
  `,
);

conversation(
  "request: a REQUEST that names nothing (RFC 2131 table 4)",
  {},
  `
    at 0s   > REQUEST aa:01
            - incomplete
            > REQUEST aa:01 server=10.0.0.1
            - incomplete
  `,
);

conversation(
  "request: a client that moves gives its old address back in the same step",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 9s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            = 10.0.0.10 released aa:01
            = 10.0.0.11 bound aa:01
            = free=3 bound=1
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
  `,
);

conversation(
  "request: an address that left the pools stays with its holder as long as that renews",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"] }] },
  `
    at 0s   ! aa:01 takes 10.0.0.77
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.77
            < ACK 10.0.0.77 lease=3600
            > DISCOVER aa:01
            < OFFER $A
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.77
            < NAK
    at 91m  > REQUEST aa:01 ciaddr=10.0.0.77
            < NAK
  `,
);

conversation(
  "request: the lease time that is asked for, within the operator's bounds (RFC 2131 3.3, 4.3.1)",
  { subnets: [{ lease: { default: 3600, min: 600, max: 7200 } }] },
  `
    at 0s   > DISCOVER aa:01 lease=1200
            < OFFER $A lease=1200 t1=600 t2=1050
            > REQUEST aa:01 server=10.0.0.1 requested=$A lease=1200
            < ACK $A lease=1200 t1=600 t2=1050
    at 9s   > REQUEST aa:01 ciaddr=$A lease=1
            < ACK $A lease=600
            > REQUEST aa:01 ciaddr=$A lease=0
            < ACK $A lease=600
            > REQUEST aa:01 ciaddr=$A lease=4294967295
            < ACK $A lease=7200
            > REQUEST aa:01 ciaddr=$A
            < ACK $A lease=3600
  `,
);

conversation(
  "request: a shorter lease may not reach its client, so the address stays held for the longer one",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10 lease=3600
    at 60s  > REQUEST aa:01 requested=10.0.0.10 lease=120
            < ACK 10.0.0.10 lease=120 t1=60 t2=105
    at 59m  = 10.0.0.10 bound aa:01
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < NAK
    at 60m  = 10.0.0.10 expired aa:01
  `,
);

conversation(
  "request: an infinite lease is 0xffffffff, where the operator allows it (RFC 2131 3.3)",
  { subnets: [{ lease: { default: 3600, min: 600, max: 0xffffffff } }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10 lease=4294967295
            < ACK 10.0.0.10 lease=4294967295
  `,
);

conversation(
  "request: what an operator has taken back: its client must start over (RFC 2131 4.3.2)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 60s  ! free 10.0.0.10
            = 10.0.0.10 freed aa:01
            = free=3 bound=0 freed=1
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK to=broadcast
            > REQUEST aa:01 requested=10.0.0.10
            < NAK
            > DISCOVER aa:01 requested=10.0.0.10
            < OFFER $B
            > REQUEST aa:01 server=10.0.0.1 requested=$B
            < ACK $B
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < NAK
    at 60m  = 10.0.0.10 expired aa:01
            = free=3 bound=1 freed=0
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
  `,
);

conversation(
  "request: what an operator has taken back out of no pool, and what the NAK did not reach",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            ! pool - 10.0.0.10-10.0.0.10
            ! free 10.0.0.10
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK
            > REQUEST aa:01 requested=10.0.0.10
            < NAK
    at 60m  = 10.0.0.10 expired aa:01
            > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK
  `,
);

conversation(
  "request: what an operator has freed by force its client may have again, unless another has it",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            ! force 10.0.0.10
            = 10.0.0.10 released aa:01
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10
            < ACK 10.0.0.10
            ! force 10.0.0.10
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK
  `,
);

conversation(
  "request: a pool that is removed breaks no lease in it (RFC 2131 4.3.2)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11", "10.0.0.20-10.0.0.21"] }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            ! pool - 10.0.0.10-10.0.0.11
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10
            < ACK 10.0.0.10 lease=3600
            > REQUEST aa:01 requested=10.0.0.10
            < ACK 10.0.0.10 lease=3600
            > DISCOVER aa:01 requested=10.0.0.20
            < OFFER 10.0.0.10
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > REQUEST aa:03 server=10.0.0.1 requested=10.0.0.11
            < NAK
    at 60m  = 10.0.0.11 expired aa:02
            > REQUEST aa:02 requested=10.0.0.11
            < NAK
            > DISCOVER aa:02 requested=10.0.0.11
            < OFFER $C
            > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10
            - no-reply-wanted
            > DISCOVER aa:01
            < OFFER $D
            = free=2 bound=0
  `,
);

conversation(
  "request: who holds what is reserved for another keeps it until its lease ends, and renews no more",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            ! reserve 10.0.0.10 ee:01
            = 10.0.0.10 bound aa:01
            > DISCOVER ee:01
            < OFFER $B
    at 30m  > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK
            > REQUEST aa:01 requested=10.0.0.10
            < NAK
            > REQUEST ee:01 server=10.0.0.1 requested=10.0.0.10
            < NAK
            > DISCOVER aa:01 requested=10.0.0.10
            < OFFER $B
    at 60m  > DISCOVER ee:01
            < OFFER 10.0.0.10
            > REQUEST ee:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
  `,
);
