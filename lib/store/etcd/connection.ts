/**
 * The connection to etcd, on `etcd3`: one cluster, any number of endpoints, one of which is used
 * until it fails. The only code that knows the client library.
 *
 * Of etcd3 its raw clients are used, one `Etcd3` with one channel for each member; the messages
 * that every lease goes through are encoded in `messages.ts`. Four of its habits do not suit a
 * lease store, and are not taken up:
 *
 * - It repeats failed calls. A write whose answer got lost would be done twice, so its policies are
 *   replaced by ones that do nothing; what may be repeated, and where, is decided here.
 * - It repeats a call for as long as etcd does not like the token, closes all connections to a
 *   member upon an error, and throws away the error's code. All three depend on the class of the
 *   error, so it is handed one that it leaves alone: `CallError`.
 * - It logs in over connections that it never closes and whose certificates it checks by another
 *   rule. The login is therefore made here, over the member's own channel.
 * - Its watchers count changes as delivered that were only announced: a connection that breaks at
 *   the wrong moment loses them. Watches are streams that are supervised here.
 *
 * @module
 */

import { messageOf } from "../../config/operator_error.ts";
import {
  type CallProperties,
  Channel,
  type ChannelInterface,
  type ChannelOptions,
  type ClientDuplexStream,
  connectivityState,
  Metadata,
  type ServiceError,
  status,
} from "@grpc/grpc-js";
import { noop } from "cockatiel";
import {
  Etcd3,
  type IKeyValue,
  type ILeaseKeepAliveRequest,
  type ILeaseKeepAliveResponse,
  type IResponseHeader,
  type ITxnRequest,
  type IWatchRequest,
} from "etcd3";
import {
  type CertificatePaths,
  type Certificates,
  readCertificates,
  securityOf,
} from "./credentials.ts";
import { type Endpoint, parseEndpoint, resolveSrv, urlOf } from "./endpoints.ts";
import {
  type Etcd,
  EtcdError,
  Failure,
  type KeyValue,
  type LeaseId,
  type Page,
  type Transaction,
  type TransactionResult,
  type Watch,
  type WatchEvents,
} from "./etcd.ts";
import {
  decodeTransactionResult,
  decodeWatchNews,
  encodeTransaction,
  type WatchNews,
} from "./messages.ts";
import { targetOf } from "./names.ts";
import { errorOf, judge, type Manner, type Trouble, type Verdict } from "./failure.ts";

/** Where etcd is and who asks. The paths are those of PEM files. */
export interface EtcdOptions extends CertificatePaths {
  /** With or without a scheme; see `parseEndpoint`. */
  readonly endpoints: readonly string[];
  /** A domain whose SRV records name endpoints. */
  readonly srv?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** How often SRV records and the cluster's list of members are read again, milliseconds. */
  readonly refresh?: number | undefined;
}

/** The version that all this was written for, and tested with. */
const OLDEST = [3, 4] as const;

const REFRESH = 60_000;

/** The same while no member serves us. */
const REFRESH_LOST = 5000;

/** How long a refresh may take in all, milliseconds. */
const REFRESH_TIMEOUT = 5000;

/** How long a member that did not answer is passed over while others do, milliseconds. */
const SUSPICION = 5000;

/** How long a connection may take while there are other members to try, milliseconds. */
const CONNECT_PATIENCE = 700;

/** How much earlier than the caller's time gRPC's is up, so that it can say more, milliseconds. */
const MARGIN = 10;

/** How long a new watch may take to be confirmed, milliseconds. */
const WATCH_PATIENCE = 3000;

/** Between attempts to take up a watch: doubled each time, milliseconds. */
const WATCH_RETRY = 100;
const WATCH_RETRY_LONGEST = 500;

/** Between attempts to connect to a member that is away, at most, milliseconds. */
const RECONNECT_LONGEST = 300;

/**
 * gRPC's timers for that cannot be stopped; two attempts later, each up to a fifth longer, they
 * have ended by themselves.
 */
const LINGER = 2 * 1.2 * RECONNECT_LONGEST + 50;

/**
 * gRPC shuts a connection, and with it stops the timer of its pings, a few turns of the event loop
 * after it was told to, and tells nobody: so many turns are waited for, each this long, ms.
 */
const CLOSING_TURNS = 10;
const CLOSING_TURN = 5;

const CHANNEL: ChannelOptions = {
  // A page of a large book, or the changes after a long silence, exceed the usual 4 MiB.
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // etcd hangs up on those who ask more often than every 5 s.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 3000,
  "grpc.initial_reconnect_backoff_ms": 100,
  "grpc.max_reconnect_backoff_ms": RECONNECT_LONGEST,
  // Who repeats a call is decided here, knowing what it does.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
};

/** Asked before anybody is logged in. */
const AUTHENTICATE = "/etcdserverpb.Auth/Authenticate";

/** Asked of members that have no leader, too. */
const STATUS = "/etcdserverpb.Maintenance/Status";

type WatchStream = ClientDuplexStream<IWatchRequest, WatchNews>;
type KeepAliveStream = ClientDuplexStream<ILeaseKeepAliveRequest, ILeaseKeepAliveResponse>;

/** What gRPC said of a call, in a class that etcd3 takes for one of its own and passes on as is. */
class CallError extends Error implements Trouble {
  override readonly name = "CallError";
  readonly code: number;
  readonly details: string;

  constructor({ code, details, message }: ServiceError) {
    super(message);
    this.code = code;
    this.details = details;
  }
}

/** What goes with every call. */
interface Session {
  metadata: Metadata;
  /** The same for what a member without a leader is to answer. */
  leaderless: Metadata;
  loggedIn: boolean;
}

/** What a call is given besides its request. gRPC's deadlines are by the time of day. */
interface CallOptions {
  readonly deadline: number;
}

/** One member of the cluster, or one endpoint behind which there may be several. */
class Member {
  readonly endpoint: Endpoint;
  readonly name: string;
  /** Learned from the cluster's list of members, whose number it must then have. */
  readonly listed: string | undefined;
  readonly manner: Manner;
  /** The number that it said it has. */
  id: string | undefined;
  /** Asked who it is, and found good, since it last failed. */
  examined = false;
  /** Passed over until then, by `performance.now()`. */
  suspectUntil = 0;
  readonly watches = new Set<EtcdWatch>();
  readonly #etcd: Etcd3;
  readonly #channel: Channel;
  #closed = false;

  constructor(endpoint: Endpoint, certificates: Certificates, session: Session, listed?: string) {
    this.endpoint = endpoint;
    this.name = urlOf(endpoint).replace(/^https?:\/\//, "");
    this.listed = listed;
    const known = certificates.cert === undefined ? "anonymous" : "identified";
    this.manner = endpoint.secure ? known : "plain";
    const { credentials, options } = securityOf(endpoint, certificates);
    const target = targetOf(endpoint);
    this.#channel = new Channel(target, credentials, { ...CHANNEL, ...options });
    const lent = lend(this.#channel);
    this.#etcd = new Etcd3({
      // Only a name here: the channel is ours.
      hosts: `dns:${this.name}`,
      faultHandling: { global: noop, host: () => noop },
      grpcOptions: {
        // One connection for all services, secured our way: etcd3 itself knows no certificates
        // that are for IP addresses.
        channelFactoryOverride: () => lent,
        callInvocationTransformer: (call: Invocation) => withSession(call, session),
      },
    });
  }

  /** Its calls reject with a `CallError`; throws `Unfit` when the member has been dropped. */
  get etcd(): Etcd3 {
    if (this.#closed) throw new Unfit("it is no longer an endpoint", Failure.UNAVAILABLE);
    return this.#etcd;
  }

  /** A stream of changes; etcd3's listener, which closes connections, is taken off it. */
  async watchStream(): Promise<WatchStream> {
    const stream = await this.etcd.watchClient.watch() as unknown as WatchStream;
    return stream.removeAllListeners("error");
  }

  /** The same for signs of life. */
  async keepAliveStream(options: CallOptions): Promise<KeepAliveStream> {
    const stream = await this.etcd.leaseClient.leaseKeepAlive(options);
    return (stream as unknown as KeepAliveStream).removeAllListeners("error");
  }

  /** Waits at most so many milliseconds until it is connected, or is known not to be. */
  async settle(patience: number): Promise<boolean> {
    const until = Date.now() + patience;
    for (;;) {
      const state = this.#channel.getConnectivityState(true);
      if (state === connectivityState.READY || state === connectivityState.TRANSIENT_FAILURE) {
        return true;
      }
      if (Date.now() >= until || state === connectivityState.SHUTDOWN) return false;
      await new Promise((resolve) =>
        this.#channel.watchConnectivityState(state, until, resolve as (error?: Error) => void)
      );
    }
  }

  get connected(): boolean {
    return this.#channel.getConnectivityState(false) === connectivityState.READY;
  }

  close(): void {
    this.#closed = true;
    // In this order: etcd3 would wait for a connection that is being made, only to close it.
    this.#channel.close();
    this.#etcd.close();
  }
}

type Invocation = CallProperties<unknown, unknown>;

/** Messages that are encoded and decoded here, by the paths of their calls. */
const LEAN: ReadonlyMap<string, Partial<Invocation["methodDefinition"]>> = new Map([
  ["/etcdserverpb.KV/Txn", {
    requestSerialize: encodeTransaction as (request: unknown) => Buffer,
    responseDeserialize: decodeTransactionResult,
  }],
  ["/etcdserverpb.Watch/Watch", { responseDeserialize: decodeWatchNews }],
]);

/** Sets how a call's messages are encoded, what goes with it, and how its failure is told. */
function withSession(call: Invocation, session: Session): Invocation {
  call.methodDefinition = { ...call.methodDefinition, ...LEAN.get(call.methodDefinition.path) };
  const { path } = call.methodDefinition;
  if (path === STATUS) call.metadata = session.leaderless;
  else if (path !== AUTHENTICATE) call.metadata = session.metadata;
  const { callback } = call;
  if (callback !== undefined) {
    call.callback = (error, response) =>
      error === null ? callback(null, response) : callback(new CallError(error) as never);
  }
  return call;
}

/** A channel that its users cannot close. */
function lend(channel: Channel): ChannelInterface {
  return {
    close() {},
    getTarget: () => channel.getTarget(),
    getConnectivityState: (connect) => channel.getConnectivityState(connect),
    watchConnectivityState: (state, deadline, callback) =>
      channel.watchConnectivityState(state, deadline, callback),
    getChannelzRef: () => channel.getChannelzRef(),
    createCall: (...call) => channel.createCall(...call),
  };
}

/** One call, wherever it is sent. */
interface Call<T> {
  /** Whether it would change something. */
  readonly write: boolean;
  send(member: Member, options: CallOptions): Promise<T>;
}

/** How far a call has come. */
interface Progress {
  member: Member | undefined;
  sent: boolean;
}

/**
 * Makes a connection; connects to etcd when it is first used.
 *
 * @throws {EtcdError} REFUSED when an endpoint or a file cannot be used.
 */
export function connect(options: EtcdOptions): Promise<Etcd> {
  return Promise.try(() => new Connection(options));
}

class Connection implements Etcd {
  readonly #options: EtcdOptions;
  readonly #certificates: Certificates;
  readonly #tls: boolean;
  /** By URL, in the order in which they are tried. */
  readonly #members = new Map<string, Member>();
  readonly #watches = new Set<EtcdWatch>();
  readonly #session: Session = {
    metadata: metadataOf(undefined, true),
    leaderless: metadataOf(undefined, false),
    loggedIn: false,
  };
  #current: Member | undefined;
  /** The number of the cluster, from the first member that answered. */
  #cluster: string | undefined;
  /** Those that SRV records named last. */
  #named = new Set<string>();
  /** The next refresh, and when it is, by `performance.now()`; undefined while one is under way. */
  #refresher: ReturnType<typeof setTimeout> | undefined;
  #refreshAt: number | undefined;
  #discovering: Promise<void> | undefined;
  readonly #closing = new AbortController();
  /** Until when gRPC's timers for members that were dropped may run, by `performance.now()`. */
  #lingering = 0;

  constructor(options: EtcdOptions) {
    this.#options = options;
    const { endpoints, srv, ca, cert, username, password } = options;
    if (endpoints.length === 0 && srv === undefined) {
      throw refused("no etcd endpoint: set --etcd.discovery.endpoints or --etcd.discovery.srv");
    }
    if (username !== undefined && password === undefined) {
      throw refused("--etcd.auth.username is set without --etcd.auth.password");
    }
    this.#tls = ca !== undefined || cert !== undefined;
    this.#certificates = readCertificates(options);
    // All are read before the first is added: a channel that nobody closes would stay.
    const parsed = endpoints.map((text) => parseEndpoint(text, this.#tls));
    for (const endpoint of parsed) this.#add(endpoint);
    this.#refreshIn(Math.min(1000, options.refresh ?? REFRESH));
  }

  async transact(transaction: Transaction, timeout: number): Promise<TransactionResult> {
    const send = ({ etcd }: Member, options: CallOptions) =>
      etcd.kv.txn(transaction as unknown as ITxnRequest, options);
    return await this.#call({ write: true, send }, timeout) as unknown as TransactionResult;
  }

  async read(
    from: string,
    end: string,
    limit: number,
    revision: number,
    timeout: number,
  ): Promise<Page> {
    const request = { key: Buffer.from(from), range_end: Buffer.from(end), limit, revision };
    const send = ({ etcd }: Member, options: CallOptions) => etcd.kv.range(request, options);
    const { header, kvs, more } = await this.#call({ write: false, send }, timeout);
    return {
      found: kvs.map(keyValueOf),
      more,
      revision: revision === 0 ? Number(header.revision) : revision,
    };
  }

  async grant(seconds: number, timeout: number): Promise<LeaseId> {
    const send = ({ etcd }: Member, options: CallOptions) =>
      etcd.leaseClient.leaseGrant({ TTL: seconds }, options);
    return (await this.#call({ write: true, send }, timeout)).ID as LeaseId;
  }

  keepAlive(lease: LeaseId, timeout: number): Promise<number> {
    const send = async (member: Member, options: CallOptions) => {
      const stream = await member.keepAliveStream(options);
      return new Promise<number>((resolve, reject) => {
        stream.on("data", ({ TTL }) => {
          resolve(Number(TTL));
          stream.cancel();
        });
        stream.on("error", reject);
        stream.on("end", () => reject(HUNG_UP));
        stream.write({ ID: lease });
      });
    };
    return this.#call({ write: true, send }, timeout);
  }

  async revoke(lease: LeaseId, timeout: number): Promise<void> {
    const send = ({ etcd }: Member, options: CallOptions) =>
      etcd.leaseClient.leaseRevoke({ ID: lease }, options);
    try {
      await this.#call({ write: true, send }, timeout);
    } catch (error) {
      if (!(error instanceof EtcdError && error.failure === Failure.NO_LEASE)) throw error;
    }
  }

  watch(from: string, end: string, revision: number, events: WatchEvents): Watch {
    const watch = new EtcdWatch(from, end, revision, events, {
      start: (patience) => this.#memberWithin(patience),
      renewLogin: () => this.#session.loggedIn = false,
      suspect: (member) => this.#suspect(member),
      forget: () => this.#watches.delete(watch),
    });
    this.#watches.add(watch);
    watch.open();
    return watch;
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    clearTimeout(this.#refresher);
    for (const watch of [...this.#watches]) watch.close();
    for (const member of this.#members.values()) this.#drop(member);
    this.#members.clear();
    const left = this.#lingering - performance.now();
    if (left > 0) await pause(left);
    for (let turn = 0; turn < CLOSING_TURNS; turn++) await pause(CLOSING_TURN);
  }

  /** Closes a member; what gRPC had begun towards it goes on for a while. */
  #drop(member: Member): void {
    if (!member.connected) this.#lingering = performance.now() + LINGER;
    member.close();
  }

  /** Makes a call, and settles in time even if what is beneath does not. */
  #call<T>(call: Call<T>, timeout: number): Promise<T> {
    const until = performance.now() + timeout;
    const progress: Progress = { member: undefined, sent: false };
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const { member, sent } = progress;
        const failure = call.write && sent ? Failure.UNKNOWN : Failure.UNAVAILABLE;
        const where = member === undefined ? "etcd" : `etcd at ${member.name}`;
        reject(new EtcdError(failure, `${where}: no answer in time`));
      }, timeout);
      this.#callAnyone(call, until - Math.min(MARGIN, timeout / 2), progress)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
    });
  }

  /** Sends a call to one member after another until one has done it, or may have. */
  async #callAnyone<T>(call: Call<T>, until: number, progress: Progress): Promise<T> {
    const tried = new Map<Member, EtcdError>();
    let renewed = false;
    for (;;) {
      const member = await this.#choose(tried, until);
      progress.member = member;
      progress.sent = false;
      try {
        await this.#prepare(member, until);
        progress.sent = true;
        const answer = await call.send(member, { deadline: deadlineOf(until) });
        this.#current = member;
        return answer;
      } catch (trouble) {
        if (this.#closing.signal.aborted) {
          // What is under way is cut off by closing.
          throw call.write && progress.sent ? cutOff() : closed();
        }
        const verdict = verdictOf(trouble, call.write && progress.sent, member);
        if (verdict.stale && !renewed && this.#options.username !== undefined) {
          renewed = true;
          this.#session.loggedIn = false;
          continue;
        }
        const error = errorOf(verdict, member.name, trouble);
        if (!verdict.elsewhere) throw error;
        this.#suspect(member);
        if (verdict.failure === Failure.UNKNOWN) throw error;
        tried.set(member, error);
      }
    }
  }

  /** A member that has not been tried yet: the one in use, or else the least suspicious. */
  async #choose(tried: Map<Member, EtcdError>, until: number): Promise<Member> {
    if (this.#closing.signal.aborted) throw closed();
    if (this.#members.size === 0) await this.#discoverBy(until);
    for (;;) {
      const now = performance.now();
      const rank = (member: Member) =>
        member.suspectUntil > now ? member.suspectUntil : member === this.#current ? -2 : -1;
      const [member, ...others] = [...this.#members.values()]
        .filter((member) => !tried.has(member))
        .sort((a, b) => rank(a) - rank(b));
      if (member === undefined) throw summary([...tried.values()]);
      if (member.connected || others.length === 0) return member;
      const patience = Math.min(CONNECT_PATIENCE, until - now);
      if (await member.settle(patience)) return member;
      this.#suspect(member);
      const text = "does not answer: check that it runs and can be reached";
      tried.set(member, new EtcdError(Failure.UNAVAILABLE, `etcd at ${member.name}: ${text}`));
    }
  }

  /** Makes sure that a member is one to talk to and that we are logged in. */
  async #prepare(member: Member, until: number): Promise<void> {
    // In this order: where users are needed, a stranger is not told who the member is.
    if (!this.#session.loggedIn && this.#options.username !== undefined) {
      await this.#logIn(member, until);
    }
    if (!member.examined) await this.#examine(member, until);
  }

  /** Asks a member who it is: another etcd may have taken its place. */
  async #examine(member: Member, until: number): Promise<void> {
    const deadline = deadlineOf(until);
    const { cluster_id: cluster, member_id: id } = await this.#identify(member, deadline);
    this.#cluster ??= cluster;
    if (cluster !== this.#cluster) {
      throw new Unfit(
        "it belongs to another cluster than the one in use: name the endpoints of one; " +
          "after restoring etcd from a backup, restart etcdhcp",
      );
    }
    if (member.listed !== undefined && member.listed !== id) {
      throw new Unfit("it is not the member that the cluster's list says");
    }
    member.id = id;
    member.examined = true;
  }

  /** @throws {Unfit} when its version is too old. */
  async #identify(member: Member, deadline: number): Promise<IResponseHeader> {
    try {
      const { header, version } = await member.etcd.maintenance.status({ deadline });
      const [major = 0, minor = 0] = version.split(".").map(Number);
      if (major < OLDEST[0] || major === OLDEST[0] && minor < OLDEST[1]) {
        throw new Unfit(`its version is ${version}: etcd ${OLDEST.join(".")} or later is needed`);
      }
      return header;
    } catch (error) {
      // From 3.5 on, only root may ask for the version where users are needed; that is no refusal
      // to serve, and every user may ask who the members are.
      if (!isTrouble(error) || error.code !== status.PERMISSION_DENIED) throw error;
      return (await member.etcd.cluster.memberList({}, { deadline })).header;
    }
  }

  async #logIn(member: Member, until: number): Promise<void> {
    const { username, password } = this.#options;
    const request = { name: username!, password: password! };
    const deadline = deadlineOf(until);
    let token: string | undefined;
    try {
      ({ token } = await member.etcd.auth.authenticate(request, { deadline }));
    } catch (error) {
      // A cluster that asks for no password may well be given one.
      if (!isTrouble(error) || !error.details.includes("authentication is not enabled")) {
        throw error;
      }
    }
    this.#session.metadata = metadataOf(token, true);
    this.#session.leaderless = metadataOf(token, false);
    this.#session.loggedIn = true;
  }

  /** A member did not answer: others are tried first for a while, and watches move there. */
  #suspect(member: Member): void {
    member.suspectUntil = performance.now() + SUSPICION;
    member.examined = false;
    if (this.#current === member) this.#current = undefined;
    if (this.#current === undefined) this.#refreshSoon();
    if (this.#members.size === 1) return;
    for (const watch of [...member.watches]) watch.move();
  }

  /** A member for a watch. */
  #memberWithin(patience: number): Promise<Member> {
    return this.#call({ write: false, send: (member) => Promise.resolve(member) }, patience);
  }

  #add(endpoint: Endpoint): void {
    const url = urlOf(endpoint);
    if (this.#members.has(url)) return;
    this.#members.set(url, new Member(endpoint, this.#certificates, this.#session));
  }

  #remove(url: string): void {
    const member = this.#members.get(url);
    if (member === undefined) return;
    this.#members.delete(url);
    if (this.#current === member) this.#current = undefined;
    for (const watch of [...member.watches]) watch.move();
    this.#drop(member);
  }

  #refreshIn(milliseconds: number): void {
    this.#refreshAt = performance.now() + milliseconds;
    this.#refresher = setTimeout(async () => {
      this.#refreshAt = undefined;
      // What fails here shows in the calls, or does not matter.
      if (this.#options.srv !== undefined) await this.#discover().catch(() => {});
      await this.#refreshMembers().catch(() => {});
      if (this.#closing.signal.aborted) return;
      this.#refreshIn(this.#current === undefined ? this.#soon : this.#options.refresh ?? REFRESH);
    }, milliseconds);
  }

  /** Nobody serves us: where etcd is may have changed, which the next refresh must not wait for. */
  #refreshSoon(): void {
    if (this.#refreshAt === undefined || this.#closing.signal.aborted) return;
    if (this.#refreshAt <= performance.now() + this.#soon) return;
    clearTimeout(this.#refresher);
    this.#refreshIn(this.#soon);
  }

  /** How long until the next refresh while no member serves us, milliseconds. */
  get #soon(): number {
    return Math.min(this.#options.refresh ?? REFRESH, REFRESH_LOST);
  }

  /** Discovers endpoints, or gives up at an instant. */
  async #discoverBy(until: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(
        () =>
          reject(
            new EtcdError(
              Failure.UNAVAILABLE,
              `the name server did not name etcd's endpoints in time: check --etcd.discovery.srv`,
            ),
          ),
        Math.max(0, until - performance.now()),
      );
    });
    try {
      await Promise.race([this.#discover(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Reads the SRV records; one reading at a time. */
  #discover(): Promise<void> {
    this.#discovering ??= this.#readSrv().finally(() => this.#discovering = undefined);
    return this.#discovering;
  }

  async #readSrv(): Promise<void> {
    const endpoints = await resolveSrv(this.#options.srv!, this.#tls, this.#closing.signal);
    if (this.#closing.signal.aborted) return;
    const named = new Set(endpoints.map(urlOf));
    for (const endpoint of endpoints) this.#add(endpoint);
    const given = new Set(
      this.#options.endpoints.map((text) => urlOf(parseEndpoint(text, this.#tls))),
    );
    for (const url of this.#named) if (!named.has(url) && !given.has(url)) this.#remove(url);
    this.#named = named;
  }

  /**
   * Reads the cluster's list of members and takes in those that can be reached: members advertise
   * all kinds of URLs, among them `http://localhost:2379`, which may be another etcd here.
   */
  async #refreshMembers(): Promise<void> {
    const send = ({ etcd }: Member, options: CallOptions) => etcd.cluster.memberList({}, options);
    const { members } = await this.#call({ write: false, send }, REFRESH_TIMEOUT);
    const known = new Set([...this.#members.values()].map((member) => member.id));
    const ids = new Set(members.map(({ ID }) => ID));
    for (const [url, { listed }] of this.#members) {
      if (listed !== undefined && !ids.has(listed)) this.#remove(url);
    }
    for (const { ID, clientURLs } of members) {
      if (known.has(ID)) continue;
      for (const url of clientURLs) if (await this.#takeIn(url, ID)) break;
    }
  }

  /** Adds a listed member if it answers and is the one it should be. */
  async #takeIn(clientUrl: string, id: string): Promise<boolean> {
    const secure = [...this.#members.values()].every(({ endpoint }) => endpoint.secure);
    let endpoint: Endpoint;
    try {
      endpoint = parseEndpoint(clientUrl, this.#tls);
    } catch {
      return false;
    }
    const url = urlOf(endpoint);
    if (secure && !endpoint.secure || this.#members.has(url)) return false;
    const member = new Member(endpoint, this.#certificates, this.#session, id);
    try {
      await this.#examine(member, performance.now() + REFRESH_TIMEOUT);
    } catch {
      this.#drop(member);
      return false;
    }
    if (this.#closing.signal.aborted || this.#members.has(url)) {
      this.#drop(member);
      return false;
    }
    this.#members.set(url, member);
    return true;
  }
}

/** What a watch asks of its connection. */
interface WatchHost {
  /** A member to watch at; rejects with an `EtcdError`. */
  start(patience: number): Promise<Member>;
  renewLogin(): void;
  suspect(member: Member): void;
  forget(): void;
}

/** A watch that is taken up again, at the same revision, when its connection breaks. */
class EtcdWatch implements Watch {
  readonly #from: string;
  readonly #end: string;
  readonly #events: WatchEvents;
  readonly #host: WatchHost;
  /** The first revision that has not been delivered. */
  #next: number;
  #stream: WatchStream | undefined;
  #member: Member | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #retry = WATCH_RETRY;
  #renewed = false;
  #over = false;

  constructor(
    from: string,
    end: string,
    revision: number,
    events: WatchEvents,
    host: WatchHost,
  ) {
    this.#from = from;
    this.#end = end;
    this.#next = revision;
    this.#events = events;
    this.#host = host;
  }

  async open(): Promise<void> {
    let member: Member;
    let stream: WatchStream;
    try {
      member = await this.#host.start(WATCH_PATIENCE);
      stream = await member.watchStream();
    } catch (error) {
      if (this.#over) return;
      if (error instanceof EtcdError && error.failure === Failure.REFUSED) {
        return this.#finish(error.message);
      }
      return this.#again();
    }
    if (this.#over) return abandon(stream);
    this.#stream = stream;
    this.#member = member;
    member.watches.add(this);
    stream.on("data", (news: WatchNews) => {
      if (this.#stream === stream) this.#receive(news);
    });
    stream.on("error", (error: ServiceError) => {
      if (this.#stream === stream) this.#broken(error);
    });
    stream.on("end", () => {
      if (this.#stream === stream) this.#broken(HUNG_UP);
    });
    stream.write({
      create_request: {
        key: Buffer.from(this.#from),
        range_end: Buffer.from(this.#end),
        start_revision: this.#next,
        progress_notify: true,
      },
    });
    this.#timer = setTimeout(() => {
      this.#drop();
      this.#host.suspect(member);
      this.#again();
    }, WATCH_PATIENCE);
  }

  /** Goes on at another member. */
  move(): void {
    if (this.#stream === undefined) return;
    this.#drop();
    this.#again();
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#drop();
    this.#host.forget();
  }

  #receive({ revision, created, canceled, reason, compacted, changes }: WatchNews): void {
    if (compacted !== 0) {
      return this.#finish(`revisions before ${compacted} have been compacted`);
    }
    if (canceled) {
      // etcd says the same of a user without permission and of a token that has run out; and it
      // misses a name where nobody had to log in when this login was made.
      if (this.#renewed || !/permission|token|user name is empty|auth store is old/.test(reason)) {
        return this.#finish(`etcd at ${this.#member!.name} ended the watch: ${reason}`);
      }
      this.#renewed = true;
      this.#host.renewLogin();
      return this.move();
    }
    if (created) {
      clearTimeout(this.#timer);
      this.#retry = WATCH_RETRY;
      // From now on: what happens between here and a new connection must not be missed.
      if (this.#next === 0) this.#next = revision + 1;
    }
    if (changes.length > 0) {
      this.#renewed = false;
      const last = changes.at(-1)!.revision;
      this.#next = last + 1;
      this.#events.changed(changes, last);
    } else if (!created) {
      this.#next = revision + 1;
      this.#events.changed([], revision);
    }
  }

  #broken(trouble: Trouble): void {
    const member = this.#member!;
    this.#drop();
    const verdict = judge(trouble, false, member.manner);
    if (verdict.failure === Failure.REFUSED && !verdict.stale || verdict.stale && this.#renewed) {
      return this.#finish(errorOf(verdict, member.name, trouble).message);
    }
    if (verdict.stale) {
      this.#renewed = true;
      this.#host.renewLogin();
    } else {
      this.#host.suspect(member);
    }
    this.#again();
  }

  /** Lets go of the stream. */
  #drop(): void {
    clearTimeout(this.#timer);
    const stream = this.#stream;
    this.#stream = undefined;
    this.#member?.watches.delete(this);
    this.#member = undefined;
    if (stream !== undefined) abandon(stream);
  }

  #again(): void {
    if (this.#over) return;
    this.#timer = setTimeout(() => this.open(), this.#retry);
    this.#retry = Math.min(2 * this.#retry, WATCH_RETRY_LONGEST);
  }

  #finish(reason: string): void {
    this.close();
    this.#events.ended(reason);
  }
}

/** Cancels a stream, which makes it fail, and somebody must hear that. */
function abandon(stream: WatchStream): void {
  stream.on("error", () => {});
  stream.cancel();
}

/** A stream ended where it should not. */
const HUNG_UP: Trouble = { code: status.UNAVAILABLE, details: "it hung up" };

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** A member that is not to be talked to. */
class Unfit extends Error {
  override readonly name = "Unfit";
  readonly failure: Failure;

  constructor(message: string, failure: Failure = Failure.REFUSED) {
    super(message);
    this.failure = failure;
  }
}

function verdictOf(thrown: unknown, write: boolean, { manner }: Member): Verdict {
  if (thrown instanceof Unfit) {
    return { failure: thrown.failure, text: thrown.message, elsewhere: true, stale: false };
  }
  if (isTrouble(thrown)) return judge(thrown, write, manner);
  // Nothing known: what a server or gRPC says has a code.
  const text = messageOf(thrown);
  const failure = write ? Failure.UNKNOWN : Failure.UNAVAILABLE;
  return { failure, text, elsewhere: true, stale: false };
}

function isTrouble(thrown: unknown): thrown is Trouble {
  return typeof thrown === "object" && thrown !== null && "code" in thrown && "details" in thrown;
}

/** What is said when no member would do it. */
function summary(errors: readonly EtcdError[]): EtcdError {
  if (errors.length === 1) return errors[0]!;
  const refused = errors.every(({ failure }) => failure === Failure.REFUSED);
  return new EtcdError(
    refused ? Failure.REFUSED : Failure.UNAVAILABLE,
    errors.map(({ message }) => message).join("; "),
    errors[0],
  );
}

function refused(message: string): EtcdError {
  return new EtcdError(Failure.REFUSED, message);
}

function closed(): EtcdError {
  return new EtcdError(Failure.UNAVAILABLE, "the connection to etcd is closed");
}

/** The connection was closed under a write. */
function cutOff(): EtcdError {
  return new EtcdError(Failure.UNKNOWN, "the connection to etcd was closed before the answer came");
}

/**
 * What goes with calls: the token, and whether a leader is required. If it is, a member that has none
 * says so at once instead of waiting for one.
 */
function metadataOf(token: string | undefined, leader: boolean): Metadata {
  const metadata = new Metadata();
  if (leader) metadata.set("hasleader", "true");
  if (token !== undefined) metadata.set("token", token);
  return metadata;
}

/** gRPC's deadlines are by the time of day, and taken at once for a time to wait. */
function deadlineOf(until: number): number {
  return Date.now() + Math.max(1, until - performance.now());
}

function keyValueOf(kv: IKeyValue): KeyValue {
  return {
    key: kv.key.toString(),
    value: kv.value.toString(),
    createRevision: Number(kv.create_revision),
    modRevision: Number(kv.mod_revision),
    lease: kv.lease === "0" ? undefined : kv.lease as LeaseId,
  };
}
