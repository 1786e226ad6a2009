/**
 * The admin endpoint: is the process alive, would it answer clients, what has it counted, and the
 * API that manages its book.
 *
 * @module
 */

import type { AdminConfig, ListenAddress } from "../config/model.ts";
import { messageOf, OperatorError } from "../config/operator_error.ts";
import type { EventLimits } from "./api/events.ts";
import type { Managed } from "./api/subject.ts";
import { Feed } from "./feed.ts";
import { checkAddressee, checkRight, type Site } from "./guard.ts";
import {
  BodyBroken,
  LIMITS,
  type Limits,
  listen,
  type Listener,
  type Peer,
  type Place,
} from "./listener.ts";
import type { Gauges, Metrics } from "./metrics.ts";
import type { Seat } from "./seats.ts";
import {
  errorResponse,
  HttpError,
  json,
  type Match,
  readQuery,
  type Route,
  RouteTable,
} from "./route.ts";
import { TokenFile } from "./token.ts";

export { AdminListenError } from "./listener.ts";
export type { Managed } from "./api/subject.ts";

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
  /** The program's version. */
  readonly version: string;
  /** The book that the API manages. */
  readonly managed: Managed;
  /** Takes a line about something that is odd. */
  warn(line: string): void;
}

/** How patient and how generous the endpoint is. */
export interface AdminLimits {
  readonly connections?: Partial<Limits>;
  readonly events?: EventLimits;
}

/** A running admin endpoint. */
export interface AdminEndpoint {
  /** Where it listens; the port is the real one when 0 was asked for. */
  readonly address: ListenAddress;
  /**
   * Loads what a scrape and the API need. Call it once the server is ready, so that the first
   * request finds it loaded; a request that comes earlier loads it itself.
   */
  warm(): Promise<void>;
  /** Stops listening and settles when the requests under way are answered. */
  stop(): Promise<void>;
}

/**
 * Starts the admin endpoint.
 *
 * @throws {AdminListenError} when it cannot listen there, or a PEM file cannot be read.
 * @throws {TokenError} when the token cannot be used.
 */
export async function startAdmin(
  config: AdminConfig,
  subject: AdminSubject,
  limits: AdminLimits = {},
): Promise<AdminEndpoint> {
  const site = await makeSite(config, subject);
  const feed = new Feed(crypto.randomUUID().slice(0, 8));
  const desk = new Desk(site, subject, feed, limits.events);
  const listeners: Listener[] = [];
  const { store, now } = subject.managed;
  const unsubscribe = store.subscribe((event) => feed.add(event, now()));
  const stop = async () => {
    unsubscribe();
    feed.close();
    desk.stop();
    await Promise.all(listeners.map((listener) => listener.stop()));
  };
  try {
    for (const place of await placesOf(config)) {
      const patience = { ...LIMITS, ...limits.connections };
      listeners.push(await listen(place, desk.answer.bind(desk), patience));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return { address: listeners[0]!.address, warm: () => desk.warm(), stop };
}

async function makeSite(config: AdminConfig, subject: AdminSubject): Promise<Site> {
  const token = await TokenFile.open(config.tokenFile, (line) => subject.warn(line));
  const names = ["localhost", ...subject.hostnames.map((name) => name.toLowerCase())];
  return { token: () => token.now(), names: new Set(names) };
}

async function placesOf({ listen, socket, tls }: AdminConfig): Promise<readonly Place[]> {
  const pem = async (path: string, flag: string) => {
    try {
      return await Deno.readTextFile(path);
    } catch (error) {
      throw new OperatorError(`cannot read ${path} (${flag}): ${messageOf(error)}`, {
        cause: error,
      });
    }
  };
  const pems = tls && {
    cert: await pem(tls.cert, "--admin.tls-cert"),
    key: await pem(tls.key, "--admin.tls-key"),
  };
  const tcp = { kind: "tcp", address: listen, tls: pems } as const;
  return socket === undefined ? [tcp] : [tcp, { kind: "unix", path: socket }];
}

/** Why whoever has a seat that is kept for health and metrics cannot have more. */
const BUSY = "too many ask at once; what is left is for health and metrics: try again later";

/** Takes requests, sends them where they belong, and turns what goes wrong into answers. */
class Desk {
  readonly #site: Site;
  readonly #subject: AdminSubject;
  readonly #feed: Feed;
  readonly #eventLimits: EventLimits | undefined;
  readonly #base: RouteTable;
  #registry: ReturnType<typeof loadRegistry> | undefined;
  #whole: Promise<RouteTable> | undefined;
  readonly #stopping = new AbortController();

  constructor(
    site: Site,
    subject: AdminSubject,
    feed: Feed,
    eventLimits: EventLimits | undefined,
  ) {
    this.#site = site;
    this.#subject = subject;
    this.#feed = feed;
    this.#eventLimits = eventLimits;
    this.#base = new RouteTable(openRoutes(subject, () => this.#scraper()));
  }

  async warm(): Promise<void> {
    await Promise.all([this.#scraper(), this.#table()]);
  }

  /** Ends what would otherwise take its time. */
  stop(): void {
    this.#stopping.abort();
  }

  async answer(request: Request, peer: Peer, seat: Seat): Promise<Response> {
    const response = await this.#answer(request, peer, seat);
    response.headers.set("cache-control", "no-store");
    response.headers.set("x-content-type-options", "nosniff");
    return response;
  }

  async #answer(request: Request, peer: Peer, seat: Seat): Promise<Response> {
    try {
      const url = new URL(request.url);
      const { method, headers } = request;
      checkAddressee(headers, this.#site);
      const { route, place } = await this.#find(method, url.pathname);
      if (!route.open) {
        if (seat === "kept") throw new HttpError(503, BUSY, { "retry-after": "5" });
        await checkRight(method, headers, peer, this.#site);
      }
      // Scrapers add parameters of their own; nobody is misled when those do nothing.
      const query = route.open ? new Map() : readQuery(url.searchParams, route.query ?? []);
      return await route.handle({ request, peer, place, query });
    } catch (error) {
      if (error instanceof HttpError) return errorResponse(error);
      // No fault of ours, and most likely nobody is there to read this.
      if (error instanceof BodyBroken) return errorResponse(new HttpError(400, error.message));
      this.#subject.warn(
        `fault while answering ${request.method}; please report it: ${
          error instanceof Error ? error.stack : String(error)
        }`,
      );
      return errorResponse(new HttpError(500, `cannot answer: ${messageOf(error)}`));
    }
  }

  /** What is asked most is found without loading the rest. */
  async #find(method: string, path: string): Promise<Match> {
    const table = this.#base.paths.includes(path) ? this.#base : await this.#table();
    return table.find(method, path);
  }

  #scraper() {
    return this.#registry ??= loadRegistry(this.#subject);
  }

  #table(): Promise<RouteTable> {
    return this.#whole ??= this.#loadTable();
  }

  async #loadTable(): Promise<RouteTable> {
    const [{ apiRoutes }, { profileRoutes }, { documentRoute }] = await Promise.all([
      import("./api/routes.ts"),
      import("./profiles.ts"),
      import("./openapi.ts"),
    ]);
    const { managed, version } = this.#subject;
    const table: RouteTable = new RouteTable([
      ...this.#base.routes,
      ...apiRoutes(managed, this.#feed, this.#eventLimits),
      ...profileRoutes(this.#stopping.signal),
      documentRoute(() => table.routes, version),
    ]);
    return table;
  }
}

async function loadRegistry({ metrics, gauges, ready }: AdminSubject) {
  const { makeRegistry } = await import("./exposition.ts");
  return makeRegistry(metrics, gauges, () => ready().ok);
}

const TEXT = { "text/plain": { type: "string" } };
const READINESS = {
  "application/json": {
    type: "object",
    properties: {
      ready: { type: "boolean" },
      reasons: { type: "array", items: { type: "string" } },
    },
    required: ["ready", "reasons"],
    additionalProperties: false,
  },
};

/** What is open to everybody: monitoring expects it, and it tells nobody's secrets. */
function openRoutes(
  subject: AdminSubject,
  scraper: () => ReturnType<typeof loadRegistry>,
): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/healthz",
      id: "getHealth",
      summary: "The process lives",
      open: true,
      answers: { 200: { description: "It does", content: TEXT } },
      handle: () => new Response("ok\n", { headers: { "content-type": "text/plain" } }),
    },
    {
      method: "GET",
      path: "/readyz",
      id: "getReadiness",
      summary: "Whether clients would be answered, and if not why",
      open: true,
      answers: {
        200: { description: "They would", content: READINESS },
        503: { description: "They would not", content: READINESS },
      },
      handle() {
        const { ok, reasons } = subject.ready();
        return json({ ready: ok, reasons }, ok ? 200 : 503);
      },
    },
    {
      method: "GET",
      path: "/metrics",
      id: "getMetrics",
      summary: "Metrics in Prometheus' text format",
      open: true,
      answers: { 200: { description: "Metrics", content: TEXT } },
      async handle() {
        const registry = await scraper();
        return new Response(await registry.metrics(), {
          headers: { "content-type": registry.contentType },
        });
      },
    },
  ];
}
