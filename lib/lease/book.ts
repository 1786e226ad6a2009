/**
 * The lease book in memory: what each operation does to it, and the indexes that answer questions
 * about it. Pure; a store adds durability around it.
 *
 * @module
 */

import type { Reservation, Subnet } from "../config/model.ts";
import { cidrContains, type Ipv4 } from "../wire/address.ts";
import { AddressSet, AddressSpace, hostsOf } from "./address_set.ts";
import { Agenda } from "./agenda.ts";
import { type ClientKey, isBound, isHeld, keepsAddress, type Lease } from "./lease.ts";
import { afterFree, entered } from "./operator.ts";
import {
  type AddressCounts,
  answered,
  type Bind,
  type Decline,
  type Enter,
  type Free,
  isOutdated,
  type LeaseView,
  type Operation,
  type Release,
} from "./store.ts";

/** One address's entry before and after; undefined stands for no entry. */
export interface Change {
  readonly address: Ipv4;
  readonly before: Lease | undefined;
  readonly after: Lease | undefined;
}

/** What an operation did: its changes, the one that it is about first; or why it did nothing. */
export type Applied =
  | { readonly kind: "changed"; readonly changes: readonly [Change, ...Change[]] }
  | { readonly kind: "taken" }
  | { readonly kind: "refused" };

/** What follows from a subnet as it is in force, and changes with it. */
interface Layout {
  subnet: Subnet;
  /** The addresses of the pools, numbered. */
  pools: AddressSpace;
  /** In a pool, neither excluded nor reserved, held by nobody. */
  free: AddressSet;
  /** Those of `free` that somebody held before. */
  used: AddressSet;
  poolSize: number;
  reservedFor: ReadonlyMap<Ipv4, string>;
}

/** What is known of one subnet's addresses. */
interface Shelf extends Layout {
  readonly space: AddressSpace;
  /** Of each client its lease, else the latest entry that it left. */
  readonly byClient: Map<ClientKey, Lease>;
  /** What else a client has left: most have moved never, and have nothing here. */
  readonly leftBehind: Map<ClientKey, Lease[]>;
  readonly declined: Set<Ipv4>;
  freed: number;
  bound: number;
}

/** What lies in a subnet. */
interface Housed {
  readonly subnet: string;
  readonly address: Ipv4;
}

const TAKEN: Applied = { kind: "taken" };
const REFUSED: Applied = { kind: "refused" };

/** The leases of all subnets. Not safe to share between two stores. */
export class Book implements LeaseView {
  readonly #shelves = new Map<string, Shelf>();
  readonly #byAddress = new Map<Ipv4, Lease>();
  readonly #agenda = new Agenda<Ipv4>();
  /** Entries of subnets that are not configured at present, to come back with them. */
  readonly #parked = new Map<Ipv4, Lease>();

  /** Names of subnets that were configured before, and are not at present. */
  readonly #former = new Set<string>();

  constructor(subnets: readonly Subnet[]) {
    for (const subnet of subnets) this.#shelves.set(subnet.name ?? "", makeShelf(subnet));
  }

  ofClient(subnet: string, client: ClientKey): Lease | undefined {
    return this.#shelves.get(subnet)?.byClient.get(client);
  }

  ofAddress(address: Ipv4): Lease | undefined {
    return this.#byAddress.get(address);
  }

  isLeasable(subnet: string, address: Ipv4, client: ClientKey): boolean {
    const shelf = this.#shelf(subnet);
    const owner = shelf.reservedFor.get(address);
    if (owner !== undefined) return owner === client;
    return shelf.pools.indexOf(address) >= 0 && !shelf.subnet.exclusions.has(address);
  }

  reservationOf(subnet: string, client: ClientKey): Reservation | undefined {
    return this.#shelves.get(subnet)?.subnet.reservations.get(client);
  }

  isReserved(subnet: string, address: Ipv4): boolean {
    return this.#shelf(subnet).reservedFor.has(address);
  }

  isAvailable(subnet: string, address: Ipv4, client: ClientKey, now: number): boolean {
    const lease = this.#byAddress.get(address);
    if (lease === undefined || !isHeld(lease, now)) {
      return this.isLeasable(subnet, address, client);
    }
    if (lease.client !== client || lease.subnet !== subnet || lease.state !== "bound") return false;
    const { reservedFor, space } = this.#shelf(subnet);
    const owner = reservedFor.get(address);
    return owner === undefined ? space.indexOf(address) >= 0 : owner === client;
  }

  pick(subnet: string, position: number, avoid: AddressSet): Ipv4 | undefined {
    const { free, used, pools, space } = this.#shelf(subnet);
    if (free.size === 0) return undefined;
    // Where the hash points must lie in the pools, so that clients spread over what there is.
    const start = space.indexOf(pools.at(position % pools.size));
    return free.nextFrom(start, avoid, used) ?? free.nextFrom(start, avoid);
  }

  poolSize(subnet: string): number {
    return this.#shelf(subnet).poolSize;
  }

  space(subnet: string): AddressSpace {
    return this.#shelf(subnet).space;
  }

  counts(subnet: string): AddressCounts {
    const { free, bound, declined, freed } = this.#shelf(subnet);
    return { free: free.size, bound, declined: declined.size, freed };
  }

  /** Every entry, in no particular order. */
  entries(): Iterable<Lease> {
    return this.#byAddress.values();
  }

  /** An address's entry, although its subnet may not be configured at present. */
  entryAt(address: Ipv4): Lease | undefined {
    return this.#byAddress.get(address) ?? this.#parked.get(address);
  }

  /**
   * Takes over an entry as it is: for a store that reads its book back. One whose address lies in a
   * subnet that is called otherwise now is that subnet's; one that lies in none that is configured
   * is put aside, unless there is one of its subnet's name.
   */
  load(lease: Lease): void {
    this.#set(lease.address, this.#byAddress.get(lease.address), this.#housed(lease));
  }

  /**
   * Takes other subnets. Entries stay as they are, but for the name of their subnet where that is
   * another; those of a subnet that goes are put aside, and come back with it.
   *
   * @returns The entries that have gone from the view or come back to it.
   */
  reconfigure(subnets: readonly Subnet[]): Change[] {
    const before = new Map(this.#shelves);
    const kept = new Set<Shelf>();
    this.#shelves.clear();
    for (const subnet of subnets) {
      const name = subnet.name ?? "";
      const known = before.get(name);
      const { network, prefix } = subnet.cidr;
      if (known?.subnet.cidr.network === network && known.subnet.cidr.prefix === prefix) {
        Object.assign(known, layOut(subnet, known.space));
        kept.add(known);
        this.#shelves.set(name, known);
      } else this.#shelves.set(name, makeShelf(subnet));
    }
    for (const name of before.keys()) this.#former.add(name);
    for (const name of this.#shelves.keys()) this.#former.delete(name);
    const moved: Lease[] = [];
    for (const [address, lease] of this.#byAddress) {
      const shelf = this.#shelves.get(lease.subnet);
      if (shelf === undefined || !kept.has(shelf)) moved.push(lease);
      else if (this.#homeOf(lease) !== lease.subnet) {
        this.#remove(address, lease);
        moved.push(lease);
      } else if (keepsAddress(lease.state)) shelf.free.delete(address);
      else if (shelf.free.has(address)) shelf.used.add(address);
    }
    for (const { address } of moved) this.#byAddress.delete(address);
    const changes: Change[] = [];
    for (const lease of moved) {
      this.load(lease);
      const after = this.#byAddress.get(lease.address);
      if (after !== lease) changes.push({ address: lease.address, before: lease, after });
    }
    for (const [address, lease] of this.#parked) {
      if (!this.#shelves.has(this.#homeOf(lease)) || this.#byAddress.has(address)) continue;
      this.#parked.delete(address);
      this.load(lease);
      changes.push({ address, before: undefined, after: this.#byAddress.get(address) });
    }
    return changes;
  }

  /**
   * Does an operation. `expires` and the like are compared with `now`, milliseconds since 1970.
   * What it changed can be undone until the next operation on the same addresses.
   */
  apply(asked: Operation, now: number): Applied {
    // Its subnet may be called otherwise since it was asked for, or have gone.
    const isRenamed = asked.kind !== "expire" && this.#former.has(asked.subnet);
    const operation = isRenamed ? this.#housed(asked) : asked;
    if (operation.kind !== "expire" && !this.#shelves.has(operation.subnet)) return REFUSED;
    switch (operation.kind) {
      case "bind":
        return this.#bind(operation, now);
      case "release":
        return this.#release(operation, now);
      case "decline":
        return this.#decline(operation, now);
      case "expire":
        return this.#expire(operation.address, now);
      case "free":
        return this.#free(operation, now);
      case "enter":
        return this.#enter(operation, now);
    }
  }

  /** Moves every instant by so many milliseconds: the clock that they were taken from was set. */
  move(by: number): Change[] {
    return [...this.#byAddress.values()].map((before) =>
      this.#change(before, {
        ...before,
        since: before.since + by,
        renewed: before.renewed + by,
        expires: before.expires + by,
        held: before.held + by,
      })
    );
  }

  /** Undoes changes, the latest first: for a store that could not make them durable. */
  undo(changes: readonly Change[]): void {
    for (const { address, before } of changes.toReversed()) {
      // Its subnet may be called otherwise by now.
      this.#set(address, this.#byAddress.get(address), before && this.#housed(before));
    }
  }

  /** Takes the addresses whose lease or time aside has ended off the agenda, at most `limit`. */
  due(now: number, limit: number): Ipv4[] {
    const addresses: Ipv4[] = [];
    while (addresses.length < limit) {
      const address = this.#agenda.take(now);
      if (address === undefined) break;
      const lease = this.#byAddress.get(address);
      if (lease === undefined || !keepsAddress(lease.state)) continue;
      // A lease that was renewed is still filed under its old end.
      if (lease.expires > now) this.#agenda.add(lease.expires, address);
      else addresses.push(address);
    }
    return addresses;
  }

  /** Leaves an address alone until an instant: its expiry could not be committed. */
  postpone(address: Ipv4, instant: number): void {
    this.#agenda.postpone(instant, address);
  }

  #bind(bind: Bind, now: number): Applied {
    const { address, client } = bind;
    const before = this.#byAddress.get(address);
    if (before !== undefined && isHeld(before, now)) {
      if (before.client !== client || before.state !== "bound") return TAKEN;
    }
    const same = before !== undefined && before.client === client && isBound(before, now);
    // The client may not learn of this one and go on with the longer lease that it has.
    const expires = same ? Math.max(before.expires, bind.expires) : bind.expires;
    const after: Lease = {
      address,
      subnet: bind.subnet,
      client,
      mac: bind.mac,
      clientId: bind.clientId,
      hostname: bind.hostname,
      state: "bound",
      since: same ? before.since : now,
      renewed: now,
      expires,
      held: expires,
      server: bind.server,
      relay: bind.relay,
      ...answered(bind, same ? before : undefined, now),
    };
    return this.#give(before, after, now);
  }

  /** Gives a client an address; another that it has is free in the same step. */
  #give(before: Lease | undefined, after: Lease, now: number): Applied {
    const { subnet, client, address } = after;
    const other = this.#shelf(subnet).byClient.get(client);
    if (other === undefined || other.address === address || other.state !== "bound") {
      return { kind: "changed", changes: [this.#change(before, after)] };
    }
    const freed = this.#change(other, {
      ...other,
      state: "released",
      expires: now,
      held: now,
    });
    return { kind: "changed", changes: [this.#change(before, after), freed] };
  }

  #release(release: Release, now: number): Applied {
    const before = this.#held(release, now);
    if (before === undefined) return REFUSED;
    const after: Lease = { ...before, state: "released", expires: now, held: now };
    return { kind: "changed", changes: [this.#change(before, after)] };
  }

  #decline(decline: Decline, now: number): Applied {
    const before = this.#held(decline, now);
    if (before === undefined) return REFUSED;
    const { until, limit, subnet } = decline;
    const after: Lease = {
      ...before,
      state: "declined",
      renewed: now,
      expires: until,
      held: until,
    };
    const changed = this.#change(before, after);
    const { declined } = this.#shelf(subnet);
    if (declined.size <= limit) return { kind: "changed", changes: [changed] };
    const exchanged = this.#change(this.#declinedLongestAgo(declined), undefined);
    return { kind: "changed", changes: [changed, exchanged] };
  }

  /** The lease that a client gives up, if it holds it. */
  #held(given: Release | Decline, now: number): Lease | undefined {
    const { subnet, client, address } = given;
    const lease = this.#byAddress.get(address);
    const isIts = lease !== undefined && lease.subnet === subnet && lease.client === client;
    return isIts && isBound(lease, now) && !isOutdated(given, lease) ? lease : undefined;
  }

  #declinedLongestAgo(declined: ReadonlySet<Ipv4>): Lease {
    let oldest: Lease | undefined;
    for (const address of declined) {
      const lease = this.#byAddress.get(address)!;
      if (oldest === undefined || lease.renewed < oldest.renewed) oldest = lease;
    }
    return oldest!;
  }

  #expire(address: Ipv4, now: number): Applied {
    const before = this.#byAddress.get(address);
    if (before === undefined || !isOver(before, now)) return REFUSED;
    // A quarantined address is nobody's: whoever declined it has no claim to get it back.
    const after: Lease | undefined = before.state === "declined"
      ? undefined
      : { ...before, state: "expired" };
    return { kind: "changed", changes: [this.#change(before, after)] };
  }

  #free({ subnet, address, force }: Free, now: number): Applied {
    const before = this.#byAddress.get(address);
    if (before === undefined || before.subnet !== subnet) return REFUSED;
    // What is kept aside already comes back by itself.
    if (!force && !isBound(before, now)) return REFUSED;
    if (!keepsAddress(before.state)) return REFUSED;
    return { kind: "changed", changes: [this.#change(before, afterFree(before, force, now))] };
  }

  #enter(enter: Enter, now: number): Applied {
    const { subnet, client, address, expires } = enter;
    const { space, subnet: { exclusions }, byClient } = this.#shelf(subnet);
    if (expires <= now || space.indexOf(address) < 0 || exclusions.has(address)) return REFUSED;
    const before = this.#byAddress.get(address);
    const mine = before?.client === client && isBound(before, now) ? before : undefined;
    if (before !== undefined && isHeld(before, now) && mine === undefined) return TAKEN;
    const other = byClient.get(client);
    if (other !== undefined && other.address !== address && isBound(other, now)) return TAKEN;
    return this.#give(before, entered(enter, mine, now), now);
  }

  #change(before: Lease, after: Lease | undefined): Change;
  #change(before: Lease | undefined, after: Lease): Change;
  #change(before: Lease | undefined, after: Lease | undefined): Change {
    const address = (after ?? before)!.address;
    this.#set(address, before, after);
    return { address, before, after };
  }

  /** The one place that changes an entry and every index over it. */
  #set(address: Ipv4, before: Lease | undefined, after: Lease | undefined): void {
    if (before !== undefined) this.#remove(address, before);
    if (after !== undefined) this.#insert(address, after);
    else {
      this.#byAddress.delete(address);
      this.#parked.delete(address);
    }
  }

  #remove(address: Ipv4, lease: Lease): void {
    const shelf = this.#shelves.get(lease.subnet);
    if (shelf === undefined) return;
    if (lease.state === "bound") shelf.bound--;
    if (lease.state === "declined") shelf.declined.delete(address);
    if (lease.state === "freed") shelf.freed--;
    shelf.used.delete(address);
    if (this.#isPooled(shelf, address)) shelf.free.add(address);
    if (isItsClients(lease)) forget(shelf, lease);
  }

  #insert(address: Ipv4, lease: Lease): void {
    const shelf = this.#shelves.get(lease.subnet);
    if (shelf === undefined) {
      this.#byAddress.delete(address);
      this.#parked.set(address, lease);
      return;
    }
    this.#byAddress.set(address, lease);
    if (this.#parked.size > 0) this.#parked.delete(address);
    if (keepsAddress(lease.state)) {
      shelf.free.delete(address);
      this.#agenda.add(lease.expires, address);
    } else if (shelf.free.has(address)) {
      shelf.used.add(address);
    }
    if (lease.state === "bound") shelf.bound++;
    if (lease.state === "declined") shelf.declined.add(address);
    if (lease.state === "freed") shelf.freed++;
    if (isItsClients(lease)) remember(shelf, lease);
  }

  /**
   * The name of the subnet that an entry belongs to. Networks never overlap, so the address tells,
   * although the subnet was called otherwise when the entry was made.
   */
  #homeOf({ subnet, address }: Housed): string {
    const own = this.#shelves.get(subnet);
    if (own !== undefined && cidrContains(own.subnet.cidr, address)) return subnet;
    for (const [name, shelf] of this.#shelves) {
      if (cidrContains(shelf.subnet.cidr, address)) return name;
    }
    return subnet;
  }

  /** The same under the name that its subnet has at present. */
  #housed<T extends Housed>(one: T): T {
    const subnet = this.#homeOf(one);
    return subnet === one.subnet ? one : { ...one, subnet };
  }

  #isPooled(shelf: Shelf, address: Ipv4): boolean {
    return shelf.pools.indexOf(address) >= 0 && !shelf.subnet.exclusions.has(address) &&
      !shelf.reservedFor.has(address);
  }

  #shelf(subnet: string): Shelf {
    const shelf = this.#shelves.get(subnet);
    if (shelf === undefined) throw new RangeError(`Cannot find subnet ${JSON.stringify(subnet)}`);
    return shelf;
  }
}

/** Whether a client is known by the entry: not by what was found in use, or taken from it. */
function isItsClients({ state }: Lease): boolean {
  return state !== "declined" && state !== "freed";
}

/** Notes a client's entry. A client that moves leaves entries behind; one is what it is known by. */
function remember({ byClient, leftBehind }: Shelf, lease: Lease): void {
  const { client } = lease;
  const known = byClient.get(client);
  if (known === undefined) {
    byClient.set(client, lease);
    return;
  }
  const [first, second] = comesBefore(lease, known) ? [lease, known] : [known, lease];
  byClient.set(client, first);
  const others = leftBehind.get(client);
  if (others === undefined) leftBehind.set(client, [second]);
  else others.push(second);
}

/** Takes a client's entry back out; the next best is what the client is known by. */
function forget({ byClient, leftBehind }: Shelf, { client, address }: Lease): void {
  const others = leftBehind.get(client);
  if (others === undefined) {
    byClient.delete(client);
    return;
  }
  let left: number;
  if (byClient.get(client)!.address === address) {
    const next = others.reduce((best, lease) => comesBefore(lease, best) ? lease : best);
    byClient.set(client, next);
    left = others.indexOf(next);
  } else {
    left = others.findIndex((lease) => lease.address === address);
  }
  others.splice(left, 1);
  if (others.length === 0) leftBehind.delete(client);
}

/** Whether a client is known by the one entry rather than the other: its lease, else the latest. */
function comesBefore(one: Lease, other: Lease): boolean {
  if (one.state !== other.state && (one.state === "bound" || other.state === "bound")) {
    return one.state === "bound";
  }
  if (one.renewed !== other.renewed) return one.renewed > other.renewed;
  return one.address < other.address;
}

function isOver(lease: Lease, now: number): boolean {
  return keepsAddress(lease.state) && lease.expires <= now;
}

function makeShelf(subnet: Subnet): Shelf {
  const space = new AddressSpace([hostsOf(subnet.cidr)]);
  return {
    ...layOut(subnet, space),
    space,
    byClient: new Map(),
    leftBehind: new Map(),
    declined: new Set(),
    freed: 0,
    bound: 0,
  };
}

/** As if nobody held anything. */
function layOut(subnet: Subnet, space: AddressSpace): Layout {
  const free = new AddressSet(space);
  const reservedFor = new Map<Ipv4, string>();
  for (const [client, { address }] of subnet.reservations) reservedFor.set(address, client);
  for (const { from, to } of subnet.pools) {
    for (let address = from; address <= to; address++) {
      if (!subnet.exclusions.has(address) && !reservedFor.has(address)) free.add(address);
    }
  }
  return {
    subnet,
    pools: new AddressSpace(subnet.pools),
    free,
    used: new AddressSet(space),
    poolSize: free.size,
    reservedFor,
  };
}
