import assert from "node:assert/strict";
import { lacks } from "../tools.ts";
import { outcome } from "./tools.ts";

const SCRIPTS = new URL("../../scripts/", import.meta.url).pathname;

/** A machine's file system with a binary beside it; nothing outside is touched. */
class Machine implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync({ prefix: "etcdhcp-install-" });
  readonly binary = `${this.directory}/built`;

  constructor() {
    Deno.writeTextFileSync(this.binary, "#!/bin/sh\necho etcdhcp\n");
    for (const path of ["dpkg/info", "dpkg/updates", "etcdhcp"]) {
      Deno.mkdirSync(`${this.root}/var/lib/${path}`, { recursive: true });
    }
    Deno.writeTextFileSync(this.path("var/lib/dpkg/status"), "");
    Deno.writeTextFileSync(this.path("var/lib/etcdhcp/leases.db"), "the book");
  }

  get root(): string {
    return `${this.directory}/root`;
  }

  path(path: string): string {
    return `${this.root}/${path}`;
  }

  read(path: string): string {
    return Deno.readTextFileSync(this.path(path));
  }

  has(path: string): boolean {
    try {
      Deno.lstatSync(this.path(path));
      return true;
    } catch {
      return false;
    }
  }

  mode(path: string): string {
    return (Deno.statSync(this.path(path)).mode! & 0o777).toString(8);
  }

  /** Installs or removes packages, as whoever runs the tests. */
  async dpkg(args: string[], env = {}): Promise<string> {
    const forced = ["not-root", "script-chrootless", "depends", "bad-path", "confold"];
    const { code, said } = await outcome([
      ...["dpkg", `--root=${this.root}`, `--log=${this.directory}/log`],
      ...forced.map((force) => `--force-${force}`),
      ...args,
    ], { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env });
    assert.equal(code, 0, said);
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Makes the package. */
async function build(machine: Machine): Promise<string> {
  const { code, said } = await outcome([
    ...[Deno.execPath(), "run", "-A", `${SCRIPTS}package.ts`, "--binary", machine.binary],
    ...["--arch", "amd64", "--output", machine.directory],
  ]);
  assert.equal(code, 0, said);
  return said.trim().split("\n").at(-1)!;
}

const ignore = lacks("dpkg-deb");

Deno.test({
  name: "package.ts: the package installs, upgrades, and leaves the book when it goes",
  ignore,
  async fn() {
    await using machine = new Machine();
    const file = await build(machine);
    // Architecture amd64 is forced, so that the test runs elsewhere too.
    await machine.dpkg(["--force-architecture", "-i", file]);
    const files = {
      "usr/bin/etcdhcp": "755",
      "lib/systemd/system/etcdhcp.service": "644",
      "etc/etcdhcp/etcdhcp.toml": "644",
      "etc/default/etcdhcp": "600",
      "usr/share/doc/etcdhcp/README.md": "644",
      "usr/share/doc/etcdhcp/copyright": "644",
      "usr/share/doc/etcdhcp/examples/etcdhcp.toml": "644",
    };
    for (const [path, mode] of Object.entries(files)) assert.equal(machine.mode(path), mode, path);

    // An upgrade keeps what the operator has written.
    Deno.writeTextFileSync(machine.path("etc/etcdhcp/etcdhcp.toml"), "# mine\n");
    await machine.dpkg(["--force-architecture", "-i", file]);
    assert.equal(machine.read("etc/etcdhcp/etcdhcp.toml"), "# mine\n");

    await machine.dpkg(["-r", "etcdhcp"]);
    assert.ok(!machine.has("usr/bin/etcdhcp"));
    assert.ok(!machine.has("lib/systemd/system/etcdhcp.service"));
    assert.ok(machine.has("etc/etcdhcp/etcdhcp.toml"), "conffiles stay until a purge");
    assert.equal(machine.read("var/lib/etcdhcp/leases.db"), "the book");

    assert.match(await machine.dpkg(["-P", "etcdhcp"]), /the lease book stays in/);
    assert.ok(!machine.has("etc/etcdhcp"));
    assert.equal(machine.read("var/lib/etcdhcp/leases.db"), "the book");
  },
});

Deno.test({
  name: "package.ts: a purge takes the book only when it is told to",
  ignore,
  async fn() {
    await using machine = new Machine();
    await machine.dpkg(["--force-architecture", "-i", await build(machine)]);
    await machine.dpkg(["-P", "etcdhcp"], { ETCDHCP_PURGE_BOOK: "yes" });
    assert.ok(!machine.has("var/lib/etcdhcp"));
  },
});

Deno.test("package.ts says what is missing, and what was wanted", async () => {
  const make = (...args: string[]) =>
    outcome([Deno.execPath(), "run", "-A", `${SCRIPTS}package.ts`, ...args]);
  const absent = await make("--binary", "/no/such");
  assert.equal(absent.code, 2);
  assert.match(absent.said, /there is no \/no\/such; make it \(deno task compile\)/);
  const strange = await make("--arch", "sparc");
  assert.deepEqual(strange, {
    code: 2,
    said: 'package: --arch: cannot use "sparc": wanted amd64 or arm64\n',
  });
});

Deno.test("install.sh installs, keeps what is configured, and leaves the book when it goes", async () => {
  await using machine = new Machine();
  const script = (...args: string[]) =>
    outcome(["sh", `${SCRIPTS}install.sh`, "--root", machine.root, ...args]);
  const installed = await script("--binary", machine.binary);
  assert.equal(installed.code, 0, installed.said);
  assert.match(installed.said, /systemctl enable --now etcdhcp/);
  assert.equal(machine.mode("usr/local/bin/etcdhcp"), "755");
  assert.equal(machine.mode("etc/systemd/system/etcdhcp.service"), "644");
  const unit = machine.read("etc/systemd/system/etcdhcp.service");
  assert.match(unit, /^ExecStart=\/usr\/local\/bin\/etcdhcp serve$/m);
  assert.match(machine.read("etc/etcdhcp/etcdhcp.toml"), /^#\[\[subnet\]\]$/m);

  Deno.writeTextFileSync(machine.path("etc/etcdhcp/etcdhcp.toml"), "# mine\n");
  assert.equal((await script("--binary", machine.binary)).code, 0);
  assert.equal(machine.read("etc/etcdhcp/etcdhcp.toml"), "# mine\n");
  assert.deepEqual([...Deno.readDirSync(machine.path("usr/local/bin"))].length, 1);

  const removed = await script("--uninstall");
  assert.equal(removed.code, 0, removed.said);
  assert.ok(!machine.has("usr/local/bin/etcdhcp"));
  assert.ok(!machine.has("etc/systemd/system/etcdhcp.service"));
  assert.equal(machine.read("etc/etcdhcp/etcdhcp.toml"), "# mine\n");
  assert.equal(machine.read("var/lib/etcdhcp/leases.db"), "the book");
  assert.equal((await script("--uninstall")).code, 0, "twice does no harm");
});

Deno.test("install.sh refuses what it does not know, and a binary that is not there", async () => {
  for (
    const [args, wanted] of [
      [["--binary", "/no/such"], /there is no \/no\/such/],
      [["--frobnicate"], /unknown argument --frobnicate/],
      [["--root"], /--root needs a value/],
    ] as const
  ) {
    const { code, said } = await outcome(["sh", `${SCRIPTS}install.sh`, ...args]);
    assert.equal(code, 2, said);
    assert.match(said, wanted);
  }
});

Deno.test("starter.toml: nothing is configured, and uncommented it is a whole site", async () => {
  await using machine = new Machine();
  const text = await Deno.readTextFile(`${SCRIPTS}starter.toml`);
  // What is commented out is settings, and prose begins with a space. etcd or the file, not both.
  const site = text.replaceAll(/^#(?! )/gm, "").replace(/^etcd = .*$/m, "")
    .replace('"lan0"', '"lan0=10.6.9.1/24"');
  const path = `${machine.directory}/site.toml`;
  for (const [content, code] of [[text, 0], [site, 0], [`${site}\nnonsense = 1\n`, 2]] as const) {
    await Deno.writeTextFile(path, content);
    const args = ["run", "-A", `${SCRIPTS}compile.ts`, "--config", path, "--print"];
    const read = await outcome([Deno.execPath(), ...args]);
    assert.equal(read.code, code, read.said);
    if (content === site) assert.match(read.said, /10\.6\.9\.0\/24:68/);
  }
});
