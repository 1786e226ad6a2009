import type { Edges } from "../../lib/cli/edges.ts";
import type { InterfaceAddress } from "../../lib/config/resolve.ts";

/** A process made of strings. */
export class FakeEdges implements Edges {
  stdout = "";
  stderr = "";
  /** How wide the terminal is; undefined when there is none. */
  width: number | undefined;
  /** What the user presses Ctrl-C with. */
  readonly abort = new AbortController();
  /** Called whenever something was written to stdout. */
  onOut: () => void = () => {};
  readonly #env: ReadonlyMap<string, string>;
  readonly #interfaces: readonly InterfaceAddress[] | undefined;
  /** Texts of files by path: there are no others. */
  readonly files: Record<string, string>;

  constructor(
    env: Record<string, string> = {},
    interfaces?: readonly InterfaceAddress[],
    files: Record<string, string> = {},
  ) {
    this.#env = new Map(Object.entries(env));
    this.#interfaces = interfaces;
    this.files = files;
  }

  out(text: string): void {
    this.stdout += text;
    this.onOut();
  }

  err(text: string): void {
    this.stderr += text;
  }

  environment(): ReadonlyMap<string, string> {
    return this.#env;
  }

  interfaces(): readonly InterfaceAddress[] | undefined {
    return this.#interfaces;
  }

  hasInterface(name: string): boolean {
    return name.startsWith("bare");
  }

  readText(path: string): string {
    const text = this.files[path];
    if (text === undefined) throw new Deno.errors.NotFound(path);
    return text;
  }

  exists(path: string): boolean | undefined {
    return Object.hasOwn(this.files, path);
  }

  stamp(path: string): string | undefined {
    return this.files[path];
  }

  user(): number | undefined {
    return 1000;
  }

  columns(): number | undefined {
    return this.width;
  }

  interrupted(): AbortSignal {
    return this.abort.signal;
  }
}
