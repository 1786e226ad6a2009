/**
 * What the process spends its time and its memory on, for `go tool pprof` or for a browser's
 * developer tools. Loaded when somebody asks.
 *
 * Both are samples of the thread that answers clients, taken while it goes on doing so: some
 * thousand a second for time, one in half a megabyte for memory.
 *
 * @module
 */

import { Session } from "node:inspector";
import { HttpError } from "./route.ts";
import { cpuToPprof, heapToPprof, type V8Cpu, type V8Heap } from "./pprof_encode.ts";

/** How long samples are taken, seconds. */
const SECONDS = { default: 10, least: 1, most: 60 };

/** Time between two samples, microseconds: ten thousand stack walks a second would be felt. */
const CPU_INTERVAL = 1000;

/** Bytes between two samples. */
const HEAP_INTERVAL = 512 * 1024;

/** The inspector answers at once, or, in some versions of Deno, never, milliseconds. */
const PATIENCE = 10_000;

/**
 * Deno's permission to use the inspector has no name on the command line: it comes with the right to
 * know everything of the machine, less what is denied by name.
 */
export const PROFILE_FLAGS = "--allow-sys --deny-sys=cpus,gid,homedir,loadavg,osRelease,statfs," +
  "systemMemoryInfo,username,getPriority,setPriority,userInfo";

/** What is asked of V8's inspector and what it answers. */
type Post = (method: string, params?: object) => Promise<Record<string, unknown>>;

/** One kind of profile. */
interface Kind {
  /** The value of `format` that asks for V8's own, and its file's ending. */
  readonly own: string;
  readonly file: string;
  start(post: Post): Promise<unknown>;
  finish(post: Post): Promise<object>;
  encode(profile: object, seconds: number): Uint8Array<ArrayBuffer>;
}

const CPU: Kind = {
  own: "cpuprofile",
  file: "profile",
  async start(post) {
    await post("Profiler.enable");
    await post("Profiler.setSamplingInterval", { interval: CPU_INTERVAL });
    await post("Profiler.start");
  },
  finish: async (post) => (await post("Profiler.stop")).profile as object,
  encode: (profile) => cpuToPprof(profile as V8Cpu, CPU_INTERVAL, Date.now()),
};

const HEAP: Kind = {
  own: "heapprofile",
  file: "heap",
  async start(post) {
    await post("HeapProfiler.enable");
    await post("HeapProfiler.startSampling", { samplingInterval: HEAP_INTERVAL });
  },
  async finish(post) {
    const { profile } = await post("HeapProfiler.getSamplingProfile");
    await post("HeapProfiler.stopSampling");
    return profile as object;
  },
  encode: (profile, seconds) => heapToPprof(profile as V8Heap, HEAP_INTERVAL, Date.now(), seconds),
};

let isBusy = false;

/**
 * Answers `/debug/pprof/profile`: where time went during `seconds`. With `format=cpuprofile` it is
 * V8's own format.
 *
 * @param stopping Given when the server stops: what has been sampled until then is answered.
 * @throws {HttpError} when that was not asked for as it should be, or cannot be had now.
 */
export function profile(request: Request, stopping?: AbortSignal): Promise<Response> {
  return answer(CPU, request, stopping);
}

/**
 * Answers `/debug/pprof/heap`: what was allocated during `seconds` and is still there at their end.
 * With `format=heapprofile` it is V8's own format.
 */
export function heap(request: Request, stopping?: AbortSignal): Promise<Response> {
  return answer(HEAP, request, stopping);
}

async function answer(kind: Kind, request: Request, stopping?: AbortSignal): Promise<Response> {
  const query = new URL(request.url).searchParams;
  const seconds = readSeconds(query.get("seconds"));
  if (seconds === undefined) {
    const wanted = `wanted whole seconds from ${SECONDS.least} to ${SECONDS.most}`;
    throw new HttpError(400, `seconds is "${query.get("seconds")}", ${wanted}`);
  }
  const format = query.get("format") ?? "pprof";
  if (format !== "pprof" && format !== kind.own) {
    throw new HttpError(400, `format is "${format}", wanted pprof or ${kind.own}`);
  }
  if (isBusy) throw new HttpError(409, "another profile is being taken; try again when it is done");
  isBusy = true;
  try {
    const found = await take(
      kind,
      seconds,
      stopping ? [request.signal, stopping] : [request.signal],
    );
    return format === "pprof"
      ? file(kind.encode(found, seconds), "application/octet-stream", `${kind.file}.pb.gz`)
      : file(JSON.stringify(found), "application/json", `${kind.file}.${kind.own}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw new HttpError(501, `profiles need another permission; run it with ${PROFILE_FLAGS}`);
  } finally {
    isBusy = false;
  }
}

function readSeconds(text: string | null): number | undefined {
  if (text === null) return SECONDS.default;
  const seconds = Number(text);
  const isFine = /^\d+$/.test(text) && seconds >= SECONDS.least && seconds <= SECONDS.most;
  return isFine ? seconds : undefined;
}

async function take(
  kind: Kind,
  seconds: number,
  ends: readonly AbortSignal[],
): Promise<object> {
  const session = new Session();
  session.connect();
  try {
    const post: Post = (method, params = {}) =>
      new Promise((resolve, reject) => {
        const giveUp = () => reject(new Error(`${method}: no answer from V8's inspector`));
        const timer = setTimeout(giveUp, PATIENCE);
        session.post(method, params, (error, result) => {
          clearTimeout(timer);
          if (error) reject(new Error(`${method}: ${error.message}`));
          else resolve(result as Record<string, unknown>);
        });
      });
    await kind.start(post);
    await rest(seconds, ends);
    return await kind.finish(post);
  } finally {
    session.disconnect();
  }
}

/** Resolves after so many seconds, or sooner when nobody waits any more. */
function rest(seconds: number, ends: readonly AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      for (const signal of ends) signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, seconds * 1000);
    for (const signal of ends) {
      if (signal.aborted) return finish();
      signal.addEventListener("abort", finish);
    }
  });
}

function file(body: BodyInit, type: string, name: string): Response {
  return new Response(body, {
    headers: { "content-type": type, "content-disposition": `attachment; filename="${name}"` },
  });
}
