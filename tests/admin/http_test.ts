import assert from "node:assert/strict";
import { request } from "node:http";
import { AdminListenError, type AdminSubject, startAdmin } from "../../lib/admin/http.ts";
import { Metrics } from "../../lib/admin/metrics.ts";
import type { ListenAddress } from "../../lib/config/model.ts";
import { Scene, startSite } from "./fixtures.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

/** Where there is no directory for a token. */
function configOf(listen: ListenAddress) {
  return { listen, socket: undefined, tokenFile: "/nonexistent/admin-token", tls: undefined };
}

function makeSubject(more: Partial<AdminSubject> = {}): AdminSubject {
  return {
    ...new Scene().subject,
    gauges: {
      addresses: () => [{ subnet: "", state: "free", count: 90 }, {
        subnet: "",
        state: "leased",
        count: 1,
      }],
      storeUp: () => true,
      storeStatus: () => ({ mirrorLag: 0.5 }),
    },
    ...more,
  };
}

async function withAdmin(
  subject: AdminSubject,
  body: (url: string, port: number) => Promise<void>,
): Promise<void> {
  const admin = await startAdmin(configOf(LOOPBACK), subject);
  try {
    await body(`http://127.0.0.1:${admin.address.port}`, admin.address.port);
  } finally {
    await admin.stop();
  }
}

async function get(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, text, headers: response.headers };
}

/** fetch writes its own Host header, so this does without it. */
function statusFor(port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = {
      hostname: "127.0.0.1",
      port,
      path: "/healthz",
      headers: { host },
      agent: false as const,
    };
    request(options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode!));
    }).on("error", reject).end();
  });
}

Deno.test("startAdmin serves /healthz and /readyz", async () => {
  let readiness = { ok: false, reasons: ["lan0 has no address"] };
  await withAdmin(makeSubject({ ready: () => readiness }), async (url) => {
    const health = await get(`${url}/healthz`);
    assert.deepEqual([health.status, health.text], [200, "ok\n"]);
    const before = await get(`${url}/readyz`);
    assert.equal(before.status, 503);
    assert.deepEqual(JSON.parse(before.text), { ready: false, reasons: ["lan0 has no address"] });
    readiness = { ok: true, reasons: [] };
    const after = await get(`${url}/readyz`);
    assert.equal(after.status, 200);
    assert.deepEqual(JSON.parse(after.text), { ready: true, reasons: [] });
    assert.equal(after.headers.get("cache-control"), "no-store");
  });
});

Deno.test("startAdmin serves what Metrics counted", async () => {
  const metrics = new Metrics();
  const subject = makeSubject({ metrics });
  metrics.received("discover");
  metrics.received("discover");
  metrics.received("request");
  metrics.sent("offer");
  metrics.dropped("not-for-us");
  metrics.requestDuration("discover", 0.0002);
  metrics.requestDuration("discover", 0.01);
  metrics.requestDuration("discover", 99);
  metrics.commit(0.003, 40);
  await withAdmin(subject, async (url) => {
    const { status, text, headers } = await get(`${url}/metrics`);
    assert.equal(status, 200);
    assert.match(headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
    const lines = text.split("\n");
    for (
      const line of [
        "# TYPE etcdhcp_packets_received_total counter",
        'etcdhcp_packets_received_total{type="discover"} 2',
        'etcdhcp_packets_received_total{type="request"} 1',
        'etcdhcp_packets_sent_total{type="offer"} 1',
        'etcdhcp_packets_dropped_total{reason="not-for-us"} 1',
        "# TYPE etcdhcp_request_duration_seconds histogram",
        'etcdhcp_request_duration_seconds_bucket{type="discover",le="0.0001"} 0',
        'etcdhcp_request_duration_seconds_bucket{type="discover",le="0.00025"} 1',
        'etcdhcp_request_duration_seconds_bucket{type="discover",le="0.01"} 2',
        'etcdhcp_request_duration_seconds_bucket{type="discover",le="2.5"} 2',
        'etcdhcp_request_duration_seconds_bucket{type="discover",le="+Inf"} 3',
        'etcdhcp_request_duration_seconds_sum{type="discover"} 99.0102',
        'etcdhcp_request_duration_seconds_count{type="discover"} 3',
        "etcdhcp_store_commit_duration_seconds_sum 0.003",
        "etcdhcp_store_commit_duration_seconds_count 1",
        'etcdhcp_store_batch_size_bucket{le="20"} 0',
        'etcdhcp_store_batch_size_bucket{le="40"} 1',
        "etcdhcp_store_batch_size_sum 40",
        'etcdhcp_addresses{subnet="",state="free"} 90',
        'etcdhcp_addresses{subnet="",state="leased"} 1',
        "etcdhcp_store_up 1",
        "etcdhcp_mirror_lag_seconds 0.5",
      ]
    ) assert.ok(lines.includes(line), `${line}\n${text}`);
    assert.match(text, /^process_start_time_seconds \d+/m);
    assert.match(text, /^process_resident_memory_bytes [1-9]\d+/m);
    assert.doesNotMatch(text, /^process_(virtual|heap|open_fds).* 0$/m);
    metrics.sent("offer");
    const again = await get(`${url}/metrics`);
    assert.ok(again.text.includes('etcdhcp_packets_sent_total{type="offer"} 2\n'));
    assert.doesNotMatch(text, /etcdhcp_(unreadable_keys|etcd_leases)/, "there is no etcd");
  });
});

Deno.test("startAdmin serves how a store in etcd stands, each time anew", async () => {
  let unreadableKeys = 0;
  const { gauges } = makeSubject();
  const storeStatus = () => ({ mirrorLag: 1.5, unreadableKeys, etcdLeases: 9 });
  await withAdmin(makeSubject({ gauges: { ...gauges, storeStatus } }), async (url) => {
    const { text } = await get(`${url}/metrics`);
    const lines = text.split("\n");
    for (
      const line of [
        "# TYPE etcdhcp_unreadable_keys gauge",
        "etcdhcp_unreadable_keys 0",
        "etcdhcp_etcd_leases 9",
        "etcdhcp_mirror_lag_seconds 1.5",
      ]
    ) assert.ok(lines.includes(line), `${line}\n${text}`);
    unreadableKeys = 2;
    assert.match((await get(`${url}/metrics`)).text, /^etcdhcp_unreadable_keys 2$/m);
  });
});

Deno.test("startAdmin answers with the methods that a path has", async () => {
  await withAdmin(makeSubject(), async (url) => {
    const none = await get(`${url}/`);
    assert.equal(none.status, 404);
    assert.match(JSON.parse(none.text).error, /^there is no \/; there is \/healthz, \/readyz, /);
    const table: [string, string, string][] = [
      ["POST", "/healthz", "GET, HEAD"],
      ["DELETE", "/metrics", "GET, HEAD"],
      ["PATCH", "/api/leases", "GET, HEAD, POST"],
      ["POST", "/api/leases/10.6.9.10", "GET, HEAD, DELETE"],
      ["DELETE", "/api/reservations", "GET, HEAD, PUT, POST"],
      ["GET", "/api/reservations/x", "DELETE"],
      ["PUT", "/api/pools", "GET, HEAD, POST, DELETE"],
      ["POST", "/api/events", "GET, HEAD"],
    ];
    for (const [method, path, allow] of table) {
      const answer = await get(url + path, { method });
      assert.equal(answer.status, 405, path);
      assert.equal(answer.headers.get("allow"), allow, path);
      assert.deepEqual(JSON.parse(answer.text), {
        error: `${path} has no ${method}; it has ${allow}`,
      });
    }
    const head = await get(`${url}/healthz`, { method: "HEAD" });
    assert.deepEqual([head.status, head.text], [200, ""]);
  });
});

Deno.test("startAdmin judges the Host header before anything else", async () => {
  await withAdmin(makeSubject(), async (_, port) => {
    assert.equal(await statusFor(port, "router.lan"), 200);
    assert.equal(await statusFor(port, "attacker.example"), 421);
  });
});

Deno.test("startAdmin refuses another site's page, also what is open to all", async () => {
  await using site = await startSite();
  const headers = { origin: "http://attacker.example" };
  for (const path of ["/metrics", "/healthz", "/api/leases", "/api/events", "/nosuch"]) {
    const answer = await site.ask(path, { headers });
    assert.deepEqual([answer.status, await answer.json()], [403, {
      error: "pages of http://attacker.example may not ask here",
    }]);
  }
});

Deno.test("startAdmin wants the token for every change", async () => {
  await using site = await startSite();
  const changes: [string, string][] = [
    ["POST", "/api/leases"],
    ["DELETE", "/api/leases/10.6.9.10"],
    ["PUT", "/api/reservations"],
    ["POST", "/api/reservations"],
    ["DELETE", "/api/reservations/02:00:00:00:00:01"],
    ["POST", "/api/pools"],
    ["DELETE", "/api/pools?range=10.6.9.10"],
  ];
  for (const [method, path] of changes) {
    const without = await get(site.url + path, { method });
    assert.deepEqual([without.status, JSON.parse(without.text)], [401, {
      error: "a change needs the token: Authorization: Bearer TOKEN",
    }], path);
    assert.equal(without.headers.get("www-authenticate"), 'Bearer realm="etcdhcp"');
    const headers = { authorization: "Bearer 0123456789abcdef" };
    const wrong = await get(site.url + path, { method, headers });
    assert.deepEqual(
      [wrong.status, JSON.parse(wrong.text)],
      [401, { error: "this is not the token" }],
      path,
    );
  }
});

Deno.test("startAdmin without a place for the token says so and lets nothing be changed", async () => {
  const lines: string[] = [];
  await withAdmin(makeSubject({ warn: (line) => lines.push(line) }), async (url) => {
    const answer = await get(`${url}/api/leases/10.6.9.10`, { method: "DELETE" });
    const why = "there is no token: the directory of /nonexistent/admin-token " +
      "(--admin.token-file) does not exist; make it";
    assert.deepEqual([answer.status, JSON.parse(answer.text)], [403, { error: why }]);
    assert.deepEqual(lines, [`${why}. Until then nothing can be changed over HTTP`]);
  });
});

Deno.test("startAdmin takes the token that the file holds when it is asked", async () => {
  await using site = await startSite();
  const path = `${site.directory}/admin-token`;
  const status = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await get(`${site.url}/api/leases/10.6.9.10`, { method: "DELETE", headers })).status;
  };
  assert.equal(await status(site.token), 404, "there is no such lease");
  await Deno.writeTextFile(path, "another-0123456789\n");
  assert.equal(await status(site.token), 401);
  assert.equal(await status("another-0123456789"), 404);
  await Deno.chmod(path, 0o644);
  assert.equal(await status("another-0123456789"), 403);
  assert.match(site.scene.warnings.join(), /can be read by others than its owner/);
});

Deno.test("startAdmin says what is in the way", async () => {
  const first = await startAdmin(configOf(LOOPBACK), makeSubject());
  const { port } = first.address;
  try {
    await assert.rejects(startAdmin(configOf({ hostname: "127.0.0.1", port }), makeSubject()), {
      name: "AdminListenError",
      message: `cannot listen on 127.0.0.1:${port} (--admin-addr): the port is in use; choose ` +
        `another, or stop what holds it: ss -ltnp sport = :${port}`,
    });
  } finally {
    await first.stop();
  }
  await assert.rejects(
    startAdmin(configOf({ hostname: "192.0.2.77", port: 9842 }), makeSubject()),
    (error) => {
      assert.ok(error instanceof AdminListenError);
      assert.equal(
        error.message,
        "cannot listen on 192.0.2.77:9842 (--admin-addr): no interface of this machine has that " +
          "address",
      );
      return true;
    },
  );
});

Deno.test("startAdmin on every address answers IPv4 too", async () => {
  const admin = await startAdmin(configOf({ hostname: "::", port: 0 }), makeSubject());
  try {
    await admin.warm();
    assert.equal((await get(`http://127.0.0.1:${admin.address.port}/healthz`)).status, 200);
  } finally {
    await admin.stop();
  }
});
