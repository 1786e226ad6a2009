/**
 * HTTP on a TCP address or a unix socket, with limits on whoever is on the other side: how long a
 * header may take to arrive and a reader to read, and how many may be there at once.
 *
 * The server is Node's, because Deno's own waits for a header for ever.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { messageOf, OperatorError } from "../config/operator_error.ts";
import type { ListenAddress } from "../config/model.ts";
import { peerOf, type Seat, type SeatLimits, Seats } from "./seats.ts";

/** Who asks. A unix socket's file permissions have let its peer in. */
export type Peer =
  | { readonly kind: "unix" }
  | { readonly kind: "tcp"; readonly address: string };

/** Answers a request of one who has such a seat. It never rejects. */
export type Handler = (request: Request, peer: Peer, seat: Seat) => Promise<Response>;

/** Where to listen. */
export type Place =
  | {
    readonly kind: "tcp";
    readonly address: ListenAddress;
    /** PEM texts, for HTTPS. */
    readonly tls: { readonly cert: string; readonly key: string } | undefined;
  }
  | { readonly kind: "unix"; readonly path: string };

/** How patient the endpoint is. Tests are less so. */
export interface Limits extends SeatLimits {
  /** For the whole header of a request, and for a TLS handshake, milliseconds. */
  readonly header: number;
  /** Without a byte of a body that is awaited, milliseconds. */
  readonly body: number;
  /** Without a reader taking anything of an answer that it asked for, milliseconds. */
  readonly read: number;
  /** Without another request after an answer, milliseconds. */
  readonly idle: number;
}

export const LIMITS: Limits = {
  header: 10_000,
  body: 10_000,
  read: 30_000,
  idle: 5000,
  connections: 256,
  kept: 16,
  peer: 64,
};

/** Something that listens. */
export interface Listener {
  /** Where; the port is the real one when 0 was asked for. Of a unix socket its path and port 0. */
  readonly address: ListenAddress;
  /** Stops listening and settles when the requests under way are answered. */
  stop(): Promise<void>;
}

/** The endpoint cannot listen. The message says where, why and what to do. */
export class AdminListenError extends OperatorError {
  override readonly name = "AdminListenError";
}

/**
 * Starts to listen.
 *
 * @throws {AdminListenError} when that cannot be.
 */
export async function listen(place: Place, handler: Handler, limits: Limits): Promise<Listener> {
  if (place.kind === "unix") return await listenUnix(place.path, handler, limits);
  const { address } = place;
  try {
    return await HttpListener.open(place, address.hostname, handler, limits);
  } catch (error) {
    // "::" is every address, IPv4 ones too; a machine without IPv6 has only those.
    if (address.hostname === "::" && codeOf(error) !== "EADDRINUSE") {
      try {
        return await HttpListener.open(place, "0.0.0.0", handler, limits);
      } catch {
        // The first error is the one to tell.
      }
    }
    throw new AdminListenError(
      `cannot listen on ${formatListen(address)} (--admin-addr): ${explain(error, address)}`,
      { cause: error },
    );
  }
}

async function listenUnix(path: string, handler: Handler, limits: Limits): Promise<Listener> {
  const place = { kind: "unix", path } as const;
  try {
    await removeStale(path);
    const listener = await HttpListener.open(place, path, handler, limits);
    // Whoever shares the service's group may ask; others may not even connect.
    await Deno.chmod(path, 0o660);
    return listener;
  } catch (error) {
    if (error instanceof AdminListenError) throw error;
    const why = error instanceof Deno.errors.NotFound || codeOf(error) === "ENOENT"
      ? "its directory does not exist; make it first"
      : messageOf(error);
    throw new AdminListenError(`cannot listen on ${path} (--admin.socket): ${why}`, {
      cause: error,
    });
  }
}

/** Removes a socket that a server left when it died; one that answers, or another file, stays. */
async function removeStale(path: string): Promise<void> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (!info.isSocket) {
    throw new AdminListenError(
      `cannot listen on ${path} (--admin.socket): a file that is no socket is there; name another, ` +
        "or remove it",
    );
  }
  try {
    (await Deno.connect({ transport: "unix", path })).close();
  } catch {
    // Nobody is behind it.
    await Deno.remove(path);
    return;
  }
  throw new AdminListenError(
    `cannot listen on ${path} (--admin.socket): another program answers there; stop it, or name ` +
      "another socket",
  );
}

/** Of a unix socket the connection itself, else the other end's address and port. */
type Key = Socket | string;

interface Connection {
  /** As it was accepted; from the handshake on what TLS puts on top of that. */
  socket: Socket;
  /** Runs out when there was no handshake. */
  readonly handshake: ReturnType<typeof setTimeout> | undefined;
}

class HttpListener implements Listener {
  readonly address: ListenAddress;
  readonly #server: Server;
  readonly #place: Place;
  readonly #seats: Seats<Key>;
  readonly #connections = new Map<Key, Connection>();
  #stopping = false;

  static async open(
    place: Place,
    where: string,
    handler: Handler,
    limits: Limits,
  ): Promise<HttpListener> {
    const options = {
      headersTimeout: limits.header,
      // Bodies have a limit of their own: an import may take long, as long as it moves.
      requestTimeout: 0,
      keepAliveTimeout: limits.idle,
      connectionsCheckingInterval: Math.min(1000, limits.header / 2),
    };
    let server: Server;
    if (place.kind === "tcp" && place.tls !== undefined) {
      const https = await import("node:https");
      server = https.createServer({ ...options, ...place.tls }) as unknown as Server;
    } else {
      server = createServer(options);
    }
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      const ready = () => {
        server.off("error", reject);
        resolve();
      };
      if (place.kind === "unix") server.listen(where, ready);
      else server.listen(place.address.port, where, ready);
    });
    return new HttpListener(server, place, handler, limits);
  }

  private constructor(server: Server, place: Place, handler: Handler, limits: Limits) {
    this.#server = server;
    this.#place = place;
    const bound = server.address();
    this.address = typeof bound === "object" && bound !== null
      ? { hostname: bound.address, port: bound.port }
      : { hostname: place.kind === "unix" ? place.path : "", port: 0 };
    this.#seats = new Seats(limits);
    server.on("connection", (socket: Socket) => this.#welcome(socket, limits));
    server.on("secureConnection", (socket: Socket) => this.#shookHands(socket));
    server.on("tlsClientError", (_: unknown, socket: Socket) => socket.destroy());
    server.on("request", (incoming: IncomingMessage, outgoing: ServerResponse) => {
      this.#answer(incoming, outgoing, handler, limits);
    });
  }

  /** What a connection is known by; the one that TLS puts on top of another is known by the same. */
  #keyOf(socket: Socket): Key {
    return this.#place.kind === "unix" ? socket : `${socket.remoteAddress} ${socket.remotePort}`;
  }

  /** Seats who connects, and cuts off who does not go on to speak TLS where that is wanted. */
  #welcome(socket: Socket, limits: Limits): void {
    socket.on("error", () => {}); // Whoever hangs up in the middle is no fault of ours.
    const key = this.#keyOf(socket);
    const { seated, leaves } = this.#seats.take(key, peerOf(socket.remoteAddress ?? ""));
    if (leaves !== undefined) this.#connections.get(leaves)?.socket.destroy();
    if (!seated) {
      socket.destroy();
      return;
    }
    const handshake = this.#secure ? setTimeout(() => socket.destroy(), limits.header) : undefined;
    const connection = { socket, handshake };
    this.#connections.set(key, connection);
    socket.once("close", () => this.#forget(key, connection));
  }

  #shookHands(socket: Socket): void {
    socket.on("error", () => {}); // As above.
    const key = this.#keyOf(socket);
    const connection = this.#connections.get(key);
    if (connection === undefined) {
      socket.destroy();
      return;
    }
    clearTimeout(connection.handshake);
    connection.socket = socket;
    socket.once("close", () => this.#forget(key, connection));
  }

  /** Another connection may have come from the same port since. */
  #forget(key: Key, connection: Connection): void {
    clearTimeout(connection.handshake);
    if (this.#connections.get(key) !== connection) return;
    this.#connections.delete(key);
    this.#seats.leave(key);
  }

  get #secure(): boolean {
    return this.#place.kind === "tcp" && this.#place.tls !== undefined;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const key of this.#seats.idle) this.#connections.get(key)?.socket.destroy();
    await closed;
    if (this.#place.kind === "unix") {
      await Deno.remove(this.#place.path).catch((error) => {
        // Node removes it when it closes; who did it does not matter.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  }

  async #answer(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    handler: Handler,
    limits: Limits,
  ): Promise<void> {
    const { socket } = incoming;
    const key = this.#keyOf(socket);
    const seat = this.#seats.ask(key);
    if (seat === undefined) {
      socket.destroy();
      return;
    }
    // Such a seat is for one question.
    if (seat === "kept") outgoing.setHeader("connection", "close");
    try {
      const peer: Peer = this.#place.kind === "unix"
        ? { kind: "unix" }
        : { kind: "tcp", address: socket.remoteAddress ?? "" };
      const request = requestOf(incoming, outgoing, this.#secure, limits);
      const response = await handler(request, peer, seat);
      await send(response, incoming, outgoing, limits);
    } catch {
      // The client has gone, or was cut off.
      socket.destroy();
    } finally {
      if (this.#seats.answered(key) && this.#stopping) socket.end();
    }
  }
}

function requestOf(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  secure: boolean,
  limits: Limits,
): Request {
  const method = incoming.method ?? "GET";
  const headers = new Headers();
  for (let i = 0; i + 1 < incoming.rawHeaders.length; i += 2) {
    headers.append(incoming.rawHeaders[i]!, incoming.rawHeaders[i + 1]!);
  }
  // The path alone is the client's; what it calls us is judged from the Host header.
  const path = /^\/[^/]|^\/$/.test(incoming.url ?? "") ? incoming.url! : "/-";
  const url = new URL(path, secure ? "https://admin" : "http://admin");
  const abort = new AbortController();
  outgoing.once("close", () => abort.abort());
  const init: RequestInit & { duplex?: "half" } = { method, headers, signal: abort.signal };
  if (method !== "GET" && method !== "HEAD") {
    init.body = bodyOf(incoming, limits);
    init.duplex = "half";
  }
  return new Request(url, init);
}

/** The body as it comes, as far as it is read; a client that stops sending ends it with an error. */
function bodyOf(incoming: IncomingMessage, limits: Limits): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      chunks ??= incoming[Symbol.asyncIterator]();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new BodyTimeout()), limits.body);
      });
      try {
        const next = await Promise.race([chunks.next(), late]);
        if (next.done) controller.close();
        else controller.enqueue(new Uint8Array(next.value));
      } catch (error) {
        controller.error(error instanceof BodyTimeout ? error : new BodyBroken(error));
      } finally {
        clearTimeout(timer);
      }
    },
  }, { highWaterMark: 0 });
}

/** The rest of a body has not come in time. */
export class BodyTimeout extends Error {
  override readonly name = "BodyTimeout";

  constructor() {
    super("the rest of the body did not come in time");
  }
}

/** The rest of a body will not come: the client has hung up, or what it sent is no body. */
export class BodyBroken extends Error {
  override readonly name = "BodyBroken";

  constructor(cause: unknown) {
    super("the body broke off", { cause });
  }
}

async function send(
  response: Response,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  limits: Limits,
): Promise<void> {
  outgoing.statusCode = response.status;
  for (const [name, value] of response.headers) outgoing.setHeader(name, value);
  // A body that nobody wanted to read would be taken for the next request.
  const unread = incoming.method !== "GET" && incoming.method !== "HEAD" && !incoming.complete;
  if (unread) outgoing.setHeader("connection", "close");
  const body = incoming.method === "HEAD" ? null : response.body;
  if (body === null) {
    await response.body?.cancel();
  } else {
    outgoing.flushHeaders();
    const reader = body.getReader();
    const gone = () => void reader.cancel().catch(() => {}); // Its end is what the loop sees.
    outgoing.once("close", gone);
    try {
      while (true) {
        const { done, value } = await reader.read();
        if (done || outgoing.destroyed) break;
        if (!outgoing.write(value)) await drained(outgoing, limits.read);
      }
    } finally {
      outgoing.off("close", gone);
    }
  }
  await new Promise<void>((resolve) => {
    outgoing.once("close", resolve);
    outgoing.end(() => resolve());
  });
  if (unread) incoming.socket.destroy();
}

/** Resolves when the reader has taken what was written. @throws when it does not, or has gone. */
async function drained(outgoing: ServerResponse, patience: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (how: () => void) => () => {
      clearTimeout(timer);
      outgoing.off("drain", onDrain);
      outgoing.off("close", onClose);
      how();
    };
    const onDrain = settle(resolve);
    const onClose = settle(() => reject(new Error("the reader has gone")));
    const timer = setTimeout(settle(() => reject(new Error("the reader is too slow"))), patience);
    outgoing.once("drain", onDrain);
    outgoing.once("close", onClose);
  });
}

/** As a URL and a flag have it. */
export function formatListen({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}

function explain(error: unknown, { port }: ListenAddress): string {
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return `the port is in use; choose another, or stop what holds it: ss -ltnp sport = :${port}`;
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return "no interface of this machine has that address";
    case "EACCES":
    case "EPERM":
      return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
    default:
      return messageOf(error);
  }
}
