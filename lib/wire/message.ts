/**
 * A DHCP message and its octets: BOOTP's header (RFC 951 section 3, RFC 2131 section 2), the magic
 * cookie, and options.
 *
 * @module
 */

import type { Ipv4 } from "./address.ts";
import { DecodeError, putU16, putU32, u16At, u32At } from "./bytes.ts";
import { Options, Overload } from "./options.ts";

/** Where each field begins; a field ends where the next begins. */
const At = {
  OP: 0,
  HTYPE: 1,
  HLEN: 2,
  HOPS: 3,
  XID: 4,
  SECS: 8,
  FLAGS: 10,
  CIADDR: 12,
  YIADDR: 16,
  SIADDR: 20,
  GIADDR: 24,
  CHADDR: 28,
  SNAME: 44,
  FILE: 108,
  COOKIE: 236,
  OPTIONS: 240,
} as const;

const FILE = { start: At.FILE, end: At.COOKIE, bit: Overload.FILE };
const SNAME = { start: At.SNAME, end: At.FILE, bit: Overload.SNAME };

/** Room for a hardware address in chaddr, octets. */
const MAX_HLEN = At.SNAME - At.CHADDR;

/** 99.130.83.99: options follow (RFC 2131 section 3). */
const MAGIC_COOKIE = 0x63825363;

/** The shortest message that every relay and client takes, octets (RFC 1542 section 2.1). */
export const MIN_MESSAGE = 300;

/** What IPv4 (without options) and UDP put before a message, octets. */
const IP_AND_UDP_HEADERS = 28;

/** The IP datagram that every client must accept, octets (RFC 2131 section 2). */
const DEFAULT_DATAGRAM = 576;

/** The largest IP datagram that Ethernet carries in one piece, octets. */
const LARGEST_DATAGRAM = 1500;

/** Values of {@linkcode Message.op}. */
export const Op = { BOOTREQUEST: 1, BOOTREPLY: 2 } as const;
export type Op = typeof Op[keyof typeof Op];

/** The bit of {@linkcode Message.flags} by which a client asks for broadcast replies. */
export const BROADCAST_FLAG = 0x8000;

/** A DHCP message. Values that nobody has defined are kept as they come. */
export interface Message {
  /** One of {@linkcode Op}, or another octet. */
  op: number;
  /** Hardware type, 0 to 255; Ethernet is 1. */
  htype: number;
  /** Octets in `chaddr`, 0 to 16. */
  hlen: number;
  /** Relays passed, 0 to 255. */
  hops: number;
  /** The client's number for the exchange, 0 to 4294967295. */
  xid: number;
  /** Seconds since the client began, 0 to 65535. */
  secs: number;
  /** {@linkcode BROADCAST_FLAG} and fifteen bits that should be zero. */
  flags: number;
  /** The address that the client has and uses; else 0. */
  ciaddr: Ipv4;
  /** The address that the client is given; else 0. */
  yiaddr: Ipv4;
  /** The server to boot from next; else 0. */
  siaddr: Ipv4;
  /** The relay; 0 when there is none. */
  giaddr: Ipv4;
  /** Hardware address, `hlen` octets. */
  chaddr: Uint8Array;
  /** Server host name, 64 octets, NULs at the end; encoding takes fewer and fills up. */
  sname: Uint8Array;
  /** Boot file name, 128 octets, NULs at the end; encoding takes fewer and fills up. */
  file: Uint8Array;
  options: Options;
}

/**
 * Reads a message from a UDP payload.
 *
 * Copies nothing: `chaddr`, `sname`, `file` and the options are views of `packet`, good until its
 * buffer is used again. What must live longer has to be copied. When `file` or `sname` carried
 * options, they are among the options and the field reads as zeros. Octets after END and of chaddr
 * beyond hlen are not looked at.
 *
 * @throws {DecodeError} and nothing else, whatever the octets.
 */
export function decodeMessage(packet: Uint8Array): Message {
  if (packet.length < At.OPTIONS) {
    throw new DecodeError("short", `length is ${packet.length}, wanted at least ${At.OPTIONS}`, 0);
  }
  const hlen = packet[At.HLEN]!;
  if (hlen > MAX_HLEN) {
    throw new DecodeError("hardware-length", `hlen is ${hlen}, wanted 0 to ${MAX_HLEN}`, At.HLEN);
  }
  const cookie = u32At(packet, At.COOKIE);
  if (cookie !== MAGIC_COOKIE) {
    const found = cookie.toString(16).padStart(8, "0");
    throw new DecodeError("magic", `magic cookie is ${found}, wanted 63825363`, At.COOKIE);
  }
  const options = Options.decode(
    packet,
    { start: At.OPTIONS, end: packet.length },
    FILE,
    SNAME,
  );
  const overload = options.overload;
  return {
    op: packet[At.OP]!,
    htype: packet[At.HTYPE]!,
    hlen,
    hops: packet[At.HOPS]!,
    xid: u32At(packet, At.XID),
    secs: u16At(packet, At.SECS),
    flags: u16At(packet, At.FLAGS),
    ciaddr: u32At(packet, At.CIADDR) as Ipv4,
    yiaddr: u32At(packet, At.YIADDR) as Ipv4,
    siaddr: u32At(packet, At.SIADDR) as Ipv4,
    giaddr: u32At(packet, At.GIADDR) as Ipv4,
    chaddr: packet.subarray(At.CHADDR, At.CHADDR + hlen),
    sname: (overload & Overload.SNAME) === 0
      ? packet.subarray(At.SNAME, At.FILE)
      : new Uint8Array(At.FILE - At.SNAME),
    file: (overload & Overload.FILE) === 0
      ? packet.subarray(At.FILE, At.COOKIE)
      : new Uint8Array(At.COOKIE - At.FILE),
    options,
  };
}

/** What {@linkcode encodeMessage} wrote. */
export interface EncodedMessage {
  /** The message's octets, from the start of the buffer. */
  readonly length: number;
  /**
   * Codes of the options that did not fit, in their order; empty almost always. One of `ESSENTIAL`
   * among them means that `maxSize` allows no honest message.
   */
  readonly omitted: readonly number[];
}

const NOTHING_OMITTED: readonly number[] = Object.freeze([]);

/**
 * Writes a message at the start of a buffer: at least {@linkcode MIN_MESSAGE} octets, zeros after
 * END. The buffer may hold anything before, and its octets beyond the message, up to `maxSize`, may
 * be cleared. It must not be the one that the message or its options were decoded from.
 *
 * When the options do not fit in `maxSize` octets, those that do not go into `file` and `sname`, if
 * the message leaves them empty (RFC 2131 section 4.1), and what does not fit there either is left
 * out, the last of the options first; see {@linkcode Options.encodeWithin}.
 *
 * @param maxSize the largest UDP payload in octets, see {@linkcode maxReplySize}; at least 300.
 * @throws {RangeError} when `maxSize` is below 300 or above the buffer's length, when `chaddr` is
 * not `hlen` octets or more than 16, or when `sname` or `file` is too long.
 */
export function encodeMessage(
  message: Message,
  into: Uint8Array,
  maxSize: number,
): EncodedMessage {
  const { chaddr, sname, file, options } = message;
  if (maxSize < MIN_MESSAGE || maxSize > into.length) {
    throw new RangeError(
      `Cannot encode message: maximum size is ${maxSize}, wanted ${MIN_MESSAGE} to ${into.length}`,
    );
  }
  if (chaddr.length !== message.hlen || chaddr.length > MAX_HLEN) {
    throw new RangeError(
      `Cannot encode message: hlen is ${message.hlen}, chaddr has ${chaddr.length} octets`,
    );
  }
  if (sname.length > At.FILE - At.SNAME || file.length > At.COOKIE - At.FILE) {
    throw new RangeError(
      `Cannot encode message: sname has ${sname.length} octets, file has ${file.length}`,
    );
  }
  const wanted = At.OPTIONS + options.encodedSize;
  const fits = wanted <= maxSize;
  // Zeros first, so that nothing of the last message shows between the fields of this one.
  into.fill(0, 0, fits ? Math.max(MIN_MESSAGE, wanted) : maxSize);
  into[At.OP] = message.op;
  into[At.HTYPE] = message.htype;
  into[At.HLEN] = message.hlen;
  into[At.HOPS] = message.hops;
  putU32(into, At.XID, message.xid);
  putU16(into, At.SECS, message.secs);
  putU16(into, At.FLAGS, message.flags);
  putU32(into, At.CIADDR, message.ciaddr);
  putU32(into, At.YIADDR, message.yiaddr);
  putU32(into, At.SIADDR, message.siaddr);
  putU32(into, At.GIADDR, message.giaddr);
  into.set(chaddr, At.CHADDR);
  into.set(sname, At.SNAME);
  into.set(file, At.FILE);
  putU32(into, At.COOKIE, MAGIC_COOKIE);
  if (fits) {
    const end = options.encode(into, At.OPTIONS);
    return { length: Math.max(MIN_MESSAGE, end), omitted: NOTHING_OMITTED };
  }
  const spare = [];
  if (isZero(file)) spare.push(FILE);
  if (isZero(sname)) spare.push(SNAME);
  const { end, omitted } = options.encodeWithin(into, { start: At.OPTIONS, end: maxSize }, spare);
  return { length: Math.max(MIN_MESSAGE, end), omitted };
}

function isZero(octets: Uint8Array): boolean {
  return octets.every((octet) => octet === 0);
}

/**
 * The largest UDP payload, in octets, of a reply to a client that sent this maximum message size:
 * 548 to 1472.
 *
 * The option counts the whole IP datagram. It must be at least 576, which is also what holds without
 * it (RFC 2132 section 9.10, RFC 2131 section 2); more than 1500 would be sent in fragments.
 */
export function maxReplySize(option57: number | undefined): number {
  const datagram = Math.max(DEFAULT_DATAGRAM, Math.min(option57 ?? 0, LARGEST_DATAGRAM));
  return datagram - IP_AND_UDP_HEADERS;
}

/**
 * Whether a UDP payload looks like a DISCOVER, without decoding it: its first option says so, which
 * is where every client puts the message type. For telling apart what can wait; never for deciding.
 */
export function isDiscover(packet: Uint8Array): boolean {
  return packet[At.OPTIONS] === 53 && packet[At.OPTIONS + 1] === 1 && packet[At.OPTIONS + 2] === 1;
}
