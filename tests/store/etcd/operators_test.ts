/** What operators do with etcdctl, as clients come to see it. */

import assert from "node:assert/strict";
import type { EtcdStore } from "../../../lib/store/etcd/store.ts";
import { formatIpv4, parseIpv4 } from "../../../lib/wire/address.ts";
import { MessageType, messageType } from "../../../lib/wire/registry.ts";
import { bind, clientKey, EPOCH, macOf, release } from "../../lease/fixtures.ts";
import { readMessage } from "../../protocol/conversation.ts";
import { Network } from "../../protocol/network.ts";
import { PREFIX } from "./fixtures.ts";
import { HOUR, MINUTE, Site } from "./site.ts";

/** A client that does what RFC 2131 wants: after a NAK it starts over. */
class Device {
  readonly #name: string;
  readonly #site: Site;
  readonly #network: Network;
  address: string | undefined;
  naks = 0;

  constructor(name: string, site: Site, network: Network) {
    this.#name = name;
    this.#site = site;
    this.#network = network;
  }

  /** Gets a lease or renews the one that it has, until it has one or nobody answers. */
  async goOn(): Promise<string | undefined> {
    for (let tries = 0; tries < 5; tries++) {
      const address = this.address === undefined
        ? await this.#start()
        : await this.#ask(`REQUEST ${this.#name} ciaddr=${this.address}`);
      if (address !== "NAK") return this.address = address;
      this.naks++;
      this.address = undefined;
    }
    assert.fail(`${this.#name} has been refused ${this.naks} times`);
  }

  /** What it is offered. */
  async discover(): Promise<string | undefined> {
    return await this.#ask(`DISCOVER ${this.#name}`);
  }

  async #start(): Promise<string | undefined> {
    const offered = await this.discover();
    if (offered === undefined) return undefined;
    return await this.#ask(`REQUEST ${this.#name} server=10.0.0.1 requested=${offered}`);
  }

  async #ask(line: string): Promise<string | undefined> {
    const { message, port } = readMessage(line);
    await this.#network.passTo(this.#site.now);
    const answer = await this.#network.deliver(message, "lan0", port);
    if (answer.kind !== "reply") return undefined;
    const isNak = answer.message.options.get(messageType) === MessageType.NAK;
    return isNak ? "NAK" : formatIpv4(answer.message.yiaddr);
  }
}

/** A server on a site, and devices on its wire. */
async function serve(site: Site): Promise<{
  readonly store: EtcdStore;
  readonly device: (name: string) => Device;
}> {
  const store = await site.open();
  const network = new Network({}, store);
  return { store, device: (name) => new Device(name, site, network) };
}

const free = (address: string) => `${PREFIX}ips::free::${address}`;
const leased = (address: string) => `${PREFIX}ips::leased::${address}`;
const nic = (client: string) => `${PREFIX}nics::leased::${macOf(client)}`;

/** The three steps of pinning a device, each as etcdctl does it. */
function pinning({ etcd }: Site, client: string, address: string): Record<string, () => void> {
  return {
    nic: () => etcd.put(nic(client), address),
    leased: () => etcd.put(leased(address), macOf(client)),
    free: () => etcd.delete(free(address)),
  };
}

function isWithoutTtl({ etcd }: Site, ...keys: string[]): boolean {
  return keys.every((key) => etcd.get(key) !== undefined && etcd.get(key)!.lease === undefined);
}

const ORDERS = [
  ["nic", "leased", "free"],
  ["nic", "free", "leased"],
  ["leased", "nic", "free"],
  ["leased", "free", "nic"],
  ["free", "nic", "leased"],
  ["free", "leased", "nic"],
];

for (const order of ORDERS) {
  for (const address of ["10.0.0.12", "10.0.0.77"]) {
    Deno.test(`EtcdStore: pinning by ${order.join(", ")} to ${address} costs one NAK at most`, async () => {
      // Between the operator's steps, the client renews or does not.
      for (let renews = 0; renews < 8; renews++) {
        await using site = new Site();
        const { device } = await serve(site);
        const client = device("aa:01");
        assert.ok(await client.goOn());
        const steps = pinning(site, "aa:01", address);
        for (const [index, step] of order.entries()) {
          steps[step]!();
          await site.clock.turn();
          if ((renews & 1 << index) !== 0) assert.ok(await client.goOn());
          await site.pass(7000);
        }
        assert.equal(await client.goOn(), address);
        assert.ok(client.naks <= 1, `${client.naks} NAKs`);
        for (let n = 0; n < 4; n++) {
          await site.pass(HOUR / 2);
          assert.equal(await client.goOn(), address);
          assert.ok(isWithoutTtl(site, nic("aa:01"), leased(address)));
        }
        assert.equal(site.etcd.get(free(address)), undefined);
        assert.ok(client.naks <= 1, `${client.naks} NAKs`);
      }
    });
  }
}

Deno.test("EtcdStore: a device without a lease gets its pin with the next DISCOVER", async () => {
  await using site = new Site();
  const { device } = await serve(site);
  const client = device("aa:01");
  assert.notEqual(await client.discover(), "10.0.0.77");
  for (const step of Object.values(pinning(site, "aa:01", "10.0.0.77"))) step();
  await site.clock.turn();
  assert.equal(await client.discover(), "10.0.0.77");
  assert.equal(await client.goOn(), "10.0.0.77");
  // And another one, once the operator has decided otherwise.
  for (const step of Object.values(pinning(site, "aa:01", "10.0.0.78"))) step();
  await site.clock.turn();
  assert.equal(await client.goOn(), "10.0.0.78");
  assert.equal(client.naks, 1);
  assert.equal(site.etcd.get(leased("10.0.0.77")), undefined);
  // Once the pin is gone it is a lease like any other.
  site.etcd.delete(nic("aa:01"), leased("10.0.0.78"));
  await site.pass(5000);
  assert.equal(await client.goOn(), "10.0.0.78");
  assert.ok(site.etcd.get(leased("10.0.0.78"))?.lease !== undefined);
  await site.pass(4 * HOUR);
  assert.equal(Object.keys(site.keys()).length, 4, "it has been phased out");
});

Deno.test("EtcdStore: a pin to what somebody else is offered is not waited for", async () => {
  await using site = new Site();
  const { device } = await serve(site);
  const [client, other] = [device("aa:01"), device("aa:02")];
  await client.goOn();
  const offered = await other.discover();
  assert.ok(offered);
  for (const step of Object.values(pinning(site, "aa:01", offered))) step();
  await site.clock.turn();
  assert.equal(await client.goOn(), offered);
  assert.equal(client.naks, 1);
  assert.notEqual(await other.goOn(), offered);
});

Deno.test("EtcdStore: a pin to what somebody else has is had once that is over", async () => {
  for (const how of ["released", "expired"]) {
    await using site = new Site();
    const { store, device } = await serve(site);
    const client = device("aa:01");
    const own = await client.goOn();
    const [there] = ["10.0.0.10", "10.0.0.11"].filter((address) => address !== own);
    await site.done(store, bind("aa:02", there!, site.now + HOUR));
    // The operator has not looked who has it, and puts only the device's key.
    site.etcd.put(nic("aa:01"), there!);
    await site.clock.turn();
    for (let n = 0; n < 3; n++) {
      await site.pass(10 * MINUTE);
      assert.equal(await client.goOn(), own, "it keeps what it has");
      assert.equal(site.etcd.get(nic("aa:01"))?.value, there);
      assert.ok(isWithoutTtl(site, nic("aa:01")));
    }
    assert.equal(client.naks, 0);
    if (how === "released") await site.done(store, release("aa:02", there!));
    else {
      for (let n = 0; n < 5; n++) {
        await site.pass(HOUR / 2);
        await client.goOn();
      }
    }
    assert.equal(await client.goOn(), there);
    assert.equal(client.naks, 1);
    assert.equal(site.etcd.get(leased(own!)), undefined);
    assert.ok(isWithoutTtl(site, nic("aa:01"), leased(there!)));
  }
});

Deno.test("EtcdStore: a pin put over another's lease waits until that has run out", async () => {
  await using site = new Site();
  const { store, device } = await serve(site);
  const [client, other] = [device("aa:01"), device("aa:02")];
  const [own, there] = [await client.goOn(), await other.goOn()];
  for (const step of Object.values(pinning(site, "aa:01", there!))) step();
  await site.clock.turn();
  // The other one has not been told, and may use the address.
  const claim = bind("aa:01", there!, site.now + HOUR);
  assert.equal((await site.commit(store, claim)).kind, "taken");
  assert.equal(await client.goOn(), own);
  assert.equal(client.naks, 0);
  assert.notEqual(await other.goOn(), there, "it is sent elsewhere when it asks");
  await site.pass(HOUR);
  assert.equal(await client.goOn(), own);
  await site.pass(HOUR);
  assert.equal(await client.goOn(), there);
  assert.equal(client.naks, 1);
  assert.ok(isWithoutTtl(site, nic("aa:01"), leased(there!)));
});

Deno.test("EtcdStore: a pin that makes no sense leaves the device what it has", async () => {
  await using site = new Site();
  const { device } = await serve(site);
  const client = device("aa:01");
  const own = await client.goOn();
  for (const address of ["10.9.9.9", "10.0.0.255"]) {
    site.etcd.put(nic("aa:01"), address);
    await site.pass(1000);
    assert.equal(await client.goOn(), own);
  }
  assert.equal(client.naks, 0);
});

Deno.test("EtcdStore touches a client's key when it writes a lease, and creates and deletes it once", async () => {
  await using site = new Site();
  const { store, device } = await serve(site);
  const client = device("aa:01");
  const seen: string[] = [];
  site.etcd.connect().watch(nic("aa:01"), nic("aa:01") + "\0", 1, {
    changed: (changes) => {
      for (const { now } of changes) {
        const isNew = now !== undefined && now.createRevision === now.modRevision;
        seen.push(now === undefined ? "deleted" : isNew ? "created" : "same");
      }
    },
    ended: (reason) => assert.fail(reason),
  });
  const address = await client.goOn();
  // Asked again at once, as after a reboot, it is written that the lease is longer; the key stays.
  client.address = undefined;
  await site.pass(1000);
  const transactions = site.etcd.transactions;
  assert.equal(await client.goOn(), address);
  assert.equal(site.etcd.transactions, transactions + 1);
  const { held } = store.view.ofAddress(parseIpv4(address!))!;
  assert.equal(held, site.now + 2 * HOUR);
  assert.deepEqual(seen, ["created"]);
  for (let n = 0; n < 4; n++) {
    await site.pass(HOUR / 2);
    await client.goOn();
  }
  // Every other renewal is within what etcd has agreed to, and writes nothing.
  assert.deepEqual(seen, ["created", "same", "same"]);
  await site.done(store, release("aa:01", address!));
  await site.clock.turn();
  assert.deepEqual(seen, ["created", "same", "same", "deleted"]);
});

// The original's leases ----------------------------------------------------------------------

/** Writes a lease as the original etcdhcp does, with a TTL of twice its length. */
function leaseAsOriginal({ etcd }: Site, client: string, address: string, seconds: number): void {
  const lease = etcd.grant(2 * seconds);
  etcd.transact({
    compare: [],
    success: [
      { kind: "delete", key: free(address) },
      { kind: "put", key: leased(address), value: macOf(client), lease },
      { kind: "put", key: nic(client), value: address, lease },
    ],
    failure: [],
  });
}

Deno.test("EtcdStore: a lease of the original's is offered to its client and renewed", async () => {
  await using site = new Site();
  leaseAsOriginal(site, "aa:01", "10.0.0.13", 3600);
  const { store, device } = await serve(site);
  leaseAsOriginal(site, "aa:02", "10.0.0.12", 3600);
  await site.clock.turn();
  assert.deepEqual(store.view.counts(""), { free: 2, bound: 2, declined: 0, freed: 0 });
  for (const [name, address] of [["aa:01", "10.0.0.13"], ["aa:02", "10.0.0.12"]] as const) {
    const client = device(name);
    assert.equal(await client.discover(), address);
    client.address = address;
    assert.equal(await client.goOn(), address);
    assert.equal(store.view.ofAddress(parseIpv4(address))?.expires, site.now + HOUR);
    assert.notEqual(site.etcd.get(leased(address))?.lease, undefined);
    assert.equal((await site.commit(store, bind("aa:09", address, site.now + HOUR))).kind, "taken");
  }
});

Deno.test("EtcdStore: a lease of the original's is released, declined, and left by a move", async () => {
  await using site = new Site();
  const { store } = await serve(site);
  leaseAsOriginal(site, "aa:01", "10.0.0.10", 3600);
  await site.clock.turn();
  const before = await site.done(store, release("aa:01", "10.0.0.10"));
  assert.equal(before.lease.client, clientKey("aa:01"));
  assert.equal(site.etcd.get(free("10.0.0.10"))?.value, "10.0.0.10");
  assert.equal(site.etcd.get(nic("aa:01")), undefined);

  leaseAsOriginal(site, "aa:01", "10.0.0.10", 3600);
  await site.clock.turn();
  const { freed } = await site.done(store, bind("aa:01", "10.0.0.11", site.now + HOUR));
  assert.equal(freed?.address, parseIpv4("10.0.0.10"));
  assert.deepEqual(store.view.counts(""), { free: 3, bound: 1, declined: 0, freed: 0 });
});

Deno.test("EtcdStore: a lease of the original's that runs out is free again", async () => {
  await using site = new Site();
  const { store, device } = await serve(site);
  leaseAsOriginal(site, "aa:01", "10.0.0.10", 3600);
  // Somebody else had the address from us before.
  await site.done(store, bind("aa:03", "10.0.0.11", site.now + MINUTE));
  await site.done(store, release("aa:03", "10.0.0.11"));
  leaseAsOriginal(site, "aa:02", "10.0.0.11", 3600);
  await site.pass(2 * HOUR - MINUTE);
  assert.equal(store.view.counts("").bound, 2);
  await site.pass(2 * MINUTE);
  assert.deepEqual(store.view.counts(""), { free: 4, bound: 0, declined: 0, freed: 0 });
  for (const address of ["10.0.0.10", "10.0.0.11"]) {
    assert.equal(site.etcd.get(free(address))?.value, address);
  }
  assert.ok(await device("aa:05").goOn());
});

Deno.test("EtcdStore: a lease of ours that the original renews can be released long after", async () => {
  await using site = new Site();
  const { store } = await serve(site);
  await site.done(store, bind("aa:01", "10.0.0.10", EPOCH + HOUR));
  for (let n = 0; n < 4; n++) {
    await site.pass(HOUR);
    leaseAsOriginal(site, "aa:01", "10.0.0.10", 3600);
  }
  await site.clock.turn();
  assert.deepEqual(store.due(site.now, 10), []);
  const other = bind("aa:02", "10.0.0.10", site.now + HOUR);
  assert.equal((await site.commit(store, other)).kind, "taken");
  await site.done(store, release("aa:01", "10.0.0.10"));
  await site.done(store, { ...other, expires: site.now + HOUR });
});
