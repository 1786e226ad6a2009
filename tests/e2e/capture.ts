/**
 * A capture of one wire, readable while it runs.
 *
 * @module
 */

import { type Bootp, type TypeName, typeOf } from "./bootp.ts";
import { type Host, type Lab } from "./lab.ts";
import { digest, type Packet, PcapReader } from "./pcap.ts";
import { until } from "./poll.ts";
import type { Process } from "./process.ts";

/** Which packets are meant; what is left out matches all. */
export interface Pattern {
  readonly type?: TypeName;
  readonly chaddr?: string;
  readonly from?: string;
  readonly to?: string;
  /** Only packets at or after this instant (milliseconds since the epoch). */
  readonly since?: number;
  readonly where?: (message: Bootp, packet: Packet) => boolean;
}

function matches(packet: Packet, pattern: Pattern): boolean {
  return (pattern.type === undefined || typeOf(packet.message) === pattern.type) &&
    (pattern.chaddr === undefined || packet.message.chaddr === pattern.chaddr) &&
    (pattern.from === undefined || packet.from === pattern.from) &&
    (pattern.to === undefined || packet.to === pattern.to) &&
    (pattern.since === undefined || packet.at >= pattern.since) &&
    (pattern.where === undefined || pattern.where(packet.message, packet));
}

/** tcpdump on an interface, in its own scope. */
export class Capture implements AsyncDisposable {
  readonly #process: Process;
  readonly #path: string;
  readonly #reader = new PcapReader();
  #offset = 0;

  private constructor(process: Process, path: string) {
    this.#process = process;
    this.#path = path;
  }

  /** Starts capturing; resolves when no packet can be missed any more. */
  static async start(lab: Lab, host: Host, device: string): Promise<Capture> {
    const path = `${lab.directory}/${host.title}-${device}.pcap`;
    const process = host.start([
      ...["tcpdump", "-i", device, "-w", path, "-U", "--immediate-mode", "-B", "65536", "-n"],
      // Root would write the file as the user "tcpdump" otherwise.
      ...["-Z", "root", "udp and (port 67 or port 68)"],
    ], { title: `tcpdump on ${host.title}` });
    const capture = new Capture(process, path);
    lab.evidence.push({
      title: `packets on ${host.title} ${device}`,
      text: async () => digest(await capture.packets()),
    });
    try {
      await process.line(/listening on/, 5);
    } catch (error) {
      await process.stop();
      throw error;
    }
    return capture;
  }

  /** All DHCP packets so far, in order. */
  async packets(): Promise<readonly Packet[]> {
    using file = await Deno.open(this.#path);
    await file.seek(this.#offset, Deno.SeekMode.Start);
    const buffer = new Uint8Array(1 << 20);
    for (let read = await file.read(buffer); read; read = await file.read(buffer)) {
      this.#reader.push(buffer.subarray(0, read));
      this.#offset += read;
    }
    return this.#reader.packets;
  }

  /** The packets that match. */
  async all(pattern: Pattern): Promise<Packet[]> {
    return (await this.packets()).filter((packet) => matches(packet, pattern));
  }

  /** The first packet that matches, or undefined. */
  async find(pattern: Pattern): Promise<Packet | undefined> {
    return (await this.packets()).find((packet) => matches(packet, pattern));
  }

  /** Waits for a packet that matches. */
  expect(what: string, seconds: number, pattern: Pattern): Promise<Packet> {
    return until(what, seconds, () => this.find(pattern));
  }

  /** Ends the capture with every packet in the file; tells how many the kernel lost. */
  async stop(): Promise<{ lost: number }> {
    this.#process.signal("SIGINT");
    await this.#process.exit(5);
    const lost = /(\d+) packets dropped by kernel/.exec(this.#process.text())?.[1];
    return { lost: Number(lost ?? 0) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
    // Read to the end, so that a failure report written after this has everything.
    await this.packets();
  }
}
