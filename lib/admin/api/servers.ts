/**
 * `/api/servers`: who answers from this book.
 *
 * @module
 */

import { json, type Route } from "../route.ts";
import { inJson, ref } from "./schema.ts";
import type { Managed } from "./subject.ts";

export function serverRoutes({ store }: Managed): readonly Route[] {
  return [{
    method: "GET",
    path: "/api/servers",
    id: "listServers",
    summary: "List the servers that answer from this book",
    answers: { 200: { description: "Servers", content: inJson(ref("Servers")) } },
    handle: () => json({ servers: store.servers() }),
  }];
}
