import assert from "node:assert/strict";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { OperatorError } from "../../../lib/config/operator_error.ts";
import { connect, type EtcdOptions } from "../../../lib/store/etcd/connection.ts";
import {
  type Change,
  type Compare,
  type Etcd,
  EtcdError,
  Failure,
  type LeaseId,
  type Step,
} from "../../../lib/store/etcd/etcd.ts";
import { EtcdCluster } from "./cluster.ts";

/** Milliseconds. */
const TIMEOUT = 2000;

/** A connection that ends with the test. */
async function open(options: EtcdOptions): Promise<Etcd & AsyncDisposable> {
  const etcd = await connect(options);
  return Object.assign(etcd, { [Symbol.asyncDispose]: () => etcd.close() });
}

function put(key: string, value: string, lease?: LeaseId): Step {
  return { kind: "put", key, value, lease };
}

function write(etcd: Etcd, steps: readonly Step[], timeout = TIMEOUT) {
  return etcd.transact({ compare: [], success: steps, failure: [] }, timeout);
}

/** Whether a comparison holds. */
async function holds(etcd: Etcd, compare: Compare): Promise<boolean> {
  const { succeeded } = await etcd.transact(
    { compare: [compare], success: [], failure: [] },
    TIMEOUT,
  );
  return succeeded;
}

/** Asserts that a call is rejected, and how. */
async function fails(
  call: Promise<unknown>,
  failure: Failure,
  message: RegExp,
): Promise<void> {
  const error = await call.then(() => assert.fail("the call succeeded"), (error) => error);
  assert(error instanceof EtcdError, `${error}`);
  assert.deepEqual([error.failure, message.test(error.message)], [failure, true], error.message);
  assert(!error.message.includes("\n"), error.message);
  assert(!error.message.includes("Error: "), error.message);
  assert(error instanceof OperatorError, "told in a line, not as a bug");
}

/** Calls until it succeeds, and says how long that took, milliseconds. */
async function eventually(call: () => Promise<unknown>, patience: number): Promise<number> {
  const started = performance.now();
  for (;;) {
    try {
      await call();
      return performance.now() - started;
    } catch (error) {
      if (performance.now() - started > patience) throw error;
      await sleep(20);
    }
  }
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function until(condition: () => boolean, what: string, patience = 5000): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    assert(performance.now() - started < patience, `not in time: ${what}`);
    await sleep(10);
  }
}

/** A watch that keeps what it is told. */
function follow(etcd: Etcd, from: string, end: string, revision: number) {
  const changes: Change[] = [];
  const ends: string[] = [];
  const revisions: number[] = [];
  const watch = etcd.watch(from, end, revision, {
    changed(some, upTo) {
      changes.push(...some);
      revisions.push(upTo);
    },
    ended: (reason) => ends.push(reason),
  });
  return { changes, ends, revisions, watch };
}

Deno.test("etcd3 connection: transactions, pages, leases and watches do what the contract says", async (t) => {
  await using cluster = await EtcdCluster.start();
  await using etcd = await open({ endpoints: cluster.endpoints });

  await t.step("every comparison", async () => {
    const { revision } = await write(etcd, [put("cmp/a", "1")]);
    const key = "cmp/a";
    const gone = "cmp/gone";
    const lease = await etcd.grant(60, TIMEOUT);
    await write(etcd, [put("cmp/leased", "1", lease)]);
    const cases: readonly [Compare, boolean][] = [
      [{ kind: "absent", key }, false],
      [{ kind: "absent", key: gone }, true],
      [{ kind: "present", key }, true],
      [{ kind: "present", key: gone }, false],
      [{ kind: "value", key, value: "1" }, true],
      [{ kind: "value", key, value: "2" }, false],
      [{ kind: "value", key: gone, value: "" }, false],
      [{ kind: "modified", key, revision }, true],
      [{ kind: "modified", key, revision: revision - 1 }, false],
      [{ kind: "modified", key: gone, revision: 0 }, true],
      [{ kind: "unchanged", key: "cmp/", end: "cmp/b", revision }, true],
      [{ kind: "unchanged", key: "cmp/", end: "cmp/b", revision: revision - 1 }, false],
      [{ kind: "unchanged", key: "cmp/", end: "cmp0", revision }, false],
      [{ kind: "unchanged", key: "cmp/b", end: "cmp/c", revision: 0 }, true],
      [{ kind: "lease", key, lease: undefined }, true],
      [{ kind: "lease", key: gone, lease: undefined }, false],
      [{ kind: "lease", key: "cmp/leased", lease }, true],
      [{ kind: "lease", key: "cmp/leased", lease: undefined }, false],
      [{ kind: "lease", key: "cmp/leased", lease: "17" as LeaseId }, false],
    ];
    for (const [compare, expected] of cases) {
      assert.equal(await holds(etcd, compare), expected, JSON.stringify(compare));
    }
  });

  await t.step("nested transactions, each by itself", async () => {
    await write(etcd, [put("n/free/1", "1"), put("n/free/2", "é")]);
    const claim = (name: string): Step => ({
      kind: "txn",
      txn: {
        compare: [{ kind: "present", key: `n/free/${name}` }],
        success: [{ kind: "delete", key: `n/free/${name}` }, put(`n/held/${name}`, "me")],
        failure: [{ kind: "get", key: `n/held/${name}` }],
      },
    });
    const first = await write(etcd, [claim("1"), claim("3")]);
    const { revision } = first;
    assert.deepEqual(first.results, [
      {
        kind: "txn",
        result: {
          succeeded: true,
          revision,
          results: [],
        },
      },
      {
        kind: "txn",
        result: { succeeded: false, revision, results: [{ kind: "get", found: undefined }] },
      },
    ]);
    const [again] = (await write(etcd, [claim("1")])).results;
    assert(again?.kind === "txn" && !again.result.succeeded);
    assert.deepEqual(again.result.results, [{
      kind: "get",
      found: {
        key: "n/held/1",
        value: "me",
        createRevision: revision,
        modRevision: revision,
        lease: undefined,
      },
    }]);
    const page = await etcd.read("n/free/", "n/free0", 10, 0, TIMEOUT);
    assert.deepEqual(page.found.map(({ key, value }) => [key, value]), [["n/free/2", "é"]]);
  });

  await t.step("a hundred nested claims travel together", async () => {
    const { results } = await write(
      etcd,
      Array.from({ length: 100 }, (_, index) => ({
        kind: "txn" as const,
        txn: {
          compare: [{ kind: "absent" as const, key: `h/${index}` }],
          success: [put(`h/${index}`, "a"), put(`h/${index}/b`, "b"), put(`h/${index}/c`, "c")],
          failure: [],
        },
      })),
    );
    assert(results.every((one) => one.kind === "txn" && one.result.succeeded));
    assert.equal(results.length, 100);
  });

  await t.step("pages at one revision", async () => {
    const { revision } = await write(etcd, ["a", "b", "c"].map((name) => put(`p/${name}`, name)));
    await write(etcd, [put("p/b", "later"), put("p/d", "later")]);
    const first = await etcd.read("p/", "p0", 2, revision, TIMEOUT);
    assert.deepEqual([first.found.map(({ value }) => value), first.more], [["a", "b"], true]);
    const rest = await etcd.read("p/b\0", "p0", 2, revision, TIMEOUT);
    assert.deepEqual([rest.found.map(({ value }) => value), rest.more], [["c"], false]);
    const newest = await etcd.read("p/", "p0", 10, 0, TIMEOUT);
    assert.deepEqual(newest.found.map(({ value }) => value), ["a", "later", "c", "later"]);
    assert(newest.revision > revision);
  });

  await t.step("leases", async () => {
    const lease = await etcd.grant(60, TIMEOUT);
    await write(etcd, [put("l/a", "1", lease), put("l/b", "2")]);
    const { found } = await etcd.read("l/", "l0", 10, 0, TIMEOUT);
    assert.deepEqual(found.map((one) => one.lease), [lease, undefined]);
    assert.equal(await etcd.keepAlive(lease, TIMEOUT), 60);
    await etcd.revoke(lease, TIMEOUT);
    await etcd.revoke(lease, TIMEOUT);
    assert.equal(await etcd.keepAlive(lease, TIMEOUT), 0);
    assert.equal((await etcd.read("l/", "l0", 10, 0, TIMEOUT)).found.length, 1);
    await fails(write(etcd, [put("l/c", "3"), put("l/d", "4", lease)]), Failure.NO_LEASE, /lease/);
    assert.equal((await etcd.read("l/", "l0", 10, 0, TIMEOUT)).found.length, 1);
  });

  await t.step("a watch from a revision, and no further than its range", async () => {
    const { revision } = await write(etcd, [put("w/a", "1")]);
    await write(etcd, [put("w/b", "2"), put("x", "not followed")]);
    const { changes, ends, watch } = follow(etcd, "w/", "w0", revision);
    const lease = await etcd.grant(60, TIMEOUT);
    await write(etcd, [{ kind: "delete", key: "w/a" }, put("w/c", "3", lease)]);
    await etcd.revoke(lease, TIMEOUT);
    await until(() => changes.length === 5, "five changes");
    assert.deepEqual(changes.map((one) => [one.revision - revision, one.key, one.now?.value]), [
      [0, "w/a", "1"],
      [1, "w/b", "2"],
      [2, "w/a", undefined],
      [2, "w/c", "3"],
      [3, "w/c", undefined],
    ]);
    assert.equal(changes[3]?.now?.lease, lease);
    watch.close();
    await write(etcd, [put("w/d", "after the end")]);
    await sleep(50);
    assert.deepEqual([changes.length, ends], [5, []]);
  });

  await t.step("compaction ends watches and old pages", async () => {
    const { revision } = await write(etcd, [put("z", "1")]);
    await write(etcd, [put("z", "2")]);
    await cluster.etcdctl("compact", String(revision + 1));
    await fails(etcd.read("z", "z0", 1, revision, TIMEOUT), Failure.COMPACTED, /compacted/);
    const { changes, ends } = follow(etcd, "z", "z0", revision);
    await until(() => ends.length === 1, "the end of the watch");
    assert.match(ends[0]!, /compacted/);
    assert.deepEqual(changes, []);
  });

  await t.step("an endpoint that accepts and says nothing is passed over", async () => {
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const endpoints = [`127.0.0.1:${silent.addr.port}`, ...cluster.endpoints];
    await using other = await open({ endpoints });
    const started = performance.now();
    await write(other, [put("s", "1")]);
    await write(other, [put("s", "2")]);
    const took = performance.now() - started;
    assert(took < 1500, `${took} ms`);
    await using alone = await open({ endpoints: endpoints.slice(0, 1) });
    await fails(write(alone, [put("s", "3")], 200), Failure.UNAVAILABLE, /no answer in time/);
  });

  await t.step("a revision that etcd does not have", async () => {
    await fails(etcd.read("a", "b", 1, 1e9, TIMEOUT), Failure.COMPACTED, /backup/);
  });

  await t.step("what etcd will not do is refused", async () => {
    await fails(write(etcd, [put("d", "1"), put("d", "2")]), Failure.REFUSED, /duplicate key/);
    const many = Array.from({ length: 129 }, (_, index) => put(`m/${index}`, ""));
    await fails(write(etcd, many), Failure.REFUSED, /--max-txn-ops/);
  });

  await t.step("a closed connection does nothing", async () => {
    const other = await connect({ endpoints: cluster.endpoints });
    // From the next revision, not from now: the write may be there before the watch is.
    const { revision } = await other.read("c", "d", 1, 0, 5000);
    const { changes, ends } = follow(other, "c", "d", revision + 1);
    await write(other, [put("c", "1")]);
    await until(() => changes.length === 1, "the change");
    await other.close();
    await fails(write(other, [put("c", "2")]), Failure.UNAVAILABLE, /closed/);
    await write(etcd, [put("c", "3")]);
    await sleep(50);
    assert.deepEqual([changes.length, ends], [1, []]);
  });
});

Deno.test("etcd3 connection: a frozen and a killed server, and its return", async (t) => {
  await using cluster = await EtcdCluster.start();
  await using etcd = await open({ endpoints: cluster.endpoints });
  const { revision } = await write(etcd, [put("k", "0")]);
  const { changes, ends, watch } = follow(etcd, "k", "l", revision + 1);
  await write(etcd, [put("k", "1")]);
  await until(() => changes.length === 1, "the first change");

  await t.step("frozen: every call ends in time; a write may have been done", async () => {
    cluster.pause(0);
    const started = performance.now();
    await Promise.all([
      fails(write(etcd, [put("k", "2")], 400), Failure.UNKNOWN, /127\.0\.0\.1:\d+: no answer/),
      fails(etcd.read("k", "l", 1, 0, 400), Failure.UNAVAILABLE, /no answer/),
      fails(etcd.grant(10, 400), Failure.UNKNOWN, /no answer/),
      fails(etcd.keepAlive("1" as LeaseId, 400), Failure.UNKNOWN, /no answer/),
      fails(etcd.revoke("1" as LeaseId, 400), Failure.UNKNOWN, /no answer/),
    ]);
    const took = performance.now() - started;
    assert(took < 800, `${took} ms`);
    cluster.resume(0);
    await eventually(() => write(etcd, [put("k", "3")]), 5000);
    await until(() => changes.at(-1)?.now?.value === "3", "the next write");
  });

  await t.step("killed in mid-call: unknown; then nobody there: not done", async () => {
    cluster.pause(0);
    const cut = fails(write(etcd, [put("k", "4")], 5000), Failure.UNKNOWN, /127\.0\.0\.1/);
    await sleep(100);
    await cluster.kill(0);
    await cut;
    const started = performance.now();
    await fails(write(etcd, [put("k", "5")]), Failure.UNAVAILABLE, /cannot connect: .*REFUSED/);
    const took = performance.now() - started;
    assert(took < 500, `${took} ms`);
  });

  await t.step("back again: served, and the watch goes on without a gap", async () => {
    cluster.restart(0);
    await eventually(() => write(etcd, [put("k", "6")]), 10_000);
    await until(() => changes.at(-1)?.now?.value === "6", "the change after the return");
    const revisions = changes.map((change) => change.revision);
    assert.deepEqual(revisions, revisions.map((_, index) => revisions[0]! + index));
    assert.deepEqual(ends, []);
    watch.close();
  });
});

Deno.test("etcd3 connection: three members, of which one and then two are lost", async (t) => {
  await using cluster = await EtcdCluster.start({ members: 3 });
  const leader = (await cluster.leader())!;
  const [first, second] = [0, 1, 2].filter((member) => member !== leader) as [number, number];

  await t.step("the endpoint in use is frozen: calls and watches go elsewhere", async () => {
    const { endpoints } = cluster;
    await using etcd = await open({ endpoints: [endpoints[first]!, endpoints[leader]!] });
    const { revision } = await write(etcd, [put("k", "0")]);
    const { changes, ends } = follow(etcd, "k", "l", revision + 1);
    await write(etcd, [put("k", "1")]);
    await until(() => changes.length === 1, "the first change");
    cluster.pause(first);
    await fails(write(etcd, [put("j", "0")], 300), Failure.UNKNOWN, /no answer/);
    await write(etcd, [put("k", "2")]);
    await until(() => changes.length === 2, "the change at another member");
    assert.deepEqual([changes.map(({ now }) => now?.value), ends], [["1", "2"], []]);
    cluster.resume(first);
    await cluster.whenHealthy(first);
  });

  await t.step("given one endpoint, it learns of the others", async () => {
    await using etcd = await open({ endpoints: [cluster.endpoints[first]!], refresh: 200 });
    await write(etcd, [put("k", "3")]);
    await sleep(800);
    await cluster.kill(first);
    await eventually(() => write(etcd, [put("k", "4")]), 3000);
    cluster.restart(first);
    await cluster.whenHealthy(first);
  });

  await t.step("the leader is killed: writes go on within seconds", async () => {
    await using etcd = await open({ endpoints: cluster.endpoints });
    const { revision } = await write(etcd, [put("k", "5")]);
    const { changes } = follow(etcd, "k", "l", revision);
    await cluster.kill(leader);
    const took = await eventually(() => write(etcd, [put("k", "6")], 1000), 8000);
    assert(took < 6000, `${took} ms`);
    await until(() => changes.some(({ now }) => now?.value === "6"), "the change");
  });

  await t.step("no quorum: not done, and said why", async () => {
    await using etcd = await open({ endpoints: cluster.endpoints });
    await write(etcd, [put("k", "7")]);
    await cluster.kill(second);
    let last: unknown;
    const started = performance.now();
    while (!(last instanceof EtcdError && /no leader/.test(last.message))) {
      assert(performance.now() - started < 8000, `${last}`);
      last = await write(etcd, [put("k", "8")], 1000).catch((error) => error);
    }
    assert.equal(last.failure, Failure.UNAVAILABLE);
    assert.match(last.message, /most of the cluster's members/);
  });
});

Deno.test("etcd3 connection: two clusters are not mixed", async () => {
  await using one = await EtcdCluster.start();
  await using other = await EtcdCluster.start();
  await using etcd = await open({ endpoints: [...one.endpoints, ...other.endpoints] });
  await write(etcd, [put("k", "1")]);
  await one.kill(0);
  // This one may have been under way.
  await write(etcd, [put("k", "1")]).catch(() => {});
  await fails(
    write(etcd, [put("k", "2")]),
    Failure.UNAVAILABLE,
    /another cluster than the one in use/,
  );
  await using alone = await open({ endpoints: other.endpoints });
  assert.deepEqual((await alone.read("k", "l", 1, 0, TIMEOUT)).found, []);
});

Deno.test("etcd3 connection: TLS is verified, for names and for addresses", async (t) => {
  await using cluster = await EtcdCluster.start({
    tls: { names: ["DNS:localhost", "IP:127.0.0.1"], clients: true },
  });
  const { ca, cert, key, otherCa } = cluster.certificates!;
  const { endpoints, named } = cluster;

  for (const [what, some] of [["a name", named], ["an address", endpoints]] as const) {
    await t.step(`by ${what}: served`, async () => {
      await using etcd = await open({ endpoints: some, ca, cert, key });
      await write(etcd, [put("k", "1")]);
      await using bare = await open({
        endpoints: some.map((url) => url.replace("https://", "")),
        ca,
        cert,
        key,
      });
      assert.equal((await bare.read("k", "l", 1, 0, TIMEOUT)).found.length, 1);
    });

    await t.step(`by ${what}: another authority is refused`, async () => {
      await using etcd = await open({ endpoints: some, ca: otherCa, cert, key });
      await fails(write(etcd, [put("k", "1")]), Failure.REFUSED, /certificate.*--etcd\.auth\.ca/);
    });

    await t.step(`by ${what}: an authority that the system does not know is refused`, async () => {
      await using etcd = await open({ endpoints: some, cert, key });
      await fails(write(etcd, [put("k", "1")]), Failure.REFUSED, /certificate.*--etcd\.auth\.ca/);
    });

    await t.step(`by ${what}: without a certificate of its own`, async () => {
      await using etcd = await open({ endpoints: some, ca });
      // Which of the two it is depends on whether etcd's word arrives before it hangs up.
      const error = await write(etcd, [put("k", "1")]).catch((error) => error);
      assert(error instanceof EtcdError, `${error}`);
      assert.notEqual(error.failure, Failure.UNKNOWN);
      assert.match(error.message, /--etcd\.auth\.cert/);
    });
  }

  await t.step("in the clear: not served", async () => {
    await using etcd = await open({
      endpoints: endpoints.map((url) => url.replace("https", "http")),
    });
    await fails(write(etcd, [put("k", "1")], 1000), Failure.UNAVAILABLE, /write https/);
  });

  await t.step("over TLS to one that speaks in the clear: not served", async () => {
    await using plain = await EtcdCluster.start();
    const endpoints = plain.endpoints.map((url) => url.replace("http", "https"));
    await using etcd = await open({ endpoints, ca });
    await fails(write(etcd, [put("k", "1")], 1000), Failure.UNAVAILABLE, /write http:/);
  });
});

Deno.test("etcd3 connection: a certificate for other names and addresses is refused", async () => {
  await using cluster = await EtcdCluster.start({
    tls: { names: ["DNS:localhost", "IP:127.0.0.9"] },
  });
  const { ca } = cluster.certificates!;
  await using byName = await open({ endpoints: cluster.named, ca });
  await write(byName, [put("k", "1")]);
  await using byAddress = await open({ endpoints: cluster.endpoints, ca });
  await fails(
    write(byAddress, [put("k", "2")]),
    Failure.REFUSED,
    /127\.0\.0\.1 is not in the cert/,
  );
  await using other = await EtcdCluster.start({
    tls: { names: ["DNS:elsewhere", "IP:127.0.0.1"] },
  });
  await using misnamed = await open({ endpoints: other.named, ca: other.certificates!.ca });
  await fails(write(misnamed, [put("k", "1")]), Failure.REFUSED, /localhost.* is not in the cert/);
});

Deno.test("etcd3 connection: files that cannot be used are refused at once, by their flag", async () => {
  const endpoints = ["127.0.0.1:1"];
  const refuses = (options: Partial<EtcdOptions>, message: RegExp) =>
    fails(connect({ endpoints, ...options }), Failure.REFUSED, message);
  const file = await Deno.makeTempFile();
  try {
    await refuses({ ca: "/nowhere/ca.pem" }, /--etcd\.auth\.ca \/nowhere\/ca\.pem/);
    await refuses({ ca: file }, /--etcd\.auth\.ca .* no certificate/);
    await refuses({ cert: file }, /--etcd\.auth\.cert and --etcd\.auth\.key/);
    await Deno.writeTextFile(
      file,
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    await refuses({ ca: file }, /--etcd\.auth\.ca/);
    await refuses({ endpoints: [] }, /--etcd\.discovery\.endpoints/);
    await refuses({ endpoints: ["etcd://x"] }, /"etcd:\/\/x" is no etcd endpoint/);
    await refuses({ username: "dhcp" }, /--etcd\.auth\.password/);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("etcd3 connection: passwords", async (t) => {
  await using cluster = await EtcdCluster.start({
    auth: { prefix: "dhcp::" },
    flags: ["--auth-token-ttl=1"],
  });
  const { endpoints } = cluster;
  const user = { endpoints, username: "dhcp", password: "secret" };

  await t.step("right: served, within the prefix", async () => {
    await using etcd = await open(user);
    await write(etcd, [put("dhcp::a", "1")]);
    await fails(
      write(etcd, [put("other", "1")]),
      Failure.REFUSED,
      /permission denied.*etcd\.prefix/,
    );
    await fails(etcd.read("a", "z", 1, 0, TIMEOUT), Failure.REFUSED, /permission denied/);
  });

  await t.step("wrong, unknown, or none", async () => {
    await using wrong = await open({ ...user, password: "guess" });
    await fails(write(wrong, [put("dhcp::a", "2")]), Failure.REFUSED, /wrong user or password/);
    await using unknown = await open({ ...user, username: "nobody" });
    await fails(write(unknown, [put("dhcp::a", "2")]), Failure.REFUSED, /wrong user or password/);
    await using none = await open({ endpoints });
    await fails(write(none, [put("dhcp::a", "2")]), Failure.REFUSED, /--etcd\.auth\.username/);
  });

  await t.step("a token that has run out is renewed, for calls and for watches", async () => {
    await using etcd = await open(user);
    const { revision } = await write(etcd, [put("dhcp::b", "1")]);
    await sleep(2500);
    await write(etcd, [put("dhcp::b", "2")]);
    const { changes } = follow(etcd, "dhcp::b", "dhcp::c", revision);
    await until(() => changes.length === 2, "both changes");
    await sleep(2500);
    const later = follow(etcd, "dhcp::b", "dhcp::c", revision);
    await until(() => later.changes.length === 2, "both changes, with a token that has run out");
    await write(etcd, [put("dhcp::b", "3")]);
    await until(() => changes.length === 3, "the old watch goes on");
    assert.deepEqual(later.ends, []);
  });

  await t.step("users that are no longer needed, and needed again", async () => {
    await using etcd = await open(user);
    const { revision } = await write(etcd, [put("dhcp::c", "1")]);
    const { changes, ends } = follow(etcd, "dhcp::c", "dhcp::d", revision);
    const root = ["--user", "root:root"];
    await cluster.etcdctl(...root, "auth", "disable");
    // By now the token has run out, so the next call has to log in, which is not possible.
    await sleep(2500);
    await write(etcd, [put("dhcp::c", "2")]);
    await cluster.etcdctl("auth", "enable");
    await write(etcd, [put("dhcp::c", "3")]);
    await until(() => changes.length === 3, "all changes");
    // One that logged in while nobody had to.
    await cluster.etcdctl(...root, "auth", "disable");
    await using late = await open(user);
    await write(late, [put("dhcp::c", "4")]);
    const seen = follow(late, "dhcp::c", "dhcp::d", revision);
    await cluster.etcdctl("auth", "enable");
    await write(late, [put("dhcp::c", "5")]);
    for (const followed of [{ changes, ends }, seen]) {
      await until(() => followed.changes.length === 5, "all changes, with both changes of mind");
      assert.deepEqual(followed.ends, []);
    }
  });

  await t.step(
    "a watch that is the first to notice that users are needed again goes on",
    async () => {
      const root = ["--user", "root:root"];
      await cluster.etcdctl(...root, "auth", "disable");
      await using etcd = await open(user);
      const { revision } = await write(etcd, [put("dhcp::d", "1")]);
      await cluster.etcdctl("auth", "enable");
      const { changes, ends } = follow(etcd, "dhcp::d", "dhcp::e", revision + 1);
      // Nothing else is asked meanwhile that would log in again.
      await sleep(1000);
      await cluster.etcdctl("--user", "dhcp:secret", "put", "dhcp::d", "2");
      await until(() => changes.length === 1, "the change");
      assert.deepEqual(ends, []);
    },
  );

  await t.step("a watch without permission ends", async () => {
    await using etcd = await open(user);
    const { ends } = follow(etcd, "a", "z", 1);
    await until(() => ends.length === 1, "the end");
    assert.match(ends[0]!, /permission denied/);
  });
});

Deno.test("etcd3 connection: a password given to a cluster that asks for none does no harm", async () => {
  await using cluster = await EtcdCluster.start();
  await using etcd = await open({
    endpoints: cluster.endpoints,
    username: "dhcp",
    password: "secret",
  });
  await write(etcd, [put("k", "1")]);
});

Deno.test("etcd3 connection: an etcd that is too old, and something that is no etcd", async () => {
  const server = new Server();
  const octets = (value: Uint8Array) => Buffer.from(value);
  server.register(
    "/etcdserverpb.Maintenance/Status",
    // StatusResponse: the version is field 2.
    (_call: unknown, respond: (error: null, response: Uint8Array) => void) =>
      respond(null, Uint8Array.of(0x12, 6, ...new TextEncoder().encode("3.3.27"))),
    octets,
    octets,
    "unary",
  );
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync(
      "127.0.0.1:0",
      ServerCredentials.createInsecure(),
      (error, port) => error ? reject(error) : resolve(port),
    )
  );
  await using old = await open({ endpoints: [`127.0.0.1:${port}`] });
  await fails(
    write(old, [put("k", "1")]),
    Failure.REFUSED,
    /version is 3\.3\.27: etcd 3\.4 or later/,
  );
  await old.close();
  await new Promise((resolve) => server.tryShutdown(resolve));

  const web = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("hi"),
  );
  await using page = await open({ endpoints: [`127.0.0.1:${web.addr.port}`] });
  await fails(page.read("k", "l", 1, 0, TIMEOUT), Failure.UNAVAILABLE, /not answer as etcd/);
  await page.close();
  await web.shutdown();
});

/** Stands between a client and a server; `cut` hangs up when the next answer should have come. */
class Wire implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections = new Set<Deno.Conn>();
  readonly #work: Promise<unknown>[] = [];
  readonly #port: number;
  readonly endpoint = `127.0.0.1:${this.#listener.addr.port}`;
  #cutting = false;
  /** How often it hung up. */
  cuts = 0;

  constructor(endpoint: string) {
    this.#port = Number(new URL(endpoint).port);
    this.#work.push(this.#accept());
  }

  cut(): void {
    this.#cutting = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) this.#close(connection);
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#port });
        this.#connections.add(client).add(server);
        this.#work.push(this.#carry(client, server, false), this.#carry(server, client, true));
      }
    } catch { /* closed */ }
  }

  async #carry(from: Deno.Conn, to: Deno.Conn, answers: boolean): Promise<void> {
    const buffer = new Uint8Array(65_536);
    let swallowed = 0;
    try {
      for (;;) {
        const count = await from.read(buffer);
        if (count === null) break;
        if (answers && this.#cutting) {
          // An acknowledgement that the request has arrived is not yet the answer to it.
          swallowed += count;
          if (swallowed < 80) continue;
          this.#cutting = false;
          this.cuts++;
          break;
        }
        for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
      }
    } catch { /* closed */ }
    this.#close(from);
    this.#close(to);
  }

  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }
}

Deno.test("etcd3 connection: what may be repeated is, and nothing else", async (t) => {
  await using cluster = await EtcdCluster.start();
  const [direct] = cluster.endpoints as [string];

  await t.step("a write whose answer got lost: unknown, done once", async () => {
    await using wire = new Wire(direct);
    await using etcd = await open({ endpoints: [wire.endpoint, direct] });
    const { revision } = await write(etcd, [put("once", "1")]);
    wire.cut();
    await fails(write(etcd, [put("once", "2")]), Failure.UNKNOWN, /127\.0\.0\.1/);
    assert.equal(wire.cuts, 1);
    await sleep(200);
    const page = await etcd.read("once", "oncf", 1, 0, TIMEOUT);
    assert.deepEqual([page.revision - revision, page.found[0]?.value], [1, "2"]);
  });

  await t.step("a lease whose answer got lost: unknown, granted once", async () => {
    await using wire = new Wire(direct);
    await using etcd = await open({ endpoints: [wire.endpoint, direct] });
    await write(etcd, [put("once", "3")]);
    wire.cut();
    await fails(etcd.grant(60, TIMEOUT), Failure.UNKNOWN, /127\.0\.0\.1/);
    await sleep(200);
    assert.match(await cluster.etcdctl("lease", "list"), /found 1 leases/);
  });

  await t.step("a read whose answer got lost: asked again elsewhere", async () => {
    await using wire = new Wire(direct);
    await using etcd = await open({ endpoints: [wire.endpoint, direct] });
    await write(etcd, [put("twice", "1")]);
    wire.cut();
    assert.equal((await etcd.read("twice", "twicf", 1, 0, TIMEOUT)).found[0]?.value, "1");
    assert.equal(wire.cuts, 1);
  });

  await t.step("a write that reached nobody: sent elsewhere", async () => {
    const nobody = new Wire(direct);
    await nobody[Symbol.asyncDispose]();
    await using etcd = await open({ endpoints: [nobody.endpoint, direct] });
    const { revision } = await write(etcd, [put("there", "1")]);
    assert.equal((await write(etcd, [put("there", "2")])).revision, revision + 1);
  });

  await t.step("answers that come too late are nobody's trouble", async () => {
    await using etcd = await open({ endpoints: [direct] });
    await write(etcd, [put("late", "1")]);
    cluster.pause(0);
    const calls = Array.from({ length: 20 }, () => write(etcd, [put("late", "2")], 150));
    const results = await Promise.allSettled(calls);
    assert(results.every(({ status }) => status === "rejected"));
    cluster.resume(0);
    await eventually(() => etcd.read("late", "latf", 1, 0, TIMEOUT), 5000);
    await sleep(300);
  });

  await t.step("closed under a write: unknown", async () => {
    await using etcd = await open({ endpoints: [direct] });
    await write(etcd, [put("closed", "1")]);
    cluster.pause(0);
    const cut = fails(write(etcd, [put("closed", "2")]), Failure.UNKNOWN, /closed/);
    await sleep(50);
    await etcd.close();
    await cut;
    cluster.resume(0);
  });
});

Deno.test("etcd3 connection: endpoints from SRV records", async (t) => {
  await using cluster = await EtcdCluster.start();
  const port = Number(new URL(cluster.endpoints[0]!).port);
  const real = Deno.resolveDns;
  let answer: (name: string) => Promise<Deno.SrvRecord[]> = () => Promise.resolve([]);
  Deno.resolveDns = ((name: string) => answer(name)) as unknown as typeof Deno.resolveDns;
  try {
    await t.step("found", async () => {
      answer = (name) =>
        name === "_etcd-client._tcp.example.org"
          ? Promise.resolve([{ priority: 0, weight: 0, port, target: "localhost." }])
          : Promise.reject(new Deno.errors.NotFound("no record"));
      await using etcd = await open({ endpoints: [], srv: "example.org" });
      await write(etcd, [put("srv", "1")]);
    });

    await t.step("found by the record's own name", async () => {
      for (const srv of ["_etcd-client._tcp.example.org", "etcd.example.org"]) {
        answer = (name) =>
          name === srv
            ? Promise.resolve([{ priority: 0, weight: 0, port, target: "localhost." }])
            : Promise.reject(new Deno.errors.NotFound("no record"));
        await using etcd = await open({ endpoints: [], srv });
        await write(etcd, [put("srv", "1")]);
      }
    });

    await t.step("read again: calls and watches move with them", async () => {
      let target = "localhost.";
      answer = (name) =>
        name.includes("-ssl.")
          ? Promise.reject(new Deno.errors.NotFound("no record"))
          : Promise.resolve([{ priority: 0, weight: 0, port, target }]);
      await using etcd = await open({ endpoints: [], srv: "example.org", refresh: 200 });
      const { revision } = await write(etcd, [put("moved", "1")]);
      const { changes, ends } = follow(etcd, "moved", "movee", revision);
      await until(() => changes.length === 1, "the first change");
      target = "127.0.0.1.";
      await sleep(600);
      await write(etcd, [put("moved", "2")]);
      await until(() => changes.length === 2, "the change by way of the new endpoint");
      assert.deepEqual(ends, []);
    });

    await t.step(
      "read again soon once nobody serves us, however rarely it is otherwise",
      async () => {
        const first = new Wire(cluster.endpoints[0]!);
        await using second = new Wire(cluster.endpoints[0]!);
        let [target, questions] = [first.endpoint, 0];
        answer = (name) => {
          if (name.includes("-ssl.")) return Promise.reject(new Deno.errors.NotFound("no record"));
          questions++;
          const port = Number(target.split(":")[1]);
          return Promise.resolve([{ priority: 0, weight: 0, port, target: "127.0.0.1." }]);
        };
        await using etcd = await open({ endpoints: [], srv: "example.org", refresh: 3_600_000 });
        await write(etcd, [put("soon", "1")]);
        await until(() => questions === 2, "the first regular reading");
        await write(etcd, [put("soon", "2")]);
        target = second.endpoint;
        await first[Symbol.asyncDispose]();
        await eventually(() => etcd.read("soon", "sooo", 1, 0, TIMEOUT), 20_000);
      },
    );

    await t.step("none", async () => {
      answer = () => Promise.reject(new Deno.errors.NotFound("no record"));
      await using etcd = await open({ endpoints: [], srv: "example.org" });
      await fails(write(etcd, [put("srv", "2")]), Failure.UNAVAILABLE, /--etcd\.discovery\.srv/);
    });

    await t.step("a name server that says nothing: settled in time", async () => {
      answer = () => new Promise(() => {});
      await using etcd = await open({ endpoints: [], srv: "example.org" });
      const started = performance.now();
      await fails(write(etcd, [put("srv", "3")], 300), Failure.UNAVAILABLE, /name server/);
      const took = performance.now() - started;
      assert(took <= 350, `${took} ms`);
    });
  } finally {
    Deno.resolveDns = real;
  }
});
