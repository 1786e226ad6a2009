/**
 * Values out of requests, each with its one-line refusal.
 *
 * @module
 */

import type { ClientKey } from "../../lease/lease.ts";
import {
  AddressError,
  type Ipv4,
  type Ipv4Range,
  type Mac,
  parseIpv4,
  parseMac,
  parseRange,
} from "../../wire/address.ts";
import { BodyTimeout } from "../listener.ts";
import { type Call, HttpError } from "../route.ts";

/** The largest body but for an import, octets. */
export const BODY_LIMIT = 1 << 20;

/** For all of a body that is not an import, milliseconds. */
const BODY_PATIENCE = 30_000;

function refusing<T>(setting: string, text: string, wanted: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new HttpError(400, `${setting}: cannot use ${JSON.stringify(text)}: wanted ${wanted}`);
  }
}

export function readIp(setting: string, text: string): Ipv4 {
  return refusing(setting, text, "an IPv4 address, like 10.6.9.1", () => parseIpv4(text));
}

export function readMac(setting: string, text: string): Mac {
  const wanted = "a hardware address, like 5c:96:56:a4:be:eb";
  return refusing(setting, text, wanted, () => parseMac(text));
}

/** One address is a range too. */
export function readRange(setting: string, text: string): Ipv4Range {
  const wanted = "FIRST-LAST, like 10.6.9.10-10.6.9.100";
  return refusing(setting, text, wanted, () => {
    if (text.includes("-")) return parseRange(text);
    const address = parseIpv4(text);
    return { from: address, to: address };
  });
}

/** A hardware address, or "id:" and hex. */
export function readClient(setting: string, text: string): ClientKey {
  const key = /^id:((?:[0-9a-f]{2})+)$/i.test(text) ? text.toLowerCase() : readMac(setting, text);
  return key as string as ClientKey;
}

export function readFlag(setting: string, text: string | undefined): boolean {
  if (text === undefined || text === "false") return false;
  if (text === "true") return true;
  throw new HttpError(
    400,
    `${setting}: cannot use ${JSON.stringify(text)}: wanted true or false`,
  );
}

/** A JSON object of the body. @throws {HttpError} 400, 408, 413 or 415. */
export async function readObject(call: Call): Promise<Readonly<Record<string, unknown>>> {
  checkType(call, ["application/json"]);
  const text = await readText(call);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpError(400, "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new HttpError(400, "the body is not a JSON object");
  }
  return value as Readonly<Record<string, unknown>>;
}

/**
 * The body's media type. A form's would let another site's page send one without being asked.
 *
 * @throws {HttpError} 415 when it is none of these.
 */
export function checkType({ request }: Call, types: readonly string[]): string {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim().toLowerCase();
  if (types.includes(type)) return type;
  const shown = type === "" ? "missing" : `cannot use ${JSON.stringify(type)}`;
  throw new HttpError(415, `content-type: ${shown}: wanted ${types.join(" or ")}`);
}

async function readText(call: Call): Promise<string> {
  const started = performance.now();
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunksOf(call, BODY_LIMIT)) {
    text += decoder.decode(chunk, { stream: true });
    if (performance.now() - started > BODY_PATIENCE) throw lateBody();
  }
  return text + decoder.decode();
}

function lateBody(): HttpError {
  return new HttpError(408, "the body did not come in time", { connection: "close" });
}

/** The body, piece by piece. @throws {HttpError} 413 when there is more than the limit, 408. */
export async function* chunksOf({ request }: Call, limit: number): AsyncGenerator<Uint8Array> {
  const tooLarge = () => new HttpError(413, `the body is larger than ${limit} octets`);
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge();
  if (request.body === null) return;
  let left = limit;
  const reader = request.body.getReader();
  try {
    while (true) {
      const { done, value } = await reader.read();
      if (done) return;
      left -= value.length;
      if (left < 0) throw tooLarge();
      yield value;
    }
  } catch (error) {
    throw error instanceof BodyTimeout ? lateBody() : error;
  } finally {
    reader.releaseLock();
  }
}
