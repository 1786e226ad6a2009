import assert from "node:assert/strict";
import { HttpError, readQuery, type Route, RouteTable } from "../../lib/admin/route.ts";

function route(method: Route["method"], path: string): Route {
  const id = `${method} ${path}`;
  return { method, path, id, summary: "", answers: {}, handle: () => new Response() };
}

const TABLE = new RouteTable([
  route("GET", "/a"),
  route("DELETE", "/a/{b}"),
  route("GET", "/a/{b}/c.d"),
]);

Deno.test("RouteTable.find finds a route and what stands in its place", () => {
  const table: [string, string, string, Record<string, string>][] = [
    ["GET", "/a", "GET /a", {}],
    ["HEAD", "/a", "GET /a", {}],
    ["DELETE", "/a/x%3Ay", "DELETE /a/{b}", { b: "x:y" }],
    ["GET", "/a/1/c.d", "GET /a/{b}/c.d", { b: "1" }],
  ];
  for (const [method, path, id, place] of table) {
    const match = TABLE.find(method, path);
    assert.equal(match.route.id, id);
    assert.deepEqual(Object.fromEntries(match.place), place);
  }
});

Deno.test("RouteTable.find refuses what there is not", () => {
  const table: [string, string, number][] = [
    ["GET", "/", 404],
    ["GET", "/a/", 404],
    ["GET", "/a/1/cxd", 404],
    ["GET", "/a/1", 405],
    ["HEAD", "/a/1", 405],
    ["POST", "/a", 405],
    ["DELETE", "/a/%", 400],
  ];
  for (const [method, path, status] of table) {
    assert.throws(() => TABLE.find(method, path), (error) => {
      assert.ok(error instanceof HttpError);
      assert.equal(error.status, status, `${method} ${path}`);
      return true;
    });
  }
});

Deno.test("readQuery takes known parameters once", () => {
  const known = [{ name: "range", help: "which", schema: {}, required: true }];
  const read = (text: string) => readQuery(new URLSearchParams(text), known);
  assert.deepEqual([...read("range=a%2Bb")], [["range", "a+b"]]);
  assert.throws(() => read(""), { message: "range: missing: which" });
  assert.throws(() => read("range=1&range=2"), { message: "range: given twice" });
  assert.throws(() => read("rang=1"), { message: 'unknown parameter "rang"; did you mean range?' });
  assert.throws(() => readQuery(new URLSearchParams("x=1"), []), {
    message: 'unknown parameter "x"; it takes none',
  });
});
