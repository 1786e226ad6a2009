/**
 * The server loop: receive, decide, commit, send. The only place that acts on what the protocol
 * decides, and the one where everything is counted, timed and logged.
 *
 * Datagrams are handled in slices. What a slice wants of the store goes to it in one call, so its
 * claims share a transaction, and their ACKs leave together once it is durable.
 *
 * @module
 */

import type { Metrics } from "./admin/metrics.ts";
import type { Clock } from "./config/clock.ts";
import type { Log } from "./config/log.ts";
import type { ServedInterface, ServerConfig, Subnet } from "./config/model.ts";
import { eventKindOf, type LeaseEvent, type LeaseEventKind } from "./lease/events.ts";
import type { Lease } from "./lease/lease.ts";
import type { ManagedStore, ServerEntry } from "./lease/management.ts";
import { Offers } from "./lease/offers.ts";
import type { Operation, Result } from "./lease/store.ts";
import { Thresholds } from "./lease/thresholds.ts";
import type { Datagram, Port } from "./net/port.ts";
import { accept } from "./protocol/accept.ts";
import { decide } from "./protocol/decide.ts";
import { type Commit, type Reply, type Silence } from "./protocol/outcome.ts";
import { silence, SilenceReason } from "./protocol/outcome.ts";
import { formatIpv4, formatMac, type Ipv4 } from "./wire/address.ts";
import { DecodeError } from "./wire/bytes.ts";
import { decodeMessage, encodeMessage, type Message } from "./wire/message.ts";
import { ESSENTIAL } from "./wire/options.ts";
import { messageType, messageTypeName } from "./wire/registry.ts";

/**
 * How many datagrams are handled between looking at the sockets. Replies leave in bursts of this
 * size, and a relay's socket buffer, by default, takes little more than a hundred.
 */
const SLICE = 64;

/**
 * When as many datagrams as `BUSY` were there at once, the next are gathered for so long,
 * milliseconds: then more of them share a look at the socket, a send and a transaction, and their
 * senders have the processor meanwhile.
 */
const BUSY = 2;
const GATHER = 1;

/** While so many claims wait for the store, nothing new is taken up. */
const MOST_CLAIMS = 900;

/** Expiries in one transaction. */
const MOST_EXPIRIES = 500;

/** How often expired leases are looked for, and the store and the interfaces looked at, ms. */
const ROUND = 1000;

/** How long a stop waits for the store to settle what is under way, milliseconds. */
const DRAIN = 2000;

const TOO_LATE = silence(SilenceReason.OVERLOAD);

/** An interface and the port that serves it. */
export interface ServedPort {
  readonly served: ServedInterface;
  readonly port: Port;
}

/** What a server is made of. */
export interface ServerParts {
  readonly config: ServerConfig;
  readonly store: ManagedStore;
  readonly ports: readonly ServedPort[];
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Told of what this server did to leases. Must not throw, and must return soon. */
  readonly onEvent?: (event: LeaseEvent) => void;
}

/** A message on its way to an answer. */
interface Exchange {
  readonly message: Message;
  /** "discover", "request" and so on: the label of metrics. */
  readonly type: string;
  readonly at: ServedPort;
  /** When it was taken up, by the clock's `elapsed`. */
  readonly started: number;
}

/** A message whose answer the store decides. */
interface Claim {
  readonly exchange: Exchange;
  readonly commit: Commit;
}

export class Server {
  readonly #parts: ServerParts;
  #config: ServerConfig;
  /** The subnets that the offers are kept for: the store's when they were last looked at. */
  #subnets: readonly Subnet[] = [];
  #offers: ReadonlyMap<string, Offers> = new Map();
  readonly #thresholds = new Thresholds();
  /** The same for pools that have nothing left. */
  readonly #exhaustion = new Thresholds();
  #claims = 0;
  #stopping = false;
  #trouble: string | undefined;
  #stopRounds: (() => void) | undefined;
  #commits = new Set<Promise<void>>();
  #expiring = false;
  /** When the last round was, by the clock's `elapsed`. */
  #turned = 0;
  /** The ports whose loop is handling what has come, and since when. */
  readonly #handling = new Map<ServedPort, number>();

  constructor(parts: ServerParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#fitOffers();
  }

  /** Starts to answer. A store that is not there yet is in trouble from the start. */
  start(): void {
    this.#noteTrouble(this.#parts.store.trouble());
    this.#turned = this.#parts.clock.elapsed();
    for (const at of this.#parts.ports) this.#listen(at);
    this.#stopRounds = this.#parts.clock.every(ROUND, () => this.#round());
  }

  /** Why clients would not be answered, one line each; empty when they would. */
  reasonsNotReady(): string[] {
    const reasons = this.#parts.ports.map(({ port }) => port.trouble());
    const all = [...reasons, this.#trouble, this.#stopping ? "stopping" : undefined];
    return all.filter((reason) => reason !== undefined);
  }

  /**
   * Whether the server turns: its round took place within so many milliseconds, the loop of each
   * port went back to waiting for datagrams, and those that come are taken. A loop that waits
   * because none come is well.
   */
  alive(within: number): boolean {
    const since = this.#parts.clock.elapsed() - within;
    if (this.#turned < since) return false;
    if (this.#parts.ports.some(({ port }) => port.untaken() > within)) return false;
    return [...this.#handling.values()].every((started) => started >= since);
  }

  /**
   * Says that the clock has been set, by so many milliseconds: the store moves what it has, and
   * offers are forgotten, which harms nobody. To be called in the turn in which the clock is.
   */
  clockSet(by: number): void {
    this.#offers = new Map();
    this.#fitOffers();
    this.#parts.store.clockSet(by);
  }

  /** Whether the store could commit when it was last tried. */
  storeUp(): boolean {
    return this.#trouble === undefined;
  }

  /**
   * Does what an operator asks of the book; logged and told like what clients ask. Never rejects:
   * what cannot be settled is `unknown`.
   */
  commit(operations: readonly Operation[]): Promise<readonly Result[]> {
    const settled = this.#commit(operations, this.#parts.clock.now()).then((results) => {
      results.forEach((result, index) => this.#noteResult(operations[index]!, result));
      return results;
    });
    const done = settled.then(() => {}, (error) => this.#logFault("noting a result", error))
      .then(() => void this.#commits.delete(done));
    this.#commits.add(done);
    return settled;
  }

  /**
   * Goes on with another configuration, whose subnets the store has been given already: lease times,
   * options, limits. Offers that still make sense stay. The ports stay as they are.
   */
  reconfigure(config: ServerConfig): void {
    this.#config = config;
    this.#fitOffers();
  }

  /** Takes nothing more, lets the store settle what it has, sends what that allows, and closes. */
  async stop(): Promise<void> {
    const { ports, store, clock } = this.#parts;
    this.#stopping = true;
    this.#stopRounds?.();
    await Promise.race([Promise.all(this.#commits), clock.sleep(DRAIN)]);
    for (const { port } of ports) port.close();
    await store.close();
  }

  async #listen(at: ServedPort): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#stopping) {
      this.#handling.delete(at);
      await at.port.arrival();
      this.#handling.set(at, clock.elapsed());
      while (this.#claims >= MOST_CLAIMS) await Promise.race(this.#commits);
      if (this.#stopping) return;
      const slice = at.port.take(SLICE);
      this.#handle(slice, at);
      const isBusy = slice.length >= BUSY && slice.length < SLICE;
      await (isBusy ? clock.sleep(GATHER) : clock.turn());
    }
  }

  #handle(datagrams: readonly Datagram[], at: ServedPort): void {
    const { clock, store } = this.#parts;
    const now = clock.now();
    const started = clock.elapsed();
    if (store.subnets !== this.#subnets) this.#fitOffers();
    this.#noteTrouble(store.trouble());
    const claims: Claim[] = [];
    for (const datagram of datagrams) {
      const claim = this.#takeUp(datagram, at, now, started);
      if (claim !== undefined) claims.push(claim);
    }
    at.port.flush();
    if (claims.length > 0) this.#settle(claims, at, now);
  }

  /** Handles a datagram as far as that goes without the store. */
  #takeUp(
    datagram: Datagram,
    at: ServedPort,
    now: number,
    started: number,
  ): Claim | undefined {
    const { store, metrics } = this.#parts;
    const config = this.#config;
    try {
      const message = decodeMessage(datagram.payload);
      const accepted = accept(message, datagram.sourcePort);
      if (typeof accepted === "string") {
        metrics.received("other");
        this.#drop(accepted, message);
        return undefined;
      }
      const type = labelOf(accepted);
      metrics.received(type);
      if (config.log.verbosity >= 2) this.#logRequest(message, type);
      const outcome = decide(accepted, message, at.served, {
        interfaces: config.interfaces,
        subnets: this.#subnets,
        leases: store.view,
        offers: this.#offers,
        storeUp: this.#trouble === undefined,
      }, now);
      const exchange: Exchange = { message, type, at, started };
      if (outcome.kind === "commit") return { exchange, commit: outcome };
      this.#conclude(outcome, exchange);
    } catch (error) {
      this.#dropFor(error);
    }
    return undefined;
  }

  #settle(claims: readonly Claim[], at: ServedPort, now: number): void {
    this.#claims += claims.length;
    const settled = this.#commit(claims.map(({ commit }) => commit.operation), now)
      .then((results) => {
        this.#claims -= claims.length;
        claims.forEach(({ exchange, commit }, index) => {
          const result = results[index]!;
          try {
            this.#noteResult(commit.operation, result);
            this.#conclude(this.#inTime(exchange) ? commit.settle(result) : TOO_LATE, exchange);
          } catch (error) {
            this.#dropFor(error);
          }
        });
        at.port.flush();
        this.#commits.delete(settled);
      });
    this.#commits.add(settled);
  }

  /** A store never rejects. If one does all the same, nothing is known. */
  async #commit(operations: readonly Operation[], now: number): Promise<readonly Result[]> {
    const { store } = this.#parts;
    try {
      const results = await store.commit(operations, now);
      this.#noteTrouble(store.trouble());
      return results;
    } catch (error) {
      this.#logFault("committing", error);
      return operations.map(() => ({ kind: "unknown", reason: "the lease book has failed" }));
    }
  }

  /** Whether the client still waits. What it asked for is done; asking again will find that. */
  #inTime({ started }: Exchange): boolean {
    return this.#parts.clock.elapsed() - started <= this.#config.requestTimeout;
  }

  /** Sends or keeps silent, and remembers or forgets the offer. */
  #conclude(outcome: Reply | Silence, exchange: Exchange): void {
    const { metrics, clock } = this.#parts;
    const { message, at } = exchange;
    // The subnet may have gone since the decision, and its offers with it.
    if (outcome.withdraw !== undefined) {
      this.#offers.get(outcome.withdrawIn!)?.withdraw(outcome.withdraw);
    }
    if (outcome.kind === "silence") {
      if (outcome.reason !== SilenceReason.NO_REPLY_WANTED) this.#drop(outcome.reason, message);
      return;
    }
    const { message: reply, destination, maxSize, hold } = outcome;
    if (hold !== undefined) this.#offers.get(hold.subnet)?.hold(hold);
    let isWhole = true;
    at.port.send(destination, (into) => {
      const { length, omitted } = encodeMessage(reply, into, maxSize);
      isWhole = !omitted.some((code) => ESSENTIAL.includes(code));
      return isWhole ? length : 0;
    });
    if (!isWhole) return this.#drop(SilenceReason.TOO_SMALL, message);
    metrics.sent(labelOf(reply.options.get(messageType)!));
    metrics.requestDuration(exchange.type, (clock.elapsed() - exchange.started) / 1000);
    if (this.#config.log.verbosity >= 2) this.#logReply(reply, destination.kind);
  }

  /** Keeps offers for the subnets that are in force: new ones, and those that still make sense. */
  #fitOffers(): void {
    const { store } = this.#parts;
    const before = this.#offers;
    const offers = new Map<string, Offers>();
    for (const { name = "" } of store.subnets) {
      const space = store.view.space(name);
      const known = before.get(name);
      if (known?.addresses.space === space) offers.set(name, known);
      else offers.set(name, (known ?? new Offers(space)).movedTo(space));
    }
    this.#offers = offers;
    this.#subnets = store.subnets;
  }

  /** Once a second: expired offers, expired leases, full pools, a store in trouble. */
  #round(): void {
    const { clock, store } = this.#parts;
    this.#turned = clock.elapsed();
    const now = clock.now();
    if (store.subnets !== this.#subnets) this.#fitOffers();
    for (const offers of this.#offers.values()) offers.expire(now);
    this.#noteTrouble(store.trouble());
    if (this.#trouble === undefined) this.#judgePools(now);
    this.#expire();
  }

  #judgePools(now: number): void {
    const names = this.#subnets.map(({ name = "" }) => name);
    this.#noteExhaustion(names);
    this.#tellThresholds(names, now);
  }

  /** Once an episode: its clients only see that nobody answers. */
  #noteExhaustion(names: readonly string[]): void {
    const { store, log } = this.#parts;
    for (const { subnet, size, above } of this.#exhaustion.judge(names, store.view, 1)) {
      const fields = { subnet: subnet === "" ? undefined : subnet, addresses: size };
      if (above) log.warn("the pool is exhausted; new clients get no answer", fields);
      else log.info("the pool has room again", fields);
    }
  }

  /** Every server judges; the first of those that share the book tells. */
  #tellThresholds(names: readonly string[], now: number): void {
    const { store, onEvent } = this.#parts;
    if (onEvent === undefined) return;
    const crossings = this.#thresholds.judge(names, store.view, this.#config.poolThreshold);
    if (crossings.length === 0 || !isFirst(store.servers())) return;
    for (const crossing of crossings) onEvent({ kind: "pool.threshold", ...crossing, at: now });
  }

  async #expire(): Promise<void> {
    const { store, clock } = this.#parts;
    if (this.#expiring) return;
    this.#expiring = true;
    try {
      while (true) {
        // Asked each time: by an instant from before the clock was set back, all would be over.
        const now = clock.now();
        const due = store.due(now, MOST_EXPIRIES);
        if (due.length === 0) return;
        const operations = due.map((address): Operation => ({ kind: "expire", address }));
        const results = await this.#commit(operations, now);
        results.forEach((result, index) => this.#noteResult(operations[index]!, result));
      }
    } finally {
      this.#expiring = false;
    }
  }

  #noteResult(operation: Operation, result: Result): void {
    if (result.kind !== "done") return;
    const { lease, freed } = result;
    const kind = eventKindOf(operation, result);
    // A client that moves gives up what it had, first: who keeps one entry for each client, like a
    // name in DNS, would else take back the new one.
    if (operation.kind === "bind" && freed !== undefined) this.#tell("lease.released", freed);
    this.#tell(kind, lease);
    if (!this.#config.log.leases) return;
    this.#parts.log.event(kind === undefined ? asideEnded(result.before) : EVENT_NAMES[kind], {
      ip: formatIpv4(lease.address),
      client: lease.client,
      hostname: lease.hostname || undefined,
      subnet: lease.subnet || undefined,
      seconds: secondsOf(operation, lease),
      relay: lease.relay === 0 ? undefined : formatIpv4(lease.relay),
      freed: freed === undefined ? undefined : formatIpv4(freed.address),
    });
  }

  #tell(kind: LeaseEventKind | undefined, lease: Lease): void {
    const { onEvent, clock } = this.#parts;
    if (onEvent === undefined || kind === undefined) return;
    try {
      onEvent({ kind, lease, at: clock.now() });
    } catch (error) {
      // The client is owed its answer all the same.
      this.#logFault("telling of an event", error);
    }
  }

  #noteTrouble(trouble: string | undefined): void {
    if (trouble !== undefined && this.#trouble === undefined) {
      this.#parts.log.error(`${trouble}; no new leases meanwhile`);
    }
    if (trouble === undefined && this.#trouble !== undefined) {
      this.#parts.log.info("the lease book can be written again; serving");
    }
    this.#trouble = trouble;
  }

  /** Whatever a message brings about, the loop goes on. */
  #dropFor(error: unknown): void {
    if (error instanceof DecodeError) {
      this.#drop(SilenceReason.MALFORMED, undefined, error.message);
      return;
    }
    this.#drop(SilenceReason.FAULT, undefined);
    this.#logFault("handling a message", error);
  }

  #logFault(doing: string, error: unknown): void {
    this.#parts.log.error(`fault while ${doing}; please report it`, {
      stack: error instanceof Error ? error.stack : String(error),
    });
  }

  #drop(reason: SilenceReason, message: Message | undefined, detail?: string): void {
    const { metrics, log } = this.#parts;
    metrics.dropped(reason);
    if (log.verbosity < 1) return;
    log.debug("dropped", {
      reason,
      client: message === undefined ? undefined : formatMac(message.chaddr),
      detail,
    });
  }

  #logRequest(message: Message, type: string): void {
    this.#parts.log.debug("received", {
      type,
      client: formatMac(message.chaddr),
      ciaddr: message.ciaddr === 0 ? undefined : formatIpv4(message.ciaddr),
      relay: message.giaddr === 0 ? undefined : formatIpv4(message.giaddr),
    });
  }

  #logReply(reply: Message, to: string): void {
    this.#parts.log.debug("sent", {
      type: labelOf(reply.options.get(messageType)!),
      client: formatMac(reply.chaddr),
      ip: formatIpv4(reply.yiaddr as Ipv4),
      to,
    });
  }
}

/** What the log calls what happened to a lease. */
const EVENT_NAMES: Readonly<Record<LeaseEventKind, string>> = {
  "lease.created": "lease created",
  "lease.renewed": "lease renewed",
  "lease.released": "lease released",
  "lease.expired": "lease expired",
  "lease.declined": "address declined",
  "lease.freed": "lease freed",
};

/** What the log calls it when an address comes back that was kept aside. */
function asideEnded(before: Lease | undefined): string {
  return before?.state === "declined" ? "quarantine ended" : "freed address came back";
}

/** How long a lease is that was just given. */
function secondsOf(operation: Operation, lease: Lease): number | undefined {
  if (operation.kind !== "bind" && operation.kind !== "enter") return undefined;
  if (!Number.isFinite(lease.expires)) return undefined;
  return Math.round((lease.expires - lease.renewed) / 1000);
}

/** Whether this server comes first, by id, of those that answer from the book. */
function isFirst(servers: readonly ServerEntry[]): boolean {
  const first = servers.reduce<ServerEntry | undefined>(
    (least, one) => least === undefined || one.id < least.id ? one : least,
    undefined,
  );
  return first?.isThis ?? true;
}

const LABELS: readonly string[] = Array.from(
  { length: 9 },
  (_, type) => messageTypeName(type).toLowerCase(),
);

function labelOf(type: number): string {
  return LABELS[type] ?? "unknown";
}
