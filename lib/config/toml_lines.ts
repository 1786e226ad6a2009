/**
 * Where in a TOML text each key stands. The parser tells places only of what it cannot parse; an
 * operator wants them of what makes no sense too.
 *
 * @module
 */

/** Keys and places in lists, from the root. */
export type Path = readonly (string | number)[];

/** Lines of keys, tables and list items, counted from 1. */
export class TomlLines {
  readonly #lines = new Map<string, number>();

  /** @param text TOML that parses; of anything else the lines may be wrong. */
  constructor(text: string) {
    new Scanner(text, (path, line) => {
      const key = JSON.stringify(path);
      if (!this.#lines.has(key)) this.#lines.set(key, line);
    }).run();
  }

  /** The line of what is at a path, else of the nearest thing around it; undefined for none. */
  of(path: Path): number | undefined {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(JSON.stringify(path.slice(0, length)));
      if (line !== undefined) return line;
    }
    return undefined;
  }
}

const BLANK = /[ \t\r]/;
const BARE_KEY = /[A-Za-z0-9_-]/;

/** Walks once through the text; what is between keys matters only for where it ends. */
class Scanner {
  readonly #text: string;
  readonly #found: (path: Path, line: number) => void;
  /** How many tables each list of tables has so far, by its path. */
  readonly #tables = new Map<string, number>();
  #at = 0;
  #line = 1;

  constructor(text: string, found: (path: Path, line: number) => void) {
    this.#text = text;
    this.#found = found;
  }

  run(): void {
    let table: Path = [];
    for (;;) {
      this.#skipSpace();
      const start = this.#at;
      if (start >= this.#text.length) return;
      if (this.#peek() === "[") table = this.#header();
      else this.#keyAndValue(table);
      // Text that is no TOML must not hold the walk up.
      if (this.#at === start) this.#at++;
    }
  }

  #peek(): string {
    return this.#text[this.#at] ?? "";
  }

  #advance(count = 1): void {
    for (let i = 0; i < count; i++) if (this.#text[this.#at++] === "\n") this.#line++;
  }

  #skipBlanks(): void {
    while (BLANK.test(this.#peek())) this.#at++;
  }

  /** Skips blanks, line ends and comments. */
  #skipSpace(): void {
    for (;;) {
      this.#skipBlanks();
      if (this.#peek() === "\n") this.#advance();
      else if (this.#peek() === "#") { while (!["\n", ""].includes(this.#peek())) this.#at++; }
      else return;
    }
  }

  /** Reads [a.b] or [[a.b]]. @returns the path of the table that begins. */
  #header(): Path {
    const line = this.#line;
    const isList = this.#text.startsWith("[[", this.#at);
    this.#advance(isList ? 2 : 1);
    const path: (string | number)[] = [];
    const keys = this.#keys();
    for (const [index, key] of keys.entries()) {
      path.push(key);
      this.#found([...path], line);
      const name = JSON.stringify(path);
      let count = this.#tables.get(name);
      if (isList && index === keys.length - 1) this.#tables.set(name, count = (count ?? 0) + 1);
      if (count === undefined) continue;
      path.push(count - 1);
      this.#found([...path], line);
    }
    while (!["\n", "]", ""].includes(this.#peek())) this.#at++;
    this.#advance(isList ? 2 : 1);
    return path;
  }

  #keyAndValue(table: Path): void {
    const line = this.#line;
    const path = [...table];
    for (const key of this.#keys()) {
      path.push(key);
      this.#found([...path], line);
    }
    this.#skipBlanks();
    if (this.#peek() !== "=") return;
    this.#advance();
    this.#value(path);
  }

  /** Reads a key with its dots. */
  #keys(): string[] {
    const keys: string[] = [];
    for (;;) {
      this.#skipBlanks();
      const start = this.#at;
      if (/["']/.test(this.#peek())) {
        this.#string();
        keys.push(unquoted(this.#text.slice(start, this.#at)));
      } else {
        while (BARE_KEY.test(this.#peek())) this.#at++;
        keys.push(this.#text.slice(start, this.#at));
      }
      this.#skipBlanks();
      if (this.#peek() !== ".") return keys;
      this.#advance();
    }
  }

  #value(path: Path): void {
    this.#skipBlanks();
    const first = this.#peek();
    if (/["']/.test(first)) return this.#string();
    if (first === "[") {
      return this.#items("]", (index) => {
        this.#found([...path, index], this.#line);
        this.#value([...path, index]);
      });
    }
    if (first === "{") return this.#items("}", () => this.#keyAndValue(path));
    while (!/^[,\]}#\n]?$/.test(this.#peek())) this.#at++;
  }

  /** Reads what stands between brackets, with commas between. */
  #items(close: string, item: (index: number) => void): void {
    this.#advance();
    for (let index = 0;; index++) {
      this.#skipSpace();
      const start = this.#at;
      if (this.#peek() === close || this.#peek() === "") return this.#advance();
      item(index);
      this.#skipSpace();
      if (this.#peek() === ",") this.#advance();
      else if (this.#at === start) this.#advance();
    }
  }

  /** Skips a string of any of the four kinds. */
  #string(): void {
    const quote = this.#peek();
    const long = quote.repeat(3);
    const end = this.#text.startsWith(long, this.#at) ? long : quote;
    this.#advance(end.length);
    while (this.#at < this.#text.length && !this.#text.startsWith(end, this.#at)) {
      this.#advance(quote === '"' && this.#peek() === "\\" ? 2 : 1);
    }
    this.#advance(end.length);
    // A long string may end in one or two quotes of its own.
    while (end === long && this.#peek() === quote) this.#advance();
  }
}

function unquoted(key: string): string {
  if (key.startsWith("'")) return key.slice(1, -1);
  try {
    return JSON.parse(key);
  } catch {
    // An escape that TOML has and JSON has not: the key is then found by what is around it.
    return key;
  }
}
