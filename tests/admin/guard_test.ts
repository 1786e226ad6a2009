import assert from "node:assert/strict";
import { checkAddressee, checkRight, type Site } from "../../lib/admin/guard.ts";
import type { Peer } from "../../lib/admin/listener.ts";
import { HttpError } from "../../lib/admin/route.ts";

const TOKEN = "0123456789abcdef";

const SITE: Site = {
  names: new Set(["localhost", "router.lan"]),
  token: () => Promise.resolve({ kind: "token", text: TOKEN }),
};

/** The status of the refusal; 200 when there is none. */
async function status(check: () => void | Promise<void>): Promise<number> {
  try {
    await check();
    return 200;
  } catch (error) {
    assert.ok(error instanceof HttpError);
    return error.status;
  }
}

const tcp = (address: string): Peer => ({ kind: "tcp", address });

Deno.test("checkAddressee refuses names that are not the machine's", async () => {
  const table: [string, number][] = [
    ["127.0.0.1", 200],
    ["10.6.9.1:9842", 200],
    ["[::1]", 200],
    ["[fe80::1]:9842", 200],
    ["localhost", 200],
    ["LOCALHOST:9842", 200],
    ["router.lan", 200],
    ["Router.lan.", 200],
    ["attacker.example", 421],
    ["attacker.example:9842", 421],
    ["127.0.0.1.attacker.example", 421],
    ["localhost.attacker.example", 421],
    ["router", 421],
    ["", 421],
  ];
  for (const [host, wanted] of table) {
    assert.equal(await status(() => checkAddressee(new Headers({ host }), SITE)), wanted, host);
  }
});

Deno.test("checkAddressee refuses what a page of another site asks", async () => {
  const host = "router.lan:9842";
  const table: [Record<string, string>, number][] = [
    [{}, 200],
    [{ origin: "http://router.lan:9842" }, 200],
    [{ origin: "https://Router.lan:9842" }, 200],
    [{ origin: "http://router.lan" }, 403],
    [{ origin: "http://router.lan:9843" }, 403],
    [{ origin: "http://attacker.example" }, 403],
    [{ origin: "http://router.lan:9842.attacker.example" }, 403],
    [{ origin: "http://router.lan:9842/" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "" }, 403],
    [{ "sec-fetch-site": "none" }, 200],
    [{ "sec-fetch-site": "same-origin" }, 200],
    [{ "sec-fetch-site": "same-site" }, 403],
    [{ "sec-fetch-site": "cross-site" }, 403],
    [{ "sec-fetch-site": "cross-site", origin: "http://router.lan:9842" }, 403],
  ];
  for (const [headers, wanted] of table) {
    const found = await status(() => checkAddressee(new Headers({ host, ...headers }), SITE));
    assert.equal(found, wanted, JSON.stringify(headers));
  }
});

Deno.test("checkRight wants the token for changes, and for reads from elsewhere", async () => {
  const right = { authorization: `Bearer ${TOKEN}` };
  const far = tcp("10.6.9.77");
  const near: Peer[] = [
    { kind: "unix" },
    tcp("127.0.0.1"),
    tcp("127.8.8.8"),
    tcp("::1"),
    tcp("::ffff:127.0.0.1"),
  ];
  const table: [string, Peer, Record<string, string>, number][] = [
    ...near.flatMap((peer): [string, Peer, Record<string, string>, number][] => [
      ["GET", peer, {}, 200],
      ["HEAD", peer, {}, 200],
      ["POST", peer, {}, 401],
      ["PUT", peer, { authorization: "Bearer wrong" }, 401],
      ["DELETE", peer, right, 200],
    ]),
    ["GET", far, {}, 401],
    ["GET", far, right, 200],
    ["GET", far, { "x-forwarded-for": "127.0.0.1", forwarded: "for=127.0.0.1" }, 401],
    ["GET", far, { authorization: `bearer  ${TOKEN}` }, 200],
    ["GET", far, { authorization: `Basic ${TOKEN}` }, 401],
    ["GET", far, { authorization: TOKEN }, 401],
    ["GET", far, { authorization: "Bearer " }, 401],
    ["GET", tcp("127.0.0.1.example"), {}, 401],
    ["GET", tcp("::ffff:10.6.9.77"), {}, 401],
    ["GET", tcp(""), {}, 401],
  ];
  for (const [method, peer, headers, wanted] of table) {
    const found = await status(() => checkRight(method, new Headers(headers), peer, SITE));
    assert.equal(found, wanted, JSON.stringify([method, peer, headers]));
  }
});

Deno.test("checkRight without a token lets nobody in who would need one", async () => {
  const token = () => Promise.resolve({ kind: "none", why: "there is none" } as const);
  const site: Site = { ...SITE, token };
  for (const authorization of ["Bearer undefined", "Bearer ", "Bearer x"]) {
    const headers = new Headers({ authorization });
    assert.equal(await status(() => checkRight("POST", headers, { kind: "unix" }, site)), 403);
    assert.equal(await status(() => checkRight("GET", headers, tcp("10.6.9.77"), site)), 403);
    assert.equal(await status(() => checkRight("GET", headers, tcp("::1"), site)), 200);
  }
});
