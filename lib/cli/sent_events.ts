/**
 * Server-sent events out of text that comes in pieces (HTML standard, section "Server-sent
 * events").
 *
 * @module
 */

/** One event. */
export interface SentEvent {
  readonly event: string;
  /** The last id that was told up to here. */
  readonly id: string | undefined;
  /** Its data, parsed as JSON. */
  readonly data: unknown;
}

export class EventText {
  /** The last id that was told, with an event or without. */
  id: string | undefined;
  #rest = "";

  /** The events that end within this piece. */
  *take(piece: string): Iterable<SentEvent> {
    const blocks = (this.#rest + piece).split("\n\n");
    this.#rest = blocks.pop()!;
    for (const block of blocks) {
      const fields = new Map<string, string>();
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
      }
      this.id = fields.get("id") ?? this.id;
      const data = fields.get("data");
      if (data === undefined) continue;
      yield { event: fields.get("event") ?? "message", id: this.id, data: JSON.parse(data) };
    }
  }
}
