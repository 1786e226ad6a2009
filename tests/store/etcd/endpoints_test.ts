import assert from "node:assert/strict";
import {
  endpointsOfSrv,
  parseEndpoint,
  srvNames,
  urlOf,
} from "../../../lib/store/etcd/endpoints.ts";
import { EtcdError, Failure } from "../../../lib/store/etcd/etcd.ts";

Deno.test("parseEndpoint: every way of writing one", () => {
  const cases: readonly [string, boolean, string][] = [
    ["10.0.0.5:2379", false, "http://10.0.0.5:2379"],
    ["10.0.0.5:2379", true, "https://10.0.0.5:2379"],
    [" etcd1 ", false, "http://etcd1:2379"],
    ["Etcd1.Example.NET:4001", true, "https://etcd1.example.net:4001"],
    ["http://etcd1", false, "http://etcd1:2379"],
    ["HTTPS://etcd1:1/", false, "https://etcd1:1"],
    ["https://[fd00::5]:2379", true, "https://[fd00::5]:2379"],
    ["[FD00::5]", false, "http://[fd00::5]:2379"],
    ["fd00::5", false, "http://[fd00::5]:2379"],
    ["::1", true, "https://[::1]:2379"],
  ];
  for (const [text, tls, url] of cases) assert.equal(urlOf(parseEndpoint(text, tls)), url, text);
});

Deno.test("parseEndpoint: what is none is refused and named", () => {
  for (
    const text of [
      "",
      "http://",
      "ftp://etcd1",
      "unix:///run/etcd",
      "etcd1:0",
      "etcd1:65536",
      "etcd1:x",
      "a b",
      "http://etcd1/v3",
      "10.0.0.5:2379,10.0.0.6:2379:1",
    ]
  ) {
    assert.throws(
      () => parseEndpoint(text, false),
      (error) =>
        error instanceof EtcdError && error.failure === Failure.REFUSED &&
        error.message.includes(`"${text}"`),
      text,
    );
  }
});

Deno.test("parseEndpoint: nothing goes in the clear once certificates are given", () => {
  assert.throws(() => parseEndpoint("http://etcd1", true), /not encrypted/);
});

Deno.test("endpointsOfSrv: by priority, then by weight, without the dot at the end", () => {
  const endpoints = endpointsOfSrv([
    { priority: 10, weight: 1, port: 2379, target: "c.example.net." },
    { priority: 0, weight: 1, port: 2379, target: "B.example.net." },
    { priority: 0, weight: 5, port: 4001, target: "a.example.net" },
  ], true);
  assert.deepEqual(endpoints.map(urlOf), [
    "https://a.example.net:4001",
    "https://b.example.net:2379",
    "https://c.example.net:2379",
  ]);
  assert.deepEqual(endpointsOfSrv([{ priority: 0, weight: 0, port: 0, target: "." }], false), []);
});

Deno.test("srvNames: those of etcd's own clients", () => {
  assert.deepEqual(srvNames("example.net"), {
    plain: "_etcd-client._tcp.example.net",
    secure: "_etcd-client-ssl._tcp.example.net",
  });
});
