import assert from "node:assert/strict";
import { asJson, GUEST, LAN, Scene, startSite, told } from "./fixtures.ts";

const MAC = "5c:96:56:a4:be:eb";

Deno.test("/api/pools shows how much is left of what", async () => {
  const scene = new Scene([LAN, GUEST]);
  await scene.lease("10.6.9.11", MAC);
  await scene.lease("10.6.9.12", "02:00:00:00:00:12");
  await using site = await startSite(scene);
  await told(await site.ask("/api/leases/10.6.9.12", { method: "DELETE" }));
  await told(
    await site.ask("/api/reservations", asJson("PUT", { mac: MAC, ip: "10.6.9.13" })),
  );
  const [, { pools }] = await told(await fetch(`${site.url}/api/pools`)) as [
    number,
    { pools: unknown[] },
  ];
  assert.deepEqual(pools[0], {
    subnet: "",
    cidr: "10.6.9.0/24",
    ranges: ["10.6.9.10-10.6.9.100"],
    size: 90,
    used: 1,
    free: 88,
    declined: 0,
    freed: 1,
    reserved: 1,
    added: [],
    removed: [],
  });
  const [, guest] = await told(await fetch(`${site.url}/api/pools?subnet=guest`));
  assert.deepEqual(guest, { pools: [pools[1]] });
});

Deno.test("/api/pools adds and removes ranges", async () => {
  await using site = await startSite(new Scene([LAN, GUEST]));
  const range = "10.6.9.150-10.6.9.160";
  const [, added] = await told(await site.ask("/api/pools", asJson("POST", { range })));
  const { subnet, size, added: ranges } = added as {
    subnet: string;
    size: number;
    added: string[];
  };
  assert.deepEqual([subnet, size, ranges], ["", 91 + 11, [range]]);
  const remove = { method: "DELETE" };
  const [, removed] = await told(await site.ask("/api/pools?range=10.6.9.10-10.6.9.19", remove));
  const after = removed as { size: number; removed: string[]; ranges: string[] };
  assert.deepEqual([after.size, after.removed], [91 + 11 - 10, ["10.6.9.10-10.6.9.19"]]);
  assert.deepEqual(after.ranges, ["10.6.9.20-10.6.9.100", range]);
});

Deno.test("/api/pools says what makes no sense", async () => {
  await using site = await startSite(new Scene([LAN, GUEST]));
  const add = async (body: unknown) =>
    await told(await site.ask("/api/pools", asJson("POST", body)));
  const wanted = "wanted FIRST-LAST, like 10.6.9.10-10.6.9.100";
  assert.deepEqual(await add({}), [400, { error: "range: missing: wanted FIRST-LAST" }]);
  assert.deepEqual(await add({ range: "10.6.9.9-10.6.9.1" }), [400, {
    error: `range: cannot use "10.6.9.9-10.6.9.1": ${wanted}`,
  }]);
  assert.deepEqual(await add({ range: "10.6.9.150", subnet: 7 }), [400, {
    error: "subnet: wanted text",
  }]);
  assert.equal((await add({ range: "192.0.2.1", subnet: "guest" }))[0], 409);
  const remove = await told(await site.ask("/api/pools", { method: "DELETE" }));
  assert.deepEqual(remove, [400, {
    error: "range: missing: FIRST-LAST, both included, or one address",
  }]);
});
