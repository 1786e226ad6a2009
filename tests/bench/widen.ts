/**
 * Gives another process's sockets a larger receive buffer, from outside. perfdhcp takes the
 * kernel's default, which holds about two hundred replies: a server that answers in bursts (every
 * one that writes leases in groups does) would be charged for what the generator itself dropped.
 * The default could be raised for the whole machine instead; this touches nothing but the socket.
 *
 * @module
 */

import { until } from "../e2e/poll.ts";

/** Numbers that are the same on x86-64 and arm64. */
const PIDFD_OPEN = 434n;
const PIDFD_GETFD = 438n;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;

/** Room for some ten thousand replies. */
const BYTES = 8 << 20;

const SYMBOLS = {
  syscall: { parameters: ["i64", "i64", "i64", "i64"], result: "i64" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

async function socketsOf(pid: number): Promise<number[]> {
  const sockets: number[] = [];
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const target = await Deno.readLink(`/proc/${pid}/fd/${name}`);
    if (target.startsWith("socket:")) sockets.push(Number(name));
  }
  return sockets;
}

/**
 * Waits until a process has become the named program and has a socket, and widens all it has.
 *
 * @throws {Error} when the kernel refuses, or the socket stays out for two seconds.
 */
export async function widenReceiveBuffers(pid: number, program: string): Promise<void> {
  const sockets = await until(`a socket of ${program}`, 2, async () => {
    const name = await Deno.readTextFile(`/proc/${pid}/comm`);
    const found = name.trim() === program ? await socketsOf(pid) : [];
    return found.length > 0 && found;
  }, 2);
  using libc = dispose(Deno.dlopen("libc.so.6", SYMBOLS));
  const { syscall, setsockopt, close } = libc.library.symbols;
  const refuse = () => {
    throw new Error(`Cannot widen the receive buffer of ${program}: the kernel refuses`);
  };
  const process = Number(syscall(PIDFD_OPEN, BigInt(pid), 0n, 0n));
  if (process < 0) refuse();
  try {
    for (const number of sockets) {
      // A second descriptor of the same socket, in this process.
      const socket = Number(syscall(PIDFD_GETFD, BigInt(process), BigInt(number), 0n));
      if (socket < 0) refuse();
      const size = new Uint8Array(Int32Array.of(BYTES).buffer);
      const failed = setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, size, size.length);
      close(socket);
      if (failed) refuse();
    }
  } finally {
    close(process);
  }
}

function dispose<T extends { close(): void }>(library: T): Disposable & { library: T } {
  return { library, [Symbol.dispose]: () => library.close() };
}
