/**
 * The few calls that Deno's sockets lack, straight into the C library of Linux: tying a socket to
 * its interface, neighbour entries, interface state, and receiving and sending many datagrams in
 * one call. Structures are those of 64-bit Linux, the same on x86-64 and arm64.
 *
 * @module
 */

import { formatIpv4, type Ipv4 } from "../wire/address.ts";
import { LARGEST_MESSAGE } from "./port.ts";

/**
 * Where the library is. A permission for one file needs its whole path, which differs between
 * distributions; with the permission for all files the bare name finds it anywhere.
 */
const LIBRARIES = [
  "libc.so.6",
  `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`,
  "/lib64/libc.so.6",
  "/usr/lib/libc.so.6",
];

const AF_INET = 2;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFINDEX = 0x8933;
const SIOCSARP = 0x8955;
const IFF_UP = 1;
const ATF_COM = 2;
const MSG_DONTWAIT = 0x40;
const MSG_TRUNC = 0x20;
const MSG_PEEK = 0x02;
const SIGKILL = 9;
const EPERM = 1;
const EINTR = 4;

/** Longest interface name with its NUL (IFNAMSIZ). */
const NAME_SIZE = 16;

/** Datagrams in one call. */
const BATCH = 64;

/** Sizes of the structures, octets. */
const SOCKADDR = 16;
const IOVEC = 16;
const MMSGHDR = 64;

/** The highest descriptor that is looked at when a socket is searched for. */
const DESCRIPTORS = 1024;

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "buffer"], result: "i32" },
  sendmmsg: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  __errno_location: { parameters: [], result: "u64" },
  // Deno's own pointer functions want the permission for every library; these do not.
  addressOf: { name: "memmove", parameters: ["buffer", "buffer", "usize"], result: "u64" },
  readMemory: { name: "memcpy", parameters: ["buffer", "u64", "usize"], result: "u64" },
} as const;

/** Whether an interface is there, and which. */
export interface InterfaceState {
  /** The kernel's number for it: another one when it was removed and made again. */
  readonly index: number;
  readonly up: boolean;
}

/** The C library. */
export class Libc {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #taken = new Set<number>();
  static #opened: Libc | undefined;

  private constructor(library: Deno.DynamicLibrary<typeof SYMBOLS>) {
    this.#library = library;
  }

  /**
   * Opens it, once for the process; undefined without permission (`--allow-ffi`), or on another
   * system.
   */
  static open(): Libc | undefined {
    return Libc.#opened ??= Libc.#open();
  }

  static #open(): Libc | undefined {
    for (const path of LIBRARIES) {
      if (Deno.permissions.querySync({ name: "ffi", path }).state !== "granted") continue;
      try {
        return new Libc(Deno.dlopen(path, SYMBOLS));
      } catch {
        // Not here; elsewhere perhaps.
      }
    }
    return undefined;
  }

  get #c() {
    return this.#library.symbols;
  }

  /**
   * The descriptor of a UDP socket that Deno has just bound to this address and port, host order.
   * Each is found once, until `forget`.
   */
  findSocket(address: Ipv4, port: number): number | undefined {
    const name = new Uint8Array(SOCKADDR);
    const length = new Uint32Array(1);
    for (let fd = 3; fd < DESCRIPTORS; fd++) {
      length[0] = SOCKADDR;
      if (this.#taken.has(fd) || this.#c.getsockname(fd, name, length) !== 0) continue;
      const view = new DataView(name.buffer);
      if (view.getUint16(0, true) !== AF_INET || view.getUint16(2) !== port) continue;
      if (view.getUint32(4) !== address) continue;
      this.#taken.add(fd);
      return fd;
    }
    return undefined;
  }

  /** Says that a descriptor has been closed. */
  forget(fd: number): void {
    this.#taken.delete(fd);
  }

  /**
   * Lets the socket send and receive through one interface only.
   *
   * @returns undefined, or why it cannot be done.
   */
  bindToDevice(fd: number, name: string): string | undefined {
    const value = new TextEncoder().encode(`${name}\0`);
    const done = this.#c.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, value, value.length) === 0;
    return done ? undefined : describe(this.#errno());
  }

  /** Asks for kernel buffers of this many octets; gets what the system allows. */
  setBuffers(fd: number, octets: number): void {
    const value = Uint32Array.of(octets);
    for (const [force, plain] of [[SO_RCVBUFFORCE, SO_RCVBUF], [SO_SNDBUFFORCE, SO_SNDBUF]]) {
      // The first needs CAP_NET_ADMIN; the second is cut to the system's maximum.
      if (this.#c.setsockopt(fd, SOL_SOCKET, force!, value, 4) === 0) continue;
      this.#c.setsockopt(fd, SOL_SOCKET, plain!, value, 4);
    }
  }

  /** Whether a datagram waits on the socket, even an empty one. It stays there. */
  isReadable(fd: number): boolean {
    return this.#c.recv(fd, new Uint8Array(1), 1n, MSG_PEEK | MSG_DONTWAIT) >= 0n;
  }

  /** Whether there is an interface of this name, with or without an address. */
  hasInterface(name: string): boolean {
    return this.#c.if_nametoindex(new TextEncoder().encode(`${name}\0`)) !== 0;
  }

  /** Looks for an interface by its name. */
  interfaceState(fd: number, name: string): InterfaceState | undefined {
    const request = new Uint8Array(40);
    request.set(new TextEncoder().encode(name).subarray(0, NAME_SIZE - 1));
    const view = new DataView(request.buffer);
    if (this.#c.ioctl(fd, BigInt(SIOCGIFINDEX), request) !== 0) return undefined;
    const index = view.getInt32(NAME_SIZE, true);
    if (this.#c.ioctl(fd, BigInt(SIOCGIFFLAGS), request) !== 0) return undefined;
    return { index, up: (view.getUint16(NAME_SIZE, true) & IFF_UP) !== 0 };
  }

  /**
   * Enters which hardware address an address will have, so that a datagram can be sent to a client
   * that does not answer ARP yet. The entry ages as if it had been learnt.
   *
   * @returns "done", "forbidden" (needs CAP_NET_ADMIN), or "failed".
   */
  setNeighbour(
    fd: number,
    device: string,
    address: Ipv4,
    hardware: Uint8Array,
  ): "done" | "forbidden" | "failed" {
    const request = new Uint8Array(68);
    const view = new DataView(request.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint32(4, address);
    view.setUint16(16, 1, true); // ARPHRD_ETHER
    request.set(hardware.subarray(0, 14), 18);
    view.setInt32(32, ATF_COM, true);
    request.set(new TextEncoder().encode(device).subarray(0, NAME_SIZE - 1), 52);
    if (this.#c.ioctl(fd, BigInt(SIOCSARP), request) === 0) return "done";
    return this.#errno() === EPERM ? "forbidden" : "failed";
  }

  /**
   * Kills a process and what it started, as far as that has stayed in its process group. Deno's own
   * call for that wants the permission to run every program.
   *
   * @param leader the process that the group is named after.
   * @returns whether there was such a group.
   */
  killGroup(leader: number): boolean {
    // 0 and -1 would mean our own group, and everybody.
    return leader > 1 && this.#c.kill(-leader, SIGKILL) === 0;
  }

  /** Makes room to receive many datagrams in one call. */
  receiver(fd: number, largest: number): BatchReceiver {
    return new BatchReceiver(
      new Headers(largest, (buffer) => this.#addressOf(buffer)),
      (headers) => this.#c.recvmmsg(fd, headers, BATCH, MSG_DONTWAIT, null),
    );
  }

  /** Makes room to send many datagrams in one call. */
  sender(fd: number, failed: (reason: string) => void): BatchSender {
    return new BatchSender(
      new Headers(LARGEST_MESSAGE, (buffer) => this.#addressOf(buffer)),
      (headers, count) => this.#c.sendmmsg(fd, headers, count, MSG_DONTWAIT),
      () => this.#errno(),
      failed,
    );
  }

  #errno(): number {
    const value = new Int32Array(1);
    this.#c.readMemory(value, this.#c.__errno_location(), 4n);
    return value[0]!;
  }

  #addressOf(buffer: ArrayBuffer): bigint {
    return this.#c.addressOf(buffer, buffer, 0n);
  }
}

/** Headers for many datagrams: an array of `struct mmsghdr`, each with one buffer and one address. */
class Headers {
  readonly payloads: Uint8Array[] = [];
  /** The array itself. Buffers as large as these never move, so their addresses stay good. */
  readonly headers = new Uint8Array(Math.max(MMSGHDR * BATCH, 4096));
  readonly #view = new DataView(this.headers.buffer);
  readonly #names = new DataView(new ArrayBuffer(Math.max(SOCKADDR * BATCH, 4096)));
  readonly #vectors = new DataView(new ArrayBuffer(Math.max(IOVEC * BATCH, 4096)));

  constructor(size: number, addressOf: (buffer: ArrayBuffer) => bigint) {
    const buffers = new Uint8Array(size * BATCH);
    const names = addressOf(this.#names.buffer);
    const vectors = addressOf(this.#vectors.buffer);
    const start = addressOf(buffers.buffer);
    for (let i = 0; i < BATCH; i++) {
      this.payloads.push(buffers.subarray(i * size, (i + 1) * size));
      this.#vectors.setBigUint64(i * IOVEC, start + BigInt(i * size), true);
      this.#vectors.setBigUint64(i * IOVEC + 8, BigInt(size), true);
      this.#view.setBigUint64(i * MMSGHDR, names + BigInt(i * SOCKADDR), true);
      this.#view.setUint32(i * MMSGHDR + 8, SOCKADDR, true);
      this.#view.setBigUint64(i * MMSGHDR + 16, vectors + BigInt(i * IOVEC), true);
      this.#view.setBigUint64(i * MMSGHDR + 24, 1n, true);
      this.#names.setUint16(i * SOCKADDR, AF_INET, true);
    }
  }

  length(i: number): number {
    return this.#view.getUint32(i * MMSGHDR + 56, true);
  }

  flags(i: number): number {
    return this.#view.getUint32(i * MMSGHDR + 48, true);
  }

  port(i: number): number {
    return this.#names.getUint16(i * SOCKADDR + 2);
  }

  setTarget(i: number, address: Ipv4, port: number, length: number): void {
    this.#names.setUint16(i * SOCKADDR + 2, port);
    this.#names.setUint32(i * SOCKADDR + 4, address);
    // Lengths are far below 2^32: the upper half of the 64-bit field stays zero.
    this.#vectors.setUint32(i * IOVEC + 8, length, true);
  }

  target(i: number): string {
    return formatIpv4(this.#names.getUint32(i * SOCKADDR + 4) as Ipv4);
  }
}

/**
 * Takes a datagram: a buffer, how much of it was received, the sender's port, and whether that is
 * all of it; it is not when the datagram was longer than the buffer.
 */
export type Take = (payload: Uint8Array, length: number, port: number, whole: boolean) => void;

/** Receives up to 64 datagrams a call. */
export class BatchReceiver {
  readonly #headers: Headers;
  readonly #call: (headers: Uint8Array<ArrayBuffer>) => number;

  constructor(headers: Headers, call: (headers: Uint8Array<ArrayBuffer>) => number) {
    this.#headers = headers;
    this.#call = call;
  }

  /**
   * Hands over what has arrived, without waiting.
   *
   * @param take Called for each; the payload is good during the call only.
   * @returns Whether more may be there.
   */
  drain(take: Take): boolean {
    const headers = this.#headers;
    const count = this.#call(headers.headers);
    for (let i = 0; i < count; i++) {
      const whole = (headers.flags(i) & MSG_TRUNC) === 0;
      take(headers.payloads[i]!, headers.length(i), headers.port(i), whole);
    }
    return count === BATCH;
  }
}

/** Sends up to 64 datagrams a call. */
export class BatchSender {
  readonly #headers: Headers;
  readonly #call: (headers: Uint8Array<ArrayBuffer>, count: number) => number;
  readonly #errno: () => number;
  readonly #failed: (reason: string) => void;
  #count = 0;

  constructor(
    headers: Headers,
    call: (headers: Uint8Array<ArrayBuffer>, count: number) => number,
    errno: () => number,
    failed: (reason: string) => void,
  ) {
    this.#headers = headers;
    this.#call = call;
    this.#errno = errno;
    this.#failed = failed;
  }

  /** Adds a datagram; sends all when there is no room for another. */
  add(address: Ipv4, port: number, write: (into: Uint8Array) => number): void {
    const length = write(this.#headers.payloads[this.#count]!);
    if (length === 0) return;
    this.#headers.setTarget(this.#count, address, port, length);
    this.#count++;
    if (this.#count === BATCH) this.flush();
  }

  /** Sends what was added. What the system refuses is reported and passed over. */
  flush(): void {
    const count = this.#count;
    this.#count = 0;
    for (let at = 0; at < count;) {
      const rest = this.#headers.headers.subarray(at * MMSGHDR);
      const sent = this.#call(rest, count - at);
      if (sent > 0) {
        at += sent;
        continue;
      }
      const errno = this.#errno();
      if (errno === EINTR) continue;
      this.#failed(`${describe(errno)} (to ${this.#headers.target(at)})`);
      at++;
    }
  }
}

const ERRORS: Readonly<Record<number, string>> = {
  1: "not permitted",
  11: "the socket's buffer is full",
  13: "permission denied",
  19: "no such device",
  22: "invalid argument",
  90: "message too long",
  99: "the address is not available",
  100: "the network is down",
  101: "the network is unreachable",
  105: "no buffer space",
  113: "no route to the host",
};

function describe(errno: number): string {
  return ERRORS[errno] ?? `error ${errno}`;
}
