/**
 * `/api/events`: what happens to the book, as it happens (server-sent events).
 *
 * @module
 */

import { formatIpv4 } from "../../wire/address.ts";
import type { Entry, Feed } from "../feed.ts";
import { type Call, HttpError, type Route } from "../route.ts";
import { leaseJson } from "./lease_json.ts";
import { ref } from "./schema.ts";

/** How often a reader is told that the connection lives when nothing else is told, milliseconds. */
const KEEP_ALIVE = 15_000;

/** How long a reader waits before it comes back, milliseconds. */
const RETRY = 2000;

/** Events that are written together. */
const TOGETHER = 100;

export interface EventLimits {
  /** Readers at once. */
  readonly readers: number;
  /** As {@linkcode KEEP_ALIVE}. */
  readonly keepAlive: number;
}

export const EVENT_LIMITS: EventLimits = { readers: 32, keepAlive: KEEP_ALIVE };

export function eventRoutes(feed: Feed, limits: EventLimits): readonly Route[] {
  let readers = 0;
  return [{
    method: "GET",
    path: "/api/events",
    id: "followEvents",
    summary: "Follow what happens to leases, pools and reservations",
    query: [{
      name: "last-event-id",
      help: "As the header Last-Event-ID, for who cannot send one",
      schema: { type: "string" },
    }],
    answers: {
      200: {
        description:
          "Server-sent events: lease (LeaseEvent), subnets (SubnetsEvent), and reset when " +
          "events were missed: read everything anew. With Last-Event-ID it goes on after that one",
        content: {
          "text/event-stream": { anyOf: [ref("LeaseEvent"), ref("SubnetsEvent")] },
        },
      },
      503: {
        description: "Too many follow already",
        content: { "application/json": ref("Error") },
      },
    },
    handle(call) {
      if (readers >= limits.readers || feed.closed) {
        throw new HttpError(503, `${readers} follow already; end one, or try again later`, {
          "retry-after": "10",
        });
      }
      readers++;
      let counted = true;
      const leave = () => {
        if (counted) readers--;
        counted = false;
      };
      // Nothing is made before it is asked for, so a slow reader costs no memory.
      const stream = new ReadableStream<Uint8Array>(new Follower(call, feed, limits, leave), {
        highWaterMark: 0,
      });
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    },
  }];
}

/** One reader: what it is sent each time that it has taken what was sent before. */
class Follower implements UnderlyingDefaultSource<Uint8Array> {
  readonly #feed: Feed;
  readonly #limits: EventLimits;
  readonly #leave: () => void;
  readonly #gone = new AbortController();
  readonly #encoder = new TextEncoder();
  #position: number;
  #greeting: string;

  constructor({ request, query }: Call, feed: Feed, limits: EventLimits, leave: () => void) {
    this.#feed = feed;
    this.#limits = limits;
    this.#leave = leave;
    const id = request.headers.get("last-event-id") ?? query.get("last-event-id");
    const position = id === undefined || id === "" ? feed.end : feed.positionOf(id);
    this.#position = position ?? feed.end;
    // The id lets a reader that leaves before anything happened come back to the right place.
    this.#greeting = `retry: ${RETRY}\n` +
      (position === undefined ? reset(feed, feed.end) : `id: ${feed.idOf(position)}\n\n`);
    request.signal.addEventListener("abort", () => this.cancel());
  }

  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    const text = this.#greeting || await this.#next();
    this.#greeting = "";
    if (this.#gone.signal.aborted) return;
    if (text !== undefined) return controller.enqueue(this.#encoder.encode(text));
    controller.close();
    this.cancel();
  }

  cancel(): void {
    this.#leave();
    this.#gone.abort();
  }

  /** What there is to tell, waiting for it if need be; undefined at the end. */
  async #next(): Promise<string | undefined> {
    const news = this.#feed.news(this.#position, this.#gone.signal);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const pause = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.#limits.keepAlive);
    });
    await Promise.race([news, pause]);
    clearTimeout(timer);
    let text = "";
    for (let i = 0; i < TOGETHER; i++) {
      const next = this.#feed.after(this.#position);
      if (next.kind === "nothing") break;
      if (next.kind === "lost") {
        this.#position = this.#feed.end;
        return text + reset(this.#feed, this.#position);
      }
      this.#position = next.entry.number;
      text += eventText(this.#feed, next.entry);
    }
    if (text !== "") return text;
    return this.#feed.closed ? undefined : ": still here\n\n";
  }
}

function reset(feed: Feed, position: number): string {
  return `event: reset\nid: ${feed.idOf(position)}\ndata: {}\n\n`;
}

function eventText(feed: Feed, { number, at, event }: Entry): string {
  const when = new Date(at).toISOString();
  const data = event.kind === "subnets" ? { kind: event.kind, at: when } : {
    kind: event.kind,
    at: when,
    ip: formatIpv4((event.after ?? event.before)!.address),
    before: event.before === undefined ? null : leaseJson(event.before),
    after: event.after === undefined ? null : leaseJson(event.after),
  };
  return `event: ${event.kind}\nid: ${feed.idOf(number)}\ndata: ${JSON.stringify(data)}\n\n`;
}
