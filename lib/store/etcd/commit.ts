/**
 * From an operation to a transaction and back. Pure.
 *
 * A plan is made from what the mirror knows: it says what the keys look like, by their revisions,
 * what is to be written if they do, and what has become of the operation then. If they look
 * different the transaction reads them instead, the mirror learns, and another plan is made. So a
 * transaction that is carried out late, after its caller has given up, can do no harm: whatever was
 * decided in between has changed a revision that it compares.
 *
 * @module
 */

import { type ClientKey, keepsAddress, type Lease } from "../../lease/lease.ts";
import { afterFree, entered } from "../../lease/operator.ts";
import {
  answered,
  type Bind,
  type Decline,
  type Enter,
  type Free,
  isOutdated,
  type Operation,
  type Release,
  type Result,
} from "../../lease/store.ts";
import { type Ipv4, UNSPECIFIED } from "../../wire/address.ts";
import type { Compare, LeaseId, Step, StepResult } from "./etcd.ts";
import { type Fact, type SubnetKeys, writeRecord } from "./keys.ts";
import type { Mirror, Slot, Told } from "./mirror.ts";

/** What the store does of its own accord. */
export type Chore =
  /** Puts a binding's keys back, whose TTL has fired before the hold has ended. */
  | { readonly kind: "restore"; readonly address: Ipv4 }
  /** Frees an address of a pool that has no key. */
  | { readonly kind: "reclaim"; readonly address: Ipv4 };

export type Task = Operation | Chore;

/** What is to be done to one key. */
interface Write {
  readonly key: string;
  /** undefined: it is deleted. */
  readonly value: string | undefined;
  /** Whether the key goes when the plan's hold ends. */
  readonly ends: boolean;
  /** The etcd lease that the key has this very value on: it is left alone if that is the one. */
  readonly on?: LeaseId | undefined;
  readonly fact: Fact;
}

/** What has become of an operation when the guess holds. */
export type Outcome =
  | {
    readonly kind: "done";
    readonly lease: Lease;
    readonly before: Lease | undefined;
    readonly freed: Lease | undefined;
  }
  | { readonly kind: "taken" }
  | { readonly kind: "refused" };

export type Plan =
  /** Nothing has to be asked. */
  | { readonly kind: "settled"; readonly result: Result }
  | {
    readonly kind: "transaction";
    readonly compare: readonly Compare[];
    readonly writes: readonly Write[];
    /** Until when the keys that end must be there, milliseconds since 1970. */
    readonly until: number;
    readonly outcome: Outcome;
    /** What no other plan of the same batch may touch. */
    readonly scope: readonly (Ipv4 | string)[];
  };

export type TransactionPlan = Extract<Plan, { kind: "transaction" }>;

/** How long the hold on an address is: so many times the lease. */
export interface Terms {
  readonly holdFactor: number;
}

/** Makes a plan. `now` is the instant at which the operation judges what has ended. */
export function planFor(task: Task, mirror: Mirror, now: number, terms: Terms): Plan {
  switch (task.kind) {
    case "bind":
      return planBind(task, mirror, now, terms);
    case "release":
      return planRelease(task, mirror, now);
    case "decline":
      return planDecline(task, mirror, now);
    case "expire":
      return planExpire(task.address, mirror, now);
    case "free":
      return planFree(task, mirror, now);
    case "enter":
      return planEnter(task, mirror, now, terms);
    case "restore":
      return planRestore(task.address, mirror, now);
    case "reclaim":
      return planReclaim(task.address, mirror);
  }
}

/** How many operations etcd counts for a plan: the longest of its three lists. */
export function weightOf({ compare, writes }: TransactionPlan): number {
  return Math.max(compare.length, writes.length);
}

/**
 * The plan as a step of a batch.
 *
 * @param learns Whether the keys compared are read, in their order, if the guess fails. Most guesses
 * are right, and what is sent for the others weighs as much.
 */
export function stepFor(
  { compare, writes }: TransactionPlan,
  lease: LeaseId | undefined,
  learns: boolean,
): Step {
  return {
    kind: "txn",
    txn: {
      compare,
      success: writes.filter((write) => isDue(write, lease)).map(({ key, value, ends }): Step => {
        if (value === undefined) return { kind: "delete", key };
        return ends ? { kind: "put", key, value, lease } : { kind: "put", key, value };
      }),
      failure: learns ? compare.map(({ key }): Step => ({ kind: "get", key })) : [],
    },
  };
}

/**
 * How many claims fit into one transaction. etcd counts the operations of every level, and adds
 * the largest number on the level below; so groups in groups hold many more than one level does.
 *
 * @param weight The heaviest claim's, see `weightOf`. @param most etcd's --max-txn-ops.
 */
export function roomFor(weight: number, most: number): number {
  const flat = most - weight;
  return Math.max(flat, groupSize(weight, most) ** 2);
}

/** As many groups of so many claims each are within the limit; one that is too heavy goes alone. */
function groupSize(weight: number, most: number): number {
  return Math.max(1, Math.floor((most - weight) / 2));
}

/** Puts the steps of a batch into groups where they are too many for one level. */
export function grouped(steps: readonly Step[], weight: number, most: number): readonly Step[] {
  if (steps.length <= most - weight) return steps;
  const size = groupSize(weight, most);
  return Array.from({ length: Math.ceil(steps.length / size) }, (_, group): Step => {
    const success = steps.slice(group * size, (group + 1) * size);
    return { kind: "txn", txn: { compare: [], success, failure: [] } };
  });
}

/** The results of `count` steps that may have been grouped. */
export function ungrouped(results: readonly StepResult[], count: number): readonly StepResult[] {
  if (results.length === count) return results;
  return results.flatMap((group) => group.kind === "txn" ? group.result.results : []);
}

/** Whether a write changes anything. What it is not to find changed, the plan compares. */
function isDue({ ends, on }: Write, lease: LeaseId | undefined): boolean {
  return !ends || on === undefined || on !== lease;
}

/** What the mirror is to be told when the plan has been carried out at a revision. */
export function toldBy(
  { writes }: TransactionPlan,
  revision: number,
  lease: LeaseId | undefined,
): Told[] {
  return writes.filter((write) => isDue(write, lease)).map(({ key, fact, value, ends }) => ({
    key,
    fact,
    revision: value === undefined ? 0 : revision,
    lease: ends ? lease : undefined,
  }));
}

/** Teaches the mirror what a failed guess has read, if it has. */
export function learnFrom(
  { compare }: TransactionPlan,
  results: readonly StepResult[],
  revision: number,
  mirror: Mirror,
  now: number,
): void {
  const read = compare.flatMap(({ key }, index) => {
    const result = results[index];
    return result?.kind === "get" ? [[key, result.found] as const] : [];
  });
  mirror.learn(read, revision, now);
}

/** A client holds one address; the more it has by some mishap, the more of its renewals it takes. */
const MOST_OTHERS = 4;

const TAKEN: Outcome = { kind: "taken" };
/** Clocks of servers may be so far apart, milliseconds. */
export const CLOCK_MARGIN = 10_000;

const REFUSED: Outcome = { kind: "refused" };
const UNREADABLE: Plan = {
  kind: "settled",
  result: { kind: "unknown", reason: "a key of it makes no sense" },
};
const TAKEN_AT_ONCE: Plan = { kind: "settled", result: { kind: "taken" } };
const REFUSED_AT_ONCE: Plan = { kind: "settled", result: { kind: "refused" } };

/** @param entry What the client has been given elsewhere, when that is what is to be bound. */
function planBind(bind: Bind, mirror: Mirror, now: number, terms: Terms, entry?: Enter): Plan {
  const { subnet, client, address } = bind;
  if (!mirror.hasSubnet(subnet)) return REFUSED_AT_ONCE;
  if (mirror.subnetOf(address) !== subnet) return TAKEN_AT_ONCE;
  const keys = mirror.keys(subnet);
  const slot = mirror.slot(address);
  const nic = mirror.client(subnet, client);
  const standing = mirror.standingOf(subnet, address, client, now, entry !== undefined);
  if (standing === "unreadable") return UNREADABLE;
  const compare = [
    modified(keys.leased(address), slot.leasedRevision),
    modified(keys.record(address), slot.recordRevision),
    modified(keys.nic(client), nic.nicRevision),
  ];
  const pin = mirror.pinOf(subnet, client, now);
  const hasFreeKey = mirror.hasFreeKey(subnet, address);
  const isPinnedElsewhere = pin !== undefined && pin !== address;
  const others = mirror.othersOf(subnet, client, address);
  // What it was given elsewhere is not worth what it has here.
  const holdsAnother = entry !== undefined &&
    others.some((other) => (mirror.ofAddress(other.address)?.held ?? 0) > now);
  if (standing === "taken" || isPinnedElsewhere || holdsAnother) {
    compare.push(modified(keys.declined(address), slot.declinedRevision));
    if (!hasFreeKey) compare.push({ kind: "absent", key: keys.free(address) });
    if (isPinnedElsewhere) {
      compare.push(modified(keys.leased(pin), mirror.slot(pin).leasedRevision));
    }
    return confirm(compare, TAKEN, [address, client]);
  }
  // In a pool, an address that nobody has is free even without that key; outside, the key says so.
  const isAdded = standing === "free" && pin === undefined && hasFreeKey && entry === undefined &&
    !mirror.returnsToPool(subnet, address) && !mirror.isReserved(subnet, address);
  if (isAdded) compare.push({ kind: "present", key: keys.free(address) });

  const before = mirror.ofAddress(address);
  const mine = slot.record?.client === client && slot.record.state === "bound" &&
      slot.record.held > now
    ? slot.record
    : undefined;
  // The client may not learn of this lease and go on with the longer one that it has. Of one that
  // was written in what is the future here, one clock being wrong, at most its length can be left.
  const ahead = (mine?.renewed ?? 0) - now > CLOCK_MARGIN ? mine!.renewed - now : 0;
  const expires = Math.max(bind.expires, (mine?.expires ?? 0) - ahead);
  const hold = now + terms.holdFactor * (bind.expires - now);
  const held = Math.max(expires, hold, (mine?.held ?? 0) - ahead);
  const record: Lease = entry !== undefined ? enteredInto(slot, entry, mine, now) : {
    address,
    subnet,
    client,
    mac: bind.mac,
    clientId: bind.clientId,
    hostname: bind.hostname,
    state: "bound",
    since: mine?.since ?? now,
    renewed: now,
    expires,
    held: Math.ceil(held),
    server: bind.server,
    relay: bind.relay,
    ...answered(bind, mine, now),
  };
  const writes: Write[] = [];
  if (hasFreeKey || slot.leasedRevision === 0) writes.push(noFree(keys, subnet, address));
  // What somebody has put there for good stays for good: a key without TTL is not written again.
  const isPermanent = pin === address;
  if (slot.leasedRevision === 0 || slot.leasedLease !== undefined) {
    const write = leased(keys, subnet, address, client, !isPermanent);
    writes.push({ ...write, on: standing === "own" ? slot.leasedLease : undefined });
  }
  // That goes for a pin that has to wait, too.
  if (nic.nicRevision === 0 || nic.nicLease !== undefined) {
    const write = nicOf(keys, subnet, client, address, !isPermanent);
    writes.push({ ...write, on: nic.nicAddress === address ? nic.nicLease : undefined });
  }
  writes.push(recordOf(keys, record));
  const scope: (Ipv4 | string)[] = [address, client];
  let freed: Lease | undefined;
  for (const other of others.slice(0, MOST_OTHERS)) {
    if (!isPermanent && other.leasedRevision > 0 && other.leasedLease === undefined) continue;
    if (isAnotherServers(bind, other, now)) continue;
    freed ??= mirror.ofAddress(other.address);
    compare.push(modified(keys.leased(other.address), other.leasedRevision));
    compare.push(modified(keys.record(other.address), other.recordRevision));
    writes.push(...give(mirror, keys, subnet, other, client, now));
    scope.push(other.address);
  }
  const elsewhere = isPermanent ? undefined : nic.nicAddress;
  if (elsewhere !== undefined && elsewhere !== address && !scope.includes(elsewhere)) {
    // By its own key the client is elsewhere, of which the mirror knows nothing, or not yet.
    const other = mirror.slot(elsewhere);
    compare.push(modified(keys.leased(elsewhere), other.leasedRevision));
    compare.push(modified(keys.record(elsewhere), other.recordRevision));
    scope.push(elsewhere);
  }
  const lease = isPermanent ? { ...record, expires: Infinity, held: Infinity } : record;
  const outcome: Outcome = { kind: "done", lease, before, freed };
  return { kind: "transaction", compare, writes, until: record.held, outcome, scope };
}

/**
 * Whether another server has given the client its other address. Then that may be the later lease
 * of the two, and the one in use: this REQUEST may have waited in the queue of a server that was
 * stopped, while its client went on elsewhere. So that address comes back when its hold has ended.
 */
function isAnotherServers({ client, server }: Bind, { record }: Readonly<Slot>, now: number) {
  return record?.client === client && record.state === "bound" && record.held > now &&
    record.server !== server;
}

/** Frees an address that a client leaves. */
function give(
  mirror: Mirror,
  keys: SubnetKeys,
  subnet: string,
  { address, leasedRevision, record }: Readonly<Slot>,
  client: ClientKey,
  now: number,
): Write[] {
  const writes: Write[] = [];
  if (leasedRevision > 0) writes.push(noLeased(keys, subnet, address));
  if (mirror.returnsToPool(subnet, address)) writes.push(freeOf(keys, subnet, address));
  if (record?.client === client) {
    writes.push(recordOf(keys, { ...record, state: "released", expires: now, held: now }));
  }
  return writes;
}

/** What the client holds at the address, and what must be compared to say so. */
function holdingOf(task: Release | Decline, mirror: Mirror, now: number) {
  const { subnet, client, address } = task;
  const keys = mirror.keys(subnet);
  const slot = mirror.slot(address);
  const nic = mirror.client(subnet, client);
  const compare = [
    modified(keys.leased(address), slot.leasedRevision),
    modified(keys.record(address), slot.recordRevision),
    modified(keys.nic(client), nic.nicRevision),
  ];
  const lease = mirror.ofAddress(address);
  const holds = slot.unreadable === 0 &&
    mirror.standingOf(subnet, address, client, now) === "own" && lease?.client === client &&
    lease.state === "bound" && lease.held > now && !isOutdated(task, lease) &&
    mirror.pinOf(subnet, client, now) !== address;
  return { keys, slot, nic, compare, lease: holds ? lease : undefined };
}

function planRelease(release: Release, mirror: Mirror, now: number): Plan {
  const { subnet, client, address } = release;
  if (mirror.subnetOf(address) !== subnet) return REFUSED_AT_ONCE;
  const { keys, slot, nic, compare, lease: before } = holdingOf(release, mirror, now);
  const scope = [address, client];
  // A binding that an operator has made for good is not the client's to give back.
  if (before === undefined) return confirm(compare, REFUSED, scope);
  const writes = give(mirror, keys, subnet, slot, client, now);
  if (nic.nicAddress === address) writes.push(noNic(keys, subnet, client));
  const lease: Lease = { ...before, state: "released", expires: now, held: now };
  const outcome: Outcome = { kind: "done", lease, before, freed: undefined };
  return { kind: "transaction", compare, writes, until: 0, outcome, scope };
}

function planDecline(decline: Decline, mirror: Mirror, now: number): Plan {
  const { subnet, client, address, until, limit } = decline;
  if (mirror.subnetOf(address) !== subnet) return REFUSED_AT_ONCE;
  const { keys, slot, nic, compare, lease: before } = holdingOf(decline, mirror, now);
  // How many are kept aside is counted, so one at a time.
  const scope: (Ipv4 | string)[] = [address, client, `declined in ${subnet}`];
  if (before === undefined) return confirm(compare, REFUSED, scope);
  const lease: Lease = { ...before, state: "declined", renewed: now, expires: until, held: until };
  const writes: Write[] = [];
  if (slot.leasedRevision > 0) writes.push(noLeased(keys, subnet, address));
  if (nic.nicAddress === address) writes.push(noNic(keys, subnet, client));
  const isTooMany = mirror.counts(subnet).declined + 1 > limit;
  const oldest = isTooMany ? mirror.declinedLongestAgo(subnet, address) : undefined;
  let freed: Lease | undefined;
  if (isTooMany && oldest === undefined) {
    writes.push(...freedKey(mirror, keys, subnet, address), noRecord(keys, subnet, address));
    freed = lease;
  } else {
    writes.push(declinedOf(keys, subnet, address, client), recordOf(keys, lease));
  }
  if (oldest !== undefined) {
    const { address: other, recordRevision, declinedRevision } = oldest;
    freed = mirror.ofAddress(other);
    scope.push(other);
    compare.push(modified(keys.record(other), recordRevision));
    compare.push(modified(keys.declined(other), declinedRevision));
    writes.push(noDeclined(keys, subnet, other), noRecord(keys, subnet, other));
    writes.push(...freedKey(mirror, keys, subnet, other));
  }
  const outcome: Outcome = { kind: "done", lease, before, freed };
  return { kind: "transaction", compare, writes, until, outcome, scope };
}

/**
 * An operator takes an address back. It is kept aside by the key that keeps what was declined aside,
 * so that two clocks have to agree before it comes back, and no other program takes it for free.
 */
function planFree(free: Free, mirror: Mirror, now: number): Plan {
  const { subnet, address, force } = free;
  if (mirror.subnetOf(address) !== subnet) return REFUSED_AT_ONCE;
  const keys = mirror.keys(subnet);
  const slot = mirror.slot(address);
  if (slot.unreadable !== 0) return UNREADABLE;
  const before = mirror.ofAddress(address);
  const compare = [
    modified(keys.leased(address), slot.leasedRevision),
    modified(keys.record(address), slot.recordRevision),
    modified(keys.declined(address), slot.declinedRevision),
  ];
  const isHeldBySomebody = before?.state === "bound" && before.held > now;
  if (before === undefined || !(isHeldBySomebody || (force && keepsAddress(before.state)))) {
    return confirm(compare, REFUSED, [address]);
  }
  const { client } = before;
  const nic = mirror.client(subnet, client);
  compare.push(modified(keys.nic(client), nic.nicRevision));
  const after = afterFree(before, force, now, lastGiven(slot, client, now));
  const writes: Write[] = [];
  if (slot.leasedRevision > 0) writes.push(noLeased(keys, subnet, address));
  if (nic.nicRevision > 0 && nic.nicAddress === address) writes.push(noNic(keys, subnet, client));
  if (after?.state === "freed") {
    if (mirror.hasFreeKey(subnet, address)) writes.push(noFree(keys, subnet, address));
    writes.push(declinedOf(keys, subnet, address, client));
  } else {
    if (slot.declinedRevision > 0) writes.push(noDeclined(keys, subnet, address));
    writes.push(...freedKey(mirror, keys, subnet, address));
  }
  if (after !== undefined) writes.push(recordOf(keys, after));
  else if (slot.recordRevision > 0) writes.push(noRecord(keys, subnet, address));
  const outcome: Outcome = { kind: "done", lease: after ?? before, before, freed: undefined };
  const until = after?.state === "freed" ? after.held : 0;
  return { kind: "transaction", compare, writes, until, outcome, scope: [address, client] };
}

/** Entered, but nothing that the client was given here before is held for less. */
function enteredInto(
  slot: Readonly<Slot>,
  entry: Enter,
  mine: Lease | undefined,
  now: number,
): Lease {
  const record = entered(entry, mine, now);
  if (slot.leasedRevision === 0) return record;
  return { ...record, held: Math.max(record.held, lastGiven(slot, entry.client, now)) };
}

/** When the last lease ends that anybody can have given the client for the address. */
function lastGiven(
  { shelf, record, leasedRevision, recordRevision }: Readonly<Slot>,
  client: ClientKey,
  now: number,
): number {
  const isRecorded = record?.client === client && record.state === "bound";
  const recorded = isRecorded ? record.held : now;
  // Every lease of ours is recorded with the key, or after it. Of another program's nobody knows
  // more than how long leases are.
  const isOurs = isRecorded && recordRevision >= leasedRevision;
  return Math.max(now, recorded, isOurs ? 0 : now + shelf.subnet.lease.max * 1000);
}

/** An operator enters what another server has given: it ends as that does, and is held as long. */
function planEnter(enter: Enter, mirror: Mirror, now: number, terms: Terms): Plan {
  const { subnet, address, expires } = enter;
  if (expires <= now || !mirror.mayEnter(subnet, address)) return REFUSED_AT_ONCE;
  const bind: Bind = {
    ...enter,
    kind: "bind",
    server: UNSPECIFIED,
    relay: UNSPECIFIED,
    inUse: false,
  };
  return planBind(bind, mirror, now, terms, enter);
}

/** An address comes back when its keys have gone and what is recorded of it has ended too. */
function planExpire(address: Ipv4, mirror: Mirror, now: number): Plan {
  const { record, recordRevision, leasedRevision, declinedRevision, unreadable } = mirror.slot(
    address,
  );
  if (record === undefined || unreadable !== 0) return REFUSED_AT_ONCE;
  if (!keepsAddress(record.state)) return REFUSED_AT_ONCE;
  if (leasedRevision > 0 || declinedRevision > 0 || record.held > now) return REFUSED_AT_ONCE;
  const { subnet, client } = record;
  const keys = mirror.keys(subnet);
  const nic = mirror.client(subnet, client);
  const compare = [
    modified(keys.leased(address), 0),
    modified(keys.record(address), recordRevision),
    modified(keys.declined(address), 0),
  ];
  const writes = freedKey(mirror, keys, subnet, address);
  const lease: Lease = { ...record, state: "expired" };
  // A quarantined address is nobody's: whoever declined it has no claim to get it back.
  if (record.state === "declined") writes.push(noRecord(keys, subnet, address));
  else writes.push(recordOf(keys, lease));
  if (nic.nicAddress === address && nic.nicLease !== undefined) {
    compare.push(modified(keys.nic(client), nic.nicRevision));
    writes.push(noNic(keys, subnet, client));
  }
  const outcome: Outcome = {
    kind: "done",
    lease: record.state === "declined" ? record : lease,
    before: record,
    freed: undefined,
  };
  return { kind: "transaction", compare, writes, until: 0, outcome, scope: [address, client] };
}

function planRestore(address: Ipv4, mirror: Mirror, now: number): Plan {
  const { record, recordRevision } = mirror.slot(address);
  if (!mirror.lost.has(address) || record === undefined || record.held <= now) {
    return REFUSED_AT_ONCE;
  }
  const { subnet, client } = record;
  const keys = mirror.keys(subnet);
  const nic = mirror.client(subnet, client);
  const compare: Compare[] = [
    modified(keys.leased(address), 0),
    modified(keys.record(address), recordRevision),
    modified(keys.nic(client), nic.nicRevision),
    // Somebody who has put it there has freed the address on purpose.
    { kind: "absent", key: keys.free(address) },
  ];
  const writes = [leased(keys, subnet, address, client, true)];
  const isElsewhere = nic.nicRevision > 0 && nic.nicAddress !== address;
  if (!isElsewhere && (nic.nicRevision === 0 || nic.nicLease !== undefined)) {
    writes.push(nicOf(keys, subnet, client, address, true));
  }
  return {
    kind: "transaction",
    compare,
    writes,
    until: record.held,
    outcome: REFUSED,
    scope: [address, client],
  };
}

function planReclaim(address: Ipv4, mirror: Mirror): Plan {
  const subnet = mirror.subnetOf(address);
  if (subnet === undefined || !mirror.isMissing(subnet, address)) return REFUSED_AT_ONCE;
  const keys = mirror.keys(subnet);
  const { recordRevision } = mirror.slot(address);
  const compare: Compare[] = [
    modified(keys.leased(address), 0),
    modified(keys.record(address), recordRevision),
    modified(keys.declined(address), 0),
    { kind: "absent", key: keys.free(address) },
  ];
  const writes = [freeOf(keys, subnet, address)];
  return { kind: "transaction", compare, writes, until: 0, outcome: REFUSED, scope: [address] };
}

/**
 * An operation that changes nothing is put to etcd all the same: the mirror may lag behind, and its
 * caller acts on the answer.
 */
function confirm(
  compare: readonly Compare[],
  outcome: Outcome,
  scope: readonly (Ipv4 | string)[],
): Plan {
  return { kind: "transaction", compare, writes: [], until: 0, outcome, scope };
}

function modified(key: string, revision: number): Compare {
  return { kind: "modified", key, revision };
}

function leased(
  keys: SubnetKeys,
  subnet: string,
  address: Ipv4,
  client: ClientKey,
  ends: boolean,
): Write {
  const fact: Fact = { kind: "leased", subnet, address, client };
  return { key: keys.leased(address), value: client, ends, fact };
}

function noLeased(keys: SubnetKeys, subnet: string, address: Ipv4): Write {
  const fact: Fact = { kind: "leased", subnet, address, client: undefined };
  return { key: keys.leased(address), value: undefined, ends: false, fact };
}

function nicOf(
  keys: SubnetKeys,
  subnet: string,
  client: ClientKey,
  address: Ipv4,
  ends: boolean,
): Write {
  const fact: Fact = { kind: "nic", subnet, client, address };
  return { key: keys.nic(client), value: keys.text(address), ends, fact };
}

function noNic(keys: SubnetKeys, subnet: string, client: ClientKey): Write {
  const fact: Fact = { kind: "nic", subnet, client, address: undefined };
  return { key: keys.nic(client), value: undefined, ends: false, fact };
}

function recordOf(keys: SubnetKeys, record: Lease): Write {
  const { subnet, address } = record;
  const fact: Fact = { kind: "record", subnet, address, record };
  return { key: keys.record(address), value: writeRecord(record), ends: false, fact };
}

function noRecord(keys: SubnetKeys, subnet: string, address: Ipv4): Write {
  const fact: Fact = { kind: "record", subnet, address, record: undefined };
  return { key: keys.record(address), value: undefined, ends: false, fact };
}

function declinedOf(keys: SubnetKeys, subnet: string, address: Ipv4, client: ClientKey): Write {
  const fact: Fact = { kind: "declined", subnet, address, client };
  return { key: keys.declined(address), value: client, ends: true, fact };
}

function noDeclined(keys: SubnetKeys, subnet: string, address: Ipv4): Write {
  const fact: Fact = { kind: "declined", subnet, address, client: undefined };
  return { key: keys.declined(address), value: undefined, ends: false, fact };
}

function freeOf(keys: SubnetKeys, subnet: string, address: Ipv4): Write {
  const fact: Fact = { kind: "free", subnet, address, there: true };
  return { key: keys.free(address), value: keys.text(address), ends: false, fact };
}

function noFree(keys: SubnetKeys, subnet: string, address: Ipv4): Write {
  const fact: Fact = { kind: "free", subnet, address, there: false };
  return { key: keys.free(address), value: undefined, ends: false, fact };
}

/** The `free` key of an address that comes back; outside the pools it is phased out. */
function freedKey(mirror: Mirror, keys: SubnetKeys, subnet: string, address: Ipv4): Write[] {
  return mirror.returnsToPool(subnet, address) ? [freeOf(keys, subnet, address)] : [];
}
