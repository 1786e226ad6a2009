import assert from "node:assert/strict";
import { EVENT_LIMITS } from "../../lib/admin/api/events.ts";
import { asJson, Scene, type Site, startSite, told } from "./fixtures.ts";
import { EventReader } from "./sse.ts";

const MAC = "5c:96:56:a4:be:eb";

async function follow(site: Site, lastId?: string): Promise<EventReader> {
  const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
  const response = await fetch(`${site.url}/api/events`, { headers });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  return new EventReader(response);
}

Deno.test("GET /api/events tells what happens to leases and subnets", async () => {
  await using site = await startSite();
  await using reader = await follow(site);
  const greeting = await reader.block();
  assert.match(greeting!, /^retry: 2000\nid: [0-9a-f]{8}-0$/);
  await site.scene.lease("10.6.9.11", MAC, "laptop");
  const created = await reader.next();
  assert.equal(created!.event, "lease");
  assert.match(created!.id, /^[0-9a-f]{8}-1$/);
  const { kind, at, ip, before, after } = created!.data as Record<string, { hostname: string }>;
  assert.deepEqual([kind, at, ip, before], [
    "lease",
    "2026-11-22T15:00:00.000Z",
    "10.6.9.11",
    null,
  ]);
  assert.equal(after!.hostname, "laptop");
  await site.scene.release("10.6.9.11", MAC);
  const released = await reader.next();
  const states = [released!.data.before, released!.data.after].map((one) =>
    (one as { state: string }).state
  );
  assert.deepEqual(states, ["bound", "released"]);
  await told(await site.ask("/api/pools", asJson("POST", { range: "10.6.9.150-10.6.9.160" })));
  const subnets = await reader.next();
  assert.equal(subnets!.event, "subnets");
});

Deno.test("GET /api/events goes on after the event that was seen last", async () => {
  await using site = await startSite();
  const macs = [1, 2, 3, 4].map((n) => `02:00:00:00:00:0${n}`);
  let seen = "";
  {
    await using reader = await follow(site);
    await reader.block();
    await site.scene.lease("10.6.9.11", macs[0]!);
    seen = (await reader.next())!.id;
  }
  await site.scene.lease("10.6.9.12", macs[1]!);
  await site.scene.lease("10.6.9.13", macs[2]!);
  await using reader = await follow(site, seen);
  assert.equal((await reader.next())!.data.ip, "10.6.9.12");
  assert.equal((await reader.next())!.data.ip, "10.6.9.13");
  await site.scene.lease("10.6.9.14", macs[3]!);
  assert.equal((await reader.next())!.data.ip, "10.6.9.14");
});

Deno.test("GET /api/events says when what was missed is not known any more", async () => {
  await using site = await startSite();
  await using first = await follow(site);
  await first.block();
  await site.scene.lease("10.6.9.11", MAC);
  const { id } = (await first.next())!;
  const run = id.split("-")[0];
  for (const lost of ["0000000z-1", `${run}-2`, `${run}-x`, "nonsense"]) {
    await using reader = await follow(site, lost);
    const event = await reader.next();
    assert.deepEqual([event!.event, event!.id], ["reset", `${run}-1`], lost);
  }
  for (let i = 0; i < 8192; i++) await site.scene.lease("10.6.9.11", MAC);
  await using reader = await follow(site, id);
  // The 8192 that are remembered follow the first event directly.
  assert.equal((await reader.next())!.event, "lease");
  await site.scene.lease("10.6.9.11", MAC);
  await using late = await follow(site, id);
  const event = await late.next();
  assert.deepEqual([event!.event, event!.id], ["reset", `${run}-8194`]);
});

Deno.test("GET /api/events keeps a quiet connection alive", async () => {
  const events = { ...EVENT_LIMITS, keepAlive: 20 };
  await using site = await startSite(new Scene(), undefined, { events });
  await using reader = await follow(site);
  await reader.block();
  assert.equal(await reader.block(), ": still here");
  assert.equal(await reader.block(), ": still here");
});

Deno.test("GET /api/events takes so many readers, and others when one has left", async () => {
  await using site = await startSite(new Scene(), undefined, {
    events: { ...EVENT_LIMITS, readers: 2 },
  });
  await using first = await follow(site);
  await first.block();
  {
    await using second = await follow(site);
    await second.block();
    const third = await fetch(`${site.url}/api/events`);
    assert.equal(third.headers.get("retry-after"), "10");
    assert.deepEqual(await told(third), [503, {
      error: "2 follow already; end one, or try again later",
    }]);
  }
  while (true) {
    const response = await fetch(`${site.url}/api/events`);
    const left = response.status === 200;
    await response.body!.cancel();
    if (left) break;
  }
});

Deno.test("GET /api/events cuts off a reader that does not read, and keeps nothing for it", async () => {
  await using site = await startSite(new Scene(), undefined, { connections: { read: 300 } });
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: site.port });
  try {
    const head = "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    await connection.write(new TextEncoder().encode(head));
    await connection.read(new Uint8Array(16));
    // More than the sockets' buffers take, in portions that the ring holds.
    for (let i = 0; i < 60; i++) {
      for (let j = 0; j < 1000; j++) await site.scene.lease("10.6.9.11", MAC, "x".repeat(200));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    const buffer = new Uint8Array(1 << 16);
    await assert.rejects(async () => {
      while (await connection.read(buffer) !== null);
      throw new Error("closed in order");
    });
  } finally {
    connection.close();
  }
});

Deno.test("GET /api/events ends when the server stops", async () => {
  const site = await startSite();
  await using reader = await follow(site);
  await reader.block();
  await site[Symbol.asyncDispose]();
  assert.equal(await reader.next(), undefined);
});
