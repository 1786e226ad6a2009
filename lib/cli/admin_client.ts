/**
 * Asks a running server's admin endpoint, over HTTP, HTTPS or a unix socket, and says in one line
 * what is in the way when it cannot.
 *
 * @module
 */

import { Agent, type IncomingMessage, request, type RequestOptions } from "node:http";
import { Agent as SecureAgent, request as requestSecurely } from "node:https";
import { messageOf, OperatorError } from "../config/operator_error.ts";

/** Where a server answers. */
export type AdminPlace =
  | {
    readonly kind: "tcp";
    readonly secure: boolean;
    readonly hostname: string;
    readonly port: number;
  }
  | { readonly kind: "unix"; readonly path: string };

/** A token, and where it is from. */
export interface Token {
  readonly text: string;
  /** For messages: "/var/lib/etcdhcp/admin-token", "ETCDHCP_ADMIN_TOKEN". */
  readonly source: string;
}

export interface AdminClientOptions {
  readonly place: AdminPlace;
  /** Tokens to show when one is wanted, in this order. */
  readonly tokens: readonly Token[];
  /** Why there are none, and what to do. */
  readonly noToken: string;
  /** The PEM text of authorities to trust besides the system's. */
  readonly ca: string | undefined;
}

/** What a request carries. */
export interface Ask {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** The server cannot be asked, or said no. The message is one line that says what to do. */
export class AdminError extends OperatorError {
  override readonly name = "AdminError";
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

/** A server that says nothing for so long has gone, milliseconds. Events come with a sign of life. */
const PATIENCE = 30_000;

export class AdminClient implements Disposable {
  readonly #options: AdminClientOptions;
  readonly #agent: Agent;
  /** Which token the server took, once it has. */
  #token: Token | undefined;

  constructor(options: AdminClientOptions) {
    this.#options = options;
    const { place } = options;
    const secure = place.kind === "tcp" && place.secure;
    // One connection for many requests, as an import makes them.
    const keep = { keepAlive: true, maxSockets: 2 };
    this.#agent = secure ? new SecureAgent(keep) : new Agent(keep);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Where it asks, for messages. */
  get where(): string {
    return formatPlace(this.#options.place);
  }

  /**
   * Why the server would not answer clients now; nothing when it would, or does not tell. Until then
   * it may not have read its book, and what it says of it may be wrong.
   *
   * @throws {AdminError} when there is no answer.
   */
  async unready(): Promise<readonly string[]> {
    const answer = await this.#once("/readyz", {}, undefined);
    const said = parsed(await textOf(answer)) as { ready?: unknown; reasons?: unknown } | undefined;
    if (said?.ready !== false) return [];
    const reasons = Array.isArray(said.reasons) ? said.reasons.map(String) : [];
    return reasons.length === 0 ? ["it does not say why"] : reasons;
  }

  /**
   * Asks and reads the answer's JSON.
   *
   * @throws {AdminError}
   */
  async json<T>(path: string, ask: Ask = {}): Promise<T> {
    let text = "";
    for await (const chunk of this.stream(path, ask)) text += chunk;
    try {
      return JSON.parse(text) as T;
    } catch {
      throw this.#stranger("it answers something else than JSON");
    }
  }

  /**
   * Asks and gives the answer line by line, without line breaks.
   *
   * @throws {AdminError}
   */
  async *lines(path: string, ask: Ask = {}): AsyncGenerator<string> {
    let rest = "";
    for await (const chunk of this.stream(path, ask)) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      yield* lines;
    }
    if (rest !== "") yield rest;
  }

  /**
   * Asks and gives the answer as it comes.
   *
   * @throws {AdminError}
   */
  async *stream(path: string, ask: Ask = {}): AsyncGenerator<string> {
    const answer = await this.#insist(path, ask);
    const decoder = new TextDecoder();
    // Deno 2.4, whose binaries there are too, heeds a request's signal until the answer begins.
    const end = () => answer.destroy();
    ask.signal?.addEventListener("abort", end);
    try {
      for await (const chunk of answer) yield decoder.decode(chunk as Uint8Array, { stream: true });
    } catch (error) {
      if (ask.signal?.aborted) return;
      throw new AdminError(0, `${this.where} broke off: ${messageOf(error)}; try again`, {
        cause: error,
      });
    } finally {
      ask.signal?.removeEventListener("abort", end);
      answer.destroy();
    }
  }

  /** Asks, with one token after the other when it wants one. */
  async #insist(path: string, ask: Ask): Promise<IncomingMessage> {
    const { tokens, noToken } = this.#options;
    // A token is shown only when asked for: it travels in clear text where there is no TLS.
    const trials = this.#token !== undefined ? [this.#token] : [undefined, ...tokens];
    let refusal: AdminError | undefined;
    for (const token of trials) {
      const answer = await this.#once(path, ask, token);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) {
        this.#token = token ?? this.#token;
        return answer;
      }
      const problem = await problemOf(answer);
      if (status !== 401) throw this.#refused(status, problem);
      refusal = token === undefined
        ? new AdminError(401, noToken)
        : new AdminError(401, `${this.where} does not take the token of ${token.source}`);
    }
    throw refusal!;
  }

  #refused(status: number, problem: string | undefined): AdminError {
    if (problem === undefined) return this.#stranger(`it answers with status ${status}`);
    if (status === 421) {
      return new AdminError(status, `${this.where}: ${problem}; ask it by its address`);
    }
    return new AdminError(status, problem);
  }

  #stranger(what: string): AdminError {
    return new AdminError(0, `${this.where} is no etcdhcp server: ${what} (--admin-addr)`);
  }

  #once(path: string, ask: Ask, token: Token | undefined): Promise<IncomingMessage> {
    const { place, ca } = this.#options;
    const { method = "GET", query = {}, headers = {}, body, signal } = ask;
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) search.set(name, value);
    }
    const options: RequestOptions & { ca?: string } = {
      method,
      path: search.size === 0 ? path : `${path}?${search}`,
      headers: {
        ...headers,
        ...(token === undefined ? {} : { authorization: `Bearer ${token.text}` }),
        ...(body === undefined ? {} : { "content-length": new TextEncoder().encode(body).length }),
      },
      agent: this.#agent,
      timeout: PATIENCE,
      ...(signal === undefined ? {} : { signal }),
      ...(place.kind === "unix"
        ? { socketPath: place.path }
        : { hostname: place.hostname, port: place.port }),
      ...(ca === undefined ? {} : { ca }),
    };
    const secure = place.kind === "tcp" && place.secure;
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(this.#explain(error));
      try {
        const asking = (secure ? requestSecurely : request)(options, (answer) => {
          asking.off("error", fail);
          asking.on("error", () => {}); // What comes later is the answer's reader's to see.
          resolve(answer);
        });
        asking.on("timeout", () => asking.destroy(new Error("it does not answer")));
        asking.on("error", fail);
        asking.end(body);
      } catch (error) {
        fail(error);
      }
    });
  }

  #explain(error: unknown): AdminError {
    const { place } = this.#options;
    const told = (message: string) => new AdminError(0, message, { cause: error });
    const code = (error as { code?: string }).code ?? "";
    const text = messageOf(error);
    if (error instanceof Deno.errors.NotCapable || code === "EPERM" && /--allow-/.test(text)) {
      return told(
        place.kind === "unix"
          ? `may not use ${place.path}: allow it with --allow-read=${place.path} ` +
            `--allow-write=${place.path}`
          : `may not ask ${this.where}: allow it with --allow-net=${place.hostname}:${place.port}`,
      );
    }
    if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
      const host = place.kind === "tcp" ? place.hostname : place.path;
      return told(`unknown host ${host} (--admin-addr): check its name, or give its address`);
    }
    if (code === "ECONNREFUSED" || code === "ENOENT") {
      return told(
        `nobody answers at ${this.where} (--admin-addr): is the server running, and is that where ` +
          "it answers?",
      );
    }
    if (code === "EACCES") {
      return told(`may not use ${this.where}: ask as root, or as a member of the socket's group`);
    }
    if (
      /certificate|UnknownIssuer|self[- ]signed|SELF_SIGNED|unable to verify|UNABLE_TO/i.test(
        text + code,
      )
    ) {
      return told(
        `the certificate of ${this.where} is not trusted (${text}): name the authority that ` +
          "signed it, or itself, with --admin.ca FILE",
      );
    }
    if (/InvalidContentType|wrong version|corrupt message|EPROTO/i.test(text + code)) {
      return told(`${this.where} does not speak TLS: try http://`);
    }
    if (place.kind === "tcp" && !place.secure && /hang up|ECONNRESET|HPE_/i.test(text + code)) {
      return told(`${this.where} hung up: if it speaks TLS, try https://${place.hostname}`);
    }
    return told(`cannot ask ${this.where} (--admin-addr): ${text}`);
  }
}

/** The server's line about why not; undefined when it gave none. */
async function problemOf(answer: IncomingMessage): Promise<string | undefined> {
  const said = parsed(await textOf(answer)) as { error?: unknown } | null | undefined;
  return typeof said?.error === "string" ? said.error : undefined;
}

/** A short answer's text, or as much of it as came. */
async function textOf(answer: IncomingMessage): Promise<string> {
  let text = "";
  try {
    for await (const chunk of answer) {
      text += chunk;
      if (text.length > 1 << 16) break;
    }
  } catch {
    // What came is judged by itself.
  } finally {
    if (!answer.complete) answer.destroy();
  }
  return text;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function formatPlace(place: AdminPlace): string {
  if (place.kind === "unix") return place.path;
  const { secure, hostname, port } = place;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return secure ? `https://${host}:${port}` : `${host}:${port}`;
}
