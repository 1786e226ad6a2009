/**
 * The routes of profiles. What takes them is loaded when somebody asks.
 *
 * @module
 */

import { inJson, ref } from "./api/schema.ts";
import type { Call, Parameter, Route } from "./route.ts";

const SECONDS: Parameter = {
  name: "seconds",
  help: "How long to sample",
  schema: { type: "integer", minimum: 1, maximum: 60, default: 10 },
};

const ERROR = inJson(ref("Error"));

const SAMPLED = {
  "application/octet-stream": { type: "string", format: "binary" },
  "application/json": { type: "object" },
};

/** @param stopping Given when the server stops, which ends a profile that is being taken. */
export function profileRoutes(stopping: AbortSignal): readonly Route[] {
  const route = (kind: "profile" | "heap", own: string, id: string, summary: string): Route => ({
    method: "GET",
    path: `/debug/pprof/${kind}`,
    id,
    summary,
    query: [SECONDS, {
      name: "format",
      help: "pprof's, or V8's own",
      schema: { type: "string", enum: ["pprof", own], default: "pprof" },
    }],
    answers: {
      200: { description: "The profile", content: SAMPLED },
      409: { description: "Another profile is being taken", content: ERROR },
      501: { description: "The process may not", content: ERROR },
    },
    async handle({ request }: Call) {
      const pprof = await import("./pprof.ts");
      return await pprof[kind](request, stopping);
    },
  });
  return [
    route("profile", "cpuprofile", "getProfile", "What takes time"),
    route("heap", "heapprofile", "getHeap", "What was allocated meanwhile and is still there"),
  ];
}
