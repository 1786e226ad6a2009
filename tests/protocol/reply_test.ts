import { conversation } from "./conversation.ts";

const LONG = "ab".repeat(250);

conversation(
  "reply: the header's fields (RFC 2131 table 3)",
  {},
  `
    at 0s   > DISCOVER aa:01 xid=3735928559 secs=7 flags=8000
            < OFFER $A op=2 xid=3735928559 secs=0 hops=0 flags=8000 ciaddr=0.0.0.0 siaddr=0.0.0.0
            > REQUEST aa:01 xid=17 server=10.0.0.1 requested=$A
            < ACK $A op=2 xid=17 flags=0 chaddr=02000000aa01 giaddr=0.0.0.0
  `,
);

conversation(
  "reply: at least 300 octets, as old relays and clients want (RFC 1542 2.1)",
  {},
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A size=300
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.200
            < NAK size=300
  `,
);

conversation(
  "reply: a NAK says who says so and to whom, and nothing else (RFC 2131 table 3, RFC 6842 3)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.200 params=1,3,6,51 lease=900 id=01020000aa01
            < NAK options=53,54,61 server=10.0.0.1 id=01020000aa01 ciaddr=0.0.0.0 to=broadcast
            > REQUEST aa:01 ciaddr=10.0.0.200 giaddr=10.0.0.5 relay=0104abcd0001 id=01aa
            - unknown-client
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.200 giaddr=10.0.0.5 relay=0104abcd0001 id=01aa
            < NAK options=53,54,61,82 relay=0104abcd0001 flags=8000 to=relay/10.0.0.5
  `,
);

conversation(
  "reply: the client identifier is echoed octet for octet, and only if there was one (RFC 6842 3)",
  {},
  `
    at 0s   > DISCOVER aa:01 id=ff00112233
            < OFFER $A id=ff00112233
            > DISCOVER aa:01
            < OFFER $A id=none
            > REQUEST aa:01 server=10.0.0.1 requested=$A id=00
            < ACK $A id=00
  `,
);

conversation(
  "reply: relay agent information is echoed, and comes last (RFC 3046 2.2)",
  {},
  `
    at 0s   > DISCOVER aa:01 giaddr=10.0.0.5 relay=0104abcd00010206 id=01aa params=6,3,1
            < OFFER $A relay=0104abcd00010206 options=53,54,51,58,59,1,6,3,61,82 to=relay/10.0.0.5
            > INFORM aa:01 ciaddr=10.0.0.9 giaddr=10.0.0.5 relay=00
            < ACK relay=00
  `,
);

conversation(
  "reply: what is asked for, in that order, but the mask before the router (RFC 2132 9.8, 3.3)",
  { subnets: [{ options: { 15: "6c616e", 28: "0a0000ff", 42: "0a000003" } }] },
  `
    at 0s   > DISCOVER aa:01 params=42,15,3,28,1,6
            < OFFER $A options=53,54,51,58,59,1,42,15,3,28,6
            > DISCOVER aa:01 params=3,15
            < OFFER $A options=53,54,51,58,59,3,15
            > DISCOVER aa:01 params=15,15,15
            < OFFER $A options=53,54,51,58,59,15
            > DISCOVER aa:01 params=200,66,43
            < OFFER $A options=53,54,51,58,59
  `,
);

conversation(
  "reply: identities and times are not the client's to order (RFC 2132 9.8)",
  {},
  `
    at 0s   > DISCOVER aa:01 params=0,255,52,82,61,59,58,54,53,51,50,12,1
            < OFFER $A options=53,54,51,58,59,1
  `,
);

conversation(
  "reply: mask, router and DNS for a client that does not say what it wants",
  { subnets: [{ options: { 15: "6c616e" } }] },
  `
    at 0s   > DISCOVER aa:01
            < OFFER $A options=53,54,51,58,59,1,3,6 mask=255.255.255.0 router=10.0.0.1 dns=10.0.0.2
  `,
);

conversation(
  "destination: to the relay, whatever else is there (RFC 2131 4.1)",
  {},
  `
    at 0s   > DISCOVER aa:01 giaddr=10.0.0.5 flags=8000
            < OFFER $A to=relay/10.0.0.5 flags=8000 giaddr=10.0.0.5
            > DISCOVER aa:01 giaddr=10.0.0.5
            < OFFER $A to=relay/10.0.0.5 flags=0
            > REQUEST aa:01 giaddr=10.0.0.5 ciaddr=$A
            < ACK $A to=relay/10.0.0.5
  `,
);

conversation(
  "destination: to ciaddr, flag or not (RFC 2131 4.1)",
  {},
  `
    at 0s   > REQUEST aa:01 ciaddr=10.0.0.10 flags=8000
            < ACK 10.0.0.10 to=client/10.0.0.10 flags=8000
  `,
);

conversation(
  "destination: to all for a client that asks for it, else to the address it gets (RFC 2131 4.1)",
  {},
  `
    at 0s   > DISCOVER aa:01 flags=8000
            < OFFER $A to=broadcast
            > DISCOVER aa:01 flags=0
            < OFFER $A to=yiaddr
            > REQUEST aa:01 server=10.0.0.1 requested=$A flags=8000
            < ACK $A to=broadcast
            > REQUEST aa:01 server=10.0.0.1 requested=$A
            < ACK $A to=yiaddr
  `,
);

conversation(
  "destination: a NAK goes to all, flag or not, ciaddr or not (RFC 2131 4.1)",
  {},
  `
    at 0s   > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK to=broadcast flags=0
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10 flags=8000
            < NAK to=broadcast flags=8000
  `,
);

conversation(
  "size: never more than 576 octets of IP for a client that says nothing (RFC 2131 section 2)",
  { subnets: [{ options: { 43: LONG, 125: LONG } }] },
  `
    at 0s   > DISCOVER aa:01 params=1,3,6,43,125
            < OFFER $A options=53,54,51,58,59,1,3,6,43 size=538 overload=0
            > DISCOVER aa:01 params=1,3,6,43
            < OFFER $A options=53,54,51,58,59,1,3,6,43 size=538 overload=0
  `,
);

conversation(
  "size: as much as the client says it takes, and no fragments (RFC 2132 9.10)",
  { subnets: [{ options: { 43: LONG, 125: LONG, 124: LONG, 17: LONG, 224: LONG } }] },
  `
    at 0s   > DISCOVER aa:01 params=1,3,6,43,125 maxsize=1024
            < OFFER $A options=53,54,51,58,59,1,3,6,43,125 overload=0 size=790
            > DISCOVER aa:01 params=43,125,124,17,224 maxsize=65535
            < OFFER $A options=53,54,51,58,59,43,125,124,17 size=1276
            > DISCOVER aa:01 params=1,3,6,43,125 maxsize=300
            < OFFER $A options=53,54,51,58,59,1,3,6,43 size=538
  `,
);

conversation(
  "size: what does not fit goes into file and sname first (RFC 2131 4.1)",
  { subnets: [{ options: { 43: LONG, 17: "ab".repeat(100), 14: "ab".repeat(40) } }] },
  `
    at 0s   > DISCOVER aa:01 params=1,3,6,43,17,14
            < OFFER $A options=53,54,51,58,59,1,3,6,43,17,14 overload=3
  `,
);
