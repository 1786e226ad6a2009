/**
 * `/api/leases`: what is in the book, and taking addresses back.
 *
 * @module
 */

import type { Lease } from "../../lease/lease.ts";
import type { Ipv4, Mac } from "../../wire/address.ts";
import { formatIpv4 } from "../../wire/address.ts";
import { type Call, HttpError, json, type Parameter, type Route } from "../route.ts";
import { importRoute } from "./import.ts";
import { instantJson, JSON_LINES, LEASE_STATES, leaseJson } from "./lease_json.ts";
import { readFlag, readIp, readMac } from "./read.ts";
import { inJson, ref } from "./schema.ts";
import { gently, type Managed, subnetAround } from "./subject.ts";

/** Leases of a page, unless asked for otherwise, and at most. */
const PAGE = 1000;
const LARGEST_PAGE = 10_000;

/** Octets of JSON lines that are written at once. */
const CHUNK = 32 * 1024;

const FILTERS: readonly Parameter[] = [
  {
    name: "subnet",
    help: "Only of this subnet; empty is the one without a name",
    schema: { type: "string" },
  },
  { name: "state", help: "Only in this state", schema: { type: "string", enum: LEASE_STATES } },
  { name: "mac", help: "Only of this hardware address", schema: { type: "string" } },
  {
    name: "hostname",
    help: "Only with this in the host name, in whichever case",
    schema: { type: "string" },
  },
];

const PAGING: readonly Parameter[] = [
  {
    name: "limit",
    help: `At most so many, ${PAGE} unless said`,
    schema: { type: "integer", minimum: 1, maximum: LARGEST_PAGE },
  },
  { name: "cursor", help: "Where the page before ended", schema: { type: "string" } },
];

const IP: Parameter = { name: "ip", help: "The address", schema: { type: "string" } };

export function leaseRoutes(managed: Managed): readonly Route[] {
  return [
    {
      method: "GET",
      path: "/api/leases",
      id: "listLeases",
      summary: "List leases, a page at a time; with Accept: application/jsonl all, unsorted",
      query: [...FILTERS, ...PAGING],
      answers: {
        200: {
          description: "Leases; as JSON lines one lease a line",
          content: { ...inJson(ref("LeasePage")), [JSON_LINES]: ref("Lease") },
        },
      },
      handle: (call) => list(managed, call),
    },
    importRoute(managed),
    {
      method: "GET",
      path: "/api/leases/{ip}",
      id: "getLease",
      summary: "Show what the book says of an address",
      place: [IP],
      answers: { 200: { description: "The entry", content: inJson(ref("Lease")) } },
      handle(call) {
        const address = readIp("ip", call.place.get("ip")!);
        return json(leaseJson(entryOf(managed, address)));
      },
    },
    {
      method: "DELETE",
      path: "/api/leases/{ip}",
      id: "freeLease",
      summary: "Take an address back; it is kept aside until its client can use it no more",
      place: [IP],
      query: [{
        name: "force",
        help: "Free it at once, though its client may go on to use it",
        schema: { type: "boolean" },
      }],
      answers: {
        200: { description: "It is taken back", content: inJson(ref("Freed")) },
        409: { description: "Nobody holds it", content: inJson(ref("Error")) },
        503: { description: "The book cannot be written", content: inJson(ref("Error")) },
      },
      handle: (call) => free(managed, call),
    },
  ];
}

function entryOf({ store }: Managed, address: Ipv4): Lease {
  const lease = store.view.ofAddress(address);
  if (lease !== undefined) return lease;
  const where = subnetAround(store.subnets, address) === undefined
    ? "; it is in no subnet that is served"
    : "";
  throw new HttpError(404, `${formatIpv4(address)} has no entry in the book${where}`);
}

async function free(managed: Managed, call: Call): Promise<Response> {
  const address = readIp("ip", call.place.get("ip")!);
  const force = readFlag("force", call.query.get("force"));
  const { subnet } = entryOf(managed, address);
  const [result] = await managed.commit([{ kind: "free", subnet, address, force }]);
  switch (result!.kind) {
    case "done": {
      const { lease } = result!;
      const until = lease.state === "freed" ? lease.expires : undefined;
      return json({
        lease: leaseJson(lease),
        until: until === undefined ? null : instantJson(until),
      });
    }
    case "unknown":
      throw new HttpError(503, `${result!.reason}; try again`);
    default:
      throw new HttpError(409, notFreed(managed.store.view.ofAddress(address), address));
  }
}

function notFreed(lease: Lease | undefined, address: Ipv4): string {
  const ip = formatIpv4(address);
  if (lease?.state === "freed") {
    const until = instantJson(lease.expires);
    return `${ip} is taken back already and kept aside until ${until}; force frees it now`;
  }
  return `nobody holds ${ip}: it is ${lease?.state ?? "free"}`;
}

/** Whether a lease is one of those asked for. */
function filterOf(query: ReadonlyMap<string, string>): (lease: Lease) => boolean {
  const subnet = query.get("subnet");
  const state = query.get("state");
  const hostname = query.get("hostname")?.toLowerCase();
  const macText = query.get("mac");
  const mac: Mac | undefined = macText === undefined ? undefined : readMac("mac", macText);
  if (state !== undefined && !LEASE_STATES.some((one) => one === state)) {
    const wanted = LEASE_STATES.join(", ");
    throw new HttpError(400, `state: cannot use ${JSON.stringify(state)}: wanted ${wanted}`);
  }
  return (lease) =>
    (subnet === undefined || lease.subnet === subnet) &&
    (state === undefined || lease.state === state) &&
    (mac === undefined || lease.mac === mac) &&
    (hostname === undefined || lease.hostname.toLowerCase().includes(hostname));
}

async function list(managed: Managed, call: Call): Promise<Response> {
  const { query, request } = call;
  const wanted = filterOf(query);
  if ((request.headers.get("accept") ?? "").includes(JSON_LINES)) {
    for (const { name } of PAGING) {
      if (query.has(name)) throw new HttpError(400, `${name}: JSON lines come in one piece`);
    }
    return new Response(ReadableStream.from(lines(managed, wanted)), {
      headers: { "content-type": JSON_LINES },
    });
  }
  const limit = limitOf(query.get("limit"));
  const cursor = query.get("cursor");
  const after = cursor === undefined ? -1 : readIp("cursor", cursor);
  const page = await pageOf(managed, wanted, after, limit + 1);
  const more = page.length > limit;
  const leases = more ? page.slice(0, limit) : page;
  return json({
    leases: leases.map(leaseJson),
    next: more ? formatIpv4(leases.at(-1)!.address) : null,
  });
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return PAGE;
  const limit = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LARGEST_PAGE) return limit;
  throw new HttpError(
    400,
    `limit: cannot use ${JSON.stringify(text)}: wanted a whole number, 1 to ${LARGEST_PAGE}`,
  );
}

/** The first so many leases after an address, in order, without sorting the whole book. */
async function pageOf(
  { store, turn }: Managed,
  wanted: (lease: Lease) => boolean,
  after: number,
  limit: number,
): Promise<readonly Lease[]> {
  let page: Lease[] = [];
  let last = Infinity;
  const cut = () => {
    page.sort((a, b) => a.address - b.address);
    if (page.length > limit) page = page.slice(0, limit);
    if (page.length === limit) last = page.at(-1)!.address;
  };
  for await (const lease of gently(store.entries(), turn)) {
    if (lease.address <= after || lease.address >= last || !wanted(lease)) continue;
    page.push(lease);
    if (page.length >= 2 * limit) cut();
  }
  cut();
  return page;
}

/** Leases as JSON lines, as the book has them while it is read. */
async function* lines(
  { store, turn }: Managed,
  wanted: (lease: Lease) => boolean,
): AsyncIterable<Uint8Array> {
  const encoder = new TextEncoder();
  let text = "";
  for await (const lease of gently(store.entries(), turn)) {
    if (!wanted(lease)) continue;
    text += JSON.stringify(leaseJson(lease)) + "\n";
    if (text.length < CHUNK) continue;
    yield encoder.encode(text);
    text = "";
  }
  if (text !== "") yield encoder.encode(text);
}
