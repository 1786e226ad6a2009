/**
 * The token that changes need: a file that only its owner can read.
 *
 * @module
 */

import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { messageOf, OperatorError } from "../config/operator_error.ts";

/** The token cannot be used. The message says why and what to do. */
export class TokenError extends OperatorError {
  override readonly name = "TokenError";
}

/** Octets of chance in a token. */
const OCTETS = 32;

/** Shorter ones can be guessed. */
const SHORTEST = 16;

/** The token, or why there is none, so that nothing can be changed. */
export type TokenNow =
  | { readonly kind: "token"; readonly text: string }
  | { readonly kind: "none"; readonly why: string };

/** The token's file, looked at at every use: another token in it counts at once. */
export class TokenFile {
  readonly #path: string;
  readonly #warn: (line: string) => void;
  /** Why there was no token when it was last looked at, so that it is said once. */
  #why: string | undefined;

  private constructor(path: string, warn: (line: string) => void) {
    this.#path = path;
    this.#warn = warn;
  }

  /**
   * Makes sure of the token.
   *
   * @param warn takes a line whenever there comes to be no token, or another reason for that.
   * @throws {TokenError} when the file cannot be read, made or trusted.
   */
  static async open(path: string, warn: (line: string) => void): Promise<TokenFile> {
    const file = new TokenFile(path, warn);
    file.#note(await loadToken(path));
    return file;
  }

  /** Never rejects. */
  async now(): Promise<TokenNow> {
    let text: string | undefined;
    try {
      text = await loadToken(this.#path);
    } catch (error) {
      return this.#none(messageOf(error));
    }
    return this.#note(text);
  }

  #note(text: string | undefined): TokenNow {
    if (text === undefined) {
      return this.#none(
        `there is no token: the directory of ${this.#path} (--admin.token-file) does not exist; ` +
          "make it",
      );
    }
    this.#why = undefined;
    return { kind: "token", text };
  }

  #none(why: string): TokenNow {
    if (why !== this.#why) this.#warn(`${why}. Until then nothing can be changed over HTTP`);
    this.#why = why;
    return { kind: "none", why };
  }
}

/**
 * The token in the file; when there is no file, a new one is written there.
 *
 * @returns undefined when the file's directory does not exist: then there is no token.
 * @throws {TokenError} when the file cannot be read, made or trusted.
 */
export async function loadToken(path: string): Promise<string | undefined> {
  try {
    return await readToken(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const token = randomBytes(OCTETS).toString("base64url");
  try {
    // Another server that starts at the same time may win; then its token counts.
    await Deno.writeTextFile(path, token + "\n", { createNew: true, mode: 0o600 });
    return token;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return await readToken(path);
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new TokenError(
      `cannot make ${path} (--admin.token-file): ${messageOf(error)}; name a place that the ` +
        "server may write to",
      { cause: error },
    );
  }
}

/**
 * @throws {Deno.errors.NotFound} when there is no file.
 * @throws {TokenError} when it cannot be read or trusted.
 */
async function readToken(path: string): Promise<string> {
  let token: string;
  let mode: number;
  try {
    // Opened once, so that the mode is that of what is read.
    using file = await Deno.open(path);
    mode = (await file.stat()).mode ?? 0;
    token = (await new Response(file.readable).text()).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    throw new TokenError(
      `cannot read ${path} (--admin.token-file): ${messageOf(error)}`,
      { cause: error },
    );
  }
  if ((mode & 0o077) !== 0) {
    throw new TokenError(
      `${path} (--admin.token-file) can be read by others than its owner, so it may be known: ` +
        `chmod 600 ${path}, and remove it for a new one`,
    );
  }
  if (token.length < SHORTEST || !/^[\x21-\x7e]+$/.test(token)) {
    throw new TokenError(
      `${path} (--admin.token-file) holds no token: wanted one line of at least ${SHORTEST} ` +
        "characters without spaces; remove the file to have one made",
    );
  }
  return token;
}

/** Whether two texts are the same, in a time that does not tell where they differ. */
export function sameToken(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
