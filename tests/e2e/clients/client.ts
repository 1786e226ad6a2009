/**
 * What the real clients have in common: each lives in a namespace of its own, keeps its files in
 * the test's directory, and tells through a hook script what it believes.
 *
 * @module
 */

import type { Capture, Pattern } from "../capture.ts";
import { type Host, type Lab, NOWHERE } from "../lab.ts";
import type { Packet } from "../pcap.ts";
import type { Process } from "../process.ts";

/** The interface of every client. */
export const INTERFACE = "eth0";

/** A DHCP client program. */
export interface Client extends AsyncDisposable {
  readonly host: Host;
  readonly chaddr: string;
  /** How often it has said, since its start, that it took a lease up or extended it. */
  readonly bindings: number;
  /** Starts it, or starts it again with whatever it remembers. */
  start(): void;
  /** Ends it without a RELEASE, as a power cut would. */
  crash(): Promise<void>;
  /** Asks it to renew now, where its own timers are longer than a test should be. */
  renew?(): void;
  /** Gives the address back, through the client's own means. */
  release(): Promise<void>;
}

let made = 0;

/** A hardware address nobody else in this test run has. */
export function newMac(): string {
  made++;
  const [a, b] = crypto.getRandomValues(new Uint8Array(2));
  const octets = [2, 0xe2, a!, b!, made >> 8, made & 255];
  return octets.map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** A host with one interface in the wire and no address. */
export async function clientHost(
  lab: Lab,
  wire: Host,
  title: string,
): Promise<{ host: Host; chaddr: string; directory: string }> {
  const chaddr = newMac();
  const host = await lab.host(title);
  await lab.plug(host, wire, { name: INTERFACE, mac: chaddr });
  const directory = `${lab.directory}/${host.netns}`;
  await Deno.mkdir(directory);
  return { host, chaddr, directory };
}

/** Writes an executable shell script and returns its path. */
export async function script(path: string, body: string): Promise<string> {
  await Deno.writeTextFile(path, `#!/bin/sh\n${body}`, { mode: 0o755 });
  return path;
}

/** Kills a process that may have ended already, and waits for it. */
export async function crash(process: Process | undefined): Promise<void> {
  process?.signal("SIGKILL");
  await process?.exit(5);
}

/** How many lines of a client's output match. */
export function count(process: Process | undefined, pattern: RegExp): number {
  return process?.lines.filter(({ text }) => pattern.test(text)).length ?? 0;
}

/** Puts a client's output into the failure report. */
export function witness(lab: Lab, process: Process): void {
  lab.evidence.push({ title: `output of ${process.title}`, text: () => process.text(30) });
}

/** Waits for the next ACK to a client at or after `since`. */
export function nextAck(
  wire: Capture,
  client: Client,
  seconds: number,
  since = 0,
  pattern: Pattern = {},
): Promise<Packet> {
  return wire.expect(`an ACK for ${client.host.title}`, seconds, {
    ...pattern,
    type: "ACK",
    chaddr: client.chaddr,
    since,
  });
}

/**
 * Makes everything this client unicasts to an address vanish. Broadcasts pass, which is what a
 * client in REBINDING needs.
 */
export async function misdirect(client: Client, address: string): Promise<void> {
  await client.host.ip(
    ...["neighbour", "replace", address, "lladdr", NOWHERE],
    ...["dev", INTERFACE, "nud", "permanent"],
  );
}
