/**
 * What the API manages.
 *
 * @module
 */

import type { ManagedStore } from "../../lease/management.ts";
import type { Operation, Result } from "../../lease/store.ts";
import type { Subnet } from "../../config/model.ts";
import { cidrContains, type Ipv4 } from "../../wire/address.ts";
import { HttpError } from "../route.ts";

/** A book of leases, and the server that answers from it. */
export interface Managed {
  readonly store: ManagedStore;
  /** What is asked of the book goes through the server, which counts and logs it. */
  commit(operations: readonly Operation[]): Promise<readonly Result[]>;
  /** Milliseconds since 1970. */
  now(): number;
  /** Lets everything else that is ready have its turn: packets come before long lists. */
  turn(): Promise<void>;
}

/** Entries that are looked at between two turns. */
const SLICE = 2048;

/** Something of the book, entry by entry, without keeping clients waiting. */
export async function* gently<T>(entries: Iterable<T>, turn: () => Promise<void>) {
  let left = SLICE;
  for (const entry of entries) {
    yield entry;
    if (--left > 0) continue;
    await turn();
    left = SLICE;
  }
}

/** What a subnet is called in answers: empty for the one without a name. */
export function nameOf({ name = "" }: Subnet): string {
  return name;
}

/** The subnet that an address lies in. */
export function subnetAround(subnets: readonly Subnet[], address: Ipv4): Subnet | undefined {
  return subnets.find(({ cidr }) => cidrContains(cidr, address));
}

/**
 * The subnet that was named; without a name the one that the address lies in, or the only one.
 *
 * @throws {HttpError} 404 for a name that no subnet has, 400 when it cannot be told which is meant.
 */
export function subnetFor(
  subnets: readonly Subnet[],
  name: string | undefined,
  address?: Ipv4,
): Subnet {
  const known = subnets.map((one) => nameOf(one) || "(the one without a name)").join(", ");
  if (name !== undefined) {
    const subnet = subnets.find((one) => nameOf(one) === name);
    if (subnet !== undefined) return subnet;
    throw new HttpError(404, `there is no subnet ${JSON.stringify(name)}; there is ${known}`);
  }
  const around = address === undefined ? undefined : subnetAround(subnets, address);
  if (around !== undefined) return around;
  if (subnets.length === 1) return subnets[0]!;
  throw new HttpError(400, `subnet: missing: wanted one of ${known}`);
}
