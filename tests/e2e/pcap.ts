/**
 * Reads capture files while they are written: classic pcap, Ethernet, IPv4, UDP, DHCP.
 *
 * @module
 */

import { type Bootp, BootpError, decodeBootp, dotted, summary, typeOf } from "./bootp.ts";

/** A DHCP packet that was seen on a wire. */
export interface Packet {
  /** Milliseconds since the epoch, with the capture's full resolution. */
  readonly at: number;
  /** Hardware addresses of the frame. */
  readonly fromMac: string;
  readonly toMac: string;
  /** IPv4 addresses and UDP ports. */
  readonly from: string;
  readonly fromPort: number;
  readonly to: string;
  readonly toPort: number;
  readonly message: Bootp;
}

/** A file that is no capture. */
export class PcapError extends Error {
  override readonly name = "PcapError";
}

const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const ETHERNET = 1;
const IPV4 = 0x0800;
const UDP = 17;

function mac(octets: Uint8Array): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** The DHCP packet in an Ethernet frame, or undefined when it carries something else. */
export function readFrame(frame: Uint8Array, at: number): Packet | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 14 + 20 + 8 || view.getUint16(12) !== IPV4) return undefined;
  const header = (frame[14]! & 15) * 4;
  const fragment = view.getUint16(14 + 6) & 0x3fff;
  if (frame[14 + 9] !== UDP || fragment !== 0) return undefined;
  const udp = 14 + header;
  const fromPort = view.getUint16(udp);
  const toPort = view.getUint16(udp + 2);
  if (toPort !== 67 && toPort !== 68) return undefined;
  const length = view.getUint16(udp + 4);
  try {
    return {
      at,
      toMac: mac(frame.subarray(0, 6)),
      fromMac: mac(frame.subarray(6, 12)),
      from: dotted(frame.subarray(26, 30)),
      to: dotted(frame.subarray(30, 34)),
      fromPort,
      toPort,
      message: decodeBootp(frame.subarray(udp + 8, udp + length)),
    };
  } catch (error) {
    // Not DHCP: a capture shows whatever passed by.
    if (error instanceof BootpError) return undefined;
    throw error;
  }
}

/** Takes a capture's bytes in pieces and keeps the DHCP packets it has read. */
export class PcapReader {
  readonly packets: Packet[] = [];
  #rest = new Uint8Array();
  #littleEndian: boolean | undefined;
  /** Fractions of a second in the record headers: microseconds or nanoseconds. */
  #fractions = 1e6;

  /** Bytes of a record that has not arrived whole. A finished capture leaves none. */
  get pending(): number {
    return this.#rest.length;
  }

  /**
   * Takes more bytes.
   *
   * @throws {PcapError} when the file does not begin as an Ethernet capture.
   */
  push(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    let at = 0;
    if (this.#littleEndian === undefined) {
      if (all.length < FILE_HEADER) {
        this.#rest = all;
        return;
      }
      this.#readHeader(view);
      at = FILE_HEADER;
    }
    const little = this.#littleEndian!;
    while (at + RECORD_HEADER <= all.length) {
      const length = view.getUint32(at + 8, little);
      const end = at + RECORD_HEADER + length;
      if (end > all.length) break;
      const instant = view.getUint32(at, little) * 1000 +
        view.getUint32(at + 4, little) * 1000 / this.#fractions;
      const packet = readFrame(all.subarray(at + RECORD_HEADER, end), instant);
      if (packet) this.packets.push(packet);
      at = end;
    }
    this.#rest = all.slice(at);
  }

  #readHeader(view: DataView): void {
    const magic = view.getUint32(0, true);
    const swapped = view.getUint32(0, false);
    if (magic === 0xa1b2c3d4 || magic === 0xa1b23c4d) this.#littleEndian = true;
    else if (swapped === 0xa1b2c3d4 || swapped === 0xa1b23c4d) this.#littleEndian = false;
    else throw new PcapError(`Cannot read capture: magic is 0x${magic.toString(16)}`);
    if (magic === 0xa1b23c4d || swapped === 0xa1b23c4d) this.#fractions = 1e9;
    const link = view.getUint32(20, this.#littleEndian);
    if (link !== ETHERNET) throw new PcapError(`Cannot read capture: link type is ${link}`);
  }
}

/** A packet on one line; `since` is the instant that counts as zero. */
export function line(packet: Packet, since: number): string {
  const seconds = ((packet.at - since) / 1000).toFixed(3).padStart(8);
  const way = packet.message.op === 1 ? ">" : "<";
  return `${seconds} ${way} ${packet.from}:${packet.fromPort} to ${packet.to}:${packet.toPort} ` +
    summary(packet.message);
}

/** The last packets on a line each, with the types counted above them. */
export function digest(packets: readonly Packet[], last = 40): string {
  const counts = new Map<string, number>();
  for (const { message } of packets) {
    const type = typeOf(message) ?? "BOOTP";
    counts.set(type, (counts.get(type) ?? 0) + 1);
  }
  const total = Array.from(counts, ([type, count]) => `${count} ${type}`).join(", ");
  const first = packets[0]?.at ?? 0;
  return [`${packets.length} packets: ${total}`]
    .concat(packets.slice(-last).map((packet) => line(packet, first))).join("\n");
}
