import { conversation } from "./conversation.ts";

conversation(
  "inform: parameters only, without yiaddr and lease time, to ciaddr (RFC 2131 4.3.5)",
  {},
  `
    at 0s   > INFORM aa:01 ciaddr=10.0.0.200 params=51,1,3,6,58,59
            < ACK options=53,54,1,3,6 lease=none t1=none t2=none to=client/10.0.0.200
            = free=4 bound=0 offers=0
  `,
);

conversation(
  "inform: the reply keeps ciaddr and tells nothing of a lease (RFC 2131 table 3)",
  {},
  `
    at 0s   > REQUEST aa:01 server=10.0.0.1 requested=10.0.0.10
            < ACK 10.0.0.10
    at 9s   > INFORM aa:01 ciaddr=10.0.0.10 id=0102005e1001
            < ACK options=53,54,1,3,6,61 ciaddr=10.0.0.10 id=0102005e1001
            = 10.0.0.10 bound aa:01
    at 1h   = 10.0.0.10 expired aa:01
  `,
);

conversation(
  "inform: through a relay (RFC 2131 4.1)",
  { subnets: [{ cidr: "10.9.0.0/24", pools: ["10.9.0.10-10.9.0.20"] }] },
  `
    at 0s   > INFORM aa:01 ciaddr=10.9.0.200 giaddr=10.9.0.1
            < ACK to=relay/10.9.0.1 router=10.9.0.1
  `,
);

conversation(
  "inform: without ciaddr there is nowhere to answer to (RFC 2131 table 5)",
  {},
  `
    at 0s   > INFORM aa:01
            - incomplete
            > INFORM aa:01 ciaddr=172.16.0.5
            - no-subnet
  `,
);

conversation(
  "inform: a store in trouble matters to nobody who wants no lease",
  {},
  `
    at 0s   ! store down
            > INFORM aa:01 ciaddr=10.0.0.200
            < ACK router=10.0.0.1
  `,
);
