import assert from "node:assert/strict";
import { type Ipv4, parseCidr, parseIpv4 } from "../../lib/wire/address.ts";
import type { ClientFqdn } from "../../lib/wire/codec.ts";
import { BROADCAST_FLAG, decodeMessage, encodeMessage, Op } from "../../lib/wire/message.ts";
import {
  clientFqdn,
  clientIdentifier,
  domainSearch,
  hostName,
  MessageType,
  optionByName,
} from "../../lib/wire/registry.ts";
import { plain, wireOrder } from "./examine.ts";
import { golden, goldenNames, parseHex } from "./golden.ts";

const address = parseIpv4;
const SERVER = address("10.77.0.1");
const RELAY = address("10.77.0.2");
const LEASED = address("10.77.0.83");
const MAC = "02005e100001";
const ETHERNET_ID = { type: 1, id: parseHex(MAC) };
const octets = (text: string) => new TextEncoder().encode(text);

/** What a packet says: header fields that are not zero, and every option by name, in its order. */
interface Expected {
  readonly xid?: number;
  readonly op?: number;
  readonly chaddr?: string;
  readonly hops?: number;
  readonly secs?: number;
  readonly flags?: number;
  readonly ciaddr?: Ipv4;
  readonly yiaddr?: Ipv4;
  readonly siaddr?: Ipv4;
  readonly giaddr?: Ipv4;
  readonly options: Readonly<Record<string, unknown>>;
}

const UDHCPC_LIST = Uint8Array.of(1, 3, 6, 12, 15, 28, 42, 119, 121);
const UDHCPC_FQDN: ClientFqdn = { flags: 1, rcode1: 0, rcode2: 0, name: "kettle.lan.example" };
const DHCLIENT_LIST = Uint8Array.of(1, 28, 2, 3, 15, 6, 119, 12, 26, 42);
const DHCPCD_LIST = Uint8Array.of(1, 3, 28, 33, 51, 58, 59);
const DHCPCD_CLASS = "dhcpcd-9.4.1:Linux-6.1.0-18-amd64:x86_64";
const NETWORKD_LIST = Uint8Array.of(1, 3, 6, 12, 15, 33, 42, 120, 121);
/** RFC 4361: an IAID and a DUID by enterprise number. */
const NETWORKD_ID = { type: 255, id: parseHex("5075b0dd 0002 0000ab11 dede0fabf5e9fca3") };
const PERFDHCP_LIST = Uint8Array.of(1, 28, 2, 3, 15, 6, 12);
const PERFDHCP_ID = { type: 1, id: parseHex("000c01020304") };
const USER_CLASS = { form: "list", classes: [octets("lab"), octets("bench")] };
const DNSMASQ_OPTIONS = {
  "server-identifier": SERVER,
  "lease-time": 3600,
  "renewal-time": 1800,
  "rebinding-time": 3150,
  "subnet-mask": address("255.255.255.0"),
  "broadcast-address": address("10.77.0.255"),
  "router": [SERVER],
  "domain-name": "lan.example",
  "host-name": "kettle",
  "client-fqdn": { flags: 1, rcode1: 255, rcode2: 255, name: "kettle.lan.example" },
  "domain-search": ["lan.example", "example.org"],
  "classless-static-route": [{ destination: parseCidr("0.0.0.0/0"), router: SERVER }],
};

const PACKETS: Readonly<Record<string, Expected>> = {
  "dhclient-discover": {
    options: {
      "message-type": MessageType.DISCOVER,
      "host-name": "teapot",
      "parameter-request-list": DHCLIENT_LIST,
      "client-identifier": ETHERNET_ID,
    },
  },
  "dhclient-request": {
    options: {
      "message-type": MessageType.REQUEST,
      "server-identifier": SERVER,
      "requested-address": LEASED,
      "host-name": "teapot",
      "parameter-request-list": DHCLIENT_LIST,
      "client-identifier": ETHERNET_ID,
    },
  },
  "dhcpcd-discover": {
    options: {
      "message-type": MessageType.DISCOVER,
      "parameter-request-list": DHCPCD_LIST,
      "maximum-message-size": 1472,
      "vendor-class": DHCPCD_CLASS,
      "host-name": "saucer",
      "forcerenew-nonce": Uint8Array.of(1),
    },
  },
  "dhcpcd-request": {
    options: {
      "requested-address": address("10.77.0.84"),
      "message-type": MessageType.REQUEST,
      "server-identifier": SERVER,
      "parameter-request-list": DHCPCD_LIST,
      "maximum-message-size": 1472,
      "vendor-class": DHCPCD_CLASS,
      "host-name": "saucer",
      "forcerenew-nonce": Uint8Array.of(1),
    },
  },
  "dnsmasq-ack": {
    op: Op.BOOTREPLY,
    yiaddr: LEASED,
    siaddr: SERVER,
    options: { "message-type": MessageType.ACK, ...DNSMASQ_OPTIONS },
  },
  "dnsmasq-offer": {
    op: Op.BOOTREPLY,
    yiaddr: LEASED,
    siaddr: SERVER,
    options: { "message-type": MessageType.OFFER, ...DNSMASQ_OPTIONS },
  },
  "networkd-discover": {
    secs: 1,
    options: {
      "message-type": MessageType.DISCOVER,
      "client-identifier": NETWORKD_ID,
      "parameter-request-list": NETWORKD_LIST,
      "maximum-message-size": 1472,
      "host-name": "spoon",
      "user-class": USER_CLASS,
    },
  },
  "networkd-release": {
    secs: 7,
    ciaddr: address("10.77.0.84"),
    options: { "message-type": MessageType.RELEASE, "client-identifier": NETWORKD_ID },
  },
  "networkd-request": {
    secs: 1,
    options: {
      "message-type": MessageType.REQUEST,
      "client-identifier": NETWORKD_ID,
      "parameter-request-list": NETWORKD_LIST,
      "maximum-message-size": 1472,
      "server-identifier": SERVER,
      "requested-address": address("10.77.0.84"),
      "host-name": "spoon",
      "user-class": USER_CLASS,
    },
  },
  "perfdhcp-discover": {
    xid: 0,
    hops: 1,
    giaddr: RELAY,
    chaddr: "000c01020304",
    options: {
      "message-type": MessageType.DISCOVER,
      "parameter-request-list": PERFDHCP_LIST,
      "client-identifier": PERFDHCP_ID,
    },
  },
  "perfdhcp-request": {
    xid: 0,
    hops: 1,
    giaddr: RELAY,
    chaddr: "000c01020304",
    options: {
      "message-type": MessageType.REQUEST,
      "requested-address": address("10.77.0.25"),
      "server-identifier": SERVER,
      "parameter-request-list": PERFDHCP_LIST,
      "client-identifier": PERFDHCP_ID,
    },
  },
  "udhcpc-discover": {
    options: {
      "message-type": MessageType.DISCOVER,
      "maximum-message-size": 576,
      "parameter-request-list": UDHCPC_LIST,
      "host-name": "kettle",
      "vendor-class": "udhcp 1.35.0",
      "client-identifier": ETHERNET_ID,
      "client-fqdn": UDHCPC_FQDN,
    },
  },
  "udhcpc-request": {
    options: {
      "message-type": MessageType.REQUEST,
      "requested-address": LEASED,
      "server-identifier": SERVER,
      "maximum-message-size": 576,
      "parameter-request-list": UDHCPC_LIST,
      "host-name": "kettle",
      "vendor-class": "udhcp 1.35.0",
      "client-identifier": ETHERNET_ID,
      "client-fqdn": UDHCPC_FQDN,
    },
  },
};

Deno.test("golden: every captured packet has its expectation, and the reverse", () => {
  assert.deepEqual(goldenNames(), Object.keys(PACKETS).toSorted());
});

for (const [name, expected] of Object.entries(PACKETS)) {
  Deno.test(`decodeMessage: ${name} says what its sender meant`, () => {
    const packet = golden(name);
    const { options, sname, file, chaddr, xid, ...header } = decodeMessage(packet);
    const wanted = { ...expected };
    assert.deepEqual(header, {
      op: wanted.op ?? Op.BOOTREQUEST,
      htype: 1,
      hlen: 6,
      hops: wanted.hops ?? 0,
      secs: wanted.secs ?? 0,
      flags: wanted.flags ?? 0,
      ciaddr: wanted.ciaddr ?? 0,
      yiaddr: wanted.yiaddr ?? 0,
      siaddr: wanted.siaddr ?? 0,
      giaddr: wanted.giaddr ?? 0,
    });
    assert.equal(header.flags & BROADCAST_FLAG, 0);
    assert.equal(xid, new DataView(packet.buffer).getUint32(4));
    assert.deepEqual(chaddr, parseHex(wanted.chaddr ?? MAC));
    assert.deepEqual(sname, new Uint8Array(64));
    assert.deepEqual(file, new Uint8Array(128));
    const rows = Object.entries(wanted.options).map(([name, value]) => {
      const row = optionByName(name);
      assert(row, name);
      assert.deepEqual(options.get(row), value, name);
      return row.code;
    });
    assert.deepEqual(options.codes(), rows);
  });

  Deno.test(`encodeMessage: ${name} keeps its options`, () => {
    const packet = golden(name);
    const message = decodeMessage(packet);
    const into = new Uint8Array(1500).fill(0xa5);
    const { length, omitted } = encodeMessage(message, into, 548);
    assert.deepEqual(omitted, []);
    const again = decodeMessage(into.subarray(0, length));
    assert.deepEqual(plain(again), { ...plain(message), options: wireOrder(message.options) });
    // The clients put message type first already, all but dhcpcd: then it is the same, octet for octet.
    if (message.options.codes()[0] === 53) {
      const shorter = Math.min(length, packet.length);
      assert.deepEqual(into.slice(0, shorter), packet.slice(0, shorter));
    }
  });
}

Deno.test("Options.get: types are the rows' own", () => {
  const { options } = decodeMessage(golden("dnsmasq-ack"));
  const name: string | undefined = options.get(hostName);
  const search: readonly string[] | undefined = options.get(domainSearch);
  const fqdn: ClientFqdn | undefined = options.get(clientFqdn);
  assert.equal(name, "kettle");
  assert.deepEqual(search, ["lan.example", "example.org"]);
  assert.equal(fqdn?.name, "kettle.lan.example");
  assert.equal(options.get(clientIdentifier), undefined);
});
