import type { Edges } from "../../lib/cli/edges.ts";
import type { InterfaceAddress } from "../../lib/config/resolve.ts";

/** A process made of strings. */
export class FakeEdges implements Edges {
  stdout = "";
  stderr = "";
  readonly #env: ReadonlyMap<string, string>;
  readonly #interfaces: readonly InterfaceAddress[] | undefined;

  constructor(env: Record<string, string> = {}, interfaces?: readonly InterfaceAddress[]) {
    this.#env = new Map(Object.entries(env));
    this.#interfaces = interfaces;
  }

  out(text: string): void {
    this.stdout += text;
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

  user(): number | undefined {
    return 1000;
  }
}
