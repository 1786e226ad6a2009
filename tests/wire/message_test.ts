import assert from "node:assert/strict";
import fc from "fast-check";
import { parseIpv4, UNSPECIFIED } from "../../lib/wire/address.ts";
import { DecodeError } from "../../lib/wire/bytes.ts";
import {
  BROADCAST_FLAG,
  decodeMessage,
  encodeMessage,
  isDiscover,
  maxReplySize,
  type Message,
  MIN_MESSAGE,
  Op,
} from "../../lib/wire/message.ts";
import { Options } from "../../lib/wire/options.ts";
import { MessageType, messageType } from "../../lib/wire/registry.ts";
import { anyMessage, octets, optionsOf } from "./arbitraries.ts";
import { examine, plain, wireOrder } from "./examine.ts";
import { formatHex, golden, goldenNames, parseHex } from "./golden.ts";

function blank(options = new Options()): Message {
  return {
    op: Op.BOOTREPLY,
    htype: 1,
    hlen: 6,
    hops: 0,
    xid: 0,
    secs: 0,
    flags: 0,
    ciaddr: UNSPECIFIED,
    yiaddr: UNSPECIFIED,
    siaddr: UNSPECIFIED,
    giaddr: UNSPECIFIED,
    chaddr: parseHex("02005e100001"),
    sname: new Uint8Array(64),
    file: new Uint8Array(128),
    options,
  };
}

/** A buffer in use: every octet that encoding does not write shows. */
const used = (length = 1500) => new Uint8Array(length).fill(0xa5);

function encoded(message: Message, maxSize = 1472): Uint8Array {
  const into = used();
  const { length } = encodeMessage(message, into, maxSize);
  assert(into.subarray(maxSize).every((octet) => octet === 0xa5), "wrote past the limit");
  return into.subarray(0, length);
}

Deno.test("decodeMessage: every header field is where RFC 2131 section 2 puts it", () => {
  const packet = new Uint8Array(244);
  packet.set(parseHex("0201 06 03 deadbeef 0102 8000 0a000001 0a000002 0a000003 0a000004"));
  packet.set(parseHex("02005e100001"), 28);
  packet[44] = 0x73;
  packet[108] = 0x66;
  packet.set(parseHex("63825363 350105 ff"), 236);
  const message = decodeMessage(packet);
  assert.deepEqual(plain(message), {
    op: 2,
    htype: 1,
    hlen: 6,
    hops: 3,
    xid: 0xdeadbeef,
    secs: 0x0102,
    flags: BROADCAST_FLAG,
    ciaddr: parseIpv4("10.0.0.1"),
    yiaddr: parseIpv4("10.0.0.2"),
    siaddr: parseIpv4("10.0.0.3"),
    giaddr: parseIpv4("10.0.0.4"),
    chaddr: parseHex("02005e100001"),
    sname: Uint8Array.of(0x73, ...new Uint8Array(63)),
    file: Uint8Array.of(0x66, ...new Uint8Array(127)),
    options: [[53, Uint8Array.of(5)]],
  });
});

/** A DISCOVER with one octet or more set otherwise. */
function altered(at: number, ...octets: number[]): Uint8Array {
  const packet = golden("udhcpc-discover");
  packet.set(octets, at);
  return packet;
}

Deno.test("decodeMessage: bad magic is named and located", () => {
  assert.throws(() => decodeMessage(altered(236, 0x63, 0x82, 0x53, 0x64)), {
    name: "DecodeError",
    kind: "magic",
    message: "Cannot decode message at byte 236: magic cookie is 63825364, wanted 63825363",
  });
});

Deno.test("decodeMessage: hlen above 16 is named and located", () => {
  assert.throws(() => decodeMessage(altered(2, 17)), {
    kind: "hardware-length",
    message: "Cannot decode message at byte 2: hlen is 17, wanted 0 to 16",
  });
  assert.equal(decodeMessage(altered(2, 16)).chaddr.length, 16);
  assert.equal(decodeMessage(altered(2, 0)).chaddr.length, 0);
});

Deno.test("decodeMessage: a packet of any length is whole, short or truncated", () => {
  const packet = golden("udhcpc-discover");
  for (let length = 0; length <= packet.length; length++) {
    const finding = examine(packet.subarray(0, length));
    if (length < 240) assert.equal(finding, "short");
    else assert(finding === "decoded" || finding === "truncated");
  }
  assert.throws(() => decodeMessage(packet.subarray(0, 239)), {
    message: "Cannot decode message at byte 0: length is 239, wanted at least 240",
  });
  assert.equal(decodeMessage(packet.subarray(0, 240)).options.size, 0);
});

Deno.test("decodeMessage: values that nobody has defined are kept", () => {
  const message = decodeMessage(altered(0, 9, 77));
  assert.equal(message.op, 9);
  assert.equal(message.htype, 77);
});

Deno.test("decodeMessage: fields that held options read as zeros", () => {
  const packet = used(300);
  packet.fill(0);
  packet[2] = 6;
  packet.set(parseHex("0c026162ff"), 108);
  packet.set(parseHex("0d020001ff"), 44);
  packet.set(parseHex("63825363 350102 340103 ff"), 236);
  const message = decodeMessage(packet);
  assert.deepEqual(message.options.codes(), [53, 12, 13]);
  assert.deepEqual(message.file, new Uint8Array(128));
  assert.deepEqual(message.sname, new Uint8Array(64));
});

Deno.test("decodeMessage: copies nothing", () => {
  const packet = golden("networkd-discover");
  const { chaddr, sname, file, options } = decodeMessage(packet);
  for (const view of [chaddr, sname, file, options.raw(61)!]) {
    assert.equal(view.buffer, packet.buffer);
  }
});

Deno.test("decodeMessage: works on a view that does not begin its buffer", () => {
  const packet = golden("networkd-discover");
  const buffer = used(600);
  buffer.set(packet, 33);
  const view = buffer.subarray(33, 33 + packet.length);
  assert.deepEqual(plain(decodeMessage(view)), plain(decodeMessage(packet)));
});

Deno.test("encodeMessage: what is encoded decodes to the same", () => {
  fc.assert(
    fc.property(anyMessage(), (message) => {
      const into = used(1 << 14);
      const { length, omitted } = encodeMessage(message, into, into.length);
      assert.deepEqual(omitted, []);
      assert(length >= MIN_MESSAGE);
      assert.deepEqual(plain(decodeMessage(into.subarray(0, length))), {
        ...plain(message),
        options: wireOrder(message.options),
      });
    }),
    { numRuns: 300 },
  );
});

Deno.test("encodeMessage: at least 300 octets, zeros after END (RFC 1542 section 2.1)", () => {
  const packet = encoded(blank(optionsOf([[53, Uint8Array.of(5)]])));
  assert.equal(packet.length, 300);
  assert.equal(formatHex(packet.subarray(240, 244)), "350105ff");
  assert(packet.subarray(244).every((octet) => octet === 0));
});

Deno.test("encodeMessage: longer than 300, it ends with END", () => {
  const packet = encoded(blank(optionsOf([[56, new Uint8Array(100)]])));
  assert.equal(packet.length, 240 + 102 + 1);
  assert.equal(packet.at(-1), 255);
});

Deno.test("encodeMessage: nothing of what the buffer held shows", () => {
  const message = { ...blank(), sname: new Uint8Array(0), file: Uint8Array.of(0x61) };
  const packet = encoded(message);
  assert(!packet.includes(0xa5));
  assert.deepEqual(decodeMessage(packet).file, Uint8Array.of(0x61, ...new Uint8Array(127)));
});

Deno.test("encodeMessage: fields that do not fit the header are refused", () => {
  const refuse = (change: Partial<Message>) =>
    assert.throws(() => encodeMessage({ ...blank(), ...change }, used(), 1472), RangeError);
  refuse({ chaddr: new Uint8Array(17), hlen: 17 });
  refuse({ hlen: 5 });
  refuse({ sname: new Uint8Array(65) });
  refuse({ file: new Uint8Array(129) });
  assert.throws(() => encodeMessage(blank(), used(), 299), RangeError);
  assert.throws(() => encodeMessage(blank(), used(400), 401), RangeError);
});

/** Options that take so many octets, END included, of which 13 are essential. */
function large(total: number): Options {
  const rest = total - 13;
  const options = optionsOf([[53, Uint8Array.of(5)], [54, new Uint8Array(4).fill(1)]]);
  options.setRaw(51, new Uint8Array(0));
  let left = rest - 3;
  for (let code = 200; left > 0; code++) {
    const size = Math.min(left, 32);
    if (size < 2) {
      options.setRaw(51, new Uint8Array(1));
      break;
    }
    options.setRaw(code, new Uint8Array(size - 2).fill(code));
    left -= size;
  }
  return options;
}

Deno.test("encodeMessage: at every size from fitting to overflowing it respects the limit", () => {
  for (let total = 290; total < 560; total++) {
    const options = large(total);
    for (const maxSize of [300, 548]) {
      const into = used();
      const { length, omitted } = encodeMessage(blank(options), into, maxSize);
      assert(length <= maxSize);
      assert(into.subarray(maxSize).every((octet) => octet === 0xa5));
      const again = decodeMessage(into.subarray(0, length));
      assert.equal(again.options.size + omitted.length, options.size);
      if (240 + options.encodedSize <= maxSize) assert.equal(again.options.overload, 0);
      for (const code of [53, 54, 51]) assert(again.options.has(code));
    }
  }
});

Deno.test("encodeMessage: file and sname in use are not overwritten by options", () => {
  const message = blank(large(500));
  message.file = new Uint8Array(128).fill(0x66);
  const fileKept = decodeMessage(encoded(message, 548));
  assert.deepEqual(fileKept.file, message.file);
  assert.equal(fileKept.options.overload, 2);
  message.sname = new Uint8Array(64).fill(0x73);
  const bothKept = decodeMessage(encoded(message, 548));
  assert.deepEqual(bothKept.sname, message.sname);
  assert.equal(bothKept.options.overload, 0);
  assert(bothKept.options.size < message.options.size);
});

Deno.test("encodeMessage: relay information is the last option, also when others overflow", () => {
  const options = large(500);
  options.setRaw(82, parseHex("010161"));
  const packet = encoded(blank(options), 548);
  const text = formatHex(packet.subarray(240));
  assert.match(text, /5203010161ff(00)*$/);
});

Deno.test("encodeMessage: keeps to any limit, whatever the message", () => {
  fc.assert(
    fc.property(anyMessage(), fc.integer({ min: 300, max: 1472 }), (message, maxSize) => {
      const into = used();
      const { length, omitted } = encodeMessage(message, into, maxSize);
      assert(length >= MIN_MESSAGE && length <= maxSize);
      assert(into.subarray(maxSize).every((octet) => octet === 0xa5));
      const again = decodeMessage(into.subarray(0, length));
      const expected = [...message.options].filter(([code]) => !omitted.includes(code));
      assert.equal(again.options.size, expected.length);
      for (const [code, value] of expected) assert.deepEqual(again.options.raw(code), value);
    }),
    { numRuns: 300 },
  );
});

Deno.test("maxReplySize: option 57 counts the datagram, the answer the payload", () => {
  assert.equal(maxReplySize(undefined), 548);
  assert.equal(maxReplySize(0), 548);
  assert.equal(maxReplySize(300), 548);
  assert.equal(maxReplySize(576), 548);
  assert.equal(maxReplySize(590), 562);
  assert.equal(maxReplySize(1500), 1472);
  assert.equal(maxReplySize(65535), 1472);
});

Deno.test("isDiscover: agrees with decoding on every captured packet", () => {
  for (const name of goldenNames()) {
    const packet = golden(name);
    const type = decodeMessage(packet).options.get(messageType);
    assert.equal(isDiscover(packet), type === MessageType.DISCOVER, name);
  }
  assert(!isDiscover(new Uint8Array(0)));
});

Deno.test("examine: any octets decode or are refused, and what decodes survives", () => {
  // With a header in front that is in order, so that the options are reached.
  const header = golden("udhcpc-discover").subarray(0, 240);
  fc.assert(
    fc.property(
      fc.oneof(octets({ maxLength: 600 }), fc.uint8Array({ maxLength: 200, max: 9 })),
      fc.boolean(),
      (body, whole) => {
        examine(whole ? Uint8Array.of(...header, ...body) : body);
      },
    ),
    { numRuns: 400 },
  );
});

Deno.test("examine: damaged real packets decode or are refused, and what decodes survives", () => {
  const originals = goldenNames().map(golden);
  const damage = fc.array(
    fc.tuple(fc.nat(1), fc.nat(400), fc.oneof(fc.nat(255), fc.constantFrom(0, 52, 82, 255))),
    { minLength: 1, maxLength: 8 },
  );
  fc.assert(
    fc.property(fc.constantFrom(...originals), damage, fc.nat(400), (original, places, cut) => {
      const packet = Uint8Array.from(original);
      for (const [where, at, octet] of places) {
        packet[where === 0 ? at % packet.length : 240 + at % (packet.length - 240)] = octet;
      }
      examine(cut < 100 ? packet.subarray(0, packet.length - cut) : packet);
    }),
    { numRuns: 600 },
  );
});

Deno.test("examine: every octet of a real packet set to every value", () => {
  const packet = golden("dnsmasq-ack");
  for (let at = 240; at < packet.length; at++) {
    const before = packet[at]!;
    for (const octet of [0, 1, 2, before ^ 1, before ^ 128, 52, 53, 82, 127, 128, 192, 254, 255]) {
      packet[at] = octet;
      examine(packet);
    }
    packet[at] = before;
  }
  assert.equal(decodeMessage(packet).options.get(messageType), 5);
});

Deno.test("DecodeError: is all that decodeMessage throws, also for no octets at all", () => {
  assert.throws(() => decodeMessage(new Uint8Array(0)), DecodeError);
});
