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
import { AddressSet, AddressSpace, hostsOf } from "../../lease/address_set.ts";
import { Agenda } from "../../lease/agenda.ts";
import { inForce } from "../../lease/amendments.ts";
import {
  type ClientKey,
  isHeld,
  isSameLease,
  keepsAddress,
  type Lease,
} from "../../lease/lease.ts";
import type { Amendments, BookEvent } from "../../lease/management.ts";
import { without } from "../../lease/ranges.ts";
import type { AddressCounts, LeaseView } from "../../lease/store.ts";
import {
  cidrContains,
  type Ipv4,
  type Ipv4Range,
  type Mac,
  rangeContains,
  UNSPECIFIED,
} from "../../wire/address.ts";
import { type PoolChange, poolName, reservationName } from "../amendment_text.ts";
import type { Listeners } from "../listeners.ts";
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

type Standing = "none" | "bound" | "declined" | "freed";

const BITS = { free: 1, leased: 2, record: 4, declined: 8 } as const;

/** What follows from a subnet as it is in force, and changes with it. */
interface Layout {
  /** As the configuration has it. */
  configured: Subnet;
  /** As it is in force. */
  subnet: Subnet;
  /** The addresses of the pools, numbered. */
  pools: AddressSpace;
  poolSize: number;
  reservedFor: ReadonlyMap<Ipv4, string>;
}

/** One subnet's addresses. */
export interface Shelf extends Layout {
  readonly name: string;
  readonly keys: SubnetKeys;
  readonly space: AddressSpace;
  /** What the book reserves. */
  readonly booked: Map<ClientKey, Reservation>;
  /** What the book adds to the pools and takes from them, by the names of the keys. */
  readonly ranges: Map<string, { readonly range: Ipv4Range; readonly change: PoolChange }>;
  /** The revisions of the keys of both, by their names. */
  readonly amendmentRevisions: Map<string, number>;
  /** Ranges that were in the pools until lately: their `free` keys are to go. */
  retired: Ipv4Range[];
  /** Whether its keys have not been read yet: then nothing is known of what has none. */
  readonly isUnread: boolean;
  /** In a pool, or added by an operator; neither held, excluded nor reserved. */
  readonly free: AddressSet;
  /** Those of `free` that somebody held before. */
  readonly used: AddressSet;
  /** Addresses whose `free` key is there. */
  readonly freeKeys: AddressSet;
  readonly clients: Map<ClientKey, Client>;
  readonly declined: Set<Slot>;
  freed: number;
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
  readonly #prefix: string;
  readonly #listeners: Listeners;
  #reader: KeyReader;
  #shelves: Shelf[];
  #subnets: readonly Subnet[];
  /** Shelves whose amendments have changed since they were last laid out. */
  readonly #amended = new Set<Shelf>();
  /** Whether pools have changed since the `free` keys were last brought in line with them. */
  #isUneven = true;
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
  #isSilent = true;

  /**
   * @param subnets As the configuration has them.
   * @param listeners Told of changes, once the first load is over.
   * @param onUnreadable Told once of each key that makes no sense, and what is wrong with it.
   */
  constructor(
    prefix: string,
    subnets: readonly Subnet[],
    spaces: ReadonlyMap<string, AddressSpace>,
    reader: KeyReader,
    listeners: Listeners,
    onUnreadable: (key: string, reason: string) => void,
  ) {
    this.#prefix = prefix;
    this.#reader = reader;
    this.#listeners = listeners;
    this.#onUnreadable = onUnreadable;
    this.#shelves = subnets.map((subnet) => makeShelf(prefix, subnet, spaces));
    for (const shelf of this.#shelves) this.#byName.set(shelf.name, shelf);
    this.#subnets = subnets;
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
    for (const shelf of this.#amended) Object.assign(shelf, this.#layOut(shelf, shelf.configured));
    this.#amended.clear();
    this.#subnets = this.#shelves.map(({ subnet }) => subnet);
    for (const shelf of this.#shelves) {
      for (const address of shelf.freeKeys) this.#index(shelf, address, now);
    }
    for (const { address, shelf } of this.#slots.values()) this.#index(shelf, address, now);
  }

  /** Takes changes as etcd's watch brings them, up to a revision. */
  follow(changes: readonly Change[], revision: number, now: number): void {
    let update = this.#begin();
    let last = 0;
    for (const change of changes) {
      const { revision: at } = change;
      if (at <= this.#revision || this.#own.has(at)) continue;
      // Each revision by itself: nothing that happened in between goes untold.
      if (at !== last && last > 0) {
        this.#settle(update, now);
        update = this.#begin();
      }
      last = at;
      const { key, now: found } = change;
      if ((this.#ahead.get(key) ?? 0) >= at) continue;
      const fact = this.#reader.read(key, found?.value);
      if (fact !== undefined) this.#take(update, fact, found?.modRevision ?? 0, found?.lease);
    }
    this.#revision = Math.max(this.#revision, revision);
    for (const at of this.#own) if (at <= this.#revision) this.#own.delete(at);
    for (const [key, at] of this.#ahead) if (at <= this.#revision) this.#ahead.delete(key);
    this.#settle(update, now);
  }

  /** Takes what this server has written itself, ahead of the watch. */
  wrote(facts: readonly Told[], revision: number, now: number): void {
    if (revision <= this.#revision) return;
    this.#own.add(revision);
    const update = this.#begin();
    for (const { key, fact, lease, revision: at } of facts) {
      // Alone of all keys it is written without being compared, so somebody may have written it
      // just before, of which the watch is yet to tell.
      if (fact.kind === "free") this.#ahead.set(key, revision);
      this.#take(update, fact, at, lease);
    }
    this.#settle(update, now);
  }

  /** Takes keys as they were read on their own, at one revision. */
  learn(
    keys: Iterable<readonly [key: string, found: KeyValue | undefined]>,
    revision: number,
    now: number,
  ): void {
    if (revision <= this.#revision) return;
    const update = this.#begin();
    for (const [key, found] of keys) {
      this.#ahead.set(key, revision);
      const fact = this.#reader.read(key, found?.value);
      if (fact !== undefined) this.#take(update, fact, found?.modRevision ?? 0, found?.lease);
    }
    this.#settle(update, now);
  }

  /** The newest revision that it knows anything of, own writes included. */
  get newest(): number {
    return Math.max(this.#revision, ...this.#own);
  }

  /**
   * Tells listeners of what happens from now on; until then it is silent.
   *
   * @param other The mirror whose place it takes: it tells of everything that is otherwise here.
   */
  speak(other: Mirror | undefined): void {
    this.#isSilent = false;
    const listeners = this.#listeners;
    if (other === undefined || !listeners.any) return;
    if (JSON.stringify(this.#subnets, plain) !== JSON.stringify(other.#subnets, plain)) {
      listeners.tell({ kind: "subnets" });
    }
    for (const address of new Set([...other.#slots.keys(), ...this.#slots.keys()])) {
      const [before, after] = [other.ofAddress(address), this.ofAddress(address)];
      if (!isSameLease(before, after)) listeners.tell({ kind: "lease", before, after });
    }
  }

  #begin(): Update {
    const isHeard = !this.#isSilent && this.#listeners.any;
    return { touched: new Map(), before: isHeard ? new Map() : undefined };
  }

  #tell(event: BookEvent): void {
    if (!this.#isSilent) this.#listeners.tell(event);
  }

  #take(
    { touched, before }: Update,
    fact: Fact | Unreadable,
    revision: number,
    lease: LeaseId | undefined,
  ): void {
    // Of a subnet that has gone while it was written.
    if ("subnet" in fact && !this.#byName.has(fact.subnet)) return;
    if (before !== undefined) this.#noteBefore(before, fact);
    const place = this.#enter(fact, revision, lease);
    if (place !== undefined) touched.set(place.address, place.shelf);
  }

  /** Keeps what the entries are that a fact may change. */
  #noteBefore(before: Map<Ipv4, Lease | undefined>, fact: Fact | Unreadable): void {
    const about = fact.kind === "unreadable" ? fact.about : fact;
    if (about === undefined || about.kind === "server") return;
    const note = (address: Ipv4) => {
      if (!before.has(address)) before.set(address, this.ofAddress(address));
    };
    if (about.kind === "nic") {
      const known = this.#shelf(about.subnet).clients.get(about.client);
      if (known !== undefined) { for (const { address } of slotsOf(known)) note(address); }
    } else if (about.kind === "leased" || about.kind === "record" || about.kind === "declined") {
      note(about.address);
    }
  }

  /** Brings everything in line with what was taken, and tells of it. */
  #settle({ touched, before }: Update, now: number): void {
    for (const [address, shelf] of touched) this.#index(shelf, address, now);
    if (this.#amended.size > 0) this.#relay(now);
    if (before === undefined) return;
    for (const [address, lease] of before) {
      const after = this.ofAddress(address);
      if (!isSameLease(lease, after)) {
        this.#tell({ kind: "lease", before: lease, after });
      }
    }
  }

  // Amendments and configuration ---------------------------------------------------------------

  /** The subnets as they are in force; another array whenever one is another. */
  get subnets(): readonly Subnet[] {
    return this.#subnets;
  }

  /** What the book adds to the configuration of a subnet. */
  amendmentsOf(subnet: string): Amendments {
    const amendments = amendmentsIn(this.#shelf(subnet));
    return { ...amendments, reservations: new Map(amendments.reservations) };
  }

  /** The revision of an amendment's key; 0 when it is not there. */
  amendmentRevision(subnet: string, name: string): number {
    return this.#shelf(subnet).amendmentRevisions.get(name) ?? 0;
  }

  /**
   * Takes another configuration.
   *
   * @returns Whether there are subnets whose keys it has not read: nothing is free in them yet.
   */
  reconfigure(
    subnets: readonly Subnet[],
    spaces: ReadonlyMap<string, AddressSpace>,
    reader: KeyReader,
    now: number,
  ): boolean {
    const isHeard = !this.#isSilent && this.#listeners.any;
    this.#reader = reader;
    const known = new Map(this.#byName);
    this.#byName.clear();
    let isShort = false;
    this.#shelves = subnets.map((subnet) => {
      const name = subnet.name ?? "";
      const shelf = known.get(name);
      if (shelf !== undefined && shelf.space === spaces.get(name)) {
        known.delete(name);
        shelf.configured = subnet;
        this.#amended.add(shelf);
        return shelf;
      }
      isShort = true;
      return { ...makeShelf(this.#prefix, subnet, spaces), isUnread: true };
    });
    for (const shelf of this.#shelves) this.#byName.set(shelf.name, shelf);
    const gone: Lease[] = [];
    for (const shelf of known.values()) {
      this.#amended.delete(shelf);
      for (const slot of this.#slots.values()) {
        if (slot.shelf !== shelf) continue;
        const lease = leaseIn(slot);
        if (isHeard && lease !== undefined) gone.push(lease);
        this.#slots.delete(slot.address);
        this.#lost.delete(slot.address);
      }
      for (const address of this.#limbo.keys()) {
        if (cidrContains(shelf.subnet.cidr, address)) this.#limbo.delete(address);
      }
    }
    for (const key of this.#unreadable.keys()) {
      if (reader.read(key, undefined) === undefined) this.#unreadable.delete(key);
    }
    this.#relay(now);
    for (const lease of gone) {
      this.#tell({ kind: "lease", before: lease, after: undefined });
    }
    return isShort;
  }

  /** Lays out again what has been amended, or configured otherwise. */
  #relay(now: number): void {
    for (const shelf of this.#amended) {
      const { subnet, reservedFor } = shelf;
      Object.assign(shelf, this.#layOut(shelf, shelf.configured));
      if (this.#isLoading) continue;
      const gone = without(subnet.pools, shelf.subnet.pools);
      const come = without(shelf.subnet.pools, subnet.pools);
      if (gone.length > 0 || come.length > 0) {
        this.#isUneven = true;
        shelf.retired = [...without(shelf.retired, shelf.subnet.pools), ...gone];
      }
      for (const { from, to } of [...gone, ...come]) {
        for (let address = from; address <= to; address++) this.#index(shelf, address, now);
      }
      const others = [subnet.exclusions, shelf.subnet.exclusions, reservedFor, shelf.reservedFor];
      for (const addresses of others) {
        for (const address of addresses.keys()) {
          this.#index(shelf, address, now);
          // It was reserved or excluded, and had no key.
          if (this.isMissing(shelf.name, address)) this.#isUneven = true;
        }
      }
    }
    this.#amended.clear();
    this.#subnets = this.#shelves.map(({ subnet }) => subnet);
    this.#tell({ kind: "subnets" });
  }

  #layOut(shelf: Shelf, configured: Subnet): Layout {
    return layOut(configured, inForce(configured, amendmentsIn(shelf)), shelf.space);
  }

  /** Whether `free` keys are missing, or there that should not be: see `missing` and `surplus`. */
  get isUneven(): boolean {
    return this.#isUneven;
  }

  /** Notes whether the `free` keys are being brought in line with the pools, or must be still. */
  even(isEven: boolean): void {
    this.#isUneven = !isEven;
  }

  /** The `free` keys of ranges that were retired have gone. */
  evened(ranges: ReadonlyMap<string, readonly Ipv4Range[]>): void {
    for (const shelf of this.#shelves) {
      shelf.retired = without(shelf.retired, ranges.get(shelf.name) ?? []);
    }
  }

  /** Ranges that are leased no more, by subnet: because somebody removed them, or lately. */
  retired(): Map<string, readonly Ipv4Range[]> {
    return new Map(this.#shelves.map((shelf) => [
      shelf.name,
      [...shelf.retired, ...amendmentsIn(shelf).removed],
    ]));
  }

  /** Addresses in ranges that have left the pools and still have a `free` key. */
  *surplus(
    ranges: ReadonlyMap<string, readonly Ipv4Range[]>,
  ): Iterable<{ readonly subnet: string; readonly address: Ipv4 }> {
    for (const shelf of this.#shelves) {
      for (const range of ranges.get(shelf.name) ?? []) {
        for (let address = range.from; address <= range.to; address++) {
          if (this.isSurplus(shelf.name, address)) yield { subnet: shelf.name, address };
        }
      }
    }
  }

  /** Whether an address that is in no pool has a `free` key. */
  isSurplus(subnet: string, address: Ipv4): boolean {
    const shelf = this.#shelf(subnet);
    return shelf.freeKeys.has(address) && shelf.pools.indexOf(address) < 0;
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
      if (lease === undefined || lease.client !== client) continue;
      if (lease.state === "declined" || lease.state === "freed") continue;
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
    return isPooled(shelf, address) || isAdded(shelf, address) ||
      this.#pinIn(shelf, client) === address;
  }

  reservationOf(subnet: string, client: ClientKey): Reservation | undefined {
    return this.#byName.get(subnet)?.subnet.reservations.get(client);
  }

  isReserved(subnet: string, address: Ipv4): boolean {
    return this.#shelf(subnet).reservedFor.has(address);
  }

  isAvailable(subnet: string, address: Ipv4, client: ClientKey, now: number): boolean {
    const standing = this.standingOf(subnet, address, client, now);
    if (standing !== "own" && standing !== "free") return false;
    // Its own, and reserved for another since: it has it until its lease ends, and no longer.
    if (standing === "own" && !this.#isFor(subnet, address, client)) return false;
    const pin = this.pinOf(subnet, client, now);
    return pin === undefined || pin === address;
  }

  pick(subnet: string, position: number, avoid: AddressSet): Ipv4 | undefined {
    const { free, used, pools, space } = this.#shelf(subnet);
    if (free.size === 0) return undefined;
    // The space is larger than the pools; where the hash points must lie in them, so that clients
    // spread over what there is.
    const start = pools.size === 0 ? 0 : space.indexOf(pools.at(position % pools.size));
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
  *entries(): Iterable<Lease> {
    for (const slot of this.#slots.values()) {
      const lease = leaseIn(slot);
      if (lease !== undefined) yield lease;
    }
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

  /** Whether the subnet's keys have not been read yet: it has been configured a moment ago. */
  isUnread(subnet: string): boolean {
    return this.#shelf(subnet).isUnread;
  }

  /** Whether the subnet is one of those that are configured. */
  hasSubnet(subnet: string): boolean {
    return this.#byName.has(subnet);
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
    const known = this.#byName.get(subnet)?.clients.get(client);
    if (known === undefined) return [];
    return [...slotsOf(known)].filter((slot) => {
      if (slot.address === address) return false;
      const lease = leaseIn(slot);
      return lease !== undefined && lease.client === client && lease.state === "bound";
    });
  }

  #isFor(subnet: string, address: Ipv4, client: ClientKey): boolean {
    const owner = this.#shelf(subnet).reservedFor.get(address);
    return owner === undefined || owner === client;
  }

  /**
   * What the address is to the client:
   * - `own`: it holds it, or did a moment ago and nobody else may have it yet;
   * - `free`: it may be given it;
   * - `taken`: it may not;
   * - `unreadable`: a key of it, or of the client, makes no sense.
   *
   * @param isEntered Whether it need not be leasable: the client has it from elsewhere.
   */
  standingOf(
    subnet: string,
    address: Ipv4,
    client: ClientKey,
    now: number,
    isEntered = false,
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
    return isEntered || this.isLeasable(subnet, address, client) ? "free" : "taken";
  }

  /** Whether an address may be entered that somebody uses, in a pool or not. */
  mayEnter(subnet: string, address: Ipv4): boolean {
    const shelf = this.#byName.get(subnet);
    return shelf !== undefined && shelf.space.indexOf(address) >= 0 &&
      !shelf.subnet.exclusions.has(address);
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
    if (shelf.isUnread || shelf.freeKeys.has(address) || !isPooled(shelf, address)) return false;
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
      this.#readable(() => shelf.keys.nic(fact.client));
      return this.#enterNic(shelf, fact.client, fact.address, revision, lease);
    }
    if (fact.kind === "reservation") {
      this.#readable(() => shelf.keys.reservation(fact.client));
      return this.#enterReservation(shelf, fact.client, fact.reservation, revision);
    }
    if (fact.kind === "pool") {
      this.#readable(() => shelf.keys.amendment(poolName(fact.range)));
      return this.#enterRange(shelf, fact.range, fact.change, revision);
    }
    const { address } = fact;
    if (fact.kind === "free") {
      const slot = this.#slots.get(address);
      if (slot !== undefined && (slot.unreadable & BITS.free) !== 0) {
        this.#readable(() => shelf.keys.free(address));
        slot.unreadable &= ~BITS.free;
      }
      if (fact.there) shelf.freeKeys.add(address);
      else shelf.freeKeys.delete(address);
      return { shelf, address };
    }
    const slot = this.#slotFor(shelf, address);
    if ((slot.unreadable & BITS[fact.kind]) !== 0) {
      slot.unreadable &= ~BITS[fact.kind];
      this.#readable(() => shelf.keys[fact.kind](address));
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
    if (about.kind === "reservation") {
      return this.#enterReservation(shelf, about.client, undefined, revision);
    }
    // What makes no sense is not leased.
    if (about.kind === "pool") return this.#enterRange(shelf, about.range, "removed", revision);
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

  #readable(key: () => string): void {
    if (this.#unreadable.size > 0) this.#unreadable.delete(key());
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

  #enterReservation(
    shelf: Shelf,
    client: ClientKey,
    reservation: Reservation | undefined,
    revision: number,
  ): undefined {
    if (reservation === undefined) shelf.booked.delete(client);
    else shelf.booked.set(client, reservation);
    this.#noteAmendment(shelf, reservationName(client), revision);
  }

  #enterRange(
    shelf: Shelf,
    range: Ipv4Range,
    change: PoolChange | undefined,
    revision: number,
  ): undefined {
    const name = poolName(range);
    if (change === undefined) shelf.ranges.delete(name);
    else shelf.ranges.set(name, { range, change });
    this.#noteAmendment(shelf, name, revision);
  }

  #noteAmendment(shelf: Shelf, name: string, revision: number): void {
    if (revision === 0) shelf.amendmentRevisions.delete(name);
    else shelf.amendmentRevisions.set(name, revision);
    this.#amended.add(shelf);
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

  /** Brings the indexes in line with an address's keys. */
  #index(shelf: Shelf, address: Ipv4, now: number): void {
    const slot = this.#slots.get(address);
    const standing = slot === undefined ? "none" : standingFrom(slot);
    if (slot !== undefined) {
      if (slot.standing === "bound") shelf.bound--;
      if (standing === "bound") shelf.bound++;
      if (slot.standing === "freed") shelf.freed--;
      if (standing === "freed") shelf.freed++;
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
    if (isNobodys && hasKey && isForAll(shelf, address) && !isRemoved(shelf, address)) {
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

/** The space of each subnet: the same as before where its network is, so that sets outlive it. */
export function spacesOf(
  subnets: readonly Subnet[],
  before: ReadonlyMap<string, AddressSpace> = new Map(),
): Map<string, AddressSpace> {
  return new Map(subnets.map(({ name = "", cidr }) => {
    const { from, to } = hostsOf(cidr);
    const known = before.get(name);
    const isSame = known?.at(0) === from && known.at(known.size - 1) === to;
    // What an operator may add is as wide as the network.
    return [name, isSame ? known : new AddressSpace([{ from, to }])];
  }));
}

/** Maps, sets and octets as JSON can compare them. */
function plain(_key: string, value: unknown): unknown {
  return value instanceof Map || value instanceof Set ? [...value] : value;
}

/** What changes come to while they are entered. */
interface Update {
  readonly touched: Map<Ipv4, Shelf>;
  /** What the entries were that they may change; undefined when nobody listens. */
  readonly before: Map<Ipv4, Lease | undefined> | undefined;
}

function makeShelf(
  prefix: string,
  subnet: Subnet,
  spaces: ReadonlyMap<string, AddressSpace>,
): Shelf {
  const name = subnet.name ?? "";
  const space = spaces.get(name)!;
  return {
    ...layOut(subnet, subnet, space),
    name,
    keys: new SubnetKeys(prefix, name),
    space,
    booked: new Map(),
    ranges: new Map(),
    amendmentRevisions: new Map(),
    retired: [],
    isUnread: false,
    free: new AddressSet(space),
    used: new AddressSet(space),
    freeKeys: new AddressSet(space),
    clients: new Map(),
    declined: new Set(),
    freed: 0,
    bound: 0,
  };
}

function layOut(configured: Subnet, subnet: Subnet, space: AddressSpace): Layout {
  const reservedFor = new Map<Ipv4, string>();
  for (const [client, { address }] of subnet.reservations) reservedFor.set(address, client);
  const pools = new AddressSpace(subnet.pools);
  let poolSize = pools.size;
  for (const address of new Set([...subnet.exclusions, ...reservedFor.keys()])) {
    if (pools.indexOf(address) >= 0 && space.indexOf(address) >= 0) poolSize--;
  }
  return { configured, subnet, pools, poolSize, reservedFor };
}

function amendmentsIn({ name, booked, ranges }: Shelf): Amendments {
  const of = (wanted: PoolChange) =>
    Array.from(ranges.values()).filter(({ change }) => change === wanted).map(({ range }) => range);
  return { subnet: name, reservations: booked, added: of("added"), removed: of("removed") };
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
  return shelf.pools.indexOf(address) >= 0 && isForAll(shelf, address);
}

/** Whether an operator has put a `free` key to an address, and has not removed it since. */
function isAdded(shelf: Shelf, address: Ipv4): boolean {
  return shelf.freeKeys.has(address) && !isRemoved(shelf, address);
}

/** Whether an address has been taken from the pools, and its `free` key counts for nothing. */
function isRemoved({ ranges, retired }: Shelf, address: Ipv4): boolean {
  for (const range of retired) if (rangeContains(range, address)) return true;
  for (const { range, change } of ranges.values()) {
    if (change === "removed" && rangeContains(range, address)) return true;
  }
  return false;
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
  // The key that keeps what was declined aside keeps what was freed aside, too.
  if (slot.record?.state === "freed") return "freed";
  if (slot.declinedRevision > 0 || slot.record?.state === "declined") return "declined";
  return slot.record?.state === "bound" ? "bound" : "none";
}

/** When the address may come back, its keys being gone; Infinity while they are not. */
function endOf({ leasedRevision, declinedRevision, record, unreadable }: Slot): number {
  if (leasedRevision > 0 || declinedRevision > 0 || unreadable !== 0) return Infinity;
  return record !== undefined && keepsAddress(record.state) ? record.held : Infinity;
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
  if (declinedRevision > 0 && record?.state !== "declined" && record?.state !== "freed") {
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
