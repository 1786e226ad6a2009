/**
 * Two servers on one etcd, with calls that overlap, answers that are lost and mirrors that lag: at
 * most one client holds an address at any instant, judged by the results alone (law 1).
 *
 * @module
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Amendment, ManagedStore } from "../../../lib/lease/management.ts";
import type { Operation, Result } from "../../../lib/lease/store.ts";
import { formatIpv4, type Ipv4, parseIpv4 } from "../../../lib/wire/address.ts";
import {
  addPool,
  bind,
  clientKey,
  clientNumber,
  decline,
  enter,
  EPOCH,
  free,
  release,
  removePool,
  reservation,
  reserve,
  subnetOf,
  unreserve,
} from "../../lease/fixtures.ts";
import { FakeClock } from "./fake_clock.ts";
import { type Connection, FakeEtcd, type Fate } from "./fake_etcd.ts";
import { Picture } from "../picture.ts";
import { openStore } from "./fixtures.ts";

const LEASE = 60_000;

const SERVERS = ["10.0.0.1", "10.0.0.2"].map(parseIpv4);

/** What happens next, at one of the two servers. */
const event = fc.record({
  kind: fc.oneof(
    { weight: 12, arbitrary: fc.constantFrom("bind" as const, "renew" as const) },
    { weight: 3, arbitrary: fc.constantFrom("release" as const, "decline" as const) },
    { weight: 3, arbitrary: fc.constantFrom("free" as const, "enter" as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...["reserve", "unreserve", "add-pool", "remove-pool", "reconfigure"] as const,
      ),
    },
    { weight: 10, arbitrary: fc.constantFrom("wait" as const, "wait" as const, "expire" as const) },
    { weight: 8, arbitrary: fc.constant("settle" as const) },
    { weight: 1, arbitrary: fc.constantFrom("hold" as const, "cut" as const, "revoke" as const) },
    { weight: 5, arbitrary: fc.constantFrom("let-go" as const, "mend" as const) },
  ),
  server: fc.integer({ min: 0, max: 1 }),
  client: fc.integer({ min: 1, max: 4 }),
  address: fc.integer({ min: 10, max: 12 }),
  wait: fc.constantFrom(100, 3000, 3000, 3000, 20_000, 70_000),
  fate: fc.oneof(
    { weight: 30, arbitrary: fc.constant<Fate>("well") },
    { weight: 2, arbitrary: fc.constantFrom<Fate>("unknown-but-done", "unknown-not-done") },
  ),
});

type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

interface Holder {
  readonly client: string;
  readonly until: number;
  /** The one that it was told by last, which the client names when it gives the address back. */
  readonly server: number;
}

/** What clients were told: who may use an address, and until when. */
class Judge {
  readonly #held = new Map<Ipv4, Holder>();

  told(client: string, address: Ipv4, now: number, until: number, server: number): void {
    const holder = this.#held.get(address);
    if (holder !== undefined && holder.client !== client && holder.until > now) {
      assert.fail(`${formatIpv4(address)} is given to ${client}, but ${holder.client} has it`);
    }
    const before = holder?.client === client ? holder.until : 0;
    this.leaves(client);
    this.#held.set(address, { client, until: Math.max(before, until), server });
  }

  /** The client stops to use whatever it has. */
  leaves(client: string): void {
    for (const [address, holder] of this.#held) {
      if (holder.client === client) this.#held.delete(address);
    }
  }

  /** What the client may use now. */
  addressOf(client: string, now: number): Ipv4 | undefined {
    return this.leaseOf(client, now)?.address;
  }

  leaseOf(client: string, now: number): Holder & { readonly address: Ipv4 } | undefined {
    for (const [address, holder] of this.#held) {
      if (holder.client === client && holder.until > now) return { address, ...holder };
    }
    return undefined;
  }
}

async function play(
  events: readonly Event[],
  holdFactors: readonly number[],
  mostClaims: number,
  delays: readonly number[],
): Promise<{ readonly done: number; readonly ridden: number; readonly entered: number }> {
  const clock = new FakeClock(EPOCH);
  const etcd = new FakeEtcd(clock);
  const fates: Fate[] = [];
  const subnet = subnetOf({ pools: ["10.0.0.10-10.0.0.12"] });
  const smaller = subnetOf({ pools: ["10.0.0.11-10.0.0.11"], exclusions: ["10.0.0.13"] });
  const connections: Connection[] = [];
  const stores: ManagedStore[] = [];
  let calls = 0;
  /** Calls and answers overtake each other. */
  const pause = async () => {
    for (let left = delays[calls++ % delays.length]!; left > 0; left--) await Promise.resolve();
  };
  for (const [index, id] of ["one", "two"].entries()) {
    const connection = etcd.connect({ fate: () => fates.pop() ?? "well", pause });
    connections.push(connection);
    stores.push(
      await openStore(connection, clock, [subnet], {
        server: { id },
        holdFactor: holdFactors[index]!,
        mostClaims,
      }),
    );
  }
  const pictures = stores.map((store) => new Picture(store));
  const judge = new Judge();
  const cut = [false, false];
  /** Clients with a message on its way: they wait for its answer, or give up. */
  const asking = new Set<string>();
  const asked: Promise<unknown>[] = [];
  let broken: unknown;
  let [done, ridden, entered] = [0, 0, 0];
  const ask = (server: number, operation: Operation, hear: (result: Result) => void) => {
    const now = clock.now();
    const heard = stores[server]!.commit([operation], now).then(([result]) => hear(result!));
    // Told at the end, so that the events that led there can be cut down to the least.
    asked.push(heard.catch((error) => broken ??= error));
  };
  for (const { kind, server, client: number, address: last, wait, fate } of events) {
    const client = clientNumber(number);
    const address = parseIpv4(`10.0.0.${last}`);
    const now = clock.now();
    const connection = connections[server]!;
    if (fate !== "well" && !asking.has(client)) fates[0] = fate;
    switch (kind) {
      case "bind":
      case "renew": {
        if (asking.has(client)) break;
        const own = judge.addressOf(client, now);
        if (kind === "renew" && own === undefined) break;
        const target = kind === "renew" ? own! : address;
        // A client that asks for a new address does not use its old one.
        if (kind === "bind") judge.leaves(client);
        asking.add(client);
        const inUse = kind === "renew";
        const transactions = etcd.transactions;
        const claim = bind(client, formatIpv4(target), now + LEASE, {
          inUse,
          server: SERVERS[server]!,
        });
        ask(server, claim, (result) => {
          asking.delete(client);
          if (result.kind !== "done") return;
          done++;
          if (etcd.transactions === transactions) ridden++;
          assert.equal(result.lease.client, clientKey(client));
          const until = Math.min(result.lease.expires, now + LEASE);
          judge.told(client, target, clock.now(), until, server);
        });
        break;
      }
      case "release":
      case "decline": {
        const own = judge.leaseOf(client, now);
        if (asking.has(client) || own === undefined) break;
        judge.leaves(client);
        const ip = formatIpv4(own.address);
        const servers = [SERVERS[own.server]!];
        const given = kind === "release"
          ? release(client, ip)
          : decline(client, ip, now + LEASE, 1);
        ask(own.server, { ...given, servers }, () => {});
        break;
      }
      case "free":
        // Its client is told nothing, and goes on with what it has.
        ask(server, free(formatIpv4(address)), () => {});
        break;
      case "enter": {
        if (asking.has(client)) break;
        asking.add(client);
        const entry = enter(client, formatIpv4(address), now - LEASE, now + LEASE);
        ask(server, entry, (result) => {
          asking.delete(client);
          if (result.kind !== "done") return;
          entered++;
          judge.told(client, address, clock.now(), now + LEASE, server);
        });
        break;
      }
      case "reserve":
      case "unreserve":
      case "add-pool":
      case "remove-pool":
        asked.push(stores[server]!.amend([amendmentOf(kind, client, last)], now));
        break;
      case "reconfigure":
        stores[server]!.reconfigure([last === 10 ? smaller : subnet], now);
        break;
      case "expire":
        for (const store of stores) {
          const due = store.due(now, 10);
          asked.push(
            store.commit(due.map((one): Operation => ({ kind: "expire", address: one })), now),
          );
        }
        break;
      case "wait":
        await clock.pass(wait);
        etcd.expire();
        break;
      case "hold":
        connection.hold();
        break;
      case "let-go":
        if (!cut[server]) connection.release();
        break;
      case "revoke":
        etcd.revokeAll();
        break;
      case "cut":
        cut[server] = true;
        connection.cut(true);
        break;
      case "mend":
        cut[server] = false;
        connection.cut(false);
        break;
      case "settle":
        await clock.pass(0);
        break;
    }
  }
  for (const connection of connections) connection.cut(false);
  for (const store of stores) store.reconfigure([subnet], clock.now());
  await clock.pass(15_000);
  await Promise.all(asked);
  if (broken !== undefined) throw broken;
  for (const store of stores) {
    assert.equal(store.trouble(), undefined);
    for (const other of stores) {
      assert.deepEqual(store.view.counts(""), other.view.counts(""));
      assert.deepEqual(store.subnets, other.subnets);
    }
    for (const picture of pictures) picture.compare();
    for (let number = 1; number <= 4; number++) {
      const client = clientNumber(number);
      const own = judge.addressOf(client, clock.now());
      if (own !== undefined) assert.equal(store.view.ofAddress(own)?.client, clientKey(client));
    }
  }
  for (const store of stores) {
    const closing = store.close();
    await clock.pass(100);
    await closing;
  }
  return { done, ridden, entered };
}

function amendmentOf(
  kind: "reserve" | "unreserve" | "add-pool" | "remove-pool",
  client: string,
  last: number,
): Amendment {
  if (kind === "reserve") return reserve(client, reservation(`10.0.0.${last}`));
  if (kind === "unreserve") return unreserve(client);
  const range = `10.0.0.${last}-10.0.0.${last + 1}`;
  return kind === "add-pool" ? addPool(range) : removePool(range);
}

Deno.test("EtcdStore: two servers, lost answers and lagging mirrors never double an address", async () => {
  let [done, ridden, entered] = [0, 0, 0];
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 10, maxLength: 120, size: "max" }),
      fc.constantFrom([2, 2], [2, 2], [1, 2], [1, 1]),
      // Few to a transaction: then several are under way at once.
      fc.constantFrom(1, 2, 100),
      fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 20 }),
      async (events, holdFactors, mostClaims, delays) => {
        const result = await play(events, holdFactors, mostClaims, delays);
        done += result.done;
        ridden += result.ridden;
        entered += result.entered;
      },
    ),
    { numRuns: 1000 },
  );
  assert.ok(done > 150, `only ${done} leases were made`);
  assert.ok(entered > 20, `only ${entered} leases were entered`);
  assert.ok(ridden > 5, `only ${ridden} renewals were answered without writing`);
});
