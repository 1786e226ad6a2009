import assert from "node:assert/strict";
import { readConfiguration } from "../../lib/cli/configuration.ts";
import { Reloader } from "../../lib/cli/reload.ts";
import type { ServerConfig } from "../../lib/config/model.ts";
import { INTERFACES } from "../config/fixtures.ts";
import { KeptLog } from "../notify/fixtures.ts";
import { FakeEdges } from "./fake_edges.ts";

const FILE = "/etc/etcdhcp/etcdhcp.toml";

const TEXT = `
[server]
interfaces = ["lan0"]
[store]
path = "/x/leases.db"
[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.100"]
`;
const IN_ETCD = TEXT.replace('path = "/x/leases.db"', 'etcd = { endpoints = ["10.0.0.5:2379"] }');

/** A server's configuration file, what is taken up of it, and what the log says. */
class Site {
  readonly edges: FakeEdges;
  readonly log = new KeptLog();
  readonly takenUp: ServerConfig[] = [];
  readonly verbosities: number[] = [];
  readonly reloader: Reloader;

  static async start(text = TEXT): Promise<Site> {
    const edges = new FakeEdges({ ETCDHCP_CONFIG: FILE }, INTERFACES, { [FILE]: text });
    const resolution = await readConfiguration(new Map(), edges);
    return new Site(edges, resolution.ok ? resolution.config : assert.fail());
  }

  private constructor(edges: FakeEdges, config: ServerConfig) {
    this.edges = edges;
    this.reloader = new Reloader({
      config,
      read: () => readConfiguration(new Map(), edges),
      text: () => edges.files[FILE],
      stamp: () => edges.stamp(FILE),
      log: this.log,
      setVerbosity: (verbosity) => this.verbosities.push(verbosity),
    });
  }

  /** Puts another text in the file; undefined deletes it. */
  write(text: string | undefined): void {
    if (text === undefined) delete this.edges.files[FILE];
    else this.edges.files[FILE] = text;
  }

  /** Reads it again; what the log says. */
  async reload(asked = true): Promise<string[]> {
    await this.reloader.reload((config) => this.takenUp.push(config), asked);
    return this.log.lines.splice(0);
  }

  /** What is wrong or new is said once the file has been looked at so many times. */
  async look(times: number): Promise<string[]> {
    for (let i = 0; i < times; i++) {
      if (this.reloader.look()) await this.reloader.reload((one) => this.takenUp.push(one), false);
    }
    return this.log.lines.splice(0);
  }
}

Deno.test("Reloader.reload takes up what has changed, and names it", async () => {
  const site = await Site.start();
  site.write(`[dhcp]\nlease = "2h"\n[log]\nverbosity = 2\n${TEXT}`);
  assert.deepEqual(await site.reload(), ["info reloaded changed=subnet.lan, log.verbosity"]);
  assert.equal(site.takenUp.length, 1);
  assert.equal(site.takenUp[0]!.subnets[0]!.lease.default, 7200);
  assert.deepEqual(site.verbosities, [2]);
  assert.deepEqual(await site.reload(), ["info reloaded: nothing has changed"]);
  assert.equal(site.takenUp.length, 1);
});

Deno.test("Reloader.reload: a bad file changes nothing, and every problem is a line", async () => {
  const site = await Site.start();
  site.write(`${TEXT}router = ["10.6.8.1"]\nlaese = "2h"\n`);
  const lines = await site.reload();
  assert.deepEqual(
    lines.map((line) => /^error not reloaded: \/etc\/\S+\.toml:\d+: \S+/.test(line)),
    [true, true],
    lines.join("\n"),
  );
  site.write(undefined);
  assert.deepEqual(await site.reload(), [
    `error not reloaded: ETCDHCP_CONFIG: cannot read "${FILE}": there is no such file`,
  ]);
  assert.deepEqual([site.takenUp, site.verbosities], [[], []]);
});

Deno.test("Reloader.reload names what needs a restart, and takes up the rest", async () => {
  const site = await Site.start();
  site.write(`${TEXT.replace("[store]", "port = 6767\n[store]")}lease = "2h"\n`);
  const restart = "warn some changes need a restart; until then all is as it was with " +
    "settings=server.port";
  assert.deepEqual(await site.reload(), ["info reloaded changed=subnet.lan", restart]);
  assert.equal(site.takenUp[0]!.port, 67);
  // For as long as it is so, it is said.
  assert.deepEqual(await site.reload(), [restart]);
});

Deno.test("Reloader.reload: another name for the same addresses, in etcd and in a book of ours", async () => {
  const embedded = await Site.start();
  embedded.write(TEXT.replace('"lan"', '"guests"'));
  assert.deepEqual(await embedded.reload(), ["info reloaded changed=subnet.lan, subnet.guests"]);

  const shared = await Site.start(IN_ETCD);
  const renamed = IN_ETCD.replace('"lan"', '"guests"');
  shared.write(`[log]\nverbosity = 1\n${renamed}`);
  const [line, ...more] = await shared.reload();
  assert.match(line!, /^error not reloaded: subnet\.guests: 10\.6\.9\.0\/24 was subnet\.lan, /);
  assert.deepEqual([more, shared.takenUp, shared.verbosities], [[], [], []]);

  // Nor when it was away for a while: its leases are still there.
  shared.write(IN_ETCD.replaceAll("10.6.9.", "10.6.7.").replace('"lan"', '"up"'));
  assert.equal((await shared.reload()).at(-1), "info reloaded changed=subnet.lan, subnet.up");
  shared.write(renamed);
  assert.match((await shared.reload())[0]!, /was subnet\.lan, /);
  shared.write(IN_ETCD);
  assert.deepEqual(await shared.reload(), ["info reloaded changed=subnet.up, subnet.lan"]);
});

Deno.test("Reloader.look: a file that has changed, once nobody writes it any more", async () => {
  const site = await Site.start();
  assert.deepEqual(await site.look(5), [], "nothing is said of what was there at the start");
  site.write(`${TEXT}lease = "2h"\n`);
  assert.deepEqual(await site.look(1), []);
  site.write(`${TEXT}lease = "3h"\n`);
  assert.deepEqual(await site.look(1), []);
  assert.deepEqual(await site.look(1), ["info reloaded changed=subnet.lan"]);
  assert.equal(site.takenUp[0]!.subnets[0]!.lease.default, 10_800);
  assert.deepEqual(await site.look(5), []);
});

Deno.test("Reloader.look: what changed before the first look is taken up too", async () => {
  const site = await Site.start();
  site.write(`${TEXT}lease = "2h"\n`);
  assert.deepEqual(await site.look(2), ["info reloaded changed=subnet.lan"]);
});

Deno.test("Reloader.look: a bad file is complained of once, unless somebody asks", async () => {
  const site = await Site.start();
  const bad = `${TEXT}laese = "2h"\n`;
  site.write(bad);
  assert.equal((await site.look(9)).length, 1);
  // Written anew with the same text: no news, but for whoever asks.
  assert.deepEqual(await site.reload(false), []);
  assert.equal((await site.reload(true)).length, 1);
  site.write(undefined);
  assert.match((await site.look(9)).join("\n"), /^error not reloaded: .*there is no such file$/);
  site.write(bad);
  assert.equal((await site.look(9)).length, 1);
  site.write(TEXT);
  assert.deepEqual(await site.look(9), []);
  assert.deepEqual([site.takenUp, site.verbosities], [[], []]);
});
