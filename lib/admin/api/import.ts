/**
 * `POST /api/leases`: leases that another server gave, entered with their own instants.
 *
 * @module
 */

import { isHeld } from "../../lease/lease.ts";
import type { Enter, Result } from "../../lease/store.ts";
import { formatIpv4 } from "../../wire/address.ts";
import { type Call, HttpError, type Route } from "../route.ts";
import { type ImportResultJson, JSON_LINES } from "./lease_json.ts";
import { checkType, chunksOf, readClient, readFlag, readIp, readMac } from "./read.ts";
import { inJson, ref } from "./schema.ts";
import { splitRecords } from "./split.ts";
import { type Managed, nameOf, subnetAround } from "./subject.ts";

const TYPES = ["application/json", JSON_LINES, "application/x-ndjson"];

/** The largest import, octets: some two million leases. It is never in memory as a whole. */
const IMPORT_LIMIT = 512 << 20;

/** Leases that are entered together. */
const BATCH = 100;

export function importRoute(managed: Managed): Route {
  return {
    method: "POST",
    path: "/api/leases",
    id: "importLeases",
    summary: "Enter leases that another server gave, as a JSON array or JSON lines",
    query: [{
      name: "dry-run",
      help: "Only say what would become of them",
      schema: { type: "boolean" },
    }],
    body: {
      description: "Leases; answers come while more is sent, so read while you send",
      content: {
        "application/json": { type: "array", items: ref("NewLease") },
        [JSON_LINES]: ref("NewLease"),
      },
    },
    answers: {
      200: {
        description: "What became of each, one a line, in their order",
        content: { [JSON_LINES]: ref("ImportResult") },
      },
      413: { description: "Too much at once", content: inJson(ref("Error")) },
    },
    handle(call) {
      checkType(call, TYPES);
      const dryRun = readFlag("dry-run", call.query.get("dry-run"));
      const results = ReadableStream.from(settle(managed, call, dryRun));
      return new Response(results, { headers: { "content-type": JSON_LINES } });
    },
  };
}

type Outcome = Omit<ImportResultJson, "line">;

/** One record on its way. */
interface Item {
  readonly line: number;
  /** What to enter, or what became of it without that. */
  readonly fate: Enter | Outcome;
}

async function* settle(managed: Managed, call: Call, dryRun: boolean): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  let batch: Item[] = [];
  const flush = async () => {
    const settled = await settleBatch(managed, batch, dryRun);
    batch = [];
    return encoder.encode(settled.map((one) => JSON.stringify(one) + "\n").join(""));
  };
  let line = 0;
  try {
    for await (const record of splitRecords(chunksOf(call, IMPORT_LIMIT))) {
      line = record.line;
      batch.push({ line, fate: plan(managed, record.text) });
      if (batch.length >= BATCH) yield await flush();
    }
    if (batch.length > 0) yield await flush();
  } catch (error) {
    // The status has left; what came whole is settled, and the rest is told in a last line.
    if (!(error instanceof HttpError)) throw error;
    if (batch.length > 0) yield await flush();
    const rest = { line: line + 1, ip: "", result: "invalid", reason: error.message };
    yield encoder.encode(JSON.stringify(rest) + "\n");
  }
}

async function settleBatch(
  managed: Managed,
  batch: readonly Item[],
  dryRun: boolean,
): Promise<readonly ImportResultJson[]> {
  const planned = batch.flatMap(({ fate }) => "kind" in fate ? [fate] : []);
  const outcomes = dryRun
    ? planned.map((one) => foresee(managed, one))
    : (await managed.commit(planned)).map((result, at) => outcomeOf(planned[at]!, result));
  let next = 0;
  return batch.map(({ line, fate }) => ({
    line,
    ...("kind" in fate ? outcomes[next++]! : fate),
  }));
}

/** What a record asks for, or why it is not entered. */
function plan({ store, now }: Managed, text: string): Enter | Outcome {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ip: "", result: "invalid", reason: "not JSON" };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ip: "", result: "invalid", reason: "not a JSON object" };
  }
  const record = value as Readonly<Record<string, unknown>>;
  const ip = typeof record.ip === "string" ? record.ip : "";
  try {
    const address = readIp("ip", textOf(record, "ip"));
    const mac = readMac("mac", textOf(record, "mac"));
    const state = textOf(record, "state", "bound");
    if (state !== "bound") {
      return { ip, result: "skipped", reason: `it is ${state}: nobody holds it` };
    }
    const expires = record.expires === null ? Infinity : instantOf(record, "expires");
    if (expires === undefined) {
      throw new HttpError(400, "expires: missing: wanted an instant, or null for never");
    }
    if (expires <= now()) return { ip, result: "skipped", reason: "it has ended" };
    const subnet = subnetAround(store.subnets, address);
    if (subnet === undefined) {
      return { ip, result: "refused", reason: "in no subnet that is served" };
    }
    const clientId = textOf(record, "clientId", "").toLowerCase();
    if (!/^([0-9a-f]{2}){0,255}$/.test(clientId)) {
      throw new HttpError(400, "clientId: wanted octets in hex");
    }
    const client = readClient("client", textOf(record, "client", mac));
    const since = Math.min(instantOf(record, "since") ?? now(), now());
    const hostname = textOf(record, "hostname", "").replaceAll(/[\p{Cc}\ufffd]/gu, "").slice(
      0,
      255,
    );
    return {
      kind: "enter",
      subnet: nameOf(subnet),
      client,
      address,
      mac,
      clientId,
      hostname,
      since,
      expires,
    };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    return { ip, result: "invalid", reason: error.message };
  }
}

function textOf(
  record: Readonly<Record<string, unknown>>,
  name: string,
  fallback?: string,
): string {
  const value = record[name] ?? fallback;
  if (value === undefined) throw new HttpError(400, `${name}: missing`);
  if (typeof value !== "string") throw new HttpError(400, `${name}: wanted text`);
  return value;
}

/** Milliseconds since 1970; undefined when there is none. */
function instantOf(record: Readonly<Record<string, unknown>>, name: string): number | undefined {
  const value = record[name];
  if (value === undefined || value === null) return undefined;
  const instant = typeof value === "string" && /^\d{4}-\d\d-\d\dT/.test(value)
    ? Date.parse(value)
    : NaN;
  if (!Number.isNaN(instant)) return instant;
  throw new HttpError(
    400,
    `${name}: cannot use ${JSON.stringify(value)}: wanted an instant like 2026-11-22T15:00:00Z`,
  );
}

/** What the book would say, as far as is known here. */
function foresee({ store, now }: Managed, enter: Enter): Outcome {
  const ip = formatIpv4(enter.address);
  const there = store.view.ofAddress(enter.address);
  if (there !== undefined && there.client !== enter.client && isHeld(there, now())) {
    return { ip, result: "taken", reason: `${there.client} has it` };
  }
  const own = store.view.ofClient(enter.subnet, enter.client);
  if (own !== undefined && own.address !== enter.address && isHeld(own, now())) {
    return { ip, result: "taken", reason: `its client has ${formatIpv4(own.address)}` };
  }
  return { ip, result: "entered", reason: "" };
}

function outcomeOf({ address }: Enter, result: Result): Outcome {
  const ip = formatIpv4(address);
  switch (result.kind) {
    case "done":
      return { ip, result: "entered", reason: "" };
    case "taken":
      return { ip, result: "taken", reason: "somebody has it, or its client has another address" };
    case "refused":
      return { ip, result: "refused", reason: "it has ended, or is not to be leased" };
    case "unknown":
      return { ip, result: "unknown", reason: result.reason };
  }
}
