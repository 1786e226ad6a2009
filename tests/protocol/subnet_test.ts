import { conversation } from "./conversation.ts";

const TWO = {
  interfaces: ["lan0 10.0.0.1/24", "lan1 10.1.0.1/24"],
  subnets: [
    { name: "office", lease: { default: 3600, min: 120, max: 86_400 } },
    {
      name: "guests",
      cidr: "10.1.0.0/24",
      pools: ["10.1.0.10-10.1.0.12"],
      lease: { default: 600, min: 120, max: 1200 },
    },
    { name: "far", cidr: "10.9.0.0/24", pools: ["10.9.0.10-10.9.0.20"] },
  ],
};

conversation(
  "subnet: each interface has its own, and its own address as server identifier (RFC 2131 4.3.1)",
  TWO,
  `
    at 0s   > DISCOVER aa:01 via=lan0 requested=10.0.0.12
            < OFFER 10.0.0.12 server=10.0.0.1 router=10.0.0.1 lease=3600
            > DISCOVER aa:02 via=lan1 requested=10.1.0.12
            < OFFER 10.1.0.12 server=10.1.0.1 router=10.1.0.1 lease=600
            > DISCOVER aa:03 via=lan1 requested=10.0.0.12 lease=90000
            < OFFER $A lease=1200 mask=255.255.255.0 router=10.1.0.1
  `,
);

conversation(
  "subnet: one client holds one address in each",
  TWO,
  `
    at 0s   > REQUEST aa:01 via=lan0 server=10.0.0.1 requested=10.0.0.12
            < ACK 10.0.0.12
            > REQUEST aa:01 via=lan1 server=10.1.0.1 requested=10.1.0.12
            < ACK 10.1.0.12
            = 10.0.0.12 bound aa:01
            = 10.1.0.12 bound aa:01
    at 1m   > RELEASE aa:01 via=lan0 server=10.0.0.1 ciaddr=10.0.0.12
            - no-reply-wanted
            = 10.0.0.12 released aa:01
            = 10.1.0.12 bound aa:01
  `,
);

conversation(
  "subnet: a relay's address says which, on whatever interface it comes in (RFC 2131 4.3.1)",
  TWO,
  `
    at 0s   > DISCOVER aa:01 via=lan0 giaddr=10.9.0.1 requested=10.9.0.15
            < OFFER 10.9.0.15 server=10.0.0.1 router=10.9.0.1 to=relay/10.9.0.1
            > REQUEST aa:01 via=lan0 giaddr=10.9.0.1 server=10.0.0.1 requested=10.9.0.15
            < ACK 10.9.0.15
            > DISCOVER aa:02 via=lan1 giaddr=10.0.0.250 requested=10.0.0.13
            < OFFER 10.0.0.13 server=10.1.0.1
            > DISCOVER aa:03 via=lan0 giaddr=172.16.0.1
            - no-subnet
  `,
);

conversation(
  "subnet: a client that renews through its router is where its address is (RFC 2131 4.3.2)",
  TWO,
  `
    at 0s   > REQUEST aa:01 via=lan0 giaddr=10.9.0.1 server=10.0.0.1 requested=10.9.0.15
            < ACK 10.9.0.15
    at 30m  > REQUEST aa:01 via=lan0 ciaddr=10.9.0.15
            < ACK 10.9.0.15 router=10.9.0.1 to=client/10.9.0.15
    at 40m  > RELEASE aa:01 via=lan0 server=10.0.0.1 ciaddr=10.9.0.15
            - no-reply-wanted
            = 10.9.0.15 released aa:01
  `,
);

conversation(
  "subnet: a client that rebinds through another network's relay has moved (RFC 2131 4.3.2)",
  TWO,
  `
    at 0s   > REQUEST aa:01 via=lan0 giaddr=10.9.0.1 server=10.0.0.1 requested=10.9.0.15
            < ACK 10.9.0.15
    at 50m  > REQUEST aa:01 via=lan0 giaddr=10.0.0.250 ciaddr=10.9.0.15
            - unknown-client
    at 55m  > REQUEST aa:01 via=lan0 giaddr=10.0.0.250 requested=10.9.0.15
            < NAK to=relay/10.0.0.250
            = 10.9.0.15 bound aa:01
  `,
);

conversation(
  "subnet: an interface without a subnet answers nobody but relays (RFC 2131 4.3.1)",
  { interfaces: ["lan0 192.168.0.1/24"] },
  `
    at 0s   > DISCOVER aa:01
            - no-subnet
            > DISCOVER aa:01 giaddr=10.0.0.250
            < OFFER $A server=192.168.0.1
  `,
);
