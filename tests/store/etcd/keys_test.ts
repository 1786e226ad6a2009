import assert from "node:assert/strict";
import fc from "fast-check";
import type { ClientKey, Lease } from "../../../lib/lease/lease.ts";
import { KeyReader, serverKey, SubnetKeys, writeRecord } from "../../../lib/store/etcd/keys.ts";
import type { Ipv4, Mac } from "../../../lib/wire/address.ts";
import { parseIpv4 } from "../../../lib/wire/address.ts";
import { clientKey, macOf, subnetOf } from "../../lease/fixtures.ts";
import { PREFIX } from "./fixtures.ts";

const SUBNETS = [
  subnetOf(),
  subnetOf({ name: "lan", cidr: "10.1.0.0/24", pools: ["10.1.0.1-10.1.0.9"] }),
];
const reader = new KeyReader(PREFIX, SUBNETS);
const ip = parseIpv4("10.0.0.10");
const client = clientKey("aa:01");

Deno.test("SubnetKeys names the keys as operators know them", () => {
  const keys = new SubnetKeys(PREFIX, "");
  assert.deepEqual(
    [keys.free(ip), keys.leased(ip), keys.declined(ip), keys.record(ip), keys.nic(client)],
    [
      "etcdhcp::ips::free::10.0.0.10",
      "etcdhcp::ips::leased::10.0.0.10",
      "etcdhcp::ips::declined::10.0.0.10",
      "etcdhcp::leases::10.0.0.10",
      "etcdhcp::nics::leased::02:00:00:00:aa:01",
    ],
  );
  assert.equal(keys.reservation(client), "etcdhcp::reservations::02:00:00:00:aa:01");
  const named = new SubnetKeys(PREFIX, "lan");
  assert.equal(named.free(ip), "etcdhcp::lan::ips::free::10.0.0.10");
  assert.equal(serverKey(PREFIX, "a"), "etcdhcp::servers::a");
});

Deno.test("KeyReader.read finds the subnet, and passes over what is not ours", () => {
  const fact = reader.read("etcdhcp::lan::ips::leased::10.1.0.3", "id:01ff");
  assert.deepEqual(fact, {
    kind: "leased",
    subnet: "lan",
    address: parseIpv4("10.1.0.3"),
    client: "id:01ff",
  });
  for (
    const key of [
      "etcdhcp::",
      "etcdhcp::guests::ips::free::10.2.0.1",
      "etcdhcp::ips::lost::10.0.0.10",
      "other::ips::free::10.0.0.10",
    ]
  ) assert.equal(reader.read(key, "x"), undefined, key);
  const bare = new KeyReader(PREFIX, [SUBNETS[1]!]);
  assert.equal(bare.read("etcdhcp::ips::free::10.0.0.10", "10.0.0.10"), undefined);
});

Deno.test("KeyReader.read says what is wrong with a key, and never throws", () => {
  for (
    const [key, value, reason] of [
      ["ips::free::10.0.0", "10.0.0", /name does not end in an IPv4 address/],
      ["ips::free::10.9.0.1", "10.9.0.1", /not in the subnet/],
      ["ips::free::10.0.0.10", "10.0.0.11", /not its own address/],
      ["ips::leased::10.0.0.10", "AA:BB:CC:00:11:22", /value is not a client/],
      ["nics::leased::printer", "10.0.0.10", /name does not end in a client/],
      [`nics::leased::${client}`, "10.0.0.x", /value is not an IPv4 address/],
      [`reservations::${client}`, '{"ip":7}', /value is not an IPv4 address/],
      [`reservations::${client}`, "{", /value is not an IPv4 address/],
      ["pools::10.0.0.10", "added", /name does not end in a range/],
      ["pools::10.0.0.10-10.0.1.1", "added", /the range is not in the subnet/],
      ["pools::10.0.0.10-10.0.0.11", "Added", /neither added nor removed/],
      ["leases::10.0.0.10", "{", /not JSON/],
      ["leases::10.0.0.10", "null", /not a JSON object/],
      ["leases::10.0.0.10", `{"client":"${client}","state":"lost"}`, /"state" is none of/],
      ["leases::10.0.0.10", `{"client":"${client}","state":"bound"}`, /"since" is not a whole/],
    ] as const
  ) {
    const found = reader.read(PREFIX + key, value);
    assert.equal(found?.kind, "unreadable", key);
    assert.match((found as { reason: string }).reason, reason);
  }
  fc.assert(fc.property(fc.string(), fc.option(fc.string()), (path, value) => {
    reader.read(PREFIX + path, value ?? undefined);
    reader.read(`${PREFIX}leases::10.0.0.10`, path);
    reader.read(`${PREFIX}leases::10.0.0.10`, JSON.stringify({ client, state: path, since: 1 }));
  }));
});

Deno.test("writeRecord leaves nothing out that cannot be read back", () => {
  const instant = fc.integer({ min: 0, max: 4e12 });
  const lease = fc.record({
    client: fc.constantFrom(client, "id:01ab" as ClientKey),
    mac: fc.constantFrom(macOf("aa:01"), macOf("aa:02"), "" as Mac),
    clientId: fc.constantFrom("", "01ff"),
    hostname: fc.string({ unit: "binary" }),
    state: fc.constantFrom<Lease["state"]>(
      ...["bound", "released", "expired", "declined", "freed"] as const,
    ),
    since: instant,
    renewed: instant,
    expires: instant,
    held: instant,
    server: fc.nat(0xffffffff).map((n) => n as Ipv4),
    relay: fc.nat(0xffffffff).map((n) => n as Ipv4),
  });
  fc.assert(fc.property(lease, (fields) => {
    const record: Lease = { ...fields, subnet: "", address: ip };
    const read = reader.read(`${PREFIX}leases::10.0.0.10`, writeRecord(record));
    assert.deepEqual(read, { kind: "record", subnet: "", address: ip, record });
  }));
});
