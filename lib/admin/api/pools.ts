/**
 * `/api/pools`: what there is to lease, and how much of it is left.
 *
 * @module
 */

import type { Subnet } from "../../config/model.ts";
import { formatCidr, formatIpv4, formatRange, type Ipv4Range } from "../../wire/address.ts";
import { type Call, HttpError, json, type Route } from "../route.ts";
import { readObject, readRange } from "./read.ts";
import { checkAmended, SUBNET } from "./reservations.ts";
import { inJson, ref } from "./schema.ts";
import { type Managed, nameOf, subnetFor } from "./subject.ts";

export interface PoolJson {
  readonly subnet: string;
  readonly cidr: string;
  readonly ranges: readonly string[];
  readonly size: number;
  readonly used: number;
  readonly free: number;
  readonly declined: number;
  readonly freed: number;
  readonly reserved: number;
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

const CHANGE_ANSWERS = {
  200: { description: "The subnet's pools as they are now", content: inJson(ref("Pool")) },
  404: { description: "There is no such subnet", content: inJson(ref("Error")) },
  409: { description: "The book does not take it", content: inJson(ref("Error")) },
  503: { description: "The book cannot be written", content: inJson(ref("Error")) },
};

export function poolRoutes(managed: Managed): readonly Route[] {
  const { store } = managed;
  return [
    {
      method: "GET",
      path: "/api/pools",
      id: "listPools",
      summary: "Show by subnet what is leased from and how much is left",
      query: [SUBNET],
      answers: {
        200: { description: "Pools", content: inJson(ref("Pools")) },
        404: { description: "There is no such subnet", content: inJson(ref("Error")) },
      },
      handle(call) {
        const name = call.query.get("subnet");
        const subnets = name === undefined ? store.subnets : [subnetFor(store.subnets, name)];
        return json({ pools: subnets.map((subnet) => poolJson(managed, subnet)) });
      },
    },
    {
      method: "POST",
      path: "/api/pools",
      id: "addPool",
      summary: "Lease from a range too",
      body: { description: "Which", content: inJson(ref("PoolChange")) },
      answers: CHANGE_ANSWERS,
      async handle(call) {
        const body = await readObject(call);
        const [range, subnet] = [body.range, body.subnet ?? undefined];
        if (typeof range !== "string") {
          throw new HttpError(400, "range: missing: wanted FIRST-LAST");
        }
        if (subnet !== undefined && typeof subnet !== "string") {
          throw new HttpError(400, "subnet: wanted text");
        }
        return await change(managed, "add-pool", range, subnet);
      },
    },
    {
      method: "DELETE",
      path: "/api/pools",
      id: "removePool",
      summary: "Lease from a range no more; leases in it run on until they end",
      query: [{
        name: "range",
        help: "FIRST-LAST, both included, or one address",
        schema: { type: "string" },
        required: true,
      }, SUBNET],
      answers: CHANGE_ANSWERS,
      handle: ({ query }: Call) =>
        change(managed, "remove-pool", query.get("range")!, query.get("subnet")),
    },
  ];
}

async function change(
  managed: Managed,
  kind: "add-pool" | "remove-pool",
  text: string,
  name: string | undefined,
): Promise<Response> {
  const { store } = managed;
  const range = readRange("range", text);
  const subnet = nameOf(subnetFor(store.subnets, name, range.from));
  const [amended] = await store.amend([{ kind, subnet, range }], managed.now());
  checkAmended(amended!);
  return json(poolJson(managed, subnetFor(store.subnets, subnet)));
}

function poolJson({ store }: Managed, subnet: Subnet): PoolJson {
  const name = nameOf(subnet);
  const { free, bound, declined, freed } = store.view.counts(name);
  const amendments = store.amendments().find((one) => one.subnet === name);
  return {
    subnet: name,
    cidr: formatCidr(subnet.cidr),
    ranges: subnet.pools.map(shortRange),
    size: store.view.poolSize(name),
    used: bound,
    free,
    declined,
    freed,
    reserved: subnet.reservations.size,
    added: amendments?.added.map(shortRange) ?? [],
    removed: amendments?.removed.map(shortRange) ?? [],
  };
}

function shortRange(range: Ipv4Range): string {
  return range.from === range.to ? formatIpv4(range.from) : formatRange(range);
}
