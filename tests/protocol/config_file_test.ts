import assert from "node:assert/strict";
import { readConfigFile } from "../../lib/config/file.ts";
import { resolveConfig } from "../../lib/config/resolve.ts";
import { conversation } from "./conversation.ts";
import type { Setting } from "./network.ts";

/** A server as a configuration file has it. */
function fileSetting(text: string): Setting {
  const machine = {
    interfaces: [],
    hasInterface: () => false,
    stateDirectory: undefined,
    trialDirectory: "/t",
  };
  const resolution = resolveConfig([], machine, readConfigFile("site.toml", text));
  return resolution.ok
    ? { config: resolution.config }
    : assert.fail(resolution.problems.join("\n"));
}

const TWO_NETWORKS = fileSetting(`
  [server]
  interfaces = ["lan0=10.0.0.1/24", "guest0=10.1.0.1/16"]
  [dhcp]
  domain = "example.net"
  [[subnet]]
  name = "lan"
  cidr = "10.0.0.0/24"
  pools = ["10.0.0.10"]
  dns = ["10.0.0.2"]
  lease = "12h"
  options = { ntp-server = ["10.0.0.3"] }
  [[subnet.reservation]]
  mac = "02:00:00:00:EE:01"
  ip = "10.0.0.5"
  hostname = "printer"
  options = { ntp-server = ["10.0.0.4"], domain-name = "printers.example.net" }
  [[subnet]]
  name = "guests"
  cidr = "10.1.0.0/16"
  pools = ["10.1.0.10-10.1.0.11"]
  exclude = ["10.1.0.10"]
  router = ["10.1.0.254"]
  lease = "10m"
  [[subnet]]
  name = "far"
  cidr = "10.9.0.0/24"
  pools = ["10.9.0.10"]
  router = ["10.9.0.1"]
  dns = ["10.0.0.2"]
`);

conversation(
  "config file: each interface's clients are given what their subnet has",
  TWO_NETWORKS,
  `
  at 0s > DISCOVER aa:01 via=lan0 params=1,3,6,15,42
        < OFFER 10.0.0.10 server=10.0.0.1 mask=255.255.255.0 router=10.0.0.1 dns=10.0.0.2 lease=43200 domain=example.net ntp=10.0.0.3
  at 0s > REQUEST aa:01 via=lan0 server=10.0.0.1 requested=10.0.0.10 params=3,6
        < ACK 10.0.0.10 router=10.0.0.1 lease=43200
  at 1s > DISCOVER aa:01 via=guest0 params=1,3,6,15,42
        < OFFER 10.1.0.11 server=10.1.0.1 mask=255.255.0.0 router=10.1.0.254 dns=10.1.0.1 lease=600 domain=example.net ntp=none
  at 1s > REQUEST aa:01 via=guest0 server=10.1.0.1 requested=10.1.0.11
        < ACK 10.1.0.11 lease=600
        = 10.0.0.10 bound aa:01
        = 10.1.0.11 bound aa:01
  at 2s > DISCOVER aa:02 via=guest0
        - pool-exhausted
  at 3s > DISCOVER aa:02 giaddr=10.9.0.1 params=3,6
        < OFFER 10.9.0.10 server=10.0.0.1 router=10.9.0.1 dns=10.0.0.2 to=relay/10.9.0.1
  at 4s > REQUEST aa:01 via=guest0 requested=10.0.0.10
        < NAK
  `,
);

conversation(
  "config file: a reservation's host name and options beat the subnet's, in OFFER and ACK",
  TWO_NETWORKS,
  `
  at 0s > DISCOVER ee:01 via=lan0 hostname=own-name params=6,12,15,42
        < OFFER 10.0.0.5 hostname=printer ntp=10.0.0.4 domain=printers.example.net dns=10.0.0.2
  at 0s > REQUEST ee:01 via=lan0 server=10.0.0.1 requested=10.0.0.5 hostname=own-name params=6,12,15,42
        < ACK 10.0.0.5 hostname=printer ntp=10.0.0.4 domain=printers.example.net dns=10.0.0.2
        = 10.0.0.5 bound ee:01 hostname=printer
  at 1s > DISCOVER aa:01 via=lan0 params=12,15,42
        < OFFER 10.0.0.10 hostname=none ntp=10.0.0.3 domain=example.net
  at 2s > DISCOVER ee:01 via=guest0 params=12,15,42
        < OFFER 10.1.0.11 hostname=none ntp=none domain=example.net
  `,
);

conversation(
  "config file: the book has a reservation's host name; else what the client calls itself",
  TWO_NETWORKS,
  `
  at 0s > DISCOVER ee:01 via=lan0
        < OFFER 10.0.0.5
  at 0s > REQUEST ee:01 via=lan0 server=10.0.0.1 requested=10.0.0.5
        < ACK 10.0.0.5
        = 10.0.0.5 bound ee:01 hostname=printer
  at 1s > DISCOVER aa:01 via=lan0 hostname=laptop
        < OFFER 10.0.0.10
  at 1s > REQUEST aa:01 via=lan0 server=10.0.0.1 requested=10.0.0.10 hostname=laptop
        < ACK 10.0.0.10
        = 10.0.0.10 bound aa:01 hostname=laptop
  `,
);
