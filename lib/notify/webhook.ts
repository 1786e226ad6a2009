/**
 * Webhooks: a notice as a signed POST.
 *
 * The body is signed together with the instant of the try, so that what somebody overheard can
 * be told from what is sent now; the identifier stays the same from try to try, so that a receiver
 * whose answer was lost can tell a repetition.
 *
 * @module
 */

import { createHmac } from "node:crypto";
import type { Clock } from "../config/clock.ts";
import { messageOf } from "../config/operator_error.ts";
import { type Courier, DELIVERED, type Delivery, failed } from "./courier.ts";
import { type Notice, noticeJson } from "./notice.ts";
import { deadline, wait } from "./wait.ts";

/** A notice that has been tried for so long is given up, milliseconds. */
const GIVE_UP = 15 * 60_000;

/** The first pause between tries and the longest, milliseconds; each is twice the one before. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 60_000;

/** A receiver that asks to be left alone for longer is left alone for so long, milliseconds. */
const LONGEST_REST = 60 * 60_000;

/** What a webhook is made of. */
export interface WebhookParts {
  readonly url: string;
  /** What bodies are signed with; undefined sends them unsigned. */
  readonly secret: string | undefined;
  /** How long one try may take, milliseconds. */
  readonly timeout: number;
  readonly clock: Clock;
  /** A number from 0 up to, but not including, 1. */
  readonly random: () => number;
  /** The network; the real one when left out. */
  readonly fetch?: typeof fetch;
}

/** What a try came to, where it was no success. */
interface Failure {
  readonly reason: string;
  readonly final: boolean;
  /** How long the receiver wants to be left alone, milliseconds. */
  readonly rest: number;
}

/** The signature over the instant of the try, seconds since 1970, and the body. */
export function signatureOf(secret: string, timestamp: number, body: string): string {
  return "sha256=" + createHmac("sha256", secret).update(`${timestamp}.${body}`).digest("hex");
}

export class Webhook implements Courier {
  readonly title: string;
  readonly #parts: WebhookParts;
  /** Before this instant, by the clock's `elapsed`, the receiver wants to be left alone. */
  #notBefore = 0;

  constructor(parts: WebhookParts) {
    this.#parts = parts;
    // The path may be a secret: many receivers know their callers by it.
    this.title = new URL(parts.url).origin;
  }

  async deliver(
    notice: Notice,
    signal: AbortSignal,
    setback: (reason: string) => void,
  ): Promise<Delivery> {
    const { clock, random } = this.#parts;
    const body = noticeJson(notice);
    await wait(clock, this.#notBefore - clock.elapsed(), signal);
    const started = clock.elapsed();
    for (let pause = FIRST_PAUSE;; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      if (signal.aborted) return failed("there was no more time");
      const failure = await this.#try(notice, body, signal);
      if (failure === undefined) return DELIVERED;
      const { reason, final, rest } = failure;
      this.#notBefore = clock.elapsed() + rest;
      // Somewhere in the upper half: servers that failed together do not come back together.
      const next = Math.max(rest, Math.round(pause * (1 + random()) / 2));
      const isTooLate = clock.elapsed() + next - started > GIVE_UP;
      if (final || isTooLate || signal.aborted) return failed(reason);
      setback(reason);
      await wait(clock, next, signal);
    }
  }

  /** Posts once. @returns undefined when the receiver has it. */
  async #try(notice: Notice, body: string, stop: AbortSignal): Promise<Failure | undefined> {
    const { url, timeout, clock, fetch = globalThis.fetch } = this.#parts;
    const { signal, end } = deadline(clock, timeout, stop);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: this.#headers(notice, body),
        body,
        // A POST that is sent on becomes a GET, and the signature would go to a stranger.
        redirect: "manual",
        signal,
      });
      await response.body?.cancel();
      return this.#judge(response);
    } catch (error) {
      const late = signal.aborted && !stop.aborted;
      const reason = late ? `no answer within ${timeout / 1000} s` : messageOf(error);
      return { reason, final: false, rest: 0 };
    } finally {
      end();
    }
  }

  #headers({ id, event }: Notice, body: string): Record<string, string> {
    const { secret, clock } = this.#parts;
    const timestamp = Math.floor(clock.now() / 1000);
    return {
      "content-type": "application/json",
      "user-agent": "etcdhcp",
      "x-etcdhcp-id": id,
      "x-etcdhcp-event": event.kind,
      "x-etcdhcp-timestamp": String(timestamp),
      ...(secret !== undefined && {
        "x-etcdhcp-signature": signatureOf(secret, timestamp, body),
      }),
    };
  }

  #judge({ status, ok, headers }: Response): Failure | undefined {
    if (ok) return undefined;
    const reason = status >= 300 && status < 400
      ? `status ${status}: redirections are not followed`
      : `status ${status}`;
    const final = status < 500 && status !== 429;
    return { reason, final, rest: final ? 0 : this.#restOf(headers.get("retry-after")) };
  }

  /** Retry-After: seconds, or an HTTP date (RFC 9110 section 10.2.3). */
  #restOf(text: string | null): number {
    if (text === null) return 0;
    const milliseconds = /^\s*\d+\s*$/.test(text)
      ? Number(text) * 1000
      : Date.parse(text) - this.#parts.clock.now();
    return Math.min(Math.max(milliseconds || 0, 0), LONGEST_REST);
  }
}
