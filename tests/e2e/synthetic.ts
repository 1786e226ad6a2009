/**
 * Packets that no wire ever carried, for testing what reads packets.
 *
 * @module
 */

import { type Bootp, encodeBootp, OPTION, quad, seconds, type TypeName, TYPES } from "./bootp.ts";
import { type Packet, readFrame } from "./pcap.ts";

/** What a made-up message says. */
export interface Words {
  readonly xid?: number;
  readonly ciaddr?: string;
  readonly yiaddr?: string;
  readonly requested?: string;
  readonly server?: string;
  readonly lease?: number;
}

const REPLIES: readonly TypeName[] = ["OFFER", "ACK", "NAK"];

/** A message of a type, from or to a client. */
export function message(type: TypeName, chaddr: string, words: Words = {}): Uint8Array {
  const options = new Map<number, Uint8Array>();
  options.set(OPTION.messageType, Uint8Array.of(TYPES[type]));
  if (words.requested) options.set(OPTION.requestedAddress, quad(words.requested));
  if (words.server) options.set(OPTION.serverIdentifier, quad(words.server));
  if (words.lease !== undefined) options.set(OPTION.leaseTime, seconds(words.lease));
  const fields: Partial<Bootp> & Pick<Bootp, "chaddr"> = {
    op: REPLIES.includes(type) ? 2 : 1,
    xid: words.xid ?? 1,
    ciaddr: words.ciaddr ?? "0.0.0.0",
    yiaddr: words.yiaddr ?? "0.0.0.0",
    chaddr,
    options,
  };
  return encodeBootp(fields);
}

/** Puts a payload into UDP, IPv4 and Ethernet. Checksums are left zero: nobody here reads them. */
export function frame(payload: Uint8Array, fromPort = 68, toPort = 67): Uint8Array {
  const bytes = new Uint8Array(14 + 20 + 8 + payload.length);
  const view = new DataView(bytes.buffer);
  bytes.fill(255, 0, 6);
  bytes.set([2, 0, 0, 0, 0, 1], 6);
  view.setUint16(12, 0x0800);
  bytes[14] = 0x45;
  view.setUint16(16, 28 + payload.length);
  bytes[23] = 17;
  bytes.set(quad("10.6.9.1"), 26);
  bytes.set(quad("255.255.255.255"), 30);
  view.setUint16(34, fromPort);
  view.setUint16(36, toPort);
  view.setUint16(38, 8 + payload.length);
  bytes.set(payload, 42);
  return bytes;
}

/** A packet as a capture would have it, so many seconds after zero. */
export function packet(at: number, type: TypeName, chaddr: string, words: Words = {}): Packet {
  return readFrame(frame(message(type, chaddr, words)), at * 1000)!;
}

/** A capture file; `frames` pairs instants (seconds) with frames. */
export function captureFile(
  frames: readonly (readonly [number, Uint8Array])[],
  { littleEndian = true, nanoseconds = false, linkType = 1 } = {},
): Uint8Array {
  const parts: Uint8Array[] = [];
  const words = (...values: number[]) => {
    const view = new DataView(new ArrayBuffer(values.length * 4));
    values.forEach((value, i) => view.setUint32(i * 4, value, littleEndian));
    parts.push(new Uint8Array(view.buffer));
  };
  // Version 2.4 as two halves of one word, in the file's order.
  const version = littleEndian ? 0x00040002 : 0x00020004;
  words(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4, version, 0, 0, 65535, linkType);
  for (const [at, bytes] of frames) {
    const whole = Math.floor(at);
    words(whole, Math.round((at - whole) * (nanoseconds ? 1e9 : 1e6)), bytes.length, bytes.length);
    parts.push(bytes);
  }
  const file = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
