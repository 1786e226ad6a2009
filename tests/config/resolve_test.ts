import assert from "node:assert/strict";
import type { ServerConfig } from "../../lib/config/model.ts";
import { type Machine, resolveConfig } from "../../lib/config/resolve.ts";
import { type Setting, SETTINGS } from "../../lib/config/settings.ts";
import type { Given } from "../../lib/config/sources.ts";
import { formatCidr, formatIpv4, formatMac, formatRange } from "../../lib/wire/address.ts";

const MACHINE: Machine = {
  interfaces: [
    { name: "lo", family: "IPv4", address: "127.0.0.1", netmask: "255.0.0.0", mac: "" },
    { name: "lan0", family: "IPv6", address: "fe80::1", netmask: "ffff::", mac: "" },
    { name: "lan0", family: "IPv4", address: "10.6.9.1", netmask: "255.255.255.0", mac: "" },
    { name: "lan0", family: "IPv4", address: "10.7.0.1", netmask: "255.255.0.0", mac: "" },
    { name: "up0", family: "IPv4", address: "192.0.2.2", netmask: "255.255.255.0", mac: "" },
    { name: "six0", family: "IPv6", address: "fe80::2", netmask: "ffff::", mac: "" },
  ],
  hasInterface: (name) => name === "bare0",
  stateDirectory: undefined,
  trialDirectory: "/run/user/1000/etcdhcp-trial",
};

/** Resolves `-flag value` and `-flag=value`. */
function resolve(text: string, machine: Partial<Machine> = {}) {
  const rows = Object.values<Setting>(SETTINGS);
  const values = new Map<string, Given>();
  for (const pair of text.split(" -").filter((pair) => pair !== "")) {
    const [, flag, value] = /^ *-*([^ =]+)[ =]?(.*)$/.exec(pair)!;
    const row = rows.find((one) => one.flag === flag)!;
    values.set(row.key, { text: value!, label: `-${flag}` });
  }
  return resolveConfig([{ kind: "flag", values }], { ...MACHINE, ...machine });
}

function config(text: string, machine: Partial<Machine> = {}): ServerConfig {
  const resolution = resolve(text, machine);
  if (!resolution.ok) assert.fail(resolution.problems.join("\n"));
  return resolution.config;
}

/** Where a configuration keeps its book, on this machine. */
function book(text: string, machine: Partial<Machine> = {}): string {
  const { store } = config(text, machine);
  return store.kind === "embedded" ? store.path : assert.fail("leases are kept in etcd");
}

function problems(text: string, machine: Partial<Machine> = {}): readonly string[] {
  const resolution = resolve(text, machine);
  return resolution.ok ? [] : resolution.problems;
}

function options(of: ServerConfig): Record<number, string> {
  const pairs = [...of.subnets[0]!.options].map(([code, value]) => [code, formatMac(value)]);
  return Object.fromEntries(pairs);
}

const LAN = "-dhcp.server-if lan0 -dhcp.issue-from 10.6.9.10 -dhcp.issue-to 10.6.9.100";

Deno.test("resolveConfig with nothing configured is a trial on loopback", () => {
  const trial = config("");
  assert.equal(trial.trial, true);
  assert.deepEqual(
    trial.interfaces.map((one) => [one.name, formatIpv4(one.address), formatCidr(one.cidr)]),
    [["lo", "127.0.0.1", "127.0.0.0/8"]],
  );
  assert.deepEqual(trial.subnets[0]!.pools.map(formatRange), ["127.9.0.10-127.9.0.250"]);
  assert.equal(trial.port, 6767);
  assert.equal(trial.clientPort, 6868);
  assert.equal(book(""), "/run/user/1000/etcdhcp-trial/leases.db");
  assert.deepEqual(trial.admin.listen, { hostname: "127.0.0.1", port: 9842 });
  assert.deepEqual(trial.log, { format: "text", leases: true, verbosity: 0 });
  assert.equal(trial.requestTimeout, 2000);
});

Deno.test("resolveConfig in a trial takes what tunes it and refuses what describes a network", () => {
  const trial = config("-dhcp.lease 30s -dhcp.port 7067 -dhcp.client-port 7068 -store.path /x/y");
  assert.deepEqual([trial.port, trial.clientPort], [7067, 7068]);
  assert.equal(book("-store.path /x/y"), "/x/y");
  assert.deepEqual(trial.subnets[0]!.lease, { default: 30, min: 30, max: 30 });
  const why = "needs --dhcp.server-if: no network is answered unless its interface is named";
  const network = "-dhcp.server-ip 10.6.9.1 -dhcp.subnet-mask 255.255.255.0 -dhcp.router none " +
    "-dhcp.dns none -dhcp.issue-from 10.6.9.10 -dhcp.issue-to 10.6.9.100 " +
    "-dhcp.confined-elsewhere true";
  assert.deepEqual(problems(network), [
    `-dhcp.server-ip: ${why}`,
    `-dhcp.subnet-mask: ${why}`,
    `-dhcp.router: ${why}`,
    `-dhcp.dns: ${why}`,
    `-dhcp.issue-from: ${why}`,
    `-dhcp.issue-to: ${why}`,
    `-dhcp.confined-elsewhere: ${why}`,
  ]);
});

Deno.test("resolveConfig takes address, mask, router and DNS from the interface", () => {
  const lan = config(LAN);
  assert.equal(lan.trial, false);
  assert.deepEqual(
    lan.interfaces.map((one) => [one.name, formatIpv4(one.address), formatCidr(one.cidr)]),
    [["lan0", "10.6.9.1", "10.6.9.0/24"]],
  );
  assert.deepEqual([lan.port, lan.clientPort, lan.confinedElsewhere], [67, 68, false]);
  assert.deepEqual(options(lan), {
    1: "ff:ff:ff:00",
    3: "0a:06:09:01",
    6: "0a:06:09:01",
    28: "0a:06:09:ff",
  });
  const [subnet] = lan.subnets;
  assert.equal(subnet!.name, undefined);
  assert.deepEqual(subnet!.pools.map(formatRange), ["10.6.9.10-10.6.9.100"]);
  assert.deepEqual([...subnet!.exclusions].map(formatIpv4), ["10.6.9.1"]);
  assert.deepEqual(subnet!.lease, { default: 3600, min: 120, max: 3600 });
  assert.deepEqual([subnet!.offerHold, subnet!.quarantine], [60, 3600]);
  assert.equal(subnet!.declineShare, 0.25);
});

Deno.test("resolveConfig sends what was given in place of defaults", () => {
  const lan = config(
    `${LAN} -dhcp.router 10.6.9.2,10.6.9.50 -dhcp.dns 1.1.1.1,9.9.9.9 -dhcp.domain lan ` +
      "-dhcp.lease 48h -dhcp.min-lease 1h -v 2 -log.format json -admin-addr :9842 " +
      "-dhcp.confined-elsewhere true -dhcp.request-timeout 500ms",
  );
  assert.deepEqual(options(lan), {
    1: "ff:ff:ff:00",
    3: "0a:06:09:02:0a:06:09:32",
    6: "01:01:01:01:09:09:09:09",
    15: "6c:61:6e",
    28: "0a:06:09:ff",
  });
  assert.deepEqual([...lan.subnets[0]!.exclusions].map(formatIpv4), [
    "10.6.9.1",
    "10.6.9.2",
    "10.6.9.50",
  ]);
  assert.deepEqual(lan.subnets[0]!.lease, { default: 172800, min: 3600, max: 172800 });
  assert.deepEqual(lan.log, { format: "json", leases: true, verbosity: 2 });
  assert.deepEqual(lan.admin.listen, { hostname: "::", port: 9842 });
  assert.equal(lan.confinedElsewhere, true);
  assert.equal(lan.requestTimeout, 500);
  const none = config(`${LAN} -dhcp.router none -dhcp.dns none`);
  assert.deepEqual(Object.keys(options(none)), ["1", "28"]);
});

Deno.test("resolveConfig chooses among an interface's addresses", () => {
  const own = (text: string) => {
    const { address, cidr } = config(text).interfaces[0]!;
    return [formatIpv4(address), formatCidr(cidr)];
  };
  const seven = "-dhcp.server-if lan0 -dhcp.issue-from 10.7.0.10 -dhcp.issue-to 10.7.0.20";
  assert.deepEqual(own(seven), ["10.7.0.1", "10.7.0.0/16"]);
  assert.deepEqual(own(`${seven} -dhcp.subnet-mask 255.255.255.0`), ["10.7.0.1", "10.7.0.0/24"]);
  assert.deepEqual(own(`${seven} -dhcp.server-ip 10.7.0.1`), ["10.7.0.1", "10.7.0.0/16"]);
  const two = config(LAN.replace("lan0", "lan0,up0")).interfaces;
  assert.deepEqual(two.map((one) => formatCidr(one.cidr)), ["10.6.9.0/24", "192.0.2.0/24"]);
});

Deno.test("resolveConfig waits for an interface whose address and mask are given", () => {
  const resolution = resolve(
    `${LAN.replace("lan0", "later0")} -dhcp.server-ip 10.6.9.1 -dhcp.subnet-mask 255.255.255.0`,
  );
  assert.ok(resolution.ok);
  assert.deepEqual(resolution.warnings, [
    "later0 does not have the address 10.6.9.1 yet; waiting for it",
  ]);
  const unseen = resolve(
    `${LAN} -dhcp.server-ip 10.6.9.1 -dhcp.subnet-mask 255.255.255.0`,
    { interfaces: undefined },
  );
  assert.ok(unseen.ok);
  assert.deepEqual(unseen.warnings, []);
});

Deno.test("resolveConfig takes an interface's address beside its name", () => {
  const text = LAN.replace("lan0", "later0=10.6.9.1/24,up0,down0=192.0.3.1/24");
  const resolution = resolve(text);
  assert.ok(resolution.ok);
  assert.deepEqual(
    resolution.config.interfaces.map((one) => [one.name, formatIpv4(one.address), one.cidr.prefix]),
    [["later0", "10.6.9.1", 24], ["up0", "192.0.2.2", 24], ["down0", "192.0.3.1", 24]],
  );
  assert.deepEqual(resolution.warnings, [
    "later0 does not have the address 10.6.9.1 yet; waiting for it",
    "down0 does not have the address 192.0.3.1 yet; waiting for it",
  ]);
  assert.deepEqual(problems(`${LAN.replace("lan0", "lan0=10.6.9.255/24")}`), [
    "-dhcp.server-if: 10.6.9.255 is the broadcast address of 10.6.9.0/24",
  ]);
  assert.deepEqual(
    problems(`${LAN.replace("lan0", "lan0=10.6.9.1/24")} -dhcp.server-ip 10.6.9.1`),
    [
      "-dhcp.server-ip: lan0 has its address in -dhcp.server-if already",
    ],
  );
});

Deno.test("resolveConfig takes where the admin endpoint answers", () => {
  const { admin } = config(LAN);
  assert.deepEqual(admin, {
    listen: { hostname: "127.0.0.1", port: 9842 },
    socket: undefined,
    tokenFile: "/var/lib/etcdhcp/admin-token",
    tls: undefined,
  });
  assert.equal(config("").admin.tokenFile, "/run/user/1000/etcdhcp-trial/admin-token");
  const all = "-admin.socket /run/a.sock -admin.token-file /t -admin.tls-cert /c -admin.tls-key /k";
  assert.deepEqual(config(`${LAN} ${all}`).admin, {
    listen: { hostname: "127.0.0.1", port: 9842 },
    socket: "/run/a.sock",
    tokenFile: "/t",
    tls: { cert: "/c", key: "/k" },
  });
  assert.deepEqual(problems(`${LAN} -admin.tls-key /k`), [
    "-admin.tls-key: needs --admin.tls-cert too",
  ]);
});

/** The files of a machine, by path. */
function filesOf(texts: Record<string, string>): Partial<Machine> {
  return {
    files: { exists: (path) => Object.hasOwn(texts, path), read: (path) => texts[path] },
  };
}

Deno.test("resolveConfig reads the password from its file, and wants files to be there", () => {
  const etcd = `${LAN} -etcd.discovery.endpoints a:1 -etcd.auth.username u`;
  const from = `${etcd} -etcd.auth.password-file /p`;
  const { store } = config(from, filesOf({ "/p": "hunter2\n" }));
  assert.equal(store.kind === "etcd" && store.password, "hunter2");
  assert.deepEqual(problems(from, filesOf({})), [
    '-etcd.auth.password-file: cannot use "/p": it cannot be read',
  ]);
  assert.deepEqual(problems(from, filesOf({ "/p": "\n" })), [
    '-etcd.auth.password-file: cannot use "/p": it is empty',
  ]);
  assert.deepEqual(problems(`${from} -etcd.auth.password x`, filesOf({ "/p": "y" })), [
    "-etcd.auth.password-file: the password is given in -etcd.auth.password already",
  ]);
  assert.deepEqual(problems(`${etcd} -etcd.auth.password x -etcd.auth.ca /ca`, filesOf({})), [
    '-etcd.auth.ca: cannot use "/ca": there is no such file',
  ]);
});

Deno.test("resolveConfig on a machine that is another's warns of interfaces that it lacks", () => {
  const resolution = resolve(LAN.replace("lan0", "lan9"), { elsewhere: true });
  assert.ok(!resolution.ok);
  assert.deepEqual(resolution.problems, []);
  assert.match(resolution.warnings.join(), /there is no interface lan9/);
});

Deno.test("resolveConfig keeps leases where the service manager says", () => {
  assert.equal(book(LAN), "/var/lib/etcdhcp/leases.db");
  const state = { stateDirectory: "/var/lib/x:/var/lib/y" };
  assert.equal(book(LAN, state), "/var/lib/x/leases.db");
  assert.equal(book(`${LAN} -store.path /a`, state), "/a");
});

Deno.test("resolveConfig warns of the setting that has no effect", () => {
  const resolution = resolve("-dhcp.monitor-interval 1m");
  assert.ok(resolution.ok);
  assert.deepEqual(resolution.warnings, [
    "-dhcp.monitor-interval has no effect: expired addresses come back by themselves",
  ]);
});

Deno.test("resolveConfig keeps leases in etcd when told where it is", () => {
  const nothing = {
    kind: "etcd",
    endpoints: [],
    srv: undefined,
    username: undefined,
    password: undefined,
    ca: undefined,
    cert: undefined,
    key: undefined,
    prefix: "etcdhcp::",
    holdFactor: 2,
    skipRenewals: true,
  };
  assert.equal(book("-etcd.prefix x::"), "/run/user/1000/etcdhcp-trial/leases.db");
  assert.deepEqual(config(`${LAN} -etcd.discovery.srv example.net`).store, {
    ...nothing,
    srv: "example.net",
  });
  const all = "-etcd.discovery.endpoints https://a:2379,10.0.0.5:2379 -etcd.auth.username u " +
    "-etcd.auth.password p -etcd.auth.ca /ca -etcd.auth.cert /cert -etcd.auth.key /key " +
    "-etcd.prefix x:: -etcd.hold-factor 1.5 --etcd.skip-renewals=false";
  assert.deepEqual(config(`${LAN} ${all}`).store, {
    ...nothing,
    endpoints: ["https://a:2379", "10.0.0.5:2379"],
    username: "u",
    password: "p",
    ca: "/ca",
    cert: "/cert",
    key: "/key",
    prefix: "x::",
    holdFactor: 1.5,
    skipRenewals: false,
  });
});

Deno.test("resolveConfig takes an empty text for none where it means nothing", () => {
  // What unit files of the original pass when nothing is filled in.
  const flags = [
    ...["etcd.discovery.srv", "etcd.auth.username", "etcd.auth.password", "etcd.auth.ca"],
    ...["etcd.auth.cert", "etcd.auth.key", "dhcp.domain", "store.path", "dhcp.server-ip"],
  ];
  const empty = flags.map((flag) => `-${flag}=`).join(" ");
  const endpoints = "-etcd.discovery.endpoints 10.0.0.5:2379";
  assert.deepEqual(
    config(`${LAN} ${endpoints} ${empty}`),
    config(`${LAN} ${endpoints}`),
  );
  assert.deepEqual(
    config(`${LAN} ${empty} -etcd.discovery.endpoints=`),
    config(LAN),
    "no etcd at all",
  );
  for (
    const [flag, problem] of [
      [
        "-etcd.prefix=",
        '-etcd.prefix: cannot use "": wanted the beginning of keys, like ' +
        "etcdhcp::, at least one character",
      ],
      [
        "-dhcp.lease=",
        '-dhcp.lease: cannot use "": wanted a duration between 1s and ' +
        "4294967294s, like 1h or 30m",
      ],
      ["-etcd.hold-factor=", '-etcd.hold-factor: cannot use "": wanted a number, 1 to 10'],
      ["-etcd.skip-renewals=", '-etcd.skip-renewals: cannot use "": wanted true or false'],
      [
        "-dhcp.router=",
        '-dhcp.router: cannot use "": wanted IPv4 addresses separated by ' +
        "commas, like 10.6.9.1,10.6.9.2, or none",
      ],
    ] as const
  ) assert.deepEqual(problems(`${LAN} ${flag}`), [problem]);
});

Deno.test("resolveConfig waits for the addresses of interfaces that are there", () => {
  for (const name of ["six0", "bare0"]) {
    const resolution = resolve(LAN.replace("lan0", name));
    assert.ok(!resolution.ok);
    assert.deepEqual(resolution.problems, []);
    assert.deepEqual(resolution.pending!.config.awaited, [`${name} has no IPv4 address yet`]);
  }
  // What is wrong in any case is not waited for.
  const wrong = resolve(`${LAN.replace("lan0", "bare0")} -dhcp.lease never`);
  assert.ok(!wrong.ok && wrong.pending === undefined);
  assert.equal(wrong.problems.length, 1);
});

Deno.test("resolveConfig tells addresses that were looked up from those that were given", () => {
  assert.deepEqual(config(LAN).interfaces.map(({ follows }) => follows), [true]);
  const given = LAN.replace("lan0", "lan0=10.6.9.1/24");
  assert.deepEqual(config(given).interfaces.map(({ follows }) => follows), [false]);
});

Deno.test("resolveConfig names every contradiction", () => {
  const wait = (name: string) => `to wait for it, give its address too, like ${name}=10.6.9.1/24`;
  const etcd = "-etcd.discovery.endpoints 10.0.0.5:2379";
  const from = (address: string) => LAN.replace("10.6.9.10 ", `${address} `);
  const to = (address: string) => LAN.replace("10.6.9.100", address);
  const table: [string, string[], Partial<Machine>?][] = [
    [
      "-dhcp.server-if lan0",
      [
        "--dhcp.issue-from: missing: wanted the first address to lease",
        "--dhcp.issue-to: missing: wanted the last address to lease",
      ],
    ],
    [from("10.6.8.10"), ["-dhcp.issue-from: 10.6.8.10 is outside the subnet 10.6.9.0/24"]],
    [from("10.6.9.0"), ["-dhcp.issue-from: 10.6.9.0 is the network address of 10.6.9.0/24"]],
    [to("10.6.9.255"), ["-dhcp.issue-to: 10.6.9.255 is the broadcast address of 10.6.9.0/24"]],
    [to("10.6.10.1"), ["-dhcp.issue-to: 10.6.10.1 is outside the subnet 10.6.9.0/24"]],
    [
      to("10.6.9.9"),
      ["-dhcp.issue-from: 10.6.9.10 is above the last address to lease (-dhcp.issue-to, 10.6.9.9)"],
    ],
    [
      "-dhcp.server-if lan0 -dhcp.issue-from 10.6.9.1 -dhcp.issue-to 10.6.9.1",
      [
        "-dhcp.issue-from: nothing is left to lease: every address of 10.6.9.1-10.6.9.1 is the " +
        "server's or a router's",
      ],
    ],
    [
      `${LAN} -dhcp.router 10.6.9.1,10.6.8.1`,
      ["-dhcp.router: 10.6.8.1 is outside the subnet 10.6.9.0/24"],
    ],
    [
      `${LAN} -dhcp.server-ip 10.6.9.7`,
      [
        "-dhcp.server-ip: lan0 has no address 10.6.9.7 (it has 10.6.9.1, 10.7.0.1); give " +
        "--dhcp.subnet-mask too to wait for it",
      ],
    ],
    [
      `${LAN} -dhcp.server-ip 10.6.9.255 -dhcp.subnet-mask 255.255.255.0`,
      ["-dhcp.server-ip: 10.6.9.255 is the broadcast address of 10.6.9.0/24"],
    ],
    [
      `${LAN} -dhcp.subnet-mask 255.0.255.0`,
      [
        '-dhcp.subnet-mask: cannot use "255.0.255.0": wanted a netmask whose one bits are ' +
        "contiguous, like 255.255.255.0",
      ],
    ],
    [
      LAN.replace("lan0", "wan7"),
      [
        `-dhcp.server-if: there is no interface wan7 (there is lo, lan0, up0, six0); ${
          wait("wan7")
        }`,
      ],
    ],
    [
      LAN,
      [
        "-dhcp.server-if: cannot look up the address of lan0: allow it " +
        "(--allow-sys=networkInterfaces), or give --dhcp.server-ip and --dhcp.subnet-mask",
      ],
      { interfaces: undefined },
    ],
    [
      LAN.replace("lan0", "lan0,lan0"),
      [
        '-dhcp.server-if: cannot use "lan0,lan0": wanted names of network interfaces separated by ' +
        "commas, like lan0 or lan0=10.6.9.1/24",
      ],
    ],
    [
      "-dhcp.min-lease 2h -dhcp.max-lease 30m",
      [
        "-dhcp.min-lease: 7200s is longer than the lease (--dhcp.lease, 3600s)",
        "-dhcp.max-lease: 1800s is shorter than the lease (--dhcp.lease, 3600s)",
      ],
    ],
    [
      "-dhcp.lease 1x -dhcp.offer-hold 0s -dhcp.port 0",
      [
        '-dhcp.port: cannot use "0": wanted a whole number, 1 to 65535',
        '-dhcp.lease: cannot use "1x": wanted a duration between 1s and 4294967294s, like 1h or 30m',
        '-dhcp.offer-hold: cannot use "0s": wanted a duration between 1s and 1h, like 60s',
      ],
    ],
    [
      "-dhcp.lease 3600",
      [
        '-dhcp.lease: cannot use "3600": wanted a duration between 1s and 4294967294s, like 1h or ' +
        "30m",
      ],
    ],
    [
      "-dhcp.port 68 -dhcp.client-port 68",
      ['-dhcp.client-port: cannot use "68": the server listens on that port (-dhcp.port)'],
    ],
    [
      "-etcd.auth.ca /ca",
      ["-etcd.auth.ca: needs --etcd.discovery.endpoints or --etcd.discovery.srv"],
    ],
    [
      `${etcd} -store.path /x`,
      ["-store.path: leases are kept in etcd (-etcd.discovery.endpoints); give one of the two"],
    ],
    [`${etcd} -etcd.hold-factor 0.5`, [
      '-etcd.hold-factor: cannot use "0.5": wanted a number, 1 to 10',
    ]],
    [`${etcd} -etcd.auth.username u -etcd.auth.password=`, [
      "-etcd.auth.username: needs --etcd.auth.password too",
    ]],
    [`${etcd} -etcd.auth.cert /c`, ["-etcd.auth.cert: needs --etcd.auth.key too"]],
    [`${etcd} -etcd.auth.password p`, ["-etcd.auth.password: needs --etcd.auth.username too"]],
    [
      "-etcd.discovery.endpoints a:1,,b:2",
      [
        '-etcd.discovery.endpoints: cannot use "a:1,,b:2": wanted etcd\'s endpoints separated by ' +
        "commas, like 10.0.0.5:2379",
      ],
    ],
    ["-log.format xml", ['-log.format: cannot use "xml": wanted text, json or journal']],
    ["-v x", ['-v: cannot use "x": wanted a whole number, 0 or more']],
    [
      "-admin-addr 9842",
      [
        '-admin-addr: cannot use "9842": wanted HOST:PORT, like 127.0.0.1:9842, or :9842 for every ' +
        "address",
      ],
    ],
  ];
  for (const [flags, wanted, machine] of table) {
    assert.deepEqual(problems(flags, machine), wanted, flags);
  }
});
