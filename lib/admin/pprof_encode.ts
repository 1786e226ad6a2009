/**
 * V8's profiles in the format of pprof: a gzipped protocol buffer.
 *
 * V8 numbers lines as in the code that it runs, from which Deno has taken the types; so lines are
 * left out, and a function's name says what file it is from.
 *
 * @module
 */

import { gzipSync } from "node:zlib";
import {
  Function as PprofFunction,
  Line,
  Location,
  Profile,
  Sample,
  StringTable,
  ValueType,
} from "pprof-format";

/** A place in the code, as V8 has it. */
interface CallFrame {
  readonly functionName: string;
  readonly url: string;
}

/** V8's profile of time: nodes of a call tree, and which of them was met when, in microseconds. */
export interface V8Cpu {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  readonly startTime: number;
  readonly endTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface V8HeapNode {
  readonly id: number;
  readonly callFrame: CallFrame;
  readonly children: readonly V8HeapNode[];
}

/** V8's profile of memory: a call tree, and samples of what is still there. */
export interface V8Heap {
  readonly head: V8HeapNode;
  readonly samples: readonly {
    readonly nodeId: number;
    /** Bytes that the sample stands for. */
    readonly size: number;
  }[];
}

/** The root of the tree and a thread that has nothing to do. */
const ROOT = "(root)";
const IDLE = "(idle)";

/** The directory that holds the program. */
const PROGRAM = new URL("../../", import.meta.url).href;

/** What paths of packages have in front. */
const PACKAGES = /^.*\/(?:registry\.npmjs\.org|node_modules)\//;

/** The time profile. @param interval between samples, microseconds. @param now milliseconds. */
export function cpuToPprof(
  { nodes, startTime, endTime, samples, timeDeltas }: V8Cpu,
  interval: number,
  now: number,
): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder(["samples", "count"], ["wall", "nanoseconds"]);
  const parents = new Map<number, number>();
  for (const { id, children = [] } of nodes) {
    for (const child of children) parents.set(child, id);
  }
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const totals = new Map<number, [number, number]>();
  samples.forEach((node, index) => {
    if (frames.get(node)!.functionName === IDLE) return;
    // A delta leads to its sample; the time that a node takes lasts until the next one.
    add(totals, node, 1, Math.max(0, timeDeltas[index + 1] ?? interval) * 1000);
  });
  for (const [node, values] of totals) encoder.sample(stackOf(node, parents, frames), values);
  const duration = (endTime - startTime) * 1000;
  return encoder.finish(["wall", "nanoseconds"], interval * 1000, now, duration);
}

/** The memory profile. @param interval bytes between samples. @param now milliseconds. */
export function heapToPprof(
  { head, samples }: V8Heap,
  interval: number,
  now: number,
  seconds: number,
): Uint8Array<ArrayBuffer> {
  const encoder = new Encoder(["samples", "count"], ["inuse_space", "bytes"]);
  const parents = new Map<number, number>();
  const frames = new Map<number, CallFrame>();
  const walk = (node: V8HeapNode) => {
    frames.set(node.id, node.callFrame);
    for (const child of node.children) {
      parents.set(child.id, node.id);
      walk(child);
    }
  };
  walk(head);
  const totals = new Map<number, [number, number]>();
  for (const { nodeId, size } of samples) add(totals, nodeId, 1, size);
  for (const [node, values] of totals) encoder.sample(stackOf(node, parents, frames), values);
  return encoder.finish(["space", "bytes"], interval, now, seconds * 1e9);
}

function add(totals: Map<number, [number, number]>, key: number, count: number, amount: number) {
  const total = totals.get(key);
  if (total === undefined) totals.set(key, [count, amount]);
  else {
    total[0] += count;
    total[1] += amount;
  }
}

/** The frames of a node, innermost first, without the tree's root. */
function stackOf(
  node: number,
  parents: ReadonlyMap<number, number>,
  frames: ReadonlyMap<number, CallFrame>,
): CallFrame[] {
  const stack: CallFrame[] = [];
  for (let id: number | undefined = node; id !== undefined; id = parents.get(id)) {
    const frame = frames.get(id)!;
    if (frame.functionName !== ROOT) stack.push(frame);
  }
  return stack;
}

/** Gathers strings, functions and samples. */
class Encoder {
  readonly #strings = new StringTable();
  readonly #functions: PprofFunction[] = [];
  readonly #locations: Location[] = [];
  readonly #samples: Sample[] = [];
  readonly #types: ValueType[];
  /** Ids of locations, and of their functions, by name and file. */
  readonly #known = new Map<string, number>();

  constructor(...types: readonly (readonly [string, string])[]) {
    this.#types = types.map((type) => this.#type(type));
  }

  sample(stack: readonly CallFrame[], value: readonly number[]): void {
    if (stack.length === 0) return;
    const locationId = stack.map((frame) => this.#location(frame));
    this.#samples.push(new Sample({ locationId, value: value.map(Math.round) }));
  }

  finish(
    periodType: readonly [string, string],
    period: number,
    now: number,
    duration: number,
  ): Uint8Array<ArrayBuffer> {
    const profile = new Profile({
      sampleType: this.#types,
      sample: this.#samples,
      location: this.#locations,
      function: this.#functions,
      periodType: this.#type(periodType),
      period,
      timeNanos: BigInt(Math.round(now)) * 1_000_000n,
      durationNanos: Math.round(duration),
      stringTable: this.#strings,
    });
    return new Uint8Array(gzipSync(profile.encode()));
  }

  #type([type, unit]: readonly [string, string]): ValueType {
    return new ValueType({ type: this.#strings.dedup(type), unit: this.#strings.dedup(unit) });
  }

  #location({ functionName, url }: CallFrame): number {
    const file = fileOf(url);
    const name = nameOf(functionName, file);
    const key = `${name}\0${file}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const id = this.#functions.length + 1;
    this.#known.set(key, id);
    this.#functions.push(
      new PprofFunction({
        id,
        name: this.#strings.dedup(name),
        systemName: this.#strings.dedup(functionName),
        filename: this.#strings.dedup(file),
      }),
    );
    this.#locations.push(new Location({ id, line: [new Line({ functionId: id })] }));
    return id;
  }
}

/** "lib/server.ts", "prom-client/15.1.3/lib/registry.js", "ext:core/01_core.js", or nothing. */
function fileOf(url: string): string {
  if (url.startsWith(PROGRAM)) return url.slice(PROGRAM.length);
  return url.replace(PACKAGES, "").replace(/^file:\/\//, "");
}

/** pprof's lists show names alone, and methods of the same name are many. */
function nameOf(functionName: string, file: string): string {
  const name = functionName || "(anonymous)";
  return file === "" ? name : `${name} ${file}`;
}
