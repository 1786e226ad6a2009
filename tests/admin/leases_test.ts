import assert from "node:assert/strict";
import { asJson, GUEST, LAN, Scene, startSite, told } from "./fixtures.ts";

const MAC = "5c:96:56:a4:be:eb";
const OTHER = "5c:96:56:a4:be:ec";

async function busyScene(): Promise<Scene> {
  const scene = new Scene([LAN, GUEST]);
  await scene.lease("10.6.9.12", OTHER, "Printer");
  await scene.lease("10.6.9.11", MAC, "laptop");
  await scene.lease("10.7.0.10", MAC, "laptop", "guest");
  await scene.release("10.7.0.10", MAC, "guest");
  return scene;
}

async function ips(response: Response): Promise<string[]> {
  const { leases } = await response.json();
  return leases.map((one: { ip: string }) => one.ip);
}

Deno.test("GET /api/leases lists by filter, in order, page by page", async () => {
  await using site = await startSite(await busyScene());
  const table: [string, string[]][] = [
    ["", ["10.6.9.11", "10.6.9.12", "10.7.0.10"]],
    ["?subnet=", ["10.6.9.11", "10.6.9.12"]],
    ["?subnet=guest", ["10.7.0.10"]],
    ["?state=bound", ["10.6.9.11", "10.6.9.12"]],
    ["?state=released", ["10.7.0.10"]],
    ["?mac=5C-96-56-A4-BE-EB", ["10.6.9.11", "10.7.0.10"]],
    ["?hostname=PRINT", ["10.6.9.12"]],
    ["?hostname=laptop&state=bound", ["10.6.9.11"]],
    ["?subnet=nosuch", []],
  ];
  for (const [query, wanted] of table) {
    assert.deepEqual(await ips(await fetch(`${site.url}/api/leases${query}`)), wanted, query);
  }
  const pages: string[][] = [];
  let cursor: string | null = "";
  while (cursor !== null) {
    const more: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const page = await (await fetch(`${site.url}/api/leases?limit=2${more}`)).json();
    pages.push(page.leases.map((one: { ip: string }) => one.ip));
    cursor = page.next;
  }
  assert.deepEqual(pages, [["10.6.9.11", "10.6.9.12"], ["10.7.0.10"]]);
});

Deno.test("GET /api/leases finds the first of many without keeping them all", async () => {
  const scene = new Scene();
  for (let i = 90; i > 0; i--) {
    await scene.lease(`10.6.9.${9 + i}`, `02:00:00:00:00:${i.toString(16).padStart(2, "0")}`);
  }
  await using site = await startSite(scene);
  const first = await ips(await fetch(`${site.url}/api/leases?limit=3`));
  assert.deepEqual(first, ["10.6.9.10", "10.6.9.11", "10.6.9.12"]);
  const later = await ips(await fetch(`${site.url}/api/leases?limit=3&cursor=10.6.9.50`));
  assert.deepEqual(later, ["10.6.9.51", "10.6.9.52", "10.6.9.53"]);
});

Deno.test("GET /api/leases streams all as JSON lines", async () => {
  await using site = await startSite(await busyScene());
  const headers = { accept: "application/jsonl" };
  const response = await fetch(`${site.url}/api/leases?state=bound`, { headers });
  assert.equal(response.headers.get("content-type"), "application/jsonl");
  const lines = (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines.map(({ ip }) => ip).toSorted(), ["10.6.9.11", "10.6.9.12"]);
});

Deno.test("GET /api/leases/{ip} shows an entry", async () => {
  await using site = await startSite(await busyScene());
  assert.deepEqual(await told(await fetch(`${site.url}/api/leases/10.6.9.11`)), [200, {
    ip: "10.6.9.11",
    subnet: "",
    client: MAC,
    mac: MAC,
    clientId: "",
    hostname: "laptop",
    state: "bound",
    since: "2026-11-22T15:00:00.000Z",
    renewed: "2026-11-22T15:00:00.000Z",
    expires: "2026-11-22T16:00:00.000Z",
    held: "2026-11-22T16:00:00.000Z",
    server: "10.6.9.1",
    relay: null,
  }]);
});

Deno.test("GET /api/leases says what makes no sense", async () => {
  await using site = await startSite(await busyScene());
  const table: [string, number, string][] = [
    ["?stat=bound", 400, 'unknown parameter "stat"; did you mean state?'],
    ["?state=bound&state=bound", 400, "state: given twice"],
    [
      "?state=x",
      400,
      'state: cannot use "x": wanted bound, released, expired, declined, freed',
    ],
    ["?limit=0", 400, 'limit: cannot use "0": wanted a whole number, 1 to 10000'],
    ["?cursor=x", 400, 'cursor: cannot use "x": wanted an IPv4 address, like 10.6.9.1'],
    ["?mac=x", 400, 'mac: cannot use "x": wanted a hardware address, like 5c:96:56:a4:be:eb'],
    ["/x", 400, 'ip: cannot use "x": wanted an IPv4 address, like 10.6.9.1'],
    ["/%zz", 400, 'cannot read "%zz": its %-escapes are wrong'],
    ["/10.6.9.77", 404, "10.6.9.77 has no entry in the book"],
    [
      "/192.0.2.1",
      404,
      "192.0.2.1 has no entry in the book; it is in no subnet that is served",
    ],
  ];
  for (const [path, status, error] of table) {
    const answer = await told(await fetch(`${site.url}/api/leases${path}`));
    assert.deepEqual(answer, [status, { error }], path);
  }
});

Deno.test("DELETE /api/leases/{ip} keeps the address aside until its lease is over", async () => {
  await using site = await startSite(await busyScene());
  const answer = await site.ask("/api/leases/10.6.9.11", { method: "DELETE" });
  const { lease, until } = await answer.json();
  assert.deepEqual([lease.state, until], ["freed", "2026-11-22T16:00:00.000Z"]);
  assert.equal((await (await fetch(`${site.url}/api/leases/10.6.9.11`)).json()).state, "freed");
  assert.deepEqual(await told(await site.ask("/api/leases/10.6.9.11", { method: "DELETE" })), [
    409,
    {
      error: "10.6.9.11 is taken back already and kept aside until 2026-11-22T16:00:00.000Z; " +
        "force frees it now",
    },
  ]);
});

Deno.test("DELETE /api/leases/{ip}?force=true frees at once", async () => {
  await using site = await startSite(await busyScene());
  const answer = await site.ask("/api/leases/10.6.9.11?force=true", { method: "DELETE" });
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).until, null);
  assert.equal(site.scene.store.view.counts("").bound, 1);
  assert.equal(site.scene.store.view.counts("").freed, 0);
});

Deno.test("DELETE /api/leases/{ip} says why not", async () => {
  await using site = await startSite(await busyScene());
  const remove = async (path: string) =>
    await told(await site.ask(`/api/leases/${path}`, { method: "DELETE" }));
  assert.deepEqual(await remove("10.7.0.10"), [409, {
    error: "nobody holds 10.7.0.10: it is released",
  }]);
  assert.deepEqual(await remove("10.6.9.77"), [404, {
    error: "10.6.9.77 has no entry in the book",
  }]);
  assert.deepEqual(await remove("10.6.9.11?force=yes"), [400, {
    error: 'force: cannot use "yes": wanted true or false',
  }]);
  site.scene.trouble = "the disk is full";
  assert.deepEqual(await remove("10.6.9.11"), [503, { error: "the disk is full; try again" }]);
});

const NEW = { ip: "10.6.9.20", mac: "02:00:00:00:00:20", expires: "2026-11-22T18:00:00Z" };

async function imported(site: Awaited<ReturnType<typeof startSite>>, body: string, query = "") {
  const headers = {
    "content-type": body.startsWith("[") ? "application/json" : "application/jsonl",
  };
  const response = await site.ask(`/api/leases${query}`, { method: "POST", body, headers });
  assert.equal(response.status, 200);
  return (await response.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("POST /api/leases enters leases and says of each what became of it", async () => {
  await using site = await startSite(await busyScene());
  const lines = [
    JSON.stringify({
      ...NEW,
      hostname: "cam\nera",
      clientId: "01ff",
      since: "2026-11-20T00:00:00Z",
    }),
    "",
    "{nonsense",
    "[1]",
    JSON.stringify({ ...NEW, ip: "10.6.9.11" }),
    JSON.stringify({ ...NEW, ip: "10.6.9.21", mac: MAC }),
    JSON.stringify({ ...NEW, ip: "10.6.9.22", expires: "2026-11-22T14:00:00Z" }),
    JSON.stringify({ ...NEW, ip: "10.6.9.23", state: "released" }),
    JSON.stringify({ ...NEW, ip: "192.0.2.1" }),
    JSON.stringify({ ...NEW, ip: "10.6.9.24", expires: "tomorrow" }),
    JSON.stringify({ ...NEW, ip: "10.6.9.24", mac: 7 }),
    JSON.stringify({ ip: "10.6.9.24" }),
  ];
  const results = await imported(site, lines.join("\n"));
  assert.deepEqual(results.map(({ line, ip, result }) => [line, ip, result]), [
    [1, "10.6.9.20", "entered"],
    [3, "", "invalid"],
    [4, "", "invalid"],
    [5, "10.6.9.11", "taken"],
    [6, "10.6.9.21", "taken"],
    [7, "10.6.9.22", "skipped"],
    [8, "10.6.9.23", "skipped"],
    [9, "192.0.2.1", "refused"],
    [10, "10.6.9.24", "invalid"],
    [11, "10.6.9.24", "invalid"],
    [12, "10.6.9.24", "invalid"],
  ]);
  assert.equal(
    results.find(({ line }) => line === 10).reason,
    'expires: cannot use "tomorrow": wanted an instant like 2026-11-22T15:00:00Z',
  );
  const lease = await (await fetch(`${site.url}/api/leases/10.6.9.20`)).json();
  assert.deepEqual(
    [lease.hostname, lease.clientId, lease.since, lease.expires],
    ["camera", "01ff", "2026-11-20T00:00:00.000Z", "2026-11-22T18:00:00.000Z"],
  );
});

Deno.test("POST /api/leases takes an array, and a dry run changes nothing", async () => {
  await using site = await startSite(await busyScene());
  const array = JSON.stringify([NEW, { ...NEW, ip: "10.6.9.12" }], undefined, 2);
  const dry = await imported(site, array, "?dry-run=true");
  assert.deepEqual(dry, [
    { line: 1, ip: "10.6.9.20", result: "entered", reason: "" },
    { line: 2, ip: "10.6.9.12", result: "taken", reason: `${OTHER} has it` },
  ]);
  assert.equal((await told(await fetch(`${site.url}/api/leases/10.6.9.20`)))[0], 404);
  assert.equal((await imported(site, array))[0].result, "entered");
  const cut = await imported(site, '[{"ip":"10.6.9.30"');
  assert.deepEqual(cut, [
    { line: 1, ip: "", result: "invalid", reason: "the array does not end" },
  ]);
});

Deno.test("POST /api/leases takes what GET gave, and thousands at once", async () => {
  const scene = new Scene();
  for (let i = 0; i < 90; i++) {
    await scene.lease(`10.6.9.${10 + i}`, `02:00:00:00:00:${i.toString(16).padStart(2, "0")}`);
  }
  await using site = await startSite(scene);
  const headers = { accept: "application/jsonl" };
  const exported = await (await fetch(`${site.url}/api/leases`, { headers })).text();
  await using empty = await startSite();
  const results = await imported(empty, exported.repeat(40));
  assert.equal(results.length, 3600);
  assert.ok(results.slice(0, 90).every(({ result }) => result === "entered"));
  assert.equal(empty.scene.store.view.counts("").bound, 90);
  const before = await (await fetch(`${site.url}/api/leases/10.6.9.33`)).json();
  const after = await (await fetch(`${empty.url}/api/leases/10.6.9.33`)).json();
  assert.equal(after.expires, before.expires);
});

Deno.test("POST /api/leases refuses a body of another type, or none that it can know", async () => {
  await using site = await startSite();
  const form = { "content-type": "application/x-www-form-urlencoded" };
  const answer = await told(
    await site.ask("/api/leases", { method: "POST", body: "ip=x", headers: form }),
  );
  assert.deepEqual(answer, [415, {
    error: 'content-type: cannot use "application/x-www-form-urlencoded": wanted ' +
      "application/json or application/jsonl or application/x-ndjson",
  }]);
  assert.deepEqual(await told(await site.ask("/api/leases", asJson("POST", []))), [200, ""]);
});
