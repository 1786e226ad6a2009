import assert from "node:assert/strict";
import { dnsName, noticeJson, noticeVariables } from "../../lib/notify/notice.ts";
import { parseIpv4 } from "../../lib/wire/address.ts";
import { created, crossed, noticeOf } from "./fixtures.ts";

Deno.test("noticeJson tells of a lease", () => {
  const event = created({ relay: parseIpv4("10.0.0.254"), subnet: "lan", clientId: "01ff" });
  assert.deepEqual(JSON.parse(noticeJson(noticeOf(event))), {
    id: "0f-1",
    event: "lease.created",
    at: "2027-01-15T08:00:00.000Z",
    server: "router1",
    lease: {
      ip: "10.0.0.10",
      client: "02:00:00:00:aa:01",
      mac: "02:00:00:00:aa:01",
      clientId: "01ff",
      hostname: "printer",
      name: "printer",
      subnet: "lan",
      state: "bound",
      since: "2027-01-15T08:00:00.000Z",
      renewed: "2027-01-15T08:00:00.000Z",
      expires: "2027-01-15T09:00:00.000Z",
      server: "10.0.0.1",
      relay: "10.0.0.254",
    },
  });
});

Deno.test("noticeJson has null for what there is not, and a binding without end", () => {
  const event = created({ expires: Infinity, hostname: "" });
  const { lease } = JSON.parse(noticeJson(noticeOf(event)));
  assert.deepEqual(
    [lease.expires, lease.hostname, lease.clientId, lease.subnet, lease.relay],
    [null, null, null, null, null],
  );
});

Deno.test("noticeJson tells of a pool, and of missed events", () => {
  assert.deepEqual(JSON.parse(noticeJson(noticeOf(crossed(true), { missed: 3 }))), {
    id: "0f-1",
    event: "pool.threshold",
    at: "2027-01-15T08:00:00.000Z",
    server: "router1",
    pool: { subnet: "lan", used: 90, size: 100, above: true },
    missed: 3,
  });
});

Deno.test("noticeVariables tells of a lease", () => {
  assert.deepEqual(noticeVariables(noticeOf(created())), {
    ETCDHCP_EVENT: "lease.created",
    ETCDHCP_ID: "0f-1",
    ETCDHCP_AT: "1800000000",
    ETCDHCP_SERVER: "router1",
    ETCDHCP_MISSED: "0",
    ETCDHCP_IP: "10.0.0.10",
    ETCDHCP_CLIENT: "02:00:00:00:aa:01",
    ETCDHCP_MAC: "02:00:00:00:aa:01",
    ETCDHCP_CLIENT_ID: "",
    ETCDHCP_HOSTNAME: "printer",
    ETCDHCP_NAME: "printer",
    ETCDHCP_SUBNET: "",
    ETCDHCP_STATE: "bound",
    ETCDHCP_EXPIRES: "1800003600",
    ETCDHCP_RELAY: "",
  });
});

Deno.test("noticeVariables tells of a pool", () => {
  const { ETCDHCP_SUBNET, ETCDHCP_USED, ETCDHCP_SIZE, ETCDHCP_ABOVE, ETCDHCP_IP } = noticeVariables(
    noticeOf(crossed(false)),
  );
  assert.deepEqual(
    [ETCDHCP_SUBNET, ETCDHCP_USED, ETCDHCP_SIZE, ETCDHCP_ABOVE, ETCDHCP_IP],
    ["lan", "90", "100", "false", undefined],
  );
});

Deno.test("noticeVariables leaves nothing in a name that a shell could take up", () => {
  const names: [string, string][] = [
    ["anna-laptop.home_2", "anna-laptop.home_2"],
    ["$(reboot)", "__reboot_"],
    ["a b; `id` | tee *", "a_b___id____tee__"],
    ["-rf", "_rf"],
    ["a\0b\nc", "a_b_c"],
    ["Ännas", "_nnas"],
    ["x".repeat(300), "x".repeat(255)],
  ];
  for (const [hostname, want] of names) {
    assert.equal(noticeVariables(noticeOf(created({ hostname }))).ETCDHCP_HOSTNAME, want);
    assert.equal(JSON.parse(noticeJson(noticeOf(created({ hostname })))).lease.hostname, hostname);
  }
});

Deno.test("dnsName makes of any host name one that DNS takes", () => {
  const names: [string, string][] = [
    ["Anna-Laptop.home", "anna-laptop.home"],
    ["anna_laptop 2", "anna-laptop-2"],
    ["Ännas iPhone", "annas-iphone"],
    ["$(reboot)", "reboot"],
    ["-a-.-.b..", "a.b"],
    ["\0\n", ""],
    ["", ""],
    ["x".repeat(300), "x".repeat(63)],
    [`${"x".repeat(62)}-y`, "x".repeat(62)],
  ];
  for (const [hostname, want] of names) {
    assert.equal(dnsName(hostname), want);
    assert.equal(noticeVariables(noticeOf(created({ hostname }))).ETCDHCP_NAME, want);
    const { lease } = JSON.parse(noticeJson(noticeOf(created({ hostname }))));
    assert.equal(lease.name, want || null);
    assert.equal(lease.hostname, hostname || null);
  }
  assert.ok(dnsName(`${"x".repeat(60)}.`.repeat(4) + "abcdefgh").length <= 253);
});
