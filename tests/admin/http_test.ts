import assert from "node:assert/strict";
import { request } from "node:http";
import { AdminListenError, type AdminSubject, startAdmin } from "../../lib/admin/http.ts";
import { Metrics } from "../../lib/admin/metrics.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };

function makeSubject(more: Partial<AdminSubject> = {}): AdminSubject {
  return {
    metrics: new Metrics(),
    gauges: {
      addresses: () => [{ subnet: "", state: "free", count: 90 }, {
        subnet: "",
        state: "leased",
        count: 1,
      }],
      storeUp: () => true,
      storeStatus: () => ({ mirrorLag: 0.5 }),
    },
    ready: () => ({ ok: true, reasons: [] }),
    hostnames: ["Router.lan"],
    ...more,
  };
}

async function withAdmin(
  subject: AdminSubject,
  body: (url: string, port: number) => Promise<void>,
): Promise<void> {
  const admin = startAdmin(LOOPBACK, subject);
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
  const subject = makeSubject();
  const { metrics } = subject;
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

Deno.test("startAdmin answers GET and HEAD on its own paths only", async () => {
  await withAdmin(makeSubject(), async (url) => {
    const none = await get(`${url}/`);
    assert.deepEqual([none.status, none.text], [404, "There is /healthz, /readyz, /metrics\n"]);
    const post = await get(`${url}/healthz`, { method: "POST" });
    assert.equal(post.status, 405);
    assert.equal(post.headers.get("allow"), "GET, HEAD");
    const head = await get(`${url}/healthz`, { method: "HEAD" });
    assert.deepEqual([head.status, head.text], [200, ""]);
  });
});

Deno.test("startAdmin refuses names that are not the machine's", async () => {
  await withAdmin(makeSubject(), async (_, port) => {
    const table: [string, number][] = [
      ["127.0.0.1", 200],
      [`10.6.9.1:${port}`, 200],
      ["[::1]", 200],
      [`[fe80::1]:${port}`, 200],
      ["localhost", 200],
      [`LOCALHOST:${port}`, 200],
      ["router.lan", 200],
      ["Router.lan.", 200],
      ["attacker.example", 421],
      [`attacker.example:${port}`, 421],
      ["127.0.0.1.attacker.example", 421],
      ["localhost.attacker.example", 421],
      ["router", 421],
    ];
    for (const [host, status] of table) assert.equal(await statusFor(port, host), status, host);
  });
});

Deno.test("startAdmin says what is in the way", async () => {
  const first = startAdmin(LOOPBACK, makeSubject());
  const { port } = first.address;
  try {
    assert.throws(() => startAdmin({ hostname: "127.0.0.1", port }, makeSubject()), {
      name: "AdminListenError",
      message: `cannot listen on 127.0.0.1:${port} (--admin-addr): the port is in use; choose ` +
        `another, or stop what holds it: ss -ltnp sport = :${port}`,
    });
  } finally {
    await first.stop();
  }
  assert.throws(
    () => startAdmin({ hostname: "192.0.2.77", port: 9842 }, makeSubject()),
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
  const admin = startAdmin({ hostname: "::", port: 0 }, makeSubject());
  try {
    await admin.warm();
    assert.equal((await get(`http://127.0.0.1:${admin.address.port}/healthz`)).status, 200);
  } finally {
    await admin.stop();
  }
});
