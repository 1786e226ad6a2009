/**
 * Records out of a stream that is a JSON array or JSON lines, one at a time.
 *
 * @module
 */

import { HttpError } from "../route.ts";

/** One record's text, and which it is. */
export interface SplitRecord {
  /** The line it stands on, from 1; in an array its place, from 1. */
  readonly line: number;
  readonly text: string;
}

/** A record that is longer than this is none, characters. */
const LONGEST = 16 * 1024;

/**
 * Splits. Lines that hold nothing are passed over; in an array the values are cut apart by their
 * brackets, and whether each is JSON is for its reader to find.
 *
 * @throws {HttpError} 400 for an array that does not end, or what is too long for a record.
 */
export async function* splitRecords(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<SplitRecord> {
  const decoder = new TextDecoder();
  let splitter: Splitter | undefined;
  let start = "";
  for await (const chunk of chunks) {
    const text = decoder.decode(chunk, { stream: true });
    if (splitter !== undefined) {
      yield* splitter.take(text);
      continue;
    }
    start += text;
    const first = /[^\s\ufeff]/.exec(start)?.[0];
    if (first === undefined) continue;
    splitter = first === "[" ? new ArraySplitter() : new LineSplitter();
    yield* splitter.take(start);
  }
  if (splitter === undefined) return;
  yield* splitter.take(decoder.decode());
  yield* splitter.end();
}

interface Splitter {
  take(text: string): Iterable<SplitRecord>;
  end(): Iterable<SplitRecord>;
}

function tooLong(line: number): HttpError {
  return new HttpError(400, `record ${line} is longer than ${LONGEST} characters`);
}

class LineSplitter implements Splitter {
  #rest = "";
  #line = 0;

  *take(text: string): Iterable<SplitRecord> {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    for (const line of lines) yield* this.#record(line);
    if (this.#rest.length > LONGEST) throw tooLong(this.#line + 1);
  }

  end(): Iterable<SplitRecord> {
    return this.#record(this.#rest);
  }

  *#record(text: string): Iterable<SplitRecord> {
    this.#line++;
    if (text.length > LONGEST) throw tooLong(this.#line);
    const trimmed = text.replace(/^\ufeff/, "").trim();
    if (trimmed !== "") yield { line: this.#line, text: trimmed };
  }
}

class ArraySplitter implements Splitter {
  #depth = 0;
  #inString = false;
  #escaped = false;
  #value = "";
  #count = 0;
  #ended = false;

  *take(text: string): Iterable<SplitRecord> {
    let from = 0;
    for (let i = 0; i < text.length; i++) {
      const character = text[i]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (character === "\\") this.#escaped = true;
        else if (character === '"') this.#inString = false;
        continue;
      }
      if (character === '"') this.#inString = true;
      else if (character === "[" || character === "{") {
        this.#depth++;
        if (this.#depth === 1) from = i + 1;
      } else if (character === "]" || character === "}") {
        this.#depth--;
        if (this.#depth === 0) {
          yield* this.#record(text.slice(from, i));
          this.#ended = true;
          from = i + 1;
        }
      } else if (character === "," && this.#depth === 1) {
        yield* this.#record(text.slice(from, i));
        from = i + 1;
      }
    }
    this.#value += text.slice(from);
    if (this.#value.length > LONGEST) throw tooLong(this.#count + 1);
    if (this.#ended && this.#value.trim() !== "") {
      throw new HttpError(400, "there is something after the array");
    }
  }

  end(): Iterable<SplitRecord> {
    if (!this.#ended) throw new HttpError(400, "the array does not end");
    return [];
  }

  *#record(tail: string): Iterable<SplitRecord> {
    const text = (this.#value + tail).trim();
    this.#value = "";
    if (text.length > LONGEST) throw tooLong(this.#count + 1);
    if (text !== "") yield { line: ++this.#count, text };
  }
}
