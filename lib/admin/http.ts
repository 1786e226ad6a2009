/**
 * The admin endpoint: is the process alive, would it answer clients, and what has it counted.
 *
 * @module
 */

import { Hono } from "hono/tiny";
import type { ListenAddress } from "../config/model.ts";
import { messageOf, OperatorError } from "../config/operator_error.ts";
import type { Gauges, Metrics } from "./metrics.ts";

/** Whether the server would answer clients, and if not why. */
export interface Readiness {
  readonly ok: boolean;
  /** What is missing, one line each; empty when nothing is. */
  readonly reasons: readonly string[];
}

/** What the admin endpoint shows. */
export interface AdminSubject {
  readonly metrics: Metrics;
  readonly gauges: Gauges;
  ready(): Readiness;
  /** Names that the machine is called by, besides its addresses and localhost. */
  readonly hostnames: readonly string[];
}

/** A running admin endpoint. */
export interface AdminEndpoint {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly address: ListenAddress;
  /**
   * Loads what a scrape needs. Call it once the server is ready, so that the first scrape finds it
   * loaded; a scrape that comes earlier loads it itself.
   */
  warm(): Promise<void>;
  /** Stops listening and settles when the requests under way are answered. */
  stop(): Promise<void>;
}

/** The endpoint cannot listen. The message says where, why and what to do. */
export class AdminListenError extends OperatorError {
  override readonly name = "AdminListenError";
}

const PATHS = ["/healthz", "/readyz", "/metrics"];

/**
 * Starts the admin endpoint.
 *
 * @throws {AdminListenError} when the address cannot be listened on.
 */
export function startAdmin(address: ListenAddress, subject: AdminSubject): AdminEndpoint {
  let registry: ReturnType<typeof loadRegistry> | undefined;
  const scraper = () => registry ??= loadRegistry(subject);
  const names = new Set(["localhost", ...subject.hostnames.map((name) => name.toLowerCase())]);

  const app = new Hono();
  app.use(async (context, next) => {
    const host = context.req.header("host");
    if (host !== undefined && !isOurs(host, names)) {
      return context.text(`This is not ${host}\n`, 421);
    }
    const { method } = context.req;
    if (method !== "GET" && method !== "HEAD") {
      return context.text("Only GET and HEAD are allowed\n", 405, { allow: "GET, HEAD" });
    }
    await next();
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
  });
  app.get("/healthz", (context) => context.text("ok\n"));
  app.get("/readyz", (context) => {
    const { ok, reasons } = subject.ready();
    return context.json({ ready: ok, reasons }, ok ? 200 : 503);
  });
  app.get("/metrics", async (context) => {
    const metrics = await scraper();
    return context.body(await metrics.metrics(), 200, { "content-type": metrics.contentType });
  });
  app.notFound((context) => context.text(`There is ${PATHS.join(", ")}\n`, 404));

  const server = listen(address, app.fetch);
  return {
    address: { hostname: server.addr.hostname, port: server.addr.port },
    async warm() {
      await scraper();
    },
    stop: () => server.shutdown(),
  };
}

async function loadRegistry({ metrics, gauges }: AdminSubject) {
  const { makeRegistry } = await import("./exposition.ts");
  return makeRegistry(metrics, gauges);
}

/**
 * Whether a Host header names this machine. Any literal address does: a page that rebinds its own
 * name to our address gets its browser to send that name, never an address.
 */
function isOurs(host: string, names: ReadonlySet<string>): boolean {
  const name = host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  return names.has(name) || /^\[[0-9a-f:.]+\]$/.test(name) || /^\d+(\.\d+){3}$/.test(name);
}

function listen(
  address: ListenAddress,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  const serve = (hostname: string) =>
    Deno.serve({ hostname, port: address.port, onListen() {}, onError: failed }, handler);
  try {
    return serve(address.hostname);
  } catch (error) {
    // "::" is every address, IPv4 ones too; a machine without IPv6 has only those.
    if (address.hostname === "::" && !(error instanceof Deno.errors.AddrInUse)) {
      try {
        return serve("0.0.0.0");
      } catch {
        // The first error is the one to tell.
      }
    }
    throw new AdminListenError(
      `cannot listen on ${format(address)} (--admin-addr): ${explain(error, address)}`,
      { cause: error },
    );
  }
}

function failed(error: unknown): Response {
  return new Response(`Cannot answer: ${messageOf(error)}\n`, { status: 500 });
}

function format({ hostname, port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

function explain(error: unknown, { port }: ListenAddress): string {
  if (error instanceof Deno.errors.AddrInUse) {
    return `the port is in use; choose another, or stop what holds it: ss -ltnp sport = :${port}`;
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return "no interface of this machine has that address";
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return "ports below 1024 need root or CAP_NET_BIND_SERVICE";
  }
  return messageOf(error);
}
