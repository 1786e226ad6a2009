/**
 * What a route of the admin endpoint is: one row says what is asked how, what comes back, and who
 * does it. Serving and the OpenAPI document both come from the rows.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import type { Peer } from "./listener.ts";

/** A JSON Schema (2020-12), as OpenAPI 3.1 takes it. */
export type Schema = { readonly [key: string]: unknown };

/** What a request or an answer carries, by media type. */
export type Content = Readonly<Record<string, Schema>>;

export interface Parameter {
  readonly name: string;
  readonly help: string;
  readonly schema: Schema;
  readonly required?: boolean;
}

export interface Answer {
  readonly description: string;
  readonly content: Content;
}

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** One way to ask one path. */
export interface Route {
  readonly method: Method;
  /** With its parameters in braces: "/api/leases/{ip}". */
  readonly path: string;
  /** Its name in the document. Several methods that do the same share it but for the method. */
  readonly id: string;
  readonly summary: string;
  /** Whether everybody may ask, from wherever. */
  readonly open?: boolean;
  /** What each {parameter} of the path is. */
  readonly place?: readonly Parameter[];
  readonly query?: readonly Parameter[];
  readonly body?: { readonly description: string; readonly content: Content };
  /** By status, beside the errors that every route may give. */
  readonly answers: Readonly<Record<number, Answer>>;
  handle(call: Call): Response | Promise<Response>;
}

/** One request, taken apart. */
export interface Call {
  readonly request: Request;
  readonly peer: Peer;
  /** Of the path, decoded, by name. */
  readonly place: ReadonlyMap<string, string>;
  readonly query: ReadonlyMap<string, string>;
}

/** A request that is not answered as asked. The message is one line for whoever asked. */
export class HttpError extends Error {
  override readonly name = "HttpError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** What a path and a method lead to. */
export interface Match {
  readonly route: Route;
  readonly place: ReadonlyMap<string, string>;
}

/** Finds routes. */
export class RouteTable {
  readonly routes: readonly Route[];
  readonly #paths = new Map<string, { readonly pattern: RegExp; readonly routes: Route[] }>();

  constructor(routes: readonly Route[]) {
    this.routes = routes;
    for (const route of routes) {
      let entry = this.#paths.get(route.path);
      if (entry === undefined) {
        entry = { pattern: patternOf(route.path), routes: [] };
        this.#paths.set(route.path, entry);
      }
      entry.routes.push(route);
    }
  }

  /** Every path, as the rows have them. */
  get paths(): readonly string[] {
    return [...this.#paths.keys()];
  }

  /**
   * The route for a path. HEAD goes where GET does.
   *
   * @throws {HttpError} 404, or 405 with the methods that the path has.
   */
  find(method: string, path: string): Match {
    const wanted = method === "HEAD" ? "GET" : method;
    for (const { pattern, routes } of this.#paths.values()) {
      const match = pattern.exec(path);
      if (match === null) continue;
      const route = routes.find((one) => one.method === wanted);
      if (route === undefined) throw notAllowed(method, path, routes);
      const place = Object.entries(match.groups ?? {}).map(([name, text]) =>
        [name, decode(text)] as const
      );
      return { route, place: new Map(place) };
    }
    throw new HttpError(404, `there is no ${path}; there is ${this.paths.join(", ")}`);
  }
}

function notAllowed(method: string, path: string, routes: readonly Route[]): HttpError {
  const methods = routes.flatMap((one) => one.method === "GET" ? ["GET", "HEAD"] : [one.method]);
  const allow = methods.join(", ");
  return new HttpError(405, `${path} has no ${method}; it has ${allow}`, { allow });
}

function patternOf(path: string): RegExp {
  const source = path.replaceAll(/[.*+?^$()|[\]\\]/g, "\\$&")
    .replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)");
  return new RegExp(`^${source}$`);
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, `cannot read ${JSON.stringify(text)}: its %-escapes are wrong`);
  }
}

/**
 * The query's parameters, each known to the route and given once.
 *
 * @throws {HttpError} 400.
 */
export function readQuery(
  search: URLSearchParams,
  known: readonly Parameter[],
): ReadonlyMap<string, string> {
  const names = known.map(({ name }) => name);
  const values = new Map<string, string>();
  for (const [name, value] of search) {
    if (!names.includes(name)) {
      const meant = nearest(name, names);
      const hint = meant !== undefined
        ? `did you mean ${meant}?`
        : names.length === 0
        ? "it takes none"
        : `it takes ${names.join(", ")}`;
      throw new HttpError(400, `unknown parameter ${JSON.stringify(name)}; ${hint}`);
    }
    if (values.has(name)) throw new HttpError(400, `${name}: given twice`);
    values.set(name, value);
  }
  for (const { name, help, required } of known) {
    if (required && !values.has(name)) throw new HttpError(400, `${name}: missing: ${help}`);
  }
  return values;
}

/** An answer in JSON. */
export function json(value: unknown, status = 200): Response {
  return new Response(JSON.stringify(value) + "\n", {
    status,
    headers: { "content-type": "application/json" },
  });
}

/** An error in JSON. */
export function errorResponse({ status, message, headers }: HttpError): Response {
  const response = json({ error: message }, status);
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value);
  return response;
}
