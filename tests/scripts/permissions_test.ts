import assert from "node:assert/strict";
import manifest from "../../deno.json" with { type: "json" };
import type { ServerConfig } from "../../lib/config/model.ts";
import { generalPermissions, permissionsFor } from "../../scripts/permissions.ts";
import { interfaceOf, subnetOf } from "../lease/fixtures.ts";

const BUILD = { arch: "x86_64", deno: "2.9.6" };

const SITE: ServerConfig = {
  trial: false,
  interfaces: [interfaceOf("lan0 10.0.0.1/24")],
  subnets: [subnetOf(), subnetOf({ name: "far", cidr: "10.1.0.0/22" })],
  port: 67,
  clientPort: 68,
  confinedElsewhere: false,
  store: { kind: "embedded", path: "/srv/book/leases.db" },
  requestTimeout: 3000,
  admin: {
    listen: { hostname: "::", port: 9842 },
    socket: undefined,
    tokenFile: "/srv/book/admin-token",
    tls: undefined,
  },
  file: "/etc/etcdhcp/etcdhcp.toml",
  reloadOnChange: false,
  hooks: [],
  poolThreshold: 0.9,
  log: { format: "text", leases: true, verbosity: 0 },
};

/** What is granted under a flag; undefined when it is not there. */
function granted(flags: readonly string[], name: string): string[] | undefined {
  const start = `--allow-${name}=`;
  return flags.find((flag) => flag.startsWith(start))?.slice(start.length).split(",");
}

Deno.test("permissionsFor: addresses, subnets and files of the site, and nothing else", () => {
  const flags = permissionsFor(SITE, BUILD);
  assert.deepEqual(granted(flags, "net"), [
    ...["0.0.0.0:67", "10.0.0.1:67", "255.255.255.255:68"],
    ...["10.0.0.0/24:68", "10.0.0.0/24:67", "10.1.0.0/22:68", "10.1.0.0/22:67"],
    "[::]:9842",
    ...["unix:/run/systemd/notify", "unix:/run/etcdhcp/etcdhcp.notify"],
  ]);
  assert.deepEqual(granted(flags, "read"), [
    "/srv/book",
    ...["/run/systemd/notify", "/run/etcdhcp/etcdhcp.notify"],
    "/etc/etcdhcp/etcdhcp.toml",
  ]);
  assert.deepEqual(granted(flags, "write"), [
    "/srv/book",
    ...["/run/systemd/notify", "/run/etcdhcp/etcdhcp.notify"],
  ]);
  assert.ok(granted(flags, "ffi")!.every((path) => path.endsWith("/libc.so.6")));
  assert.equal(granted(flags, "run"), undefined);
  assert.ok(!granted(flags, "env")!.includes("GRPC_*"));
});

Deno.test("permissionsFor: no flag grants everything of its kind", () => {
  for (const flag of [...permissionsFor(SITE, BUILD), ...generalPermissions(BUILD)]) {
    assert.match(flag, /^--no-prompt$|^--allow-(net|ffi|read|write|env|sys|run)=[^=\s]+$/);
  }
});

Deno.test("permissionsFor: etcd's endpoints and files, and no directory for a book", () => {
  const flags = permissionsFor(
    {
      ...SITE,
      store: {
        kind: "etcd",
        endpoints: ["https://etcd1.lan:2379", "10.0.0.6"],
        srv: "example.net",
        username: undefined,
        password: undefined,
        ca: "/etc/etcdhcp/ca.pem",
        cert: undefined,
        key: undefined,
        prefix: "etcdhcp::",
        holdFactor: 2,
        skipRenewals: true,
      },
      admin: { ...SITE.admin, tokenFile: "/var/lib/etcdhcp/admin-token" },
    },
    BUILD,
    ["/etc/etcdhcp/password"],
  );
  const net = granted(flags, "net")!;
  for (const address of ["etcd1.lan:2379", "10.0.0.6:2379", "example.net", "*.example.net"]) {
    assert.ok(net.includes(address), address);
  }
  for (const path of ["/etc/etcdhcp/ca.pem", "/etc/etcdhcp/password"]) {
    assert.ok(granted(flags, "read")!.includes(path), path);
  }
  assert.ok(!granted(flags, "write")!.includes("/etc/etcdhcp/ca.pem"));
  assert.ok(!granted(flags, "write")!.includes("/srv/book"));
  assert.ok(granted(flags, "env")!.includes("GRPC_*"));
});

Deno.test("permissionsFor: programs and URLs of hooks, the admin endpoint's files", () => {
  const events = new Set<never>();
  const flags = permissionsFor({
    ...SITE,
    hooks: [
      { events, target: { kind: "program", path: "/usr/bin/logger", args: [] }, timeout: 1000 },
      {
        events,
        target: { kind: "webhook", url: "https://hooks.lan/x", secretFile: "/etc/etcdhcp/secret" },
        timeout: 1000,
      },
      {
        events,
        target: { kind: "webhook", url: "http://10.0.0.9:8080/", secretFile: undefined },
        timeout: 1000,
      },
    ],
    admin: {
      ...SITE.admin,
      socket: "/run/etcdhcp/admin",
      tls: { cert: "/etc/etcdhcp/cert.pem", key: "/etc/etcdhcp/key.pem" },
    },
  }, BUILD);
  assert.deepEqual(granted(flags, "run"), ["/usr/bin/logger"]);
  const net = granted(flags, "net")!;
  for (const address of ["hooks.lan:443", "10.0.0.9:8080", "unix:/run/etcdhcp/admin"]) {
    assert.ok(net.includes(address), address);
  }
  const read = granted(flags, "read")!;
  for (const path of ["secret", "cert.pem", "key.pem"]) {
    assert.ok(read.includes(`/etc/etcdhcp/${path}`), path);
  }
});

Deno.test("permissionsFor: a site that is confined elsewhere needs no FFI", () => {
  const flags = permissionsFor({ ...SITE, confinedElsewhere: true }, BUILD);
  assert.equal(granted(flags, "ffi"), undefined);
});

Deno.test("permissionsFor: the C library is that of the target, unix sockets as its Deno has them", () => {
  const flags = permissionsFor(SITE, { arch: "aarch64", deno: "2.4.2" });
  assert.ok(granted(flags, "ffi")!.includes("/lib/aarch64-linux-gnu/libc.so.6"));
  assert.ok(!flags.join(" ").includes("x86_64"));
  assert.ok(!flags.join(" ").includes("unix:"));
});

Deno.test("The tasks serve and cli may read where the configuration is, and write nothing there", () => {
  for (const task of [manifest.tasks.serve, manifest.tasks.cli]) {
    const flags = task.command.split(" ");
    assert.ok(granted(flags, "read")!.includes("/etc/etcdhcp"));
    assert.ok(!granted(flags, "write")!.some((path) => path.startsWith("/etc")));
  }
});

Deno.test("generalPermissions grants no more than the task serve does", () => {
  const flags = manifest.tasks.serve.command.split(" ");
  for (const name of ["net", "ffi", "read", "write", "env", "sys", "run"]) {
    const task = new Set(granted(flags, name));
    for (const value of granted(generalPermissions(BUILD), name) ?? []) {
      assert.ok(task.has(value), `${name}: ${value}`);
    }
  }
});
