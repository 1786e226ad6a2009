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
  let line = 0;
  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    if (splitter === undefined) {
      // White space before the first record is looked at once, and only its lines are remembered.
      const start = text.trimStart();
      line += linesIn(text.slice(0, text.length - start.length));
      if (start === "") continue;
      splitter = start[0] === "[" ? new ArraySplitter() : new LineSplitter(line);
      text = start;
    }
    yield* splitter.take(text);
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

function linesIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count++;
  return count;
}

/** What there is of a record and what follows; the white space before one is nothing of it. */
function joined(record: string, more: string): string {
  return record === "" ? more.trimStart() : record + more;
}

class LineSplitter implements Splitter {
  #rest = "";
  #line: number;

  /** @param line How many lines are behind it. */
  constructor(line: number) {
    this.#line = line;
  }

  *take(text: string): Iterable<SplitRecord> {
    const lines = text.split("\n");
    const rest = lines.pop()!;
    for (const line of lines) {
      yield* this.#record(joined(this.#rest, line));
      this.#rest = "";
    }
    this.#rest = joined(this.#rest, rest);
    if (this.#rest.length > LONGEST) throw tooLong(this.#line + 1);
  }

  end(): Iterable<SplitRecord> {
    return this.#record(this.#rest);
  }

  *#record(text: string): Iterable<SplitRecord> {
    this.#line++;
    if (text.length > LONGEST) throw tooLong(this.#line);
    const trimmed = text.trim();
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
    this.#value = joined(this.#value, text.slice(from));
    if (this.#ended && this.#value !== "") {
      throw new HttpError(400, "there is something after the array");
    }
    if (this.#value.length > LONGEST) throw tooLong(this.#count + 1);
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
