import assert from "node:assert/strict";
import type { LeaseJson } from "../../lib/admin/api/lease_json.ts";
import { shown } from "../../lib/cli/lease_show.ts";

/** An operator's binding, as the etcd store gives it. */
const BINDING: LeaseJson = {
  ip: "10.6.9.12",
  subnet: "",
  client: "5c:96:56:a4:be:eb",
  mac: "5c:96:56:a4:be:eb",
  clientId: "",
  hostname: "",
  state: "bound",
  since: new Date(0).toISOString(),
  renewed: new Date(0).toISOString(),
  expires: null,
  held: null,
  server: "0.0.0.0",
  relay: null,
};

Deno.test("lease show says nothing of 1970 for a binding without a record", () => {
  const text = shown(BINDING, Date.parse("2026-11-25T08:00:00Z"));
  assert.doesNotMatch(text, /1970|since|renewed/);
  assert.match(text, /\nends +never\n/);
});

Deno.test("lease show says since when there is a lease", () => {
  const since = "2026-11-25T07:00:00.000Z";
  const text = shown({ ...BINDING, since, renewed: since }, Date.parse("2026-11-25T08:00:00Z"));
  assert.match(text, /\nsince +2026-11-25T07:00:00\.000Z \(1h ago\)\n/);
});
