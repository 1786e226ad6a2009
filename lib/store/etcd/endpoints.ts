/**
 * Where etcd is to be found: endpoints as operators write them, and as SRV records name them.
 *
 * @module
 */

import { EtcdError, Failure } from "./etcd.ts";

/** Where a member of the cluster answers clients. */
export interface Endpoint {
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whether it is spoken to over TLS. */
  readonly secure: boolean;
}

/** One SRV record. */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

/** etcd's port for clients. */
const PORT = 2379;

/**
 * Reads `10.0.0.5:2379`, `etcd1`, `http://etcd1:2379`, `https://[fd00::5]:2379`, `fd00::5`.
 *
 * @param tls Whether certificates are given: then what has no scheme is spoken to over TLS.
 * @throws {EtcdError} REFUSED when it is none, or would be spoken to in the clear in spite of them.
 */
export function parseEndpoint(text: string, tls: boolean): Endpoint {
  const match =
    /^(?:(https?):\/\/)?(?:\[([\d.:a-f]+)\]|([^\s:/[\]]+)|([\da-f]*:[\d.:a-f]*:[\d.:a-f]*))(?::(\d+))?\/?$/i
      .exec(text.trim());
  const port = Number(match?.[5] ?? PORT);
  if (match === null || port < 1 || port > 65535) {
    throw refused(
      `"${text}" is no etcd endpoint: write HOST:PORT, http://HOST:PORT or https://HOST:PORT`,
    );
  }
  const scheme = match[1]?.toLowerCase();
  if (scheme === "http" && tls) {
    throw refused(
      `etcd endpoint ${text} is not encrypted, but certificates are given: write https://, ` +
        `or leave out --etcd.auth.ca, --etcd.auth.cert and --etcd.auth.key`,
    );
  }
  const host = (match[2] ?? match[3] ?? match[4]!).toLowerCase();
  return { host, port, secure: scheme === undefined ? tls : scheme === "https" };
}

/** The same for the same endpoint; also how it is shown: `https://10.0.0.5:2379`. */
export function urlOf({ host, port, secure }: Endpoint): string {
  return `${secure ? "https" : "http"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The names of the SRV records of a domain: in the clear, and over TLS. */
export function srvNames(domain: string): { readonly plain: string; readonly secure: string } {
  return { plain: `_etcd-client._tcp.${domain}`, secure: `_etcd-client-ssl._tcp.${domain}` };
}

/** The endpoints that SRV records name, those to be asked first in front. */
export function endpointsOfSrv(records: readonly SrvRecord[], secure: boolean): Endpoint[] {
  return [...records]
    .sort((a, b) => a.priority - b.priority || b.weight - a.weight)
    // A lone dot says that the service is decidedly not there (RFC 2782).
    .filter(({ target }) => target !== "." && target !== "")
    .map(({ target, port }) => ({ host: target.replace(/\.$/, "").toLowerCase(), port, secure }));
}

/**
 * Asks the name servers for the endpoints of a domain. If it has none, the name is taken for that
 * of a record, which is what the original etcdhcp wants.
 *
 * @param tls Whether certificates are given: then only what is spoken to over TLS counts.
 * @throws {EtcdError} UNAVAILABLE when there are none, or nobody answers in time.
 */
export async function resolveSrv(
  domain: string,
  tls: boolean,
  signal: AbortSignal,
): Promise<Endpoint[]> {
  const names = srvNames(domain);
  const failures: unknown[] = [];
  const ask = async (name: string, secure: boolean) => {
    try {
      return endpointsOfSrv(await Deno.resolveDns(name, "SRV", { signal }), secure);
    } catch (error) {
      failures.push(error);
      return [];
    }
  };
  if (!domain.startsWith("_")) {
    const found = await Promise.all([
      ask(names.secure, true),
      tls ? [] : ask(names.plain, false),
    ]);
    const endpoints = found.flat();
    if (endpoints.length > 0) return endpoints;
  }
  const own = await ask(domain, tls || domain.startsWith("_etcd-client-ssl."));
  if (own.length > 0) return own;
  const wanted = domain.startsWith("_")
    ? domain
    : [names.secure, ...(tls ? [] : [names.plain]), domain].join(" or ");
  const [failure] = failures.filter((error) => !(error instanceof Deno.errors.NotFound));
  const reason = failure instanceof Error ? ` (${failure.message.split("\n")[0]})` : "";
  throw new EtcdError(
    Failure.UNAVAILABLE,
    `no SRV record ${wanted}${reason}: check --etcd.discovery.srv and the name server`,
    failure,
  );
}

function refused(message: string): EtcdError {
  return new EtcdError(Failure.REFUSED, message);
}
