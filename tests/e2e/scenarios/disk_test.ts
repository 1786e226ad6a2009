/** A full disk: nothing is promised that could not be written, and it passes without a restart. */

import assert from "node:assert/strict";
import { typeOf } from "../bootp.ts";
import { assertSingleHolders } from "../checker.ts";
import { newMac } from "../clients/client.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { LAN, launchServer, startServer } from "../server.ts";
import { describe, run } from "../process.ts";
import { buildLan, talkers, watch } from "./lan.ts";

/** Writes a file until the file system has no block left. */
async function fill(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  // Down to single bytes: any free block would let one more lease through.
  for (let size = 1 << 16; size >= 1; size >>= 1) {
    try {
      while (true) await file.write(new Uint8Array(size));
    } catch (error) {
      if (!(error instanceof Error && /No space|os error 28/.test(error.message))) throw error;
    }
  }
}

scenario("A full disk silences the server until there is space again", ["mount"], async (lab) => {
  const { server, wire } = await buildLan(lab);
  await using packets = await watch(lab, wire);
  const disk = await lab.tmpfs("disk", "4M");
  await using running = await startServer(lab, {
    host: server,
    flags: { ...LAN.flags, "dhcp.lease": "1h" },
    store: `${disk}/leases.db`,
  });
  await using talker = await talkers(lab, wire, true);
  const kept = await talker.lease(newMac(), 5);
  assert(kept, "a lease while there is space");

  await fill(`${disk}/ballast`);
  const logged = running.process.lines.length;
  // The database may still have room of its own for a few leases; then it must stop.
  await until("a client that gets no ACK", 30, async () => {
    const offer = await talker.discover(newMac(), 1);
    if (!offer) return true;
    const answer = await talker.select(offer, 1);
    assert.notEqual(answer && typeOf(answer), "NAK", "a full disk is no reason to refuse a client");
    return answer === undefined;
  });
  const full = Date.now();
  await running.ready(503, 10);
  const offer = await talker.discover(newMac(), 1);
  const answer = offer && await talker.select(offer, 2);
  assert.equal(answer, undefined, "no answer to a REQUEST while the disk is full");
  assert.equal(await packets.find({ type: "ACK", since: full }), undefined);
  assert.equal(await packets.find({ type: "NAK" }), undefined);
  await running.process.line(/full|space|store|write|disk/i, 5, logged);

  await Deno.remove(`${disk}/ballast`);
  await running.ready(200, 30);
  const after = await until("a lease after space was freed", 10, () => talker.lease(newMac(), 2));
  assert(after.address !== kept.address);
  const reboot = await talker.reboot(kept.chaddr, kept.address, 5);
  assert.equal(reboot && typeOf(reboot), "ACK", "the lease from before the full disk is kept");
  assertSingleHolders(await packets.packets());
});

scenario("A lease book that cannot be written stops the start", ["mount"], async (lab) => {
  const { server } = await buildLan(lab);
  const disk = await lab.tmpfs("disk", "1M");
  await new Deno.Command("mount", { args: ["-o", "remount,ro", disk] }).output();
  const store = `${disk}/leases.db`;
  await using process = launchServer(lab, { host: server, flags: LAN.flags, store });
  const status = await process.exit(10);
  assert.equal(describe(status), "exit code 1");
  await process.line(new RegExp(store), 1);
});

scenario(
  "A disk that hangs is said, and survived",
  ["mount", "mkfs.ext4", "fsfreeze"],
  async (lab) => {
    const { server, wire } = await buildLan(lab);
    await using packets = await watch(lab, wire);
    const disk = await lab.disk("disk");
    await using running = await startServer(lab, {
      host: server,
      flags: { ...LAN.flags, "dhcp.lease": "1h" },
      store: `${disk}/leases.db`,
    });
    await using talker = await talkers(lab, wire, true);
    assert(await talker.lease(newMac(), 5), "a lease before");

    const frozen = Date.now();
    await run(["fsfreeze", "-f", disk]);
    const late = newMac();
    assert.equal(await talker.lease(late, 2), undefined);
    await running.ready(503, 10);
    assert.match((await running.readiness())!.body, /leases\.db: the disk does not answer/);
    await running.process.line(/the disk does not answer; no new leases/, 5);
    assert.equal(await packets.find({ type: "ACK", since: frozen }), undefined);
    assert.equal(await packets.find({ type: "NAK" }), undefined);

    await run(["fsfreeze", "-u", disk]);
    await running.ready(200, 10);
    assert(await until("a lease after", 10, () => talker.lease(late, 2)));
  },
);

scenario(
  "A disk that hangs does not hold up a stop",
  ["mount", "mkfs.ext4", "fsfreeze"],
  async (lab) => {
    const { server, wire } = await buildLan(lab);
    const disk = await lab.disk("disk");
    await using running = await startServer(lab, {
      host: server,
      flags: LAN.flags,
      store: `${disk}/leases.db`,
    });
    await using talker = await talkers(lab, wire, true);
    assert(await talker.lease(newMac(), 5), "a lease before");
    await run(["fsfreeze", "-f", disk]);
    assert.equal(await talker.lease(newMac(), 1), undefined);
    running.process.signal("SIGTERM");
    await running.process.line(/"stopped"/, 5);
    // Its thread waits in the kernel, which lets go of nobody until the disk answers.
    await run(["fsfreeze", "-u", disk]);
    assert.equal(describe(await running.process.exit(5)), "exit code 0");
  },
);

scenario("A lease book that is removed under the server is said at once", [], async (lab) => {
  const { server, wire } = await buildLan(lab);
  const store = `${lab.directory}/leases.db`;
  await using running = await startServer(lab, { host: server, flags: LAN.flags, store });
  await using talker = await talkers(lab, wire, true);
  assert(await talker.lease(newMac(), 5), "a lease before");
  for (const end of ["", "-wal"]) await Deno.remove(store + end);
  await running.ready(503, 5);
  assert.match((await running.readiness())!.body, /leases\.db was removed while the server had it/);
  assert.equal(await talker.lease(newMac(), 1), undefined);
});
