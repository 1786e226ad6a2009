import assert from "node:assert/strict";
import { typeOf } from "./bootp.ts";
import { digest, PcapError, PcapReader } from "./pcap.ts";
import { captureFile, frame, message } from "./synthetic.ts";

const CLIENT = "02:00:00:00:00:01";
const DISCOVER = frame(message("DISCOVER", CLIENT, { xid: 0xdecade }));
const ACK = frame(message("ACK", CLIENT, { yiaddr: "10.6.9.10", lease: 20 }), 67, 68);

Deno.test("PcapReader reads addresses, ports, instants and messages", () => {
  const reader = new PcapReader();
  reader.push(captureFile([[1.5, DISCOVER], [2.000125, ACK]]));
  const [first, second] = reader.packets;
  assert.equal(reader.packets.length, 2);
  assert.equal(first!.at, 1500);
  assert.equal(first!.from, "10.6.9.1");
  assert.equal(first!.to, "255.255.255.255");
  assert.equal(first!.toMac, "ff:ff:ff:ff:ff:ff");
  assert.equal(first!.fromMac, "02:00:00:00:00:01");
  assert.deepEqual([first!.fromPort, first!.toPort], [68, 67]);
  assert.equal(typeOf(first!.message), "DISCOVER");
  assert.equal(first!.message.xid, 0xdecade);
  assert.equal(first!.message.chaddr, CLIENT);
  assert.equal(second!.at, 2000.125);
  assert.equal(second!.message.yiaddr, "10.6.9.10");
  assert.equal(reader.pending, 0);
});

Deno.test("PcapReader reads both byte orders and both resolutions", () => {
  for (const littleEndian of [true, false]) {
    for (const nanoseconds of [true, false]) {
      const reader = new PcapReader();
      reader.push(captureFile([[3.25, DISCOVER]], { littleEndian, nanoseconds }));
      assert.equal(reader.packets[0]!.at, 3250);
    }
  }
});

Deno.test("PcapReader takes a file in pieces of any size", () => {
  const file = captureFile([[1, DISCOVER], [2, ACK], [3, DISCOVER]]);
  for (const size of [1, 7, 24, 100, 1000]) {
    const reader = new PcapReader();
    for (let at = 0; at < file.length; at += size) reader.push(file.subarray(at, at + size));
    assert.equal(reader.packets.length, 3, `in pieces of ${size}`);
  }
});

Deno.test("PcapReader keeps a record that is not whole yet", () => {
  const file = captureFile([[1, DISCOVER], [2, ACK]]);
  const reader = new PcapReader();
  reader.push(file.subarray(0, file.length - 1));
  assert.equal(reader.packets.length, 1);
  assert.equal(reader.pending, 16 + ACK.length - 1);
  reader.push(file.subarray(file.length - 1));
  assert.equal(reader.packets.length, 2);
});

Deno.test("PcapReader passes over what is not DHCP", () => {
  const arp = DISCOVER.slice();
  arp.set([0x08, 0x06], 12);
  const tcp = DISCOVER.slice();
  tcp[23] = 6;
  const fragment = DISCOVER.slice();
  fragment[21] = 1;
  const dns = frame(message("DISCOVER", CLIENT), 53, 53);
  const noise = frame(new Uint8Array(300), 68, 67);
  const short = frame(new Uint8Array(3), 68, 67);
  const reader = new PcapReader();
  const odd = [arp, tcp, fragment, dns, noise, short, new Uint8Array(10)];
  reader.push(captureFile(odd.map((bytes) => [1, bytes] as const)));
  assert.deepEqual(reader.packets, []);
  assert.equal(reader.pending, 0);
});

Deno.test("PcapReader refuses other files", () => {
  assert.throws(() => new PcapReader().push(new Uint8Array(24)), PcapError);
  assert.throws(() => new PcapReader().push(captureFile([], { linkType: 113 })), PcapError);
});

Deno.test("digest counts types and shows the last packets", () => {
  const reader = new PcapReader();
  reader.push(captureFile([[1, DISCOVER], [1.25, ACK]]));
  assert.equal(
    digest(reader.packets, 1),
    "2 packets: 1 DISCOVER, 1 ACK\n" +
      "   0.250 < 10.6.9.1:67 to 255.255.255.255:68 " +
      "ACK 02:00:00:00:00:01 xid=1 yiaddr=10.6.9.10 lease=20",
  );
});
