/**
 * Who may ask what: judged from the connection's other end, the request's headers and the token.
 *
 * @module
 */

import type { Peer } from "./listener.ts";
import { HttpError } from "./route.ts";
import { sameToken, type TokenNow } from "./token.ts";

/** What requests are judged by. */
export interface Site {
  /** Names of the machine in lower case, besides its addresses. */
  readonly names: ReadonlySet<string>;
  /** What changes need, as it is at this moment. */
  token(): Promise<TokenNow>;
}

/**
 * Refuses a request that was not meant for this server, or that a web page makes in the browser of
 * somebody who may ask.
 *
 * @throws {HttpError} 421 or 403.
 */
export function checkAddressee(headers: Headers, { names }: Site): void {
  const host = headers.get("host");
  if (host !== null && !isOurs(host, names)) throw new HttpError(421, `this is not ${host}`);
  const origin = headers.get("origin");
  if (origin !== null && hostOf(origin) !== host?.toLowerCase()) {
    throw new HttpError(403, `pages of ${origin} may not ask here`);
  }
  // Browsers say so themselves, also where they send no Origin. Another port is another site.
  const site = headers.get("sec-fetch-site");
  if (site !== null && site !== "same-origin" && site !== "none") {
    throw new HttpError(403, "pages of other sites may not ask here");
  }
}

/**
 * Refuses who must show a token and does not: for changes everybody, for other reads whoever is not
 * on this machine.
 *
 * @throws {HttpError} 401, or 403 when there is no token that would do.
 */
export async function checkRight(
  method: string,
  headers: Headers,
  peer: Peer,
  site: Site,
): Promise<void> {
  const isRead = method === "GET" || method === "HEAD";
  if (isRead && isNear(peer)) return;
  const given = /^Bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  const token = await site.token();
  if (token.kind === "none") throw new HttpError(403, token.why);
  if (given !== undefined && sameToken(given, token.text)) return;
  const what = isRead ? "reading from elsewhere" : "a change";
  const problem = given === undefined
    ? `${what} needs the token: Authorization: Bearer TOKEN`
    : "this is not the token";
  throw new HttpError(401, problem, { "www-authenticate": 'Bearer realm="etcdhcp"' });
}

/** Whether the connection comes from this machine. Judged by its address, never by headers. */
function isNear(peer: Peer): boolean {
  if (peer.kind === "unix") return true;
  const address = peer.address.replace(/^::ffff:/i, "");
  return address === "::1" || /^127(\.\d{1,3}){3}$/.test(address);
}

/**
 * Whether a Host header names this machine. Any literal address does: a page that rebinds its own
 * name to our address gets its browser to send that name, never an address.
 */
function isOurs(host: string, names: ReadonlySet<string>): boolean {
  const name = host.toLowerCase().replace(/:\d*$/, "").replace(/\.$/, "");
  return names.has(name) || /^\[[0-9a-f:.]+\]$/.test(name) || /^\d+(\.\d+){3}$/.test(name);
}

/** The host of an origin, with its port; undefined for "null" and what is none. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase();
}
