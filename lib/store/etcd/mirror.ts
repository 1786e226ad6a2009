/**
 * What etcd has, in memory: every key of ours with the revision that wrote it, and the indexes that
 * answer questions about it. Pure: it is told of changes, and asks nobody.
 *
 * It may lag behind etcd. What it says decides what is offered and what a transaction guesses, and
 * every transaction compares the revisions that the guess was made from.
 *
 * @module
 */

import type { Reservation, Subnet } from "../../config/model.ts";
import { AddressSet, AddressSpace } from "../../lease/address_set.ts";
import { Agenda } from "../../lease/agenda.ts";
import { type ClientKey, isHeld, type Lease } from "../../lease/lease.ts";
import type { AddressCounts, LeaseView } from "../../lease/store.ts";
import {
  broadcastOf,
  cidrContains,
  type Ipv4,
  type Ipv4Range,
  type Mac,
  rangeSize,
  UNSPECIFIED,
} from "../../wire/address.ts";
import type { Change, KeyValue, LeaseId } from "./etcd.ts";
import { type Fact, type KeyReader, SubnetKeys, type Unreadable } from "./keys.ts";

/** A change of one key, understood. */
export interface Told {
  readonly key: string;
  readonly fact: Fact | Unreadable;
  /** The revision that wrote the key; 0 when it is gone. */
  readonly revision: number;
  readonly lease: LeaseId | undefined;
}

/** The keys of one address. A revision of 0 stands for a key that is not there. */
export interface Slot {
  readonly shelf: Shelf;
  readonly address: Ipv4;
  leasedTo: Client | undefined;
  leasedRevision: number;
  /** undefined with a revision: the key has no TTL, so somebody put it there for good. */
  leasedLease: LeaseId | undefined;
  record: Lease | undefined;
  recordRevision: number;
  declinedBy: ClientKey | undefined;
  declinedRevision: number;
  /** A bit for each kind of key whose value makes no sense. */
  unreadable: number;
  /** What it counted as when it was last looked at. */
  standing: Standing;
}

/** A client's key, and the addresses that name the client. */
export interface Client {
  readonly key: ClientKey;
  nicAddress: Ipv4 | undefined;
  nicRevision: number;
  nicLease: LeaseId | undefined;
  nicUnreadable: boolean;
  /** Where it holds or last held an address: nearly always one. */
  slots: Slot | Slot[] | undefined;
}

type Standing = "none" | "bound" | "declined";

const BITS = { free: 1, leased: 2, record: 4, declined: 8 } as const;

/** One subnet's addresses. */
export interface Shelf {
  readonly name: string;
  readonly subnet: Subnet;
  readonly keys: SubnetKeys;
  readonly space: AddressSpace;
  /** How many of the space's addresses, the first ones, are the pools'. */
  readonly poolSpan: number;
  /** In a pool, or added by an operator; neither held, excluded nor reserved. */
  readonly free: AddressSet;
  /** Those of `free` that somebody held before. */
  readonly used: AddressSet;
  /** Addresses whose `free` key is there. */
  readonly freeKeys: AddressSet;
  readonly poolSize: number;
  readonly clients: Map<ClientKey, Client>;
  readonly reservations: Map<ClientKey, Reservation>;
  readonly reservedFor: Map<Ipv4, ClientKey>;
  readonly declined: Set<Slot>;
  bound: number;
}

/** How long an address of a pool that has no key at all is left alone, milliseconds. */
const LIMBO_GRACE = 5000;

/** So many texts of etcd's leases are remembered. */
const MOST_LEASE_IDS = 1000;

/** What an address has that no key is about. Belongs to no shelf, and is never entered in one. */
const EMPTY: Slot = Object.freeze(makeSlot(undefined as never, UNSPECIFIED));
const NOBODY: Client = Object.freeze(makeClient("" as ClientKey));

export class Mirror implements LeaseView {
  readonly #reader: KeyReader;
  readonly #shelves: Shelf[];
  readonly #byName = new Map<string, Shelf>();
  readonly #slots = new Map<Ipv4, Slot>();
  readonly #servers = new Map<string, string>();
  readonly #unreadable = new Map<string, string>();
  readonly #onUnreadable: (key: string, reason: string) => void;
  readonly #agenda = new Agenda<Ipv4>();
  readonly #limbo = new Map<Ipv4, number>();
  readonly #lost = new Set<Ipv4>();
  /** Equal texts of etcd's are kept once: a window's lease stands on thousands of keys. */
  readonly #leaseIds = new Map<string, LeaseId>();
  /** Revisions that this server wrote and has entered already. */
  readonly #own = new Set<number>();
  /** Keys that are known from elsewhere, later than the watch has come: at which revision. */
  readonly #ahead = new Map<string, number>();
  #revision = 0;
  #isLoading = true;

  /** @param onUnreadable Told once of each key that makes no sense, and what is wrong with it. */
  constructor(
    prefix: string,
    subnets: readonly Subnet[],
    spaces: ReadonlyMap<string, AddressSpace>,
    reader: KeyReader,
    onUnreadable: (key: string, reason: string) => void,
  ) {
    this.#reader = reader;
    this.#onUnreadable = onUnreadable;
    this.#shelves = subnets.map((subnet) => makeShelf(prefix, subnet, spaces));
    for (const shelf of this.#shelves) this.#byName.set(shelf.name, shelf);
  }

  // What it is told --------------------------------------------------------------------------

  /** How far it has followed the changes: etcd's revision. */
  get revision(): number {
    return this.#revision;
  }

  /** Takes a key of the first load. The indexes are made by `loaded`. */
  load({ key, value, modRevision, lease }: KeyValue): void {
    const fact = this.#reader.read(key, value);
    if (fact !== undefined) this.#enter(fact, modRevision, lease);
  }

  /** The load is complete, as of a revision. */
  loaded(revision: number, now: number): void {
    this.#revision = revision;
    this.#isLoading = false;
    for (const shelf of this.#shelves) {
      for (const address of shelf.freeKeys) this.#index(shelf, address, now);
    }
    for (const { address, shelf } of this.#slots.values()) this.#index(shelf, address, now);
  }

  /** Takes changes as etcd's watch brings them, up to a revision. */
  follow(changes: readonly Change[], revision: number, now: number): void {
    const touched = new Map<Ipv4, Shelf>();
    for (const change of changes) {
      const { revision: at } = change;
      if (at <= this.#revision || this.#own.has(at)) continue;
      const { key, now: found } = change;
      if ((this.#ahead.get(key) ?? 0) >= at) continue;
      const fact = this.#reader.read(key, found?.value);
      if (fact !== undefined) {
        this.#touch(touched, this.#enter(fact, found?.modRevision ?? 0, found?.lease));
      }
    }
    this.#revision = Math.max(this.#revision, revision);
    for (const at of this.#own) if (at <= this.#revision) this.#own.delete(at);
    for (const [key, at] of this.#ahead) if (at <= this.#revision) this.#ahead.delete(key);
    for (const [address, shelf] of touched) this.#index(shelf, address, now);
  }

  /** Takes what this server has written itself, ahead of the watch. */
  wrote(facts: readonly Told[], revision: number, now: number): void {
    if (revision <= this.#revision) return;
    this.#own.add(revision);
    const touched = new Map<Ipv4, Shelf>();
    for (const { key, fact, lease, revision: at } of facts) {
      // Alone of all keys it is written without being compared, so somebody may have written it
      // just before, of which the watch is yet to tell.
      if (fact.kind === "free") this.#ahead.set(key, revision);
      this.#touch(touched, this.#enter(fact, at, lease));
    }
    for (const [address, shelf] of touched) this.#index(shelf, address, now);
  }

  /** Takes a key as it was read on its own. */
  learn(key: string, found: KeyValue | undefined, revision: number, now: number): void {
    if (revision <= this.#revision) return;
    this.#ahead.set(key, revision);
    const fact = this.#reader.read(key, found?.value);
    if (fact === undefined) return;
    const touched = new Map<Ipv4, Shelf>();
    this.#touch(touched, this.#enter(fact, found?.modRevision ?? 0, found?.lease));
    for (const [address, shelf] of touched) this.#index(shelf, address, now);
  }

  // What it answers: LeaseView ---------------------------------------------------------------

  ofClient(subnet: string, client: ClientKey): Lease | undefined {
    const shelf = this.#byName.get(subnet);
    const known = shelf?.clients.get(client);
    if (shelf === undefined || known === undefined) return undefined;
    const pin = this.#pinIn(shelf, client);
    let best: Lease | undefined;
    for (const slot of slotsOf(known)) {
      const lease = leaseIn(slot);
      if (lease === undefined || lease.client !== client || lease.state === "declined") continue;
      if (slot.address === pin) return lease;
      if (best === undefined || comesBefore(lease, best)) best = lease;
    }
    if (pin === undefined) return best;
    return this.holderOf(subnet, pin) === undefined ? pinned(shelf, pin, client) : best;
  }

  ofAddress(address: Ipv4): Lease | undefined {
    const slot = this.#slots.get(address);
    return slot === undefined ? undefined : leaseIn(slot);
  }

  isLeasable(subnet: string, address: Ipv4, client: ClientKey): boolean {
    const shelf = this.#shelf(subnet);
    const owner = shelf.reservedFor.get(address);
    if (owner !== undefined) return owner === client;
    if (shelf.subnet.exclusions.has(address)) return false;
    return isPooled(shelf, address) || shelf.freeKeys.has(address) ||
      this.#pinIn(shelf, client) === address;
  }

  reservationOf(subnet: string, client: ClientKey): Reservation | undefined {
    return this.#shelf(subnet).reservations.get(client);
  }

  isReserved(subnet: string, address: Ipv4): boolean {
    return this.#shelf(subnet).reservedFor.has(address);
  }

  isAvailable(subnet: string, address: Ipv4, client: ClientKey, now: number): boolean {
    const standing = this.standingOf(subnet, address, client, now);
    if (standing !== "own" && standing !== "free") return false;
    const pin = this.pinOf(subnet, client, now);
    return pin === undefined || pin === address;
  }

  pick(subnet: string, position: number, avoid: AddressSet): Ipv4 | undefined {
    const { free, used, poolSpan } = this.#shelf(subnet);
    // The space is larger than the pools; where the hash points must lie in them, so that clients
    // spread over what there is.
    const start = poolSpan === 0 ? 0 : position % poolSpan;
    return free.nextFrom(start, avoid, used) ?? free.nextFrom(start, avoid);
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

  // What it answers: the store's own questions -----------------------------------------------

  /** The subnet's keys. */
  keys(subnet: string): SubnetKeys {
    return this.#shelf(subnet).keys;
  }

  /** The keys of an address; not to be changed, nor kept. */
  slot(address: Ipv4): Readonly<Slot> {
    return this.#slots.get(address) ?? EMPTY;
  }

  /** The key of a client; not to be changed, nor kept. */
  client(subnet: string, client: ClientKey): Readonly<Client> {
    return this.#shelf(subnet).clients.get(client) ?? NOBODY;
  }

  /** The subnet that has the address; undefined when none that is configured has. */
  subnetOf(address: Ipv4): string | undefined {
    return this.#shelves.find(({ subnet }) => cidrContains(subnet.cidr, address))?.name;
  }

  /** Whether the address's `free` key is there. */
  hasFreeKey(subnet: string, address: Ipv4): boolean {
    return this.#shelf(subnet).freeKeys.has(address);
  }

  /** Whether an address that is nobody's has a `free` key: others are phased out, or not for all. */
  returnsToPool(subnet: string, address: Ipv4): boolean {
    return isPooled(this.#shelf(subnet), address);
  }

  /**
   * The address that an operator has given the client for good, and no other will do. While it
   * cannot be had, because somebody else's lease of it has not run out or a key of it makes no
   * sense, there is none: the client goes on with what it has.
   */
  pinOf(subnet: string, client: ClientKey, now: number): Ipv4 | undefined {
    const pin = this.#pinIn(this.#shelf(subnet), client);
    if (pin === undefined) return undefined;
    const standing = this.standingOf(subnet, pin, client, now);
    return standing === "own" || standing === "free" ? pin : undefined;
  }

  /**
   * What the keys without TTL say. The client's own key says so first, so that an operator may
   * write it before the address's.
   */
  #pinIn(shelf: Shelf, client: ClientKey): Ipv4 | undefined {
    const known = shelf.clients.get(client);
    if (known === undefined) return undefined;
    if (known.nicRevision > 0 && known.nicLease === undefined) return known.nicAddress;
    for (const slot of slotsOf(known)) {
      if (slot.leasedTo === known && slot.leasedLease === undefined) return slot.address;
    }
    return undefined;
  }

  /** Who the address's key names. */
  holderOf(subnet: string, address: Ipv4): ClientKey | undefined {
    const slot = this.#slots.get(address);
    return slot === undefined || this.#shelf(subnet).space.indexOf(address) < 0
      ? undefined
      : slot.leasedTo?.key;
  }

  /** Addresses other than one that the client holds. */
  othersOf(subnet: string, client: ClientKey, address: Ipv4): readonly Readonly<Slot>[] {
    const shelf = this.#shelf(subnet);
    const known = shelf.clients.get(client);
    if (known === undefined) return [];
    return [...slotsOf(known)].filter((slot) => {
      if (slot.address === address) return false;
      const lease = leaseIn(slot);
      return lease !== undefined && lease.client === client && lease.state === "bound";
    });
  }

  /**
   * What the address is to the client:
   * - `own`: it holds it, or did a moment ago and nobody else may have it yet;
   * - `free`: it may be given it;
   * - `taken`: it may not;
   * - `unreadable`: a key of it, or of the client, makes no sense.
   */
  standingOf(
    subnet: string,
    address: Ipv4,
    client: ClientKey,
    now: number,
  ): "own" | "free" | "taken" | "unreadable" {
    const shelf = this.#shelf(subnet);
    const slot = this.#slots.get(address) ?? EMPTY;
    if (slot.unreadable !== 0) return "unreadable";
    if (shelf.clients.get(client)?.nicUnreadable === true) return "unreadable";
    if (shelf.space.indexOf(address) < 0) return "taken";
    const { record } = slot;
    if (slot.leasedRevision > 0) {
      if (slot.leasedTo?.key !== client) return "taken";
      // Pinned over the lease of another, who has been told of it and may still use the address.
      const isAnothers = slot.leasedLease === undefined && record?.state === "bound" &&
        record.client !== client && record.held > now;
      return isAnothers ? "taken" : "own";
    }
    if (slot.declinedRevision > 0) return "taken";
    if (record !== undefined && isHeld(record, now)) {
      if (record.state !== "bound" || record.client !== client) return "taken";
      return "own";
    }
    return this.isLeasable(subnet, address, client) ? "free" : "taken";
  }

  /** The address declined longest ago, except one; undefined when there is none. */
  declinedLongestAgo(subnet: string, except: Ipv4): Readonly<Slot> | undefined {
    let oldest: Slot | undefined;
    for (const slot of this.#shelf(subnet).declined) {
      if (slot.address === except || slot.record === undefined) continue;
      if (oldest === undefined || slot.record.renewed < oldest.record!.renewed) oldest = slot;
    }
    return oldest;
  }

  /** Takes addresses whose hold or quarantine has ended, by both clocks, off the agenda. */
  due(now: number, limit: number): Ipv4[] {
    const addresses: Ipv4[] = [];
    while (addresses.length < limit) {
      const address = this.#agenda.take(now);
      if (address === undefined) break;
      const end = endOf(this.#slots.get(address) ?? EMPTY);
      if (end <= now) addresses.push(address);
      else this.#agenda.add(end, address);
    }
    return addresses;
  }

  /** Leaves an address alone until an instant: its expiry could not be committed. */
  postpone(address: Ipv4, instant: number): void {
    this.#agenda.postpone(instant, address);
  }

  /**
   * Addresses whose keys have gone before their time, because their TTL fired early or somebody
   * deleted them: their clients may still use them.
   */
  get lost(): ReadonlySet<Ipv4> {
    return this.#lost;
  }

  /** Addresses of the pools that have had no key at all for a while: to be freed. */
  limbo(now: number): Ipv4[] {
    return [...this.#limbo].filter(([, since]) => since + LIMBO_GRACE <= now)
      .map(([address]) => address);
  }

  /** Addresses of the pools that have no key at all and nobody's record: to be freed at start. */
  *missing(): Iterable<{ readonly subnet: string; readonly address: Ipv4 }> {
    for (const shelf of this.#shelves) {
      for (const { from, to } of shelf.subnet.pools) {
        for (let address = from; address <= to; address++) {
          if (this.isMissing(shelf.name, address)) yield { subnet: shelf.name, address };
        }
      }
    }
  }

  /** Whether an address of a pool has no key that says what it is. */
  isMissing(subnet: string, address: Ipv4): boolean {
    const shelf = this.#shelf(subnet);
    if (shelf.freeKeys.has(address) || !isPooled(shelf, address)) return false;
    const slot = this.#slots.get(address);
    return slot === undefined || (slot.standing === "none" && slot.unreadable === 0);
  }

  /** Keys that make no sense, and why. */
  get unreadable(): ReadonlyMap<string, string> {
    return this.#unreadable;
  }

  /** What the servers say of themselves, by their names. */
  get servers(): ReadonlyMap<string, string> {
    return this.#servers;
  }

  // The one place that changes a key -----------------------------------------------------------

  /** Enters what a key says; gives the address that it is about. */
  #enter(
    fact: Fact | Unreadable,
    revision: number,
    lease: LeaseId | undefined,
  ): { readonly shelf: Shelf; readonly address: Ipv4 } | undefined {
    if (fact.kind === "unreadable") return this.#enterUnreadable(fact, revision);
    if (fact.kind === "server") {
      if (fact.text === undefined) this.#servers.delete(fact.id);
      else this.#servers.set(fact.id, fact.text);
      return undefined;
    }
    const shelf = this.#shelf(fact.subnet);
    if (fact.kind === "nic") {
      this.#readable(shelf.keys.nic(fact.client));
      return this.#enterNic(shelf, fact.client, fact.address, revision, lease);
    }
    if (fact.kind === "reservation") {
      this.#readable(shelf.keys.reservation(fact.client));
      return this.#enterReservation(shelf, fact.client, fact.reservation);
    }
    const { address } = fact;
    if (fact.kind === "free") {
      const slot = this.#slots.get(address);
      if (slot !== undefined && (slot.unreadable & BITS.free) !== 0) {
        this.#readable(shelf.keys.free(address));
        slot.unreadable &= ~BITS.free;
      }
      if (fact.there) shelf.freeKeys.add(address);
      else shelf.freeKeys.delete(address);
      return { shelf, address };
    }
    const slot = this.#slotFor(shelf, address);
    if ((slot.unreadable & BITS[fact.kind]) !== 0) {
      slot.unreadable &= ~BITS[fact.kind];
      this.#readable(shelf.keys[fact.kind](address));
    }
    if (fact.kind === "record") {
      this.#setRecord(shelf, slot, fact.record);
      slot.recordRevision = revision;
    } else if (fact.kind === "leased") {
      this.#setHolder(shelf, slot, fact.client);
      slot.leasedRevision = revision;
      slot.leasedLease = this.#shared(lease);
    } else {
      slot.declinedBy = fact.client;
      slot.declinedRevision = revision;
    }
    return { shelf, address };
  }

  #enterUnreadable({ key, reason, about }: Unreadable, revision: number) {
    if (!this.#unreadable.has(key)) this.#onUnreadable(key, reason);
    this.#unreadable.set(key, reason);
    if (about === undefined) {
      // Its name makes no sense, so it may go unnoticed: there is nothing to keep aside.
      if (revision === 0) this.#unreadable.delete(key);
      return undefined;
    }
    const shelf = this.#shelf(about.subnet);
    if (about.kind === "reservation") return this.#enterReservation(shelf, about.client, undefined);
    if (about.kind === "nic") {
      const touched = this.#enterNic(shelf, about.client, undefined, revision, undefined);
      this.#clientFor(shelf, about.client).nicUnreadable = true;
      return touched;
    }
    const slot = this.#slotFor(shelf, about.address);
    slot.unreadable |= BITS[about.kind];
    if (about.kind === "leased") {
      this.#setHolder(shelf, slot, undefined);
      slot.leasedRevision = revision;
      slot.leasedLease = undefined;
    } else if (about.kind === "record") {
      this.#setRecord(shelf, slot, undefined);
      slot.recordRevision = revision;
    } else if (about.kind === "declined") {
      slot.declinedBy = undefined;
      slot.declinedRevision = revision;
    }
    return { shelf, address: about.address };
  }

  #readable(key: string): void {
    if (this.#unreadable.size > 0) this.#unreadable.delete(key);
  }

  #enterNic(
    shelf: Shelf,
    key: ClientKey,
    address: Ipv4 | undefined,
    revision: number,
    lease: LeaseId | undefined,
  ) {
    if (revision === 0 && !shelf.clients.has(key)) return undefined;
    // The same text as in the address's key, which was read first.
    const holder = address === undefined ? undefined : this.#slots.get(address)?.leasedTo;
    const client = this.#clientFor(shelf, holder?.key === key ? holder.key : key);
    client.nicAddress = address;
    client.nicRevision = revision;
    client.nicLease = this.#shared(lease);
    client.nicUnreadable = false;
    forgetIfNobody(shelf, client);
    return undefined;
  }

  #enterReservation(shelf: Shelf, client: ClientKey, reservation: Reservation | undefined) {
    const before = shelf.reservations.get(client)?.address;
    const after = shelf.subnet.reservations.get(client) ?? reservation;
    if (before !== undefined) shelf.reservedFor.delete(before);
    if (after === undefined) shelf.reservations.delete(client);
    else {
      shelf.reservations.set(client, after);
      shelf.reservedFor.set(after.address, client);
    }
    if (before !== undefined && before !== after?.address && !this.#isLoading) {
      this.#index(shelf, before, 0);
    }
    return after === undefined ? undefined : { shelf, address: after.address };
  }

  #setHolder(shelf: Shelf, slot: Slot, key: ClientKey | undefined): void {
    if (slot.leasedTo?.key === key) return;
    const before = slot.leasedTo;
    const after = key === undefined ? undefined : this.#clientFor(shelf, key);
    slot.leasedTo = after;
    if (before !== undefined && slot.record?.client !== before.key) detach(shelf, before, slot);
    if (after !== undefined) attach(after, slot);
  }

  #setRecord(shelf: Shelf, slot: Slot, record: Lease | undefined): void {
    const before = slot.record;
    if (record === undefined) slot.record = undefined;
    else {
      const client = this.#clientFor(shelf, record.client);
      // The client's name is kept once.
      const mac = (record.mac as string) === client.key ? client.key as string as Mac : record.mac;
      slot.record = record.client === client.key && record.mac === mac
        ? { ...record, client: client.key, mac }
        : record;
      attach(client, slot);
    }
    if (before === undefined || before.client === record?.client) return;
    if (slot.leasedTo?.key === before.client) return;
    const client = shelf.clients.get(before.client);
    if (client !== undefined) detach(shelf, client, slot);
  }

  #shared(lease: LeaseId | undefined): LeaseId | undefined {
    if (lease === undefined) return undefined;
    const known = this.#leaseIds.get(lease);
    if (known !== undefined) return known;
    // Another program may make one for each device.
    if (this.#leaseIds.size >= MOST_LEASE_IDS) this.#leaseIds.clear();
    this.#leaseIds.set(lease, lease);
    return lease;
  }

  #slotFor(shelf: Shelf, address: Ipv4): Slot {
    const known = this.#slots.get(address);
    if (known !== undefined) return known;
    const slot = makeSlot(shelf, address);
    this.#slots.set(address, slot);
    return slot;
  }

  #clientFor(shelf: Shelf, key: ClientKey): Client {
    const known = shelf.clients.get(key);
    if (known !== undefined) return known;
    const client = makeClient(key);
    shelf.clients.set(key, client);
    return client;
  }

  #touch(
    touched: Map<Ipv4, Shelf>,
    place: { readonly shelf: Shelf; readonly address: Ipv4 } | undefined,
  ): void {
    if (place !== undefined) touched.set(place.address, place.shelf);
  }

  /** Brings the indexes in line with an address's keys. */
  #index(shelf: Shelf, address: Ipv4, now: number): void {
    const slot = this.#slots.get(address);
    const standing = slot === undefined ? "none" : standingFrom(slot);
    if (slot !== undefined) {
      if (slot.standing === "bound") shelf.bound--;
      if (standing === "bound") shelf.bound++;
      if (standing === "declined") shelf.declined.add(slot);
      else shelf.declined.delete(slot);
      slot.standing = standing;
      if (isEmpty(slot)) this.#slots.delete(address);
      const end = endOf(slot);
      this.#agenda.add(end, address);
    }
    const unreadable = slot?.unreadable ?? 0;
    const hasKey = shelf.freeKeys.has(address);
    const isNobodys = standing === "none" && unreadable === 0;
    if (isNobodys && hasKey && isForAll(shelf, address)) {
      shelf.free.add(address);
      if (slot?.record !== undefined) shelf.used.add(address);
      else shelf.used.delete(address);
    } else {
      shelf.free.delete(address);
      shelf.used.delete(address);
    }
    if (isNobodys && !hasKey && isPooled(shelf, address)) {
      if (!this.#limbo.has(address)) this.#limbo.set(address, now);
    } else this.#limbo.delete(address);
    const isLost = standing === "bound" && slot!.leasedRevision === 0 && !hasKey &&
      unreadable === 0 && isHeld(slot!.record!, now);
    if (isLost) this.#lost.add(address);
    else this.#lost.delete(address);
  }

  #shelf(subnet: string): Shelf {
    const shelf = this.#byName.get(subnet);
    if (shelf === undefined) throw new RangeError(`Cannot find subnet ${JSON.stringify(subnet)}`);
    return shelf;
  }
}

/** The spaces of subnets, made once: sets over them outlive a mirror that is loaded anew. */
export function spacesOf(subnets: readonly Subnet[]): Map<string, AddressSpace> {
  return new Map(subnets.map((subnet) => [subnet.name ?? "", spaceOf(subnet)]));
}

/** The pools, then what else of the subnet an operator may add. */
function spaceOf({ cidr, pools }: Subnet): AddressSpace {
  const isWide = cidr.prefix < 31;
  const first = (cidr.network + (isWide ? 1 : 0)) as Ipv4;
  const last = (broadcastOf(cidr) - (isWide ? 1 : 0)) as Ipv4;
  const gaps: Ipv4Range[] = [];
  let from = first;
  for (const pool of pools.toSorted((one, other) => one.from - other.from)) {
    if (pool.from > from) gaps.push({ from, to: (pool.from - 1) as Ipv4 });
    from = Math.max(from, pool.to + 1) as Ipv4;
  }
  if (from <= last) gaps.push({ from, to: last });
  return new AddressSpace([...pools, ...gaps]);
}

function makeShelf(
  prefix: string,
  subnet: Subnet,
  spaces: ReadonlyMap<string, AddressSpace>,
): Shelf {
  const name = subnet.name ?? "";
  const space = spaces.get(name)!;
  const reservations = new Map(subnet.reservations) as Map<ClientKey, Reservation>;
  const reservedFor = new Map<Ipv4, ClientKey>();
  for (const [client, { address }] of reservations) reservedFor.set(address, client);
  const poolSpan = subnet.pools.reduce((sum, pool) => sum + rangeSize(pool), 0);
  let poolSize = poolSpan;
  for (const address of new Set([...subnet.exclusions, ...reservedFor.keys()])) {
    const index = space.indexOf(address);
    if (index >= 0 && index < poolSpan) poolSize--;
  }
  return {
    name,
    subnet,
    keys: new SubnetKeys(prefix, name),
    space,
    poolSpan,
    free: new AddressSet(space),
    used: new AddressSet(space),
    freeKeys: new AddressSet(space),
    poolSize,
    clients: new Map(),
    reservations,
    reservedFor,
    declined: new Set(),
    bound: 0,
  };
}

function makeSlot(shelf: Shelf, address: Ipv4): Slot {
  return {
    shelf,
    address,
    leasedTo: undefined,
    leasedRevision: 0,
    leasedLease: undefined,
    record: undefined,
    recordRevision: 0,
    declinedBy: undefined,
    declinedRevision: 0,
    unreadable: 0,
    standing: "none",
  };
}

function makeClient(key: ClientKey): Client {
  return {
    key,
    nicAddress: undefined,
    nicRevision: 0,
    nicLease: undefined,
    nicUnreadable: false,
    slots: undefined,
  };
}

function isPooled(shelf: Shelf, address: Ipv4): boolean {
  const index = shelf.space.indexOf(address);
  return index >= 0 && index < shelf.poolSpan && isForAll(shelf, address);
}

function isForAll({ subnet, reservedFor }: Shelf, address: Ipv4): boolean {
  return !subnet.exclusions.has(address) && !reservedFor.has(address);
}

function isEmpty(slot: Slot): boolean {
  return slot.leasedRevision === 0 && slot.recordRevision === 0 && slot.declinedRevision === 0 &&
    slot.unreadable === 0;
}

function standingFrom(slot: Slot): Standing {
  if (slot.leasedRevision > 0) return "bound";
  if (slot.declinedRevision > 0 || slot.record?.state === "declined") return "declined";
  return slot.record?.state === "bound" ? "bound" : "none";
}

/** When the address may come back, its keys being gone; Infinity while they are not. */
function endOf({ leasedRevision, declinedRevision, record, unreadable }: Slot): number {
  if (leasedRevision > 0 || declinedRevision > 0 || unreadable !== 0) return Infinity;
  if (record?.state !== "bound" && record?.state !== "declined") return Infinity;
  return record.held;
}

/** The address's entry as the rest of the program sees it. */
function leaseIn(slot: Readonly<Slot>): Lease | undefined {
  const { shelf, leasedTo, leasedRevision, record, declinedRevision, declinedBy, address } = slot;
  if (leasedTo !== undefined) {
    const known = record?.client === leasedTo.key && record.state === "bound" ? record : undefined;
    const isPermanent = slot.leasedLease === undefined ||
      (leasedTo.nicAddress === address && leasedTo.nicLease === undefined);
    if (known !== undefined && !isPermanent) {
      // Written since the record was: another program has renewed the lease, so that the key alone
      // says how long the address is held.
      return slot.leasedRevision > slot.recordRevision ? { ...known, held: Infinity } : known;
    }
    return { ...pinned(shelf, address, leasedTo.key), ...known, expires: Infinity, held: Infinity };
  }
  if (leasedRevision > 0) return undefined;
  if (declinedRevision > 0 && record?.state !== "declined") {
    const client = declinedBy ?? "" as ClientKey;
    return { ...pinned(shelf, address, client), state: "declined" };
  }
  return record;
}

/** A binding that nobody has written a record for: an operator's, or another program's. */
function pinned(shelf: Shelf, address: Ipv4, client: ClientKey): Lease {
  return {
    address,
    subnet: shelf.name,
    client,
    mac: (client.startsWith("id:") ? "" : client) as Mac,
    clientId: "",
    hostname: "",
    state: "bound",
    since: 0,
    renewed: 0,
    expires: Infinity,
    held: Infinity,
    server: UNSPECIFIED,
    relay: UNSPECIFIED,
  };
}

/** Whether a client is known by the one entry rather than the other: its lease, else the latest. */
function comesBefore(one: Lease, other: Lease): boolean {
  if (one.state !== other.state && (one.state === "bound" || other.state === "bound")) {
    return one.state === "bound";
  }
  if (one.renewed !== other.renewed) return one.renewed > other.renewed;
  return one.address < other.address;
}

function* slotsOf({ slots }: Client): Iterable<Slot> {
  if (Array.isArray(slots)) yield* slots;
  else if (slots !== undefined) yield slots;
}

function attach(client: Client, slot: Slot): void {
  const { slots } = client;
  if (slots === undefined) client.slots = slot;
  else if (!Array.isArray(slots)) {
    if (slots !== slot) client.slots = [slots, slot];
  } else if (!slots.includes(slot)) slots.push(slot);
}

function detach(shelf: Shelf, client: Client, slot: Slot): void {
  const { slots } = client;
  if (Array.isArray(slots)) {
    const left = slots.filter((one) => one !== slot);
    client.slots = left.length === 1 ? left[0] : left;
  } else if (slots === slot) client.slots = undefined;
  forgetIfNobody(shelf, client);
}

function forgetIfNobody({ clients }: Shelf, client: Client): void {
  const isNobody = client.slots === undefined && client.nicRevision === 0 && !client.nicUnreadable;
  if (isNobody) clients.delete(client.key);
}
