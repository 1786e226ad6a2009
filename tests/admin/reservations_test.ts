import assert from "node:assert/strict";
import { asJson, GUEST, LAN, Scene, startSite, told } from "./fixtures.ts";
import { parseIpv4 } from "../../lib/wire/address.ts";

const MAC = "5c:96:56:a4:be:eb";
const FIXED = "02:00:00:00:00:01";

const PRINTER = {
  mac: MAC.toUpperCase(),
  ip: "10.6.9.5",
  hostname: "printer",
  options: { "ntp-server": "10.6.9.1, 10.6.9.2", "66": "boot.lan", "224": "hex:00FF" },
};

const SHOWN = {
  client: MAC,
  ip: "10.6.9.5",
  hostname: "printer",
  options: {
    "ntp-server": "10.6.9.1,10.6.9.2",
    "tftp-server-name": "boot.lan",
    "option-224": "hex:00:ff",
  },
  subnet: "",
  source: "book",
};

function scene(): Scene {
  const reservation = { address: parseIpv4("10.6.9.2"), hostname: undefined, options: new Map() };
  return new Scene([{ ...LAN, reservations: new Map([[FIXED, reservation]]) }, GUEST]);
}

Deno.test("/api/reservations are put, listed and removed", async () => {
  await using site = await startSite(scene());
  assert.deepEqual(await told(await site.ask("/api/reservations", asJson("PUT", PRINTER))), [
    200,
    SHOWN,
  ]);
  const fixed = {
    client: FIXED,
    ip: "10.6.9.2",
    hostname: null,
    options: {},
    subnet: "",
    source: "configuration",
  };
  const listed = await told(await fetch(`${site.url}/api/reservations`));
  assert.deepEqual(listed, [200, { reservations: [fixed, SHOWN] }]);
  const octets = site.scene.store.subnets[0]!.reservations.get(MAC)!.options;
  assert.deepEqual([...octets.get(42)!], [10, 6, 9, 1, 10, 6, 9, 2]);
  const guests = await told(await fetch(`${site.url}/api/reservations?subnet=guest`));
  assert.deepEqual(guests, [200, { reservations: [] }]);

  const removal = { method: "DELETE" };
  const path = `/api/reservations/${encodeURIComponent(MAC)}`;
  assert.deepEqual(await told(await site.ask(path, removal)), [200, SHOWN]);
  assert.deepEqual(await told(await site.ask(path, removal)), [404, {
    error: `nothing is reserved for ${MAC}`,
  }]);
  assert.deepEqual(await told(await site.ask(`/api/reservations/${FIXED}`, removal)), [409, {
    error: `10.6.9.2 is reserved for ${FIXED} by the configuration: remove it there`,
  }]);
});

Deno.test("/api/reservations tells subnets apart", async () => {
  await using site = await startSite(scene());
  await told(await site.ask("/api/reservations", asJson("PUT", PRINTER)));
  const guest = { mac: MAC, ip: "10.7.0.5" };
  const [, made] = await told(await site.ask("/api/reservations", asJson("POST", guest)));
  assert.equal((made as { subnet: string }).subnet, "guest");
  const path = `/api/reservations/${MAC}`;
  assert.deepEqual(await told(await site.ask(path, { method: "DELETE" })), [400, {
    error: "subnet: missing: wanted one of (the one without a name), guest",
  }]);
  const [status] = await told(await site.ask(`${path}?subnet=guest`, { method: "DELETE" }));
  assert.equal(status, 200);
  assert.ok(site.scene.store.subnets[0]!.reservations.has(MAC));
});

Deno.test("/api/reservations says what makes no sense", async () => {
  await using site = await startSite(scene());
  const table: [unknown, number, string | RegExp][] = [
    [[], 400, "the body is not a JSON object"],
    [{}, 400, "mac: missing: wanted mac or client, one of them"],
    [{ mac: MAC, client: MAC }, 400, "mac: missing: wanted mac or client, one of them"],
    [{ mac: MAC }, 400, "ip: missing: wanted the address to reserve"],
    [{ mac: MAC, ip: 7 }, 400, "ip: wanted text"],
    [{ ...PRINTER, name: "x" }, 400, /^unknown field "name"; it takes /],
    [{ ...PRINTER, hostname: "a b" }, 400, /^hostname: cannot use "a b": wanted a host name/],
    [{ ...PRINTER, subnet: "x" }, 404, /^there is no subnet "x"; there is .*guest$/],
    [{ ...PRINTER, ip: "192.0.2.1" }, 400, /^subnet: missing/],
    [{ ...PRINTER, ip: "192.0.2.1", subnet: "guest" }, 409, /192\.0\.2\.1/],
    [{ ...PRINTER, options: [] }, 400, /^options: wanted an object/],
    [{ ...PRINTER, options: { "ntp-server": 7 } }, 400, "options: ntp-server: wanted text"],
    [{ ...PRINTER, options: { nosuch: "x" } }, 400, /^options: nosuch: unknown option: wanted /],
    [
      { ...PRINTER, options: { "lease-time": "1" } },
      400,
      /^options: lease-time: option 51 .* cannot be set: /,
    ],
    [
      { ...PRINTER, options: { "ntp-server": "x" } },
      400,
      'options: ntp-server: cannot use "x": wanted a value of the form ipv4-list',
    ],
    [{ ...PRINTER, options: { "224": "x" } }, 400, /wanted hex: and octets, as its form/],
    [{ ...PRINTER, options: { "224": "hex:0" } }, 400, /wanted hex: and octets, like/],
    [{ ...PRINTER, options: { "42": "1.2.3.4", "ntp-server": "1.2.3.4" } }, 400, /given twice$/],
  ];
  for (const [body, status, error] of table) {
    const [found, answer] = await told(await site.ask("/api/reservations", asJson("PUT", body)));
    const text = (answer as { error: string }).error;
    assert.equal(found, status, text);
    if (typeof error === "string") assert.equal(text, error);
    else assert.match(text, error);
  }
  const broken = { ...asJson("PUT", {}), body: "{" };
  assert.deepEqual(await told(await site.ask("/api/reservations", broken)), [400, {
    error: "the body is not JSON",
  }]);
});
