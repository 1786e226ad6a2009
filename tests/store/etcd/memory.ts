// deno-lint-ignore-file no-console -- what it measures goes to the terminal
/**
 * How much memory the mirror takes, and how long it takes to fill, for a number of leases.
 *
 *     deno run --v8-flags=--expose-gc tests/store/etcd/memory.ts 1000000
 *
 * @module
 */

import type { ClientKey, Lease } from "../../../lib/lease/lease.ts";
import type { KeyValue, LeaseId } from "../../../lib/store/etcd/etcd.ts";
import { KeyReader, SubnetKeys, writeRecord } from "../../../lib/store/etcd/keys.ts";
import { Listeners } from "../../../lib/store/listeners.ts";
import { Mirror, spacesOf } from "../../../lib/store/etcd/mirror.ts";
import { formatIpv4, type Ipv4, type Mac, parseIpv4 } from "../../../lib/wire/address.ts";
import { clientNumber, EPOCH, macOf, subnetOf } from "../../lease/fixtures.ts";
import { PREFIX } from "./fixtures.ts";

const count = Number(Deno.args[0] ?? 100_000);
const first = parseIpv4("10.0.0.10");
const subnet = subnetOf({
  cidr: "10.0.0.0/8",
  pools: [`10.0.0.10-${formatIpv4(first + count - 1 as Ipv4)}`],
});
const keys = new SubnetKeys(PREFIX, "");

function macNumber(n: number): Mac {
  return n < 65_536
    ? macOf(clientNumber(n))
    : macOf(`02:00:00:${(n >>> 16).toString(16).padStart(2, "0")}:${clientNumber(n & 65_535)}`);
}

function* pairs(): Iterable<KeyValue> {
  const found = (n: number, key: string, value: string, lease?: LeaseId): KeyValue => ({
    key,
    value,
    createRevision: n + 2,
    modRevision: n + 2,
    lease,
  });
  const leaseOf = (n: number) => String(7_587_000_000_000_000_000n + BigInt(n % 16)) as LeaseId;
  for (let n = 0; n < count; n++) {
    yield found(n, keys.leased(first + n as Ipv4), macNumber(n), leaseOf(n));
  }
  for (let n = 0; n < count; n++) {
    const address = first + n as Ipv4;
    const mac = macNumber(n);
    const lease: Lease = {
      address,
      subnet: "",
      client: mac as string as ClientKey,
      mac,
      clientId: `01${mac.replaceAll(":", "")}`,
      hostname: `host-${n}`,
      state: "bound",
      since: EPOCH,
      renewed: EPOCH + n,
      expires: EPOCH + n + 3_600_000,
      held: EPOCH + n + 7_200_000,
      server: first,
      relay: 0 as Ipv4,
    };
    yield found(n, keys.record(address), writeRecord(lease));
  }
  for (let n = 0; n < count; n++) {
    const client = macNumber(n) as string as ClientKey;
    yield found(n, keys.nic(client), formatIpv4(first + n as Ipv4), leaseOf(n));
  }
}

declare const gc: () => void;
gc();
const before = Deno.memoryUsage().heapUsed;
const started = performance.now();
const mirror = new Mirror(
  PREFIX,
  [subnet],
  spacesOf([subnet]),
  new KeyReader(PREFIX, [subnet]),
  new Listeners(),
  (key, reason) => console.log(key, reason),
);
for (const pair of pairs()) mirror.load(pair);
mirror.loaded(count + 2, EPOCH);
const seconds = (performance.now() - started) / 1000;
gc();
const { heapUsed, rss } = Deno.memoryUsage();
console.log(
  `${mirror.counts("").bound} leases: ${Math.round((heapUsed - before) / 2 ** 20)} MiB, ` +
    `${Math.round((heapUsed - before) / count)} octets each; ${seconds.toFixed(1)} s; ` +
    `resident ${Math.round(rss / 2 ** 20)} MiB`,
);
