/**
 * A port over Deno's sockets.
 *
 * Waiting for datagrams is Deno's. With the C library at hand, what else has arrived by then is
 * taken in one call, and replies leave in one call: the cost of a datagram is in the calls, not
 * in its octets. Without it everything works one by one.
 *
 * @module
 */

import { messageOf, OperatorError } from "../config/operator_error.ts";
import type { ServedInterface } from "../config/model.ts";
import type { Destination } from "../protocol/outcome.ts";
import { formatIpv4, type Ipv4, LIMITED_BROADCAST, UNSPECIFIED } from "../wire/address.ts";
import { Confinement } from "./confinement.ts";
import type { BatchReceiver, BatchSender, InterfaceState, Libc, Take } from "./libc.ts";
import { type Datagram, LARGEST_MESSAGE, type Port, type PortEvents } from "./port.ts";
import { ArrivalQueue } from "./queue.ts";
import { ReceiveWatch } from "./receive_watch.ts";

/** The largest datagram that is read, octets. A DHCP message on Ethernet is at most 1472. */
const LARGEST_DATAGRAM = 2048;

/** Asked of the kernel for datagrams that wait, octets: some thousands of messages. */
const KERNEL_BUFFER = 4 * 1024 * 1024;

/** Calls in which what has arrived is fetched, before some of it is handled. */
const MOST_ROUNDS = 64;

/** Datagrams that wait for longer than this, while none is taken, are trouble; milliseconds. */
const STANDING = 3000;

/** How long a socket rests after it failed to receive, milliseconds. */
const RECEIVE_RETRY = 100;

/** Payloads are copied one behind the other into blocks of this size, octets. */
const BLOCK = 64 * 1024;

/** What a port is opened with. */
export interface InterfacePortOptions {
  readonly served: ServedInterface;
  readonly port: number;
  readonly clientPort: number;
  readonly confinement: Confinement;
  readonly libc: Libc | undefined;
  /** Whether other sockets of this server are bound to the same port. */
  readonly shared: boolean;
  /** A monotonic clock, milliseconds. */
  readonly elapsed: () => number;
  readonly events: PortEvents;
}

/** What is looked at of the machine's interfaces. */
type ListedAddress = Pick<Deno.NetworkInterfaceInfo, "name" | "address">;

/** The sockets of an interface while it is there. */
interface Sockets {
  /** Hears broadcasts. */
  readonly wide: Deno.DatagramConn;
  /**
   * Bound to the interface's address, where a socket that is not tied to the interface has to send
   * from, for a broadcast to leave through the right one. It hears what is unicast to the server.
   */
  readonly narrow: Deno.DatagramConn | undefined;
  readonly fd: number | undefined;
  readonly state: InterfaceState | undefined;
  readonly receiver: BatchReceiver | undefined;
  readonly sender: BatchSender | undefined;
}

export class InterfacePort implements Port {
  readonly #options: InterfacePortOptions;
  #sockets: Sockets | undefined;
  #closed = false;
  /** Whether it has been open. */
  #served = false;
  #down: string | undefined;
  #neighbours = true;
  readonly #queue = new ArrivalQueue();
  readonly #watch = new ReceiveWatch();
  /** Datagrams that left the kernel, of any size and fate. */
  #received = 0;
  /** Datagrams handed to whoever serves. */
  #handed = 0;
  /** Tells `arrival` to look again: something has come, or may have. */
  #wake: (() => void) | undefined;
  /** Tells `listenTo` that nothing is left to fetch: it is time to wait for more. */
  #listenOn: (() => void) | undefined;
  #block = new Uint8Array(BLOCK);
  #used = 0;

  /**
   * Opens the port, or, when the interface is not there yet, waits for it: see `check`.
   *
   * @throws {OperatorError} when the interface is there and its socket cannot be had; the message
   * says why.
   */
  constructor(options: InterfacePortOptions) {
    this.#options = options;
    this.#neighbours = options.confinement === Confinement.DEVICE;
    const absence = this.#absence(Deno.networkInterfaces());
    if (absence === undefined) this.#open();
    else this.#setDown(absence);
  }

  async arrival(): Promise<void> {
    while (true) {
      this.#drain();
      if (this.#queue.length > 0 || this.#closed) return;
      this.#listenOn?.();
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  take(most: number): readonly Datagram[] {
    this.#drain();
    const taken = this.#queue.take(most);
    this.#handed += taken.length;
    return taken;
  }

  send(destination: Destination, write: (into: Uint8Array) => number): void {
    const sockets = this.#sockets;
    if (sockets === undefined) {
      this.#options.events.sendFailed(this.#down ?? "the port is closed");
      return;
    }
    const { port, clientPort } = this.#options;
    const to = this.#addressOf(destination, sockets);
    const toPort = destination.kind === "relay" ? port : clientPort;
    if (sockets.sender !== undefined) {
      sockets.sender.add(to, toPort, write);
      return;
    }
    const message = new Uint8Array(LARGEST_MESSAGE);
    const length = write(message);
    if (length === 0) return;
    const address = { transport: "udp", hostname: formatIpv4(to), port: toPort } as const;
    (sockets.narrow ?? sockets.wide).send(message.subarray(0, length), address)
      .catch((error) => this.#options.events.sendFailed(messageOf(error)));
  }

  flush(): void {
    this.#sockets?.sender?.flush();
  }

  trouble(): string | undefined {
    if (this.#down !== undefined || this.untaken() < STANDING) return this.#down;
    return `datagrams wait on ${this.#options.served.name} and are not taken`;
  }

  untaken(): number {
    return this.#watch.standing(this.#options.elapsed());
  }

  /**
   * Looks whether the interface went away, came back or changed, and whether what arrives is being
   * taken: to be called every second.
   *
   * @param interfaces As `Deno.networkInterfaces()` lists them, looked up once for all ports.
   */
  check(interfaces: readonly ListedAddress[] = Deno.networkInterfaces()): void {
    if (this.#closed) return;
    this.#watch.look(this.#isWaiting(), this.#received + this.#handed, this.#options.elapsed());
    this.#checkInterface(interfaces);
  }

  #checkInterface(interfaces: readonly ListedAddress[]): void {
    if (this.#options.confinement === Confinement.LOOPBACK) return;
    const { name } = this.#options.served;
    const before = this.#sockets?.state;
    const absence = this.#absence(interfaces);
    const state = this.#state();
    const replaced = before !== undefined && before.index !== state?.index;
    if (this.#sockets !== undefined && (absence !== undefined || replaced)) {
      this.#closeSockets();
      this.#setDown(absence ?? `interface ${name} has disappeared`);
    }
    if (this.#sockets === undefined && absence === undefined) {
      try {
        this.#open();
      } catch (error) {
        this.#setDown(messageOf(error));
        return;
      }
    }
    if (this.#sockets === undefined) return;
    if (state !== undefined && !state.up) this.#setDown(`interface ${name} is down`);
    else this.#setUp();
  }

  close(): void {
    this.#closed = true;
    this.flush();
    this.#closeSockets();
    this.#wake?.();
  }

  #addressOf(destination: Destination, sockets: Sockets): Ipv4 {
    switch (destination.kind) {
      case "relay":
      case "client":
        return destination.address;
      case "unconfigured":
        return this.#enterNeighbour(destination.address, destination.chaddr, sockets)
          ? destination.address
          : this.#broadcast();
      case "broadcast":
        return this.#broadcast();
    }
  }

  /** Loopback knows no broadcast that reaches a client there. */
  #broadcast(): Ipv4 {
    const { confinement, served } = this.#options;
    return confinement === Confinement.LOOPBACK ? served.address : LIMITED_BROADCAST;
  }

  #enterNeighbour(address: Ipv4, chaddr: Uint8Array, { fd }: Sockets): boolean {
    const { libc, served, events } = this.#options;
    if (!this.#neighbours || libc === undefined || fd === undefined) return false;
    const result = libc.setNeighbour(fd, served.name, address, chaddr);
    if (result === "forbidden") {
      this.#neighbours = false;
      events.notice(
        "info",
        `replies on ${served.name} are broadcast: unicast to clients without an address needs ` +
          "CAP_NET_ADMIN",
      );
    }
    return result === "done";
  }

  #open(): void {
    const { served, port, confinement, libc, shared, events } = this.#options;
    const own = formatIpv4(served.address);
    if (confinement !== Confinement.DEVICE || libc === undefined) {
      const split = confinement === Confinement.ELSEWHERE;
      const hostname = split ? "0.0.0.0" : own;
      const wide = listen(hostname, port, split || shared);
      let narrow: Deno.DatagramConn | undefined;
      try {
        narrow = split ? listen(own, port, true) : undefined;
      } catch (error) {
        wide.close();
        throw error;
      }
      this.#start({
        wide,
        narrow,
        fd: undefined,
        state: undefined,
        receiver: undefined,
        sender: undefined,
      });
      return;
    }
    const wide = listen("0.0.0.0", port, shared);
    const fd = libc.findSocket(UNSPECIFIED, port);
    const refused = fd === undefined
      ? "its descriptor cannot be found"
      : libc.bindToDevice(fd, served.name);
    if (fd === undefined || refused !== undefined) {
      wide.close();
      if (fd !== undefined) libc.forget(fd);
      throw new OperatorError(
        `cannot tie the socket to ${served.name}: ${refused}; it needs root or CAP_NET_RAW`,
      );
    }
    libc.setBuffers(fd, KERNEL_BUFFER);
    this.#start({
      wide,
      narrow: undefined,
      fd,
      state: libc.interfaceState(fd, served.name),
      receiver: libc.receiver(fd, LARGEST_DATAGRAM),
      sender: libc.sender(fd, (reason) => events.sendFailed(reason)),
    });
  }

  #start(sockets: Sockets): void {
    this.#sockets = sockets;
    this.#served = true;
    this.#listenTo(sockets.wide, sockets);
    if (sockets.narrow !== undefined) this.#listenTo(sockets.narrow, sockets);
    if (this.#down !== undefined) this.#setUp();
  }

  /**
   * Whether a datagram waits: in the kernel, where the C library can look, or to be handed over.
   * Without the library no socket ever pauses between two datagrams, so there is nothing to look at.
   */
  #isWaiting(): boolean {
    if (this.#queue.length > 0) return true;
    const fd = this.#sockets?.fd;
    return fd !== undefined && this.#options.libc!.isReadable(fd);
  }

  async #listenTo(socket: Deno.DatagramConn, sockets: Sockets): Promise<void> {
    // One octet more than is wanted tells those that are longer.
    const buffer = new Uint8Array(LARGEST_DATAGRAM + 1);
    while (this.#sockets === sockets) {
      const rest = await this.#receive(socket, buffer, sockets);
      // Whatever came of it: `arrival` fetches what else there is and lets this go on. What did not
      // tell it would leave both waiting for each other.
      const goOn = sockets.receiver === undefined
        ? undefined
        : new Promise<void>((resolve) => this.#listenOn = resolve);
      this.#wake?.();
      await goOn;
      if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }

  /** Waits for a datagram and takes it; returns for how long to rest then, milliseconds. */
  async #receive(
    socket: Deno.DatagramConn,
    buffer: Uint8Array<ArrayBuffer>,
    sockets: Sockets,
  ): Promise<number> {
    try {
      const [payload, source] = await socket.receive(buffer);
      const whole = payload.length <= LARGEST_DATAGRAM;
      this.#put(payload, payload.length, (source as Deno.NetAddr).port, whole);
      return 0;
    } catch (error) {
      if (this.#sockets !== sockets) return 0;
      // Some errors of a datagram sent earlier are reported here (ICMP); the socket is good.
      this.#options.events.notice("warn", `receiving failed: ${messageOf(error)}`);
      return RECEIVE_RETRY;
    }
  }

  /** Fetches what has arrived meanwhile, but not for ever while more keeps coming. */
  #drain(): void {
    const receiver = this.#sockets?.receiver;
    if (receiver === undefined) return;
    const put: Take = (payload, length, port, whole) => this.#put(payload, length, port, whole);
    for (let round = 0; round < MOST_ROUNDS && receiver.drain(put); round++);
  }

  /**
   * What becomes of every datagram that leaves the kernel: copied out of the buffer that the next
   * will use, or counted as too long. Wakes nobody: whoever received it does, in either case.
   */
  #put(payload: Uint8Array, length: number, sourcePort: number, whole: boolean): void {
    this.#received++;
    if (!whole) return this.#options.events.oversized();
    if (this.#used + length > BLOCK) {
      this.#block = new Uint8Array(BLOCK);
      this.#used = 0;
    }
    const copy = this.#block.subarray(this.#used, this.#used + length);
    copy.set(length === payload.length ? payload : payload.subarray(0, length));
    this.#used += length;
    const left = this.#queue.add({ payload: copy, sourcePort });
    if (left > 0) this.#options.events.overflowed(left);
  }

  /**
   * Why the interface cannot be served. Without its address it cannot: a client is told that
   * address (option 54), and renews there.
   */
  #absence(interfaces: readonly ListedAddress[]): string | undefined {
    const { served: { name, address }, confinement, libc } = this.#options;
    if (confinement === Confinement.LOOPBACK) return undefined;
    const own = interfaces.filter((one) => one.name === name);
    if (own.some((one) => one.address === formatIpv4(address))) return undefined;
    // Without the C library only an interface that has an address can be seen.
    const isThere = own.length > 0 || libc?.hasInterface(name) === true;
    if (!isThere) {
      return this.#served
        ? `interface ${name} has disappeared`
        : `there is no interface ${name} yet`;
    }
    const has = this.#served ? "no longer has" : "does not have";
    return `interface ${name} ${has} the address ${formatIpv4(address)}`;
  }

  #state(): InterfaceState | undefined {
    const { libc, served } = this.#options;
    const fd = this.#sockets?.fd;
    return fd === undefined ? undefined : libc?.interfaceState(fd, served.name);
  }

  #closeSockets(): void {
    const sockets = this.#sockets;
    if (sockets === undefined) return;
    this.#sockets = undefined;
    if (sockets.fd !== undefined) this.#options.libc?.forget(sockets.fd);
    sockets.wide.close();
    sockets.narrow?.close();
  }

  #setDown(reason: string): void {
    if (this.#down === reason) return;
    this.#down = reason;
    this.#options.events.notice("warn", `${reason}; waiting for it`);
  }

  #setUp(): void {
    if (this.#down === undefined) return;
    this.#down = undefined;
    this.#options.events.notice("info", `interface ${this.#options.served.name} is back; serving`);
  }
}

function listen(hostname: string, port: number, shared: boolean): Deno.DatagramConn {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port, reuseAddress: shared });
  } catch (error) {
    throw new OperatorError(`cannot listen on ${hostname} port ${port}: ${hintOf(error)}`, {
      cause: error,
    });
  }
}

function hintOf(error: unknown): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return "another program serves DHCP here; stop it (ss -ulpn shows which)";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "not permitted; ports below 1024 need root or CAP_NET_BIND_SERVICE";
  }
  if (error instanceof Deno.errors.AddrNotAvailable) return "no interface has this address";
  return messageOf(error);
}
