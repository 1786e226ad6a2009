/**
 * Addresses of endpoints that have a name, for gRPC.
 *
 * gRPC's own resolver has the system look names up, which Deno only lets a program do that may
 * connect to that very name; who writes the names into the settings cannot grant them too. This one
 * asks the name servers itself (and knows `/etc/hosts`), for which port 53 is enough, and the
 * connections go to addresses. Certificates are checked for the name all the same: it stays the
 * channel's authority.
 *
 * @module
 */

import { isIP } from "node:net";
import { experimental, status } from "@grpc/grpc-js";
import { messageOf } from "../../config/operator_error.ts";
import type { Endpoint } from "./endpoints.ts";

/** Between two readings of one name, at least, milliseconds. */
const REST = 1000;

/** gRPC asks for a reading again when a connection fails, or after one that failed. */
type Listener = experimental.ResolverListener;

/** How a name is turned into addresses. */
export type Lookup = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

const SCHEME = "etcdhcp";

/** What a channel to an endpoint is made for. Addresses need no looking up. */
export function targetOf({ host, port }: Endpoint): string {
  switch (isIP(host)) {
    case 0:
      return `${SCHEME}:${host}:${port}`;
    case 4:
      return `ipv4:${host}:${port}`;
    default:
      return `ipv6:[${host}]:${port}`;
  }
}

/**
 * Asks for both families at once. Those of version 6 come first, as RFC 6724 has it, and what gRPC
 * tells of a failure is of the last: of version 4, which is what most networks use.
 *
 * @throws {Error} when there is no address at all.
 */
export async function addressesOf(host: string, signal: AbortSignal): Promise<readonly string[]> {
  // Never to be asked for: RFC 6761 section 6.3.
  if (host === "localhost" || host.endsWith(".localhost")) return ["::1", "127.0.0.1"];
  const answers = await Promise.allSettled([
    Deno.resolveDns(host, "AAAA", { signal }),
    Deno.resolveDns(host, "A", { signal }),
  ]);
  const found = answers.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
  if (found.length > 0) return found;
  const reasons = answers.flatMap((answer) => answer.status === "rejected" ? [answer.reason] : []);
  const telling = reasons.find((reason) => !(reason instanceof Deno.errors.NotFound));
  throw new Error(
    telling === undefined ? "it has no address" : messageOf(telling).split("\n")[0],
  );
}

/** Reads a name when gRPC asks for it, one reading at a time and not too often. */
export class NameResolver implements experimental.Resolver {
  readonly #host: string;
  readonly #port: number;
  readonly #listener: Listener;
  readonly #lookup: Lookup;
  #reading: AbortController | undefined;
  #resting: ReturnType<typeof setTimeout> | undefined;
  #isWanted = false;

  constructor(
    { path }: experimental.GrpcUri,
    listener: Listener,
    _options: unknown,
    lookup: Lookup = addressesOf,
  ) {
    const { host, port } = experimental.splitHostPort(path)!;
    this.#host = host;
    this.#port = port!;
    this.#listener = listener;
    this.#lookup = lookup;
  }

  static getDefaultAuthority({ path }: experimental.GrpcUri): string {
    return path;
  }

  updateResolution(): void {
    this.#isWanted = true;
    if (this.#reading === undefined && this.#resting === undefined) this.#read();
  }

  destroy(): void {
    this.#isWanted = false;
    this.#reading?.abort();
    this.#reading = undefined;
    clearTimeout(this.#resting);
    this.#resting = undefined;
  }

  async #read(): Promise<void> {
    this.#isWanted = false;
    const reading = new AbortController();
    this.#reading = reading;
    let addresses: readonly string[] = [];
    let failure: unknown;
    try {
      addresses = await this.#lookup(this.#host, reading.signal);
    } catch (error) {
      failure = error;
    }
    // Given up meanwhile: nobody may be told any more.
    if (this.#reading !== reading) return;
    this.#reading = undefined;
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      if (this.#isWanted) this.#read();
    }, REST);
    if (failure === undefined) this.#tell(addresses);
    else this.#tellFailure(failure);
  }

  #tell(addresses: readonly string[]): void {
    const endpoints = addresses.map((host) => ({ addresses: [{ host, port: this.#port }] }));
    this.#listener(experimental.statusOrFromValue(endpoints), {}, null, "");
  }

  #tellFailure(failure: unknown): void {
    const details = `Name resolution failed: ${messageOf(failure)}`;
    const error = { code: status.UNAVAILABLE, details };
    this.#listener(experimental.statusOrFromError(error), {}, null, "");
  }
}

experimental.registerResolver(SCHEME, NameResolver);
