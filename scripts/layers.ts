// deno-lint-ignore-file no-console -- what a check finds goes to the terminal
/**
 * Checks that the layers import one way only, that the core is pure, and that nothing imports in a
 * circle. Part of the test command.
 *
 *     deno run --allow-read=. scripts/layers.ts
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** From the bottom up. What stands in one row may not import each other. */
const LAYERS: readonly (readonly string[])[] = [
  ["lib/wire/"],
  ["lib/config/"],
  ["lib/lease/"],
  ["lib/protocol/"],
  ["lib/store/", "lib/net/", "lib/admin/", "lib/notify/"],
  ["lib/server.ts"],
  ["lib/cli/"],
  ["main.ts"],
];

/** Decides from its arguments alone: touches neither the world nor the time of day nor chance. */
const PURE = ["lib/wire/", "lib/config/", "lib/lease/", "lib/protocol/", "lib/server.ts"];
const WORLD =
  /\bDeno\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bperformance\.|\bset(Timeout|Interval|Immediate)\b|"node:/;

/** Only a store may say that something is durable. */
const SEAL = "markCommitted";
const SEALERS = ["lib/lease/lease.ts", "lib/store/"];

/** A file and the project's files that it imports. */
interface Source {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function* filesBelow(directory: string): Iterable<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

function read(path: string): Source {
  // Without comments, whose examples may show anything.
  const text = readFileSync(path, "utf8").replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  const found = text.matchAll(/(?:\bfrom|\bimport|\bimport\(|\bnew URL\()\s*"(\.[^"]+)"/g);
  const imports = [...found].map((match) => normalize(join(dirname(path), match[1]!)));
  return { path, text, imports };
}

function isIn(path: string, places: readonly string[]): boolean {
  return places.some((place) => path === place || path.startsWith(place));
}

function* problemsOf({ path, text, imports }: Source): Iterable<string> {
  const rank = LAYERS.findIndex((places) => isIn(path, places));
  if (rank < 0) {
    yield `${path} is in no layer`;
    return;
  }
  const own = LAYERS[rank]!.find((place) => isIn(path, [place]))!;
  for (const imported of imports) {
    if (!imported.endsWith(".ts")) continue;
    const other = LAYERS.findIndex((places) => isIn(imported, places));
    if (other > rank || (other === rank && !isIn(imported, [own]))) {
      yield `${path} imports ${imported}, which is not below it`;
    }
  }
  const world = isIn(path, PURE) ? WORLD.exec(text) : null;
  if (world !== null) yield `${path} uses ${world[0]}, but belongs to the pure core`;
  if (text.includes(SEAL) && !isIn(path, SEALERS)) {
    yield `${path} uses ${SEAL}, a store's privilege`;
  }
}

/** Follows imports depth first; a file that is met again while it is being followed closes a circle. */
function* circlesIn(sources: ReadonlyMap<string, Source>): Iterable<string> {
  const finished = new Set<string>();
  const trail: string[] = [];
  const visit = function* (path: string): Iterable<string> {
    const start = trail.indexOf(path);
    if (start >= 0) yield `circle: ${[...trail.slice(start), path].join(" -> ")}`;
    if (start >= 0 || finished.has(path)) return;
    trail.push(path);
    for (const imported of sources.get(path)?.imports ?? []) yield* visit(imported);
    trail.pop();
    finished.add(path);
  };
  for (const path of sources.keys()) yield* visit(path);
}

const sources = new Map(["main.ts", ...filesBelow("lib")].map((path) => [path, read(path)]));
const problems = [...[...sources.values()].flatMap((source) => [...problemsOf(source)])];
problems.push(...circlesIn(sources));
for (const problem of problems) console.error(problem);
if (problems.length > 0) Deno.exit(1);
