import assert from "node:assert/strict";
import { EVENT_LIMITS } from "../../lib/admin/api/events.ts";
import { apiRoutes } from "../../lib/admin/api/routes.ts";
import { SCHEMAS } from "../../lib/admin/api/schema.ts";
import { Feed } from "../../lib/admin/feed.ts";
import { answersOf, makeDocument } from "../../lib/admin/openapi.ts";
import type { Schema } from "../../lib/admin/route.ts";
import { asJson, GUEST, LAN, Scene, startSite } from "./fixtures.ts";
import { misfits } from "./schema_check.ts";
import { EventReader } from "./sse.ts";

const MAC = "5c:96:56:a4:be:eb";

// deno-lint-ignore no-explicit-any -- a document is looked into at any depth
type Document = any;

/** Where in the document a request's path is. */
function pathOf(document: Document, path: string): string | undefined {
  return Object.keys(document.paths).find((one) =>
    RegExp(`^${one.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path)
  );
}

/** The values that an answer carries, as its type has them. */
async function valuesOf(response: Response, type: string): Promise<unknown[]> {
  if (type === "text/event-stream") {
    await using reader = new EventReader(response);
    return [(await reader.next())!.data];
  }
  const text = await response.text();
  if (type === "application/jsonl") {
    return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }
  return [type === "application/json" ? JSON.parse(text) : text];
}

Deno.test("the OpenAPI document describes every answer of every route", async () => {
  const scene = new Scene([LAN, GUEST]);
  await scene.lease("10.6.9.11", MAC, "laptop");
  await scene.lease("10.6.9.12", "02:00:00:00:00:12");
  await using site = await startSite(scene, undefined, {
    events: { ...EVENT_LIMITS, readers: 1 },
  });
  const response = await fetch(`${site.url}/api/openapi.json`);
  const document: Document = await response.json();
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
  const start = await fetch(`${site.url}/api/events`);
  const first = new EventReader(start);
  const { id } = await first.block().then((text) => /id: (?<id>\S+)/.exec(text!)!.groups!);
  await first[Symbol.asyncDispose]();
  await scene.lease("10.6.9.11", MAC, "laptop");

  const reservation = {
    mac: MAC,
    ip: "10.6.9.5",
    hostname: "printer",
    options: { "ntp-server": "10.6.9.1,10.6.9.2", "224": "hex:00ff" },
  };
  const lease = { ip: "10.6.9.20", mac: "02:00:00:00:00:20", expires: "2026-11-22T18:00:00Z" };
  const jsonl = { headers: { accept: "application/jsonl" } };
  const pool = { range: "10.7.0.30-10.7.0.40", subnet: "guest" };
  const script: [string, RequestInit, number][] = [
    ["/healthz", {}, 200],
    ["/readyz", {}, 200],
    ["/metrics", {}, 200],
    ["/api/openapi.json", {}, 200],
    ["/api/leases", {}, 200],
    ["/api/leases?limit=1", {}, 200],
    ["/api/leases", jsonl, 200],
    ["/api/leases?limit=x", {}, 400],
    ["/api/leases", asJson("POST", [lease, { ip: "x" }]), 200],
    ["/api/leases", { method: "POST", body: "x" }, 415],
    ["/api/leases/10.6.9.11", {}, 200],
    ["/api/leases/x", {}, 400],
    ["/api/leases/10.6.9.12", { method: "DELETE" }, 200],
    ["/api/leases/10.6.9.12", { method: "DELETE" }, 409],
    ["/api/reservations", asJson("PUT", reservation), 200],
    ["/api/reservations", asJson("POST", { ...reservation, hostname: undefined }), 200],
    ["/api/reservations", asJson("POST", { ...reservation, ip: "192.0.2.1", subnet: "" }), 409],
    ["/api/reservations", {}, 200],
    ["/api/reservations?subnet=x", {}, 404],
    [`/api/reservations/${MAC}`, { method: "DELETE" }, 200],
    [`/api/reservations/${MAC}`, { method: "DELETE" }, 404],
    ["/api/pools", {}, 200],
    ["/api/pools", asJson("POST", pool), 200],
    ["/api/pools", asJson("POST", { range: "x" }), 400],
    ["/api/pools?range=10.7.0.10-10.7.0.12&subnet=guest", { method: "DELETE" }, 200],
    ["/api/pools", { method: "DELETE" }, 400],
    ["/api/servers", {}, 200],
    ["/debug/pprof/profile?seconds=1&format=cpuprofile", {}, 200],
    ["/debug/pprof/heap?seconds=1&format=heapprofile", {}, 200],
    [`/api/events?last-event-id=${id}`, {}, 200],
  ];
  const done = new Set<string>();
  for (const [target, init, status] of script) {
    const label = `${init.method ?? "GET"} ${target}`;
    let answer = await site.ask(target, init);
    // The reader before this one has left, which the server may not have heard yet.
    while (answer.status === 503) {
      await answer.body!.cancel();
      answer = await site.ask(target, init);
    }
    const type = answer.headers.get("content-type")!.split(";")[0]!;
    const values = await valuesOf(answer, type);
    assert.equal(answer.status, status, `${label}: ${JSON.stringify(values)}`);
    const path = pathOf(document, target.split("?")[0]!)!;
    const operation = document.paths[path][(init.method ?? "GET").toLowerCase()];
    const schema = operation.responses[status]?.content[type]?.schema as Schema | undefined;
    assert.ok(schema, `${label}: ${status} ${type} is not in the document`);
    for (const value of values) assert.deepEqual(misfits(value, schema, SCHEMAS), [], label);
    if (status === 200) done.add(operation.operationId);
  }
  const operations = Object.values<Document>(document.paths)
    .flatMap((methods) => Object.values<Document>(methods))
    .map(({ operationId }) => operationId);
  assert.equal(new Set(operations).size, operations.length, "names are unique");
  assert.deepEqual([...done].toSorted(), operations.toSorted(), "every one was asked");
});

Deno.test("makeDocument has every row of the table, and every schema that it refers to", () => {
  const routes = apiRoutes(new Scene().subject.managed, new Feed("run"));
  const document: Document = makeDocument(routes, "1.2.3");
  for (const route of routes) {
    const operation = document.paths[route.path][route.method.toLowerCase()];
    assert.equal(operation.operationId, route.id);
    const braces = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const named = operation.parameters.filter((one: { in: string }) => one.in === "path");
    assert.deepEqual(named.map((one: { name: string }) => one.name), braces);
    assert.deepEqual(Object.keys(operation.responses), Object.keys(answersOf(route)));
  }
  const references = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)];
  for (const [, name] of references) assert.ok(name! in SCHEMAS, name!);
  assert.ok(references.length > 10);
});
