import assert from "node:assert/strict";
import { run } from "../../lib/cli/program.ts";
import { makeCertificate } from "../admin/certificate.ts";
import { GUEST, LAN, Scene, type Site, startSite } from "../admin/fixtures.ts";
import { FakeEdges } from "./fake_edges.ts";

const MAC = "5c:96:56:a4:be:eb";
const OTHER = "5c:96:56:a4:be:ec";

async function busyScene(): Promise<Scene> {
  const scene = new Scene([LAN, GUEST]);
  scene.now = Date.now();
  await scene.lease("10.6.9.12", OTHER, "Printer");
  await scene.lease("10.6.9.11", MAC, 'lap"top\u202e');
  await scene.lease("10.7.0.10", MAC, "laptop", "guest");
  await scene.release("10.7.0.10", MAC, "guest");
  return scene;
}

/** Runs a command against a site, with its token. */
async function told(site: Site, line: string, more: { width?: number } = {}) {
  const edges = new FakeEdges({
    ETCDHCP_ADMIN_ADDR: `127.0.0.1:${site.port}`,
    ETCDHCP_ADMIN_TOKEN: site.token,
  });
  edges.width = more.width;
  const code = await run(line.split(" "), edges);
  return { code, stdout: edges.stdout, stderr: edges.stderr };
}

/** What it printed, when all went well. */
async function printed(site: Site, line: string, more: { width?: number } = {}): Promise<string> {
  const { code, stdout, stderr } = await told(site, line, more);
  assert.deepEqual([code, stderr], [0, ""], stdout);
  return stdout;
}

function parsed(lines: string) {
  return lines.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("lease list prints a table, JSON and CSV", async () => {
  await using site = await startSite(await busyScene());
  const table = await printed(site, "lease list");
  assert.deepEqual(table.split("\n").map((line) => line.trimEnd().replaceAll(/  +/g, "|")), [
    "ADDRESS|STATE|CLIENT|HOST NAME|ENDS|SUBNET",
    `10.6.9.11|bound|${MAC}|lap"top\\u202e|in 1h`,
    `10.6.9.12|bound|${OTHER}|Printer|in 1h`,
    `10.7.0.10|released|${MAC}|laptop|${table.split("\n")[3]!.split(/  +/)[4]}|guest`,
    "",
  ]);
  const narrow = await printed(site, "lease list", { width: 60 });
  assert.ok(narrow.split("\n").every((line) => line.length <= 60), narrow);
  assert.match(narrow, /…/);
  const json = parsed(await printed(site, "lease list --json --state bound"));
  assert.deepEqual(json.map(({ ip }) => ip), ["10.6.9.11", "10.6.9.12"]);
  const csv = (await printed(site, "lease list --csv --hostname PRIN")).split("\r\n");
  assert.match(csv[0]!, /^ip,subnet,client,mac,clientId,hostname,state,since/);
  assert.match(csv[1]!, RegExp(`^10\\.6\\.9\\.12,,${OTHER},${OTHER},,Printer,bound,`));
  assert.match(await printed(site, "lease list --csv"), /,"lap""top\\u202e",/);
  assert.equal(await printed(site, "lease list --subnet guest --state bound --json"), "");
});

Deno.test("lease show shows an address, and all of a device", async () => {
  await using site = await startSite(await busyScene());
  const shown = await printed(site, "lease show 10.6.9.12");
  assert.match(shown, /^address +10\.6\.9\.12\nstate +bound\n/);
  assert.match(shown, /\nhost name +Printer\n/);
  const both = parsed(await printed(site, "lease show 5C-96-56-A4-BE-EB --json"));
  assert.deepEqual(both.map(({ ip }) => ip), ["10.6.9.11", "10.7.0.10"]);
  assert.deepEqual(await told(site, "lease show 02:00:00:00:00:99"), {
    code: 1,
    stdout: "",
    stderr: "etcdhcp: 02:00:00:00:00:99 has no entry in the book\n",
  });
  assert.deepEqual(await told(site, "lease show 10.6.9.77"), {
    code: 1,
    stdout: "",
    stderr: "etcdhcp: 10.6.9.77 has no entry in the book\n",
  });
});

Deno.test("lease release says until when, and what --force risks", async () => {
  await using site = await startSite(await busyScene());
  assert.match(
    await printed(site, "lease release 10.6.9.12"),
    RegExp(
      `^10\\.6\\.9\\.12 is taken back from ${OTHER} \\(Printer\\)\\. It is kept aside until ` +
        "\\S+Z \\(in [0-9hms ]+\\), as its client may use it until then\\.\n$",
    ),
  );
  assert.match(
    await printed(site, "lease release --force 10.6.9.11"),
    /It is free now\. \S+ may use it until it next asks: until then two devices may have one/,
  );
  const again = await told(site, "lease release 10.6.9.12");
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^etcdhcp: 10\.6\.9\.12 is taken back already and kept aside until /);
});

Deno.test("lease export and import carry the book elsewhere", async () => {
  await using site = await startSite(await busyScene());
  await using target = await startSite(Object.assign(new Scene([LAN, GUEST]), { now: Date.now() }));
  const file = `${site.directory}/leases.jsonl`;
  const exported = await told(site, `lease export ${file}`);
  assert.deepEqual(exported, { code: 0, stdout: "", stderr: `3 leases written to ${file}\n` });
  assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
  const text = await Deno.readTextFile(file);
  assert.equal(await printed(site, "lease export"), text);
  await using single = await startSite(Object.assign(new Scene([LAN]), { now: Date.now() }));
  await single.scene.lease("10.6.9.12", OTHER);
  const one = `${single.directory}/leases.jsonl`;
  assert.equal((await told(single, `lease export ${one}`)).stderr, `1 lease written to ${one}\n`);
  const dry = await told(target, `lease import --dry-run ${file}`);
  assert.deepEqual(dry, {
    code: 0,
    stdout: "",
    stderr: `${file} (jsonl): 2 would be entered; 1 passed over, as they hold no address; ` +
      "0 not entered; 0 not readable\n",
  });
  assert.equal(target.scene.store.view.counts("").bound, 0);
  assert.equal((await told(target, `lease import ${file}`)).code, 0);
  assert.equal(target.scene.store.view.counts("").bound, 2);
  const before = await printed(site, "lease list --state bound --json");
  const after = await printed(target, "lease list --state bound --json");
  assert.deepEqual(
    parsed(after).map((one) => one.expires),
    parsed(before).map((one) => one.expires),
  );
});

Deno.test("lease import names what it cannot enter by its line", async () => {
  await using site = await startSite(await busyScene());
  const file = `${site.directory}/dnsmasq.leases`;
  const later = Math.floor(Date.now() / 1000) + 3000;
  const lines = [
    `${later} 02:00:00:00:00:21 10.6.9.21 camera *`,
    "nonsense",
    `${later} 02:00:00:00:00:12 10.6.9.12 * *`,
    `${later} 02:00:00:00:00:22 192.0.2.1 * *`,
    `1 02:00:00:00:00:23 10.6.9.23 * *`,
  ];
  await Deno.writeTextFile(file, lines.join("\n"));
  const { code, stdout, stderr } = await told(site, `lease import ${file}`);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.deepEqual(stderr.split("\n"), [
    `${file}:2: cannot read: 1 columns, wanted 4 or 5`,
    `${file}:3: 10.6.9.12: taken: somebody has it, or its client has another address`,
    `${file}:4: 192.0.2.1: refused: in no subnet that is served`,
    `${file} (dnsmasq): 1 entered; 1 passed over, as they hold no address; 2 not entered; ` +
    "1 not readable",
    "",
  ]);
  const json = await told(site, `lease import --json --format dnsmasq ${file}`);
  assert.deepEqual(parsed(json.stdout).map(({ line }) => line), [1, 3, 4, 5]);
  await Deno.writeTextFile(file, "hello\n");
  assert.deepEqual(
    (await told(site, `lease import ${file}`)).stderr,
    `etcdhcp: cannot tell the ` +
      `format of ${file}: give --format jsonl|isc|kea|dnsmasq\n`,
  );
  const none = await told(site, "lease import /nosuch/file");
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^etcdhcp: cannot read \/nosuch\/file: .*\n$/);
});

Deno.test("lease import shows how far it is on a terminal, once it takes long", async () => {
  await using site = await startSite(await busyScene());
  const file = `${site.directory}/many.jsonl`;
  const lease = { ip: "10.6.9.30", mac: "02:00:00:00:00:30", expires: null };
  await Deno.writeTextFile(file, `${JSON.stringify(lease)}\n`.repeat(1200));
  const realNow = performance.now;
  let jumped = 0;
  performance.now = () => realNow.call(performance) + (jumped += 500);
  try {
    const { stderr } = await told(site, `lease import ${file}`, { width: 79 });
    assert.match(stderr, /[█▏▎▍▌▋▊▉]+░+ \d+ of 1200 leases/);
    assert.ok(
      stderr.endsWith(
        `\r\x1b[K${file} (jsonl): 1200 entered; 0 passed over, as they hold no ` +
          "address; 0 not entered; 0 not readable\n",
      ),
    );
  } finally {
    performance.now = realNow;
  }
});

Deno.test("lease watch shows changes, and goes on after a break", async () => {
  const scene = await busyScene();
  const first = await startSite(scene);
  const { port, token, directory } = first;
  const edges = new FakeEdges({
    ETCDHCP_ADMIN_ADDR: `127.0.0.1:${port}`,
    ETCDHCP_ADMIN_TOKEN: token,
  });
  /** Does something again and again until the output has it. */
  const until = async (pattern: RegExp, act: () => Promise<void>) => {
    while (!pattern.test(edges.stdout + edges.stderr)) {
      await act();
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const running = run(["lease", "watch"], edges);
  await until(/ renewed +10\.6\.9\.12 /, () => scene.lease("10.6.9.12", OTHER, "Printer"));
  await scene.release("10.6.9.12", OTHER);
  await until(
    RegExp(` released 10\\.6\\.9\\.12       ${OTHER} Printer\n`),
    () => Promise.resolve(),
  );
  await first[Symbol.asyncDispose]();
  await until(/has gone; trying again/, () => Promise.resolve());
  await using _again = await startSite(scene, (own) => ({
    listen: { hostname: "127.0.0.1", port },
    tokenFile: `${own}/admin-token`,
  }));
  await until(/some events were missed/, () => Promise.resolve());
  await until(/ created +10\.6\.9\.13 /, async () => {
    await scene.release("10.6.9.13", "02:00:00:00:00:13");
    await scene.lease("10.6.9.13", "02:00:00:00:00:13");
  });
  edges.abort.abort();
  assert.equal(await running, 0);
  assert.throws(() => Deno.statSync(directory), Deno.errors.NotFound);
});

Deno.test("reservation add, list and remove", async () => {
  await using site = await startSite(await busyScene());
  const add = `reservation add ${MAC.toUpperCase()} 10.6.9.5 --hostname printer ` +
    "--option ntp-server=10.6.9.1,10.6.9.2 --option 224=hex:00ff";
  assert.equal(
    await printed(site, add),
    `10.6.9.5 is reserved for ${MAC} (printer), with ntp-server=10.6.9.1,10.6.9.2 ` +
      "option-224=hex:00:ff\n",
  );
  await printed(site, `reservation add ${MAC} 10.7.0.5 --subnet guest`);
  const table = await printed(site, "reservation list");
  assert.deepEqual(table.split("\n").map((line) => line.replaceAll(/  +/g, "|")), [
    "ADDRESS|CLIENT|HOST NAME|OPTIONS|KEPT IN|SUBNET",
    `10.6.9.5|${MAC}|printer|ntp-server=10.6.9.1,10.6.9.2 option-224=hex:00:ff|book`,
    `10.7.0.5|${MAC}|book|guest`,
    "",
  ]);
  const ambiguous = await told(site, `reservation remove ${MAC}`);
  assert.deepEqual([ambiguous.code, ambiguous.stderr], [
    1,
    "etcdhcp: subnet: missing: wanted one of (the one without a name), guest\n",
  ]);
  assert.equal(
    await printed(site, `reservation remove ${MAC} --subnet guest`),
    `10.7.0.5 is reserved for ${MAC} no more\n`,
  );
  const [left] = parsed(await printed(site, "reservation list --json"));
  assert.deepEqual([left.ip, left.hostname], ["10.6.9.5", "printer"]);
});

Deno.test("pool status, add and remove", async () => {
  await using site = await startSite(await busyScene());
  const plain = await printed(site, "pool status");
  assert.deepEqual(plain.split("\n").map((line) => line.trim().replaceAll(/  +/g, "|")), [
    "SUBNET|NETWORK|IN USE|USED|FREE|DECLINED|FREED|RESERVED|SIZE",
    "-|10.6.9.0/24|[....................]|2%|2|89|0|0|0|91",
    "guest|10.7.0.0/24|[....................]|0%|0|11|0|0|0|11",
    "",
    "10.6.9.0/24: 10.6.9.10-10.6.9.100",
    "guest: 10.7.0.10-10.7.0.20",
    "",
  ]);
  assert.match(await printed(site, "pool status", { width: 100 }), / ▌░{19} {3}2% /);
  const added = await printed(site, "pool add 10.7.0.30-10.7.0.40");
  assert.match(added, /^10\.7\.0\.30-10\.7\.0\.40 may be leased now\n/);
  assert.match(added, /guest: 10\.7\.0\.10-10\.7\.0\.20 10\.7\.0\.30-10\.7\.0\.40; added: /);
  const removed = await printed(site, "pool remove 10.7.0.10-10.7.0.19 --json");
  assert.equal(JSON.parse(removed).size, 12);
  const block = await printed(site, "pool add 10.7.0.64/26");
  assert.match(block, /^10\.7\.0\.64-10\.7\.0\.127 may be leased now\n/);
  const fewer = await printed(site, "pool remove 10.7.0.64/27 --json");
  assert.equal(JSON.parse(fewer).size, 12 + 32);
});

Deno.test("commands refuse what makes no sense before they ask anybody", async () => {
  const table: [string, string][] = [
    ["lease show x", 'IP|MAC: cannot use "x": wanted an IPv4 address or a hardware address'],
    [
      "lease release 10.6.9.256",
      'IP: cannot use "10.6.9.256": wanted an IPv4 address, like 10.6.9.1',
    ],
    [
      "lease list --state x",
      '--state: cannot use "x": wanted bound, released, expired, ' +
      "declined or freed",
    ],
    [
      "lease list --mac x",
      '--mac: cannot use "x": wanted a hardware address, like 5c:96:56:a4:be:eb',
    ],
    [
      "pool add 10.6.9.9-10.6.9.1",
      'RANGE: cannot use "10.6.9.9-10.6.9.1": wanted FIRST-LAST, like ' +
      "10.6.9.10-10.6.9.100, or a block, like 10.6.9.64/26",
    ],
    [
      "pool add 10.6.9.65/26",
      'RANGE: cannot use "10.6.9.65/26": wanted FIRST-LAST, like ' +
      "10.6.9.10-10.6.9.100, or a block, like 10.6.9.64/26",
    ],
    [
      "reservation add x 10.6.9.1",
      'MAC: cannot use "x": wanted a hardware address, like ' +
      '5c:96:56:a4:be:eb, or "id:" and hex',
    ],
    [
      `reservation add ${MAC} 10.6.9.1 --option x --option a=b`,
      '--option: cannot use "x": wanted ' +
      "an option's name or code and its value, like ntp-server=10.6.9.1 or 224=hex:00ff",
    ],
    [
      "pool status --admin-addr x",
      '--admin-addr: cannot use "x": wanted HOST:PORT, ' +
      "http://HOST:PORT, https://HOST:PORT, or the path of a unix socket",
    ],
  ];
  for (const [line, problem] of table) {
    const edges = new FakeEdges();
    assert.equal(await run(line.split(" "), edges), 2, line);
    assert.deepEqual([edges.stdout, edges.stderr], ["", `etcdhcp: ${problem}\n`], line);
  }
});

Deno.test("commands say in a line what is in the way and what to do", async () => {
  await using site = await startSite(await busyScene());
  const at = `--admin-addr 127.0.0.1:${site.port}`;
  const wrong = `${site.directory}/wrong-token`;
  await Deno.writeTextFile(wrong, "0123456789abcdef\n");
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr;
  closed.close();
  const change = "lease release 10.6.9.12";
  const table: [string, RegExp][] = [
    [
      `${change} ${at}`,
      /^etcdhcp: (this needs the server's token: give --admin\.token-file FILE or ETCDHCP_ADMIN_TOKEN; .*|127\.0\.0\.1:\d+ does not take the token of .*)\n$/,
    ],
    [
      `${change} ${at} --admin.token-file ${wrong}`,
      /^etcdhcp: 127\.0\.0\.1:\d+ does not take the token of \/.*wrong-token\n$/,
    ],
    [
      `${change} ${at} --admin.token-file /nosuch`,
      /^etcdhcp: cannot read \/nosuch \(--admin\.token-file\): .*\n$/,
    ],
    [
      `lease list --admin-addr 127.0.0.1:${port}`,
      /^etcdhcp: nobody answers at 127\.0\.0\.1:\d+ \(--admin-addr\): is the server running, /,
    ],
    [
      "lease list --admin-addr /nosuch/socket",
      /^etcdhcp: nobody answers at \/nosuch\/socket \(--admin-addr\): /,
    ],
    [
      "lease list --admin-addr nosuch.invalid:9842",
      /^etcdhcp: unknown host nosuch\.invalid \(--admin-addr\): check its name, or give its address\n$/,
    ],
    [
      `lease list --admin-addr https://127.0.0.1:${site.port}`,
      /^etcdhcp: https:\/\/127\.0\.0\.1:\d+ does not speak TLS: try http:\/\/\n$/,
    ],
    [`lease watch --admin-addr 127.0.0.1:${port}`, /^etcdhcp: nobody answers at /],
  ];
  for (const [line, problem] of table) {
    const edges = new FakeEdges();
    assert.equal(await run(line.split(" "), edges), 1, line);
    assert.match(edges.stderr, problem, line);
    assert.equal(edges.stderr.split("\n").length, 2, edges.stderr);
  }
});

Deno.test("commands speak TLS and unix sockets", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { cert, key, ca } = await makeCertificate(directory);
    const socket = `${directory}/admin.sock`;
    const tls = { cert, key };
    await using site = await startSite(await busyScene(), () => ({ tls, socket }));
    const address = `https://127.0.0.1:${site.port}`;
    const ask = async (line: string) => {
      const edges = new FakeEdges({ ETCDHCP_ADMIN_TOKEN: site.token });
      return { code: await run(line.split(" "), edges), edges };
    };
    for (const where of [`${address} --admin.ca ${ca}`, socket, `unix:${socket}`]) {
      const { code, edges } = await ask(`lease release 10.6.9.12 --force --admin-addr ${where}`);
      assert.equal(code, where.startsWith("https") ? 0 : 1, edges.stderr);
      const list = await ask(`lease list --json --admin-addr ${where}`);
      assert.equal(list.code, 0, list.edges.stderr);
      assert.equal(parsed(list.edges.stdout).length, 3);
    }
    const { code, edges } = await ask(`lease list --admin-addr ${address}`);
    assert.equal(code, 1);
    assert.match(
      edges.stderr,
      /^etcdhcp: the certificate of https:\/\/127\.0\.0\.1:\d+ is not trusted \(.*\): name the authority that signed it, or itself, with --admin\.ca FILE\n$/,
    );
    const plain = await ask(`lease list --admin-addr 127.0.0.1:${site.port}`);
    assert.equal(plain.code, 1);
    assert.match(
      plain.edges.stderr,
      /^etcdhcp: 127\.0\.0\.1:\d+ hung up: if it speaks TLS, try https:\/\/127\.0\.0\.1\n$/,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("commands that read say that the server is not ready, and exit with 1", async () => {
  await using site = await startSite(await busyScene());
  const file = `${site.directory}/leases.jsonl`;
  assert.equal((await told(site, `lease export ${file}`)).code, 0);
  site.scene.unready = ["the book is not read yet", "no interface has an address"];
  const line = `etcdhcp: 127.0.0.1:${site.port} is not ready (the book is not read yet; ` +
    "no interface has an address): what it says here may be wrong\n";
  const commands = [
    "lease list",
    "lease list --json",
    "lease show 10.6.9.12",
    "lease export",
    `lease import --dry-run ${file}`,
    "pool status",
    "reservation list",
  ];
  for (const command of commands) {
    const { code, stderr } = await told(site, command);
    assert.equal(code, 1, command);
    assert.ok(stderr.endsWith(line), `${command}: ${stderr}`);
    assert.equal(stderr.split("not ready").length, 2, command);
  }
  // What it does not find it may not have read yet.
  const absent = await told(site, "lease show 10.6.9.77");
  assert.deepEqual(absent, {
    code: 1,
    stdout: "",
    stderr: `${line}etcdhcp: 10.6.9.77 has no entry in the book\n`,
  });
  site.scene.unready = [];
  assert.equal((await told(site, "lease list")).stderr, "");
});
