import { conversation } from "./conversation.ts";

conversation(
  "release: the address is free at once, and kept in mind for its last holder (RFC 2131 4.3.4)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 1s   > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10
            - no-reply-wanted
            = 10.0.0.10 released aa:01
            = free=4 bound=0
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
  `,
);

conversation(
  "release: by nobody but the holder (RFC 2131 4.3.4)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > RELEASE aa:02 server=10.0.0.1 ciaddr=10.0.0.10
            - not-the-holder
            > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.11
            - not-the-holder
            = 10.0.0.10 bound aa:01
    at 2s   > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10
            - no-reply-wanted
            > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10
            - not-the-holder
  `,
);

conversation(
  "release: to the server that it names, and complete (RFC 2131 table 5)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > RELEASE aa:01 server=10.0.0.250 ciaddr=10.0.0.10
            - other-server
            > RELEASE aa:01 ciaddr=10.0.0.10
            - incomplete
            > RELEASE aa:01 server=10.0.0.1
            - incomplete
            > RELEASE aa:01 server=10.0.0.1 requested=10.0.0.10
            - incomplete
            = 10.0.0.10 bound aa:01
  `,
);

conversation(
  "release: of a lease that has run out changes nothing (RFC 2131 4.3.4)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 1h   > RELEASE aa:01 server=10.0.0.1 ciaddr=10.0.0.10
            - not-the-holder
            = 10.0.0.10 expired aa:01
  `,
);

conversation(
  "decline: the address is kept from everybody for a while (RFC 2131 4.3.3)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"], quarantine: 600, declineShare: 0.5 }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 1s   > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.10
            - no-reply-wanted
            = 10.0.0.10 declined aa:01
            = free=1 bound=0 declined=1
            > DISCOVER aa:01 requested=10.0.0.10
            < OFFER 10.0.0.11
            > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < NAK
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < NAK
            > REQUEST aa:01 ciaddr=10.0.0.10
            < NAK
    at 600s = 10.0.0.10 declined aa:01
    at 601s = 10.0.0.10 none
            = free=2 bound=0 declined=0
            > REQUEST aa:02 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
  `,
);

conversation(
  "decline: by nobody but the holder, to us, and complete (RFC 2131 4.3.3, table 5)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > DECLINE aa:02 server=10.0.0.1 requested=10.0.0.10
            - not-the-holder
            > DECLINE aa:02 server=10.0.0.1 requested=10.0.0.11
            - not-the-holder
            > DECLINE aa:01 server=10.0.0.250 requested=10.0.0.10
            - other-server
            > DECLINE aa:01 requested=10.0.0.10
            - incomplete
            > DECLINE aa:01 server=10.0.0.1
            - incomplete
            = free=3 bound=1 declined=0
  `,
);

conversation(
  "decline: in a storm the address that was declined longest ago returns",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.13"], declineShare: 0.5 }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.12
            < ACK 10.0.0.12
            > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.12
            - no-reply-wanted
    at 1s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.10
            - no-reply-wanted
            = free=2 declined=2
    at 2s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.11
            < ACK 10.0.0.11
            > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.11
            - no-reply-wanted
            = free=2 declined=2
            = 10.0.0.12 none
            = 10.0.0.10 declined aa:01
            = 10.0.0.11 declined aa:01
            > DISCOVER aa:01
            < OFFER $A
  `,
);

conversation(
  "decline: even in a pool too small for a share of it, one address is kept aside (RFC 2131 4.3.3)",
  { subnets: [{ pools: ["10.0.0.10-10.0.0.11"], declineShare: 0.25 }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.10
            - no-reply-wanted
            = 10.0.0.10 declined aa:01
            > DISCOVER aa:01 requested=10.0.0.10
            < OFFER 10.0.0.11
  `,
);

conversation(
  "decline: nothing is kept aside where the operator wants none",
  { subnets: [{ declineShare: 0 }] },
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
            > DECLINE aa:01 server=10.0.0.1 requested=10.0.0.10
            - no-reply-wanted
            = 10.0.0.10 none
            = free=4 bound=0 declined=0
  `,
);

conversation(
  "decline: of an address of another subnet than the client is on",
  {
    interfaces: ["lan0 10.0.0.1/24", "lan1 10.1.0.1/24"],
    subnets: [
      { name: "a" },
      { name: "b", cidr: "10.1.0.0/24", pools: ["10.1.0.10-10.1.0.20"] },
    ],
  },
  `
    at 0s   > REQUEST aa:01 server=10.1.0.1 requested=10.1.0.10 via=lan1
            < ACK 10.1.0.10
            > DECLINE aa:01 server=10.0.0.1 requested=10.1.0.10 via=lan0
            - not-the-holder
            = 10.1.0.10 bound aa:01
  `,
);
