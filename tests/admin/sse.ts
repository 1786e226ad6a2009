/**
 * Server-sent events, as a client reads them.
 *
 * @module
 */

/** One event. */
export interface SentEvent {
  readonly event: string;
  readonly id: string;
  readonly data: Record<string, unknown>;
}

/** Reads a stream of events; what is no event shows up in `comments`. */
export class EventReader implements AsyncDisposable {
  readonly comments: string[] = [];
  /** The last id that was told, also outside events. */
  lastId = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(response: Response) {
    this.#reader = response.body!.getReader();
  }

  /** The next event; undefined when the stream ends. */
  async next(): Promise<SentEvent | undefined> {
    while (true) {
      const block = await this.#block();
      if (block === undefined) return undefined;
      const fields = new Map<string, string>();
      for (const line of block.split("\n")) {
        if (line.startsWith(":")) this.comments.push(line.slice(1).trim());
        const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
        if (name !== undefined) fields.set(name, value!);
      }
      this.lastId = fields.get("id") ?? this.lastId;
      const data = fields.get("data");
      if (data === undefined) continue;
      return { event: fields.get("event")!, id: this.lastId, data: JSON.parse(data) };
    }
  }

  /** Reads until there has been a comment or a greeting. */
  async block(): Promise<string | undefined> {
    return await this.#block();
  }

  async #block(): Promise<string | undefined> {
    while (true) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { done, value } = await this.#reader.read();
      if (done) return undefined;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}
