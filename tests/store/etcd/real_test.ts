import assert from "node:assert/strict";
import type { Subnet } from "../../../lib/config/model.ts";
import type { Operation } from "../../../lib/lease/store.ts";
import { connect } from "../../../lib/store/etcd/connection.ts";
import type { Etcd, Step } from "../../../lib/store/etcd/etcd.ts";
import type { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../../lib/wire/address.ts";
import {
  bind,
  clientKey,
  clientNumber,
  EPOCH,
  macOf,
  release,
  subnetOf,
} from "../../lease/fixtures.ts";
import { contractSuite } from "../contract.ts";
import { EtcdCluster } from "./cluster.ts";
import { Hasty, openStore, PREFIX, RealClock, Timed } from "./fixtures.ts";

function connectTo(cluster: EtcdCluster): Promise<Etcd> {
  return connect({ endpoints: cluster.endpoints });
}

/** One cluster for the whole suite: each test has a prefix of its own. */
let shared: Promise<EtcdCluster> | undefined;
let count = 0;

Deno.test.beforeAll(() => {
  shared = EtcdCluster.start();
  return shared.then(() => {});
});
Deno.test.afterAll(async () => {
  await (await shared)![Symbol.asyncDispose]();
});

contractSuite("EtcdStore over etcd", async (subnets) => {
  const clock = new RealClock();
  clock.shown = EPOCH;
  const prefix = `suite${++count}::`;
  const etcd = new Hasty(await connectTo((await shared)!), `${prefix}test::marker`);
  const store = await openStore(etcd, clock, subnets, { holdFactor: 1, prefix });
  const timed = new Timed(store, etcd, (now) => clock.shown = now);
  return { store: timed, [Symbol.asyncDispose]: () => timed.close() };
});

async function keysBelow(etcd: Etcd, prefix: string): Promise<Map<string, string>> {
  const { found } = await etcd.read(prefix, prefix + "~", 100_000, 0, 5000);
  return new Map(found.map(({ key, value }) => [key.slice(prefix.length), value]));
}

async function opened(
  cluster: EtcdCluster,
  subnet: Subnet,
  prefix: string,
  id = "one",
): Promise<EtcdStore> {
  return await openStore(await connectTo(cluster), new RealClock(), [subnet], {
    prefix,
    server: { id },
  });
}

Deno.test("EtcdStore over etcd: a /16 is there in seconds, empty or not", async () => {
  const cluster = (await shared)!;
  const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.0.1-10.0.255.253"] });
  const taken: number[] = [];
  for (let n = 0; n < 2; n++) {
    const started = performance.now();
    const store = await opened(cluster, subnet, "large::");
    taken.push(Math.round(performance.now() - started));
    assert.equal(store.trouble(), undefined);
    assert.equal(store.view.counts("").free, 65_533);
    await store.close();
  }
  // Measured alone: well within 3 s and 2 s. Here other tests may run on the same processor.
  assert.ok(taken[0]! < 15_000 && taken[1]! < 10_000, `${taken} ms`);
});

/**
 * The original etcdhcp's two transactions: a lease is made, or else renewed; a release frees what
 * the client's key names.
 */
class Original {
  readonly #etcd: Etcd;

  constructor(etcd: Etcd) {
    this.#etcd = etcd;
  }

  /** Whether the client has the address now. */
  async lease(address: string, nic: string, ttl: number): Promise<boolean> {
    const lease = await this.#etcd.grant(ttl, 5000);
    const free = `${PREFIX}ips::free::${address}`;
    const [leased, leasedNic] = [
      `${PREFIX}ips::leased::${address}`,
      `${PREFIX}nics::leased::${nic}`,
    ];
    const puts: Step[] = [
      { kind: "put", key: leased, value: nic, lease },
      { kind: "put", key: leasedNic, value: address, lease },
    ];
    const { results } = await this.#etcd.transact({
      compare: [{ kind: "present", key: free }],
      success: [{
        kind: "txn",
        txn: {
          compare: [{ kind: "absent", key: leased }, { kind: "absent", key: leasedNic }],
          success: [{ kind: "delete", key: free }, ...puts],
          failure: [],
        },
      }],
      failure: [{
        kind: "txn",
        txn: {
          compare: [
            { kind: "value", key: leased, value: nic },
            { kind: "value", key: leasedNic, value: address },
          ],
          success: puts,
          failure: [],
        },
      }],
    }, 5000);
    const [inner] = results;
    return inner?.kind === "txn" && inner.result.succeeded;
  }

  /** The lowest free address, which it offers to everybody. */
  async lowest(): Promise<string | undefined> {
    const from = `${PREFIX}ips::free::`;
    const { found } = await this.#etcd.read(from, from + "~", 1, 0, 5000);
    return found[0]?.value;
  }

  async addressOf(nic: string): Promise<string | undefined> {
    const from = `${PREFIX}nics::leased::${nic}`;
    const { found } = await this.#etcd.read(from, from + "\0", 1, 0, 5000);
    return found[0]?.value;
  }

  async release(nic: string): Promise<boolean> {
    const address = await this.addressOf(nic);
    if (address === undefined) return false;
    const leased = `${PREFIX}ips::leased::${address}`;
    const leasedNic = `${PREFIX}nics::leased::${nic}`;
    const { succeeded } = await this.#etcd.transact({
      compare: [{ kind: "present", key: leased }, { kind: "present", key: leasedNic }],
      success: [
        { kind: "delete", key: leased },
        { kind: "delete", key: leasedNic },
        { kind: "put", key: `${PREFIX}ips::free::${address}`, value: address },
      ],
      failure: [],
    }, 5000);
    return succeeded;
  }
}

Deno.test("EtcdStore over etcd: hundreds of claims in one transaction", async () => {
  const subnet = subnetOf({ cidr: "10.0.0.0/16", pools: ["10.0.0.10-10.0.3.250"] });
  const sizes: number[] = [];
  const store = await openStore(await connectTo((await shared)!), new RealClock(), [subnet], {
    prefix: "hundreds::",
    server: { id: "one" },
    onCommit: (_, operations) => sizes.push(operations),
  });
  const now = Date.now();
  const first = parseIpv4("10.0.0.10");
  const claims = Array.from(
    { length: 900 },
    (_, n) => bind(clientNumber(n), formatIpv4(first + n as Ipv4), now + 3_600_000),
  );
  const results = await store.commit(claims, now);
  assert.ok(results.every(({ kind }) => kind === "done"));
  assert.equal(Math.max(...sizes), 300);
  await store.close();
  const etcd = await connectTo((await shared)!);
  assert.equal((await keysBelow(etcd, "hundreds::nics::leased::")).size, 900);
  await etcd.close();
});

Deno.test("EtcdStore beside the original: no address is doubled", async () => {
  const cluster = (await shared)!;
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.24"] });
  const store = await opened(cluster, subnet, PREFIX);
  const etcd = await connectTo(cluster);
  const original = new Original(etcd);
  /** Who believes that it has which address, by what it was told. */
  const held = new Map<string, string>();
  const dropAll = (nic: string) => {
    for (const [address, holder] of held) if (holder === nic) held.delete(address);
  };
  let [ours, theirs, moves] = [0, 0, 0];
  const addressOf = (nic: string) => [...held].find(([, holder]) => holder === nic)?.[0];
  const give = (address: string, nic: string) => {
    const holder = held.get(address);
    assert.ok(holder === undefined || holder === nic, `${address}: ${nic} over ${holder}`);
    dropAll(nic);
    held.set(address, nic);
  };
  let seed = 12345;
  const draw = (below: number) =>
    ((seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 12) % below;
  const oneClient = async (n: number) => {
    const client = clientNumber(n);
    const nic = macOf(client) as string;
    for (let round = 0; round < 25; round++) {
      if (draw(2) === 0) {
        const address = await original.addressOf(nic) ?? await original.lowest();
        if (address !== undefined && await original.lease(address, nic, 7200)) {
          give(address, nic);
          theirs++;
        }
      } else {
        const address = formatIpv4(parseIpv4("10.0.0.10") + draw(15) as Ipv4);
        const now = Date.now();
        const before = addressOf(nic);
        // A client that asks for another address uses its own no more: that may be somebody else's
        // before the answer to the first has been heard. If it is refused, nothing has changed.
        if (before !== address) dropAll(nic);
        const [result] = await store.commit([bind(client, address, now + 3_600_000)], now);
        if (result?.kind === "done") {
          give(address, nic);
          ours++;
          if (before !== undefined && before !== address) moves++;
        } else {
          assert.equal(result?.kind, "taken", JSON.stringify(result));
          if (before !== undefined) give(before, nic);
        }
      }
      if (draw(3) > 0) continue;
      // From here on it uses nothing, whatever the answer.
      const address = addressOf(nic);
      dropAll(nic);
      if (draw(2) === 0) await original.release(nic);
      else if (address !== undefined) {
        await store.commit([release(client, address)], Date.now());
      }
    }
  };
  await Promise.all(Array.from({ length: 12 }, (_, n) => oneClient(n)));
  assert.ok(
    ours > 20 && theirs > 20,
    `${ours} of ours, ${theirs} of the original's, ${moves} moves`,
  );
  const keys = await keysBelow(etcd, PREFIX);
  for (const [key, client] of keys) {
    if (!key.startsWith("ips::leased::")) continue;
    const address = key.slice("ips::leased::".length);
    assert.ok(!keys.has(`ips::free::${address}`), `${address} is free and leased`);
    assert.equal(keys.get(`nics::leased::${client}`), address);
  }
  await store.close();
  await etcd.close();
});

Deno.test(
  "EtcdStore over etcd: TTLs fire, and the address is free within seconds",
  async () => {
    const cluster = (await shared)!;
    const [one, two] = [
      await opened(cluster, subnetOf(), "short::", "one"),
      await opened(cluster, subnetOf(), "short::", "two"),
    ];
    const now = Date.now();
    const [result] = await one.commit([bind("aa:01", "10.0.0.10", now + 1000)], now);
    assert.equal(result?.kind, "done");
    const begun = performance.now();
    while (one.view.counts("").free + two.view.counts("").free < 8) {
      assert.ok(performance.now() - begun < 20_000, "it does not come back");
      await new Promise((resolve) => setTimeout(resolve, 200));
      for (const store of [one, two]) {
        const due = store.due(Date.now(), 10);
        await store.commit(due.map((address) => ({ kind: "expire", address })), Date.now());
      }
    }
    const seconds = (performance.now() - begun) / 1000;
    assert.ok(seconds >= 2, `the hold was 2 s, and it was free after ${seconds}`);
    for (const store of [one, two]) await store.close();
  },
);

Deno.test("EtcdStore over etcd: what operators do with etcdctl", async () => {
  const cluster = (await shared)!;
  const prefix = "operated::";
  const notices: string[] = [];
  await using stack = new AsyncDisposableStack();
  const store = await openStore(await connectTo(cluster), new RealClock(), [subnetOf()], {
    prefix,
    onNotice: (line) => notices.push(line),
  });
  stack.defer(() => store.close());
  const { view } = store;
  const etcdctl = (command: string, ...args: string[]) => cluster.etcdctl(command, ...args);
  const read = async (key: string) => (await etcdctl("get", prefix + key)).split("\n")[1];
  const ttlOf = async (key: string) => {
    const { kvs = [] } = JSON.parse(await etcdctl("get", prefix + key, "-w", "json"));
    assert.equal(kvs.length, 1, key);
    return kvs[0].lease;
  };
  const done = async (operation: Operation) => {
    const [result] = await store.commit([operation], Date.now());
    assert.equal(result?.kind, "done", JSON.stringify(result));
  };
  const until = async (condition: () => boolean) => {
    const deadline = performance.now() + 20_000;
    while (!condition()) {
      assert.ok(performance.now() < deadline, String(condition));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const hour = () => Date.now() + 3_600_000;
  const isAvailable = (client: string, address: string) =>
    view.isAvailable("", parseIpv4(address), clientKey(client), Date.now());

  // The three keys.
  await done(bind("aa:01", "10.0.0.10", hour()));
  assert.equal(await read(`nics::leased::${macOf("aa:01")}`), "10.0.0.10");
  assert.equal(await read("ips::leased::10.0.0.10"), macOf("aa:01"));
  assert.equal(await read("ips::free::10.0.0.10"), undefined);
  assert.equal(await read("ips::free::10.0.0.11"), "10.0.0.11");

  // An address outside the range serves until it is freed.
  assert.ok(!isAvailable("aa:02", "10.0.0.200"));
  await etcdctl("put", `${prefix}ips::free::10.0.0.200`, "10.0.0.200");
  await until(() => isAvailable("aa:02", "10.0.0.200"));
  await done(bind("aa:02", "10.0.0.200", hour()));
  await done(release("aa:02", "10.0.0.200"));
  assert.equal(await read("ips::free::10.0.0.200"), undefined);

  // A pin: two puts and a delete.
  const nic = `nics::leased::${macOf("aa:03")}`;
  await etcdctl("put", prefix + nic, "10.0.0.12");
  await etcdctl("put", `${prefix}ips::leased::10.0.0.12`, macOf("aa:03"));
  await etcdctl("del", `${prefix}ips::free::10.0.0.12`);
  await until(() => view.ofClient("", clientKey("aa:03")) !== undefined);
  await until(() => view.counts("").free === 2);
  assert.equal(formatIpv4(view.ofClient("", clientKey("aa:03"))!.address), "10.0.0.12");
  for (let n = 0; n < 3; n++) {
    await done(bind("aa:03", "10.0.0.12", hour()));
    for (const key of [nic, "ips::leased::10.0.0.12"]) assert.equal(await ttlOf(key), undefined);
  }
  assert.notEqual(await ttlOf("ips::leased::10.0.0.10"), undefined);

  // What makes no sense is named and left alone.
  const bad = `${prefix}ips::leased::10.0.0.11`;
  await etcdctl("put", bad, "the printer");
  await until(() => store.status().unreadableKeys === 1);
  assert.equal(notices.length, 1);
  assert.ok(notices[0]!.includes(JSON.stringify(bad)));
  assert.ok(!isAvailable("aa:04", "10.0.0.11"));
  const [result] = await store.commit([bind("aa:04", "10.0.0.11", hour())], Date.now());
  assert.equal(result?.kind, "unknown");
  assert.equal(await read("ips::leased::10.0.0.11"), "the printer");
  await etcdctl("del", bad);
  await until(() => store.status().unreadableKeys === 0);
  await until(() => isAvailable("aa:04", "10.0.0.11"));
});
