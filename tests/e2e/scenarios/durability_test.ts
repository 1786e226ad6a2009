/**
 * A power cut loses no lease that was acknowledged. What a power cut spares is what the disk has
 * been told to keep, so this watches the system calls: between a REQUEST that comes in and the ACK
 * that goes out, the log of the lease book is flushed.
 */

import assert from "node:assert/strict";
import { newMac } from "../clients/client.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import { buildLan, talkers } from "./lan.ts";

const LEASES = 12;

/** What a line of the trace tells: calls are listed as they begin, with their descriptors' files. */
const EVENTS = {
  /** The message type is the first option that these clients and this server write. */
  request: /recv(mmsg|from|msg)\b.*\\x63\\x82\\x53\\x63\\x35\\x01\\x03/,
  flushed: /(fsync|fdatasync)(\(\d+<.*-wal>\)| resumed>\)).* = 0$/,
  ack: /send(mmsg|to|msg)\(.*\\x63\\x82\\x53\\x63\\x35\\x01\\x05/,
} as const;

function eventsOf(trace: string): (keyof typeof EVENTS)[] {
  return trace.split("\n").flatMap((line) =>
    (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).filter((event) => EVENTS[event].test(line))
  );
}

scenario("No ACK leaves before the disk has the lease", ["strace"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const trace = `${lab.directory}/trace`;
  const calls = "trace=fsync,fdatasync,recvmmsg,recvfrom,recvmsg,sendmmsg,sendto,sendmsg";
  const under = ["strace", "-D", "-f", "-y", "-x", "-s", "400", "-e", calls, "-o", trace];
  await using _ = await startServer(lab, { host: server, flags: LAN.flags, under });
  await using talker = await talkers(lab, wire);
  for (let i = 0; i < LEASES; i++) {
    assert(await talker.lease(newMac(), 10), `client ${i + 1} gets a lease`);
  }

  const events = eventsOf(await Deno.readTextFile(trace));
  assert.equal(events.filter((event) => event === "ack").length, LEASES);
  let flushed = false;
  for (const event of events) {
    if (event === "request") flushed = false;
    if (event === "flushed") flushed = true;
    if (event === "ack") assert(flushed, `an ACK left before the flush: ${events.join(" ")}`);
  }
});
