/**
 * The OpenAPI 3.1 document of the admin endpoint, from the rows that serve it.
 *
 * @module
 */

import { inJson, ref, SCHEMAS } from "./api/schema.ts";
import { type Answer, json, type Parameter, type Route, type Schema } from "./route.ts";

/** What any guarded route may answer besides its own. */
export const COMMON_ANSWERS: Readonly<Record<number, Answer>> = {
  400: error("Something in the request makes no sense"),
  401: error("The token is missing or wrong"),
  403: error("Another site's page asks, or there is no token"),
  421: error("The Host is none of this machine's"),
  500: error("A fault of the server's"),
};

/** Of routes that take something. */
const BODY_ANSWERS: Readonly<Record<number, Answer>> = {
  408: error("The body did not come in time"),
  413: error("The body is too large"),
  415: error("The body is of another type"),
};

function error(description: string): Answer {
  return { description, content: inJson(ref("Error")) };
}

/** The route that serves the document of all routes, itself included. */
export function documentRoute(routes: () => readonly Route[], version: string): Route {
  return {
    method: "GET",
    path: "/api/openapi.json",
    id: "getOpenApi",
    summary: "This document",
    answers: { 200: { description: "OpenAPI 3.1", content: inJson({ type: "object" }) } },
    handle: () => json(makeDocument(routes(), version)),
  };
}

export function makeDocument(routes: readonly Route[], version: string): Schema {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "etcDHCP",
      version,
      description:
        "Leases, reservations and pools of a DHCP server. Reads from the machine itself " +
        "are free; everything else needs the token. application/jsonl is one JSON value a line, " +
        "and its schema is that of a line.",
      license: { name: "MIT" },
    },
    paths,
    components: {
      schemas: SCHEMAS,
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "From the file --admin.token-file" },
      },
    },
  };
}

/** Everything that a route may answer. */
export function answersOf({ answers, open, body }: Route): Readonly<Record<number, Answer>> {
  const common = open ? {} : COMMON_ANSWERS;
  return { ...common, ...(body === undefined ? {} : BODY_ANSWERS), ...answers };
}

function operationOf(route: Route): Schema {
  const { method, id, summary, open, place = [], query = [], body } = route;
  const responses = Object.entries(answersOf(route)).map(([status, { description, content }]) => [
    status,
    { description, content: contentOf(content) },
  ]);
  const read = method === "GET" ? [{}] : [];
  return {
    operationId: id,
    summary,
    parameters: [
      ...place.map((one) => parameterOf(one, "path")),
      ...query.map((one) => parameterOf(one, "query")),
    ],
    ...(body === undefined ? {} : {
      requestBody: {
        description: body.description,
        required: true,
        content: contentOf(body.content),
      },
    }),
    responses: Object.fromEntries(responses),
    security: open ? [] : [...read, { token: [] }],
  };
}

function parameterOf({ name, help, schema, required }: Parameter, where: "path" | "query"): Schema {
  const isRequired = where === "path" || (required ?? false);
  return { name, in: where, description: help, required: isRequired, schema };
}

function contentOf(content: Readonly<Record<string, Schema>>): Schema {
  return Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema }]));
}
