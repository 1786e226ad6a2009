/**
 * HTTP to an address that only a namespace can reach.
 *
 * @module
 */

import type { Host } from "./lab.ts";

/** A response. */
export interface Answer {
  readonly status: number;
  readonly body: string;
}

/**
 * GET, spoken by the shell: it starts in milliseconds, where a second Deno takes a third of a
 * second of the two cores that the server is being tested on. HTTP/1.0 keeps the body unchunked.
 *
 * @throws {Error} when nobody listens or the answer is no HTTP.
 */
export async function get(host: Host, port: number, path: string): Promise<Answer> {
  const script = `exec 3<>/dev/tcp/127.0.0.1/${port} || exit 1
printf 'GET %s HTTP/1.0\\r\\nHost: 127.0.0.1:%s\\r\\n\\r\\n' "$1" ${port} >&3
exec timeout 5 cat <&3`;
  const text = await host.run("bash", "-c", script, "get", path);
  const match = /^HTTP\/1\.[01] (\d{3})[^]*?\r\n\r\n([^]*)$/.exec(text);
  if (!match) throw new Error(`No HTTP answer on port ${port}: ${JSON.stringify(text)}`);
  return { status: Number(match[1]), body: match[2]! };
}
