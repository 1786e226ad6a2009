/**
 * The lease book in memory: what each operation does to it, and the indexes that answer questions
 * about it. Pure; a store adds durability around it.
 *
 * @module
 */

import type { Subnet } from "../config/model.ts";
import type { Ipv4 } from "../wire/address.ts";
import { AddressSet, AddressSpace } from "./address_set.ts";
import { Agenda } from "./agenda.ts";
import { type ClientKey, isBound, isHeld, type Lease } from "./lease.ts";
import type { AddressCounts, Bind, Decline, LeaseView, Operation, Release } from "./store.ts";

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

/** What is known of one subnet's addresses. */
interface Shelf {
  readonly subnet: Subnet;
  readonly space: AddressSpace;
  /** In a pool, neither excluded nor reserved, held by nobody. */
  readonly free: AddressSet;
  /** Those of `free` that somebody held before. */
  readonly used: AddressSet;
  readonly poolSize: number;
  readonly reservedFor: ReadonlyMap<Ipv4, string>;
  readonly byClient: Map<ClientKey, Lease>;
  /** In the order in which they were declined. */
  readonly declined: Set<Ipv4>;
  bound: number;
}

const TAKEN: Applied = { kind: "taken" };
const REFUSED: Applied = { kind: "refused" };

/** The leases of all subnets. Not safe to share between two stores. */
export class Book implements LeaseView {
  readonly #shelves = new Map<string, Shelf>();
  readonly #byAddress = new Map<Ipv4, Lease>();
  readonly #agenda = new Agenda<Ipv4>();

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
    return shelf.space.indexOf(address) >= 0 && !shelf.subnet.exclusions.has(address);
  }

  isReserved(subnet: string, address: Ipv4): boolean {
    return this.#shelf(subnet).reservedFor.has(address);
  }

  isAvailable(subnet: string, address: Ipv4, client: ClientKey, now: number): boolean {
    if (!this.isLeasable(subnet, address, client)) return false;
    const lease = this.#byAddress.get(address);
    return lease === undefined || !isHeld(lease, now) ||
      (lease.client === client && lease.state === "bound");
  }

  pick(subnet: string, position: number, avoid: AddressSet): Ipv4 | undefined {
    const { free, used } = this.#shelf(subnet);
    return free.nextFrom(position, avoid, used) ?? free.nextFrom(position, avoid);
  }

  poolSize(subnet: string): number {
    return this.#shelf(subnet).poolSize;
  }

  space(subnet: string): AddressSpace {
    return this.#shelf(subnet).space;
  }

  counts(subnet: string): AddressCounts {
    const { free, bound, declined } = this.#shelf(subnet);
    return { free: free.size, bound, declined: declined.size };
  }

  /** Every entry, in no particular order. */
  entries(): Iterable<Lease> {
    return this.#byAddress.values();
  }

  /** Takes over an entry as it is: for a store that reads its book back. */
  load(lease: Lease): void {
    this.#set(lease.address, this.#byAddress.get(lease.address), lease);
  }

  /**
   * Does an operation. `expires` and the like are compared with `now`, milliseconds since 1970.
   * What it changed can be undone until the next operation on the same addresses.
   */
  apply(operation: Operation, now: number): Applied {
    switch (operation.kind) {
      case "bind":
        return this.#bind(operation, now);
      case "release":
        return this.#release(operation, now);
      case "decline":
        return this.#decline(operation, now);
      case "expire":
        return this.#expire(operation.address, now);
    }
  }

  /** Undoes changes, the latest first: for a store that could not make them durable. */
  undo(changes: readonly Change[]): void {
    for (const { address, before, after } of changes.toReversed()) {
      this.#set(address, after, before);
    }
  }

  /** Takes the addresses whose lease or quarantine has ended off the agenda, at most `limit`. */
  due(now: number, limit: number): Ipv4[] {
    const addresses: Ipv4[] = [];
    while (addresses.length < limit) {
      const address = this.#agenda.take(now);
      if (address === undefined) break;
      const lease = this.#byAddress.get(address);
      if (lease === undefined || (lease.state !== "bound" && lease.state !== "declined")) continue;
      // A lease that was renewed is still filed under its old end.
      if (lease.expires > now) this.#agenda.add(lease.expires, address);
      else addresses.push(address);
    }
    return addresses;
  }

  /** Puts an address back on the agenda: its expiry could not be committed. */
  postpone(address: Ipv4, instant: number): void {
    this.#agenda.add(instant, address);
  }

  #bind(bind: Bind, now: number): Applied {
    const { address, client } = bind;
    const before = this.#byAddress.get(address);
    if (before !== undefined && isHeld(before, now)) {
      if (before.client !== client || before.state !== "bound") return TAKEN;
    }
    const same = before !== undefined && before.client === client && isBound(before, now);
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
      expires: bind.expires,
      server: bind.server,
      relay: bind.relay,
    };
    const other = this.#shelf(bind.subnet).byClient.get(client);
    if (other === undefined || other.address === address || other.state !== "bound") {
      return { kind: "changed", changes: [this.#change(before, after)] };
    }
    const freed = this.#change(other, { ...other, state: "released", expires: now });
    return { kind: "changed", changes: [this.#change(before, after), freed] };
  }

  #release({ client, address }: Release, now: number): Applied {
    const before = this.#byAddress.get(address);
    if (before === undefined || before.client !== client || !isBound(before, now)) return REFUSED;
    const after: Lease = { ...before, state: "released", expires: now };
    return { kind: "changed", changes: [this.#change(before, after)] };
  }

  #decline({ subnet, client, address, until, limit }: Decline, now: number): Applied {
    const before = this.#byAddress.get(address);
    if (before === undefined || before.client !== client || !isBound(before, now)) return REFUSED;
    const after: Lease = { ...before, state: "declined", renewed: now, expires: until };
    const changed = this.#change(before, after);
    const { declined } = this.#shelf(subnet);
    if (declined.size <= limit) return { kind: "changed", changes: [changed] };
    const [oldest] = declined;
    const exchanged = this.#change(this.#byAddress.get(oldest!)!, undefined);
    return { kind: "changed", changes: [changed, exchanged] };
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
    if (after === undefined) this.#byAddress.delete(address);
    else this.#insert(address, after);
  }

  #remove(address: Ipv4, lease: Lease): void {
    const shelf = this.#shelf(lease.subnet);
    if (lease.state === "bound") shelf.bound--;
    if (lease.state === "declined") shelf.declined.delete(address);
    shelf.used.delete(address);
    if (this.#isPooled(shelf, address)) shelf.free.add(address);
    if (shelf.byClient.get(lease.client)?.address === address) shelf.byClient.delete(lease.client);
  }

  #insert(address: Ipv4, lease: Lease): void {
    const shelf = this.#shelf(lease.subnet);
    this.#byAddress.set(address, lease);
    if (lease.state === "bound" || lease.state === "declined") {
      shelf.free.delete(address);
      this.#agenda.add(lease.expires, address);
    } else if (shelf.free.has(address)) {
      shelf.used.add(address);
    }
    if (lease.state === "bound") shelf.bound++;
    if (lease.state === "declined") {
      shelf.declined.add(address);
      return;
    }
    // A client that moved leaves entries behind; its latest is the one it is known by.
    const known = shelf.byClient.get(lease.client);
    const isLatest = known === undefined ||
      (known.state !== "bound" && lease.renewed >= known.renewed);
    if (lease.state === "bound" || isLatest) shelf.byClient.set(lease.client, lease);
  }

  #isPooled(shelf: Shelf, address: Ipv4): boolean {
    return shelf.space.indexOf(address) >= 0 && !shelf.subnet.exclusions.has(address) &&
      !shelf.reservedFor.has(address);
  }

  #shelf(subnet: string): Shelf {
    const shelf = this.#shelves.get(subnet);
    if (shelf === undefined) throw new RangeError(`Cannot find subnet ${JSON.stringify(subnet)}`);
    return shelf;
  }
}

function isOver(lease: Lease, now: number): boolean {
  return (lease.state === "bound" || lease.state === "declined") && lease.expires <= now;
}

function makeShelf(subnet: Subnet): Shelf {
  const space = new AddressSpace(subnet.pools);
  const free = new AddressSet(space);
  const reservedFor = new Map<Ipv4, string>();
  for (const [client, address] of subnet.reservations) reservedFor.set(address, client);
  for (const { from, to } of subnet.pools) {
    for (let address = from; address <= to; address++) {
      if (!subnet.exclusions.has(address) && !reservedFor.has(address)) free.add(address);
    }
  }
  return {
    subnet,
    space,
    free,
    used: new AddressSet(space),
    poolSize: free.size,
    reservedFor,
    byClient: new Map(),
    declined: new Set(),
    bound: 0,
  };
}
