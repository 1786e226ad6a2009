/**
 * The thread that waits for the disk: does what `sqlite.ts` asks, one request after the other.
 *
 * @module
 */

import type { AmendmentText } from "./amendment_text.ts";
import { type BookTime, type Contents, type Entry, reasonOf, SqliteFile } from "./sqlite_file.ts";

export type Request =
  | {
    readonly kind: "open";
    readonly path: string;
    readonly owner: string;
    readonly time: BookTime | undefined;
  }
  | { readonly kind: "append"; readonly changes: string }
  | { readonly kind: "move"; readonly changes: string; readonly time: BookTime | undefined }
  | { readonly kind: "fold"; readonly entries: readonly Entry[]; readonly cutTo: number }
  | { readonly kind: "amend"; readonly changes: readonly AmendmentText[] }
  | { readonly kind: "look" }
  | { readonly kind: "probe" }
  | { readonly kind: "close"; readonly time: BookTime | undefined };

/** What came of a request: durable by now, or an error's message. */
export type Response =
  | {
    readonly ok: true;
    /** Of "append": the journal's row. */
    readonly row: number;
    /** Of "open": what the file has. */
    readonly contents: Contents | undefined;
  }
  | { readonly ok: false; readonly reason: string };

let file: SqliteFile;

function handle(request: Request): Response {
  let row = 0;
  let contents: Contents | undefined;
  switch (request.kind) {
    case "open":
      ({ file, contents } = SqliteFile.read(request.path, request.owner, request.time));
      break;
    case "append":
      row = file.append(request.changes);
      break;
    case "move":
      row = file.move(request.changes, request.time);
      break;
    case "fold":
      file.fold(request.entries, request.cutTo);
      break;
    case "amend":
      file.amend(request.changes);
      break;
    case "look":
      file.look();
      break;
    case "probe":
      file.probe();
      break;
    case "close":
      file.close(request.time);
  }
  return { ok: true, row, contents };
}

// A worker's global scope has these two; the compiler knows only a window's.
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(response: Response): void;
};

scope.onmessage = ({ data }) => {
  try {
    scope.postMessage(handle(data));
  } catch (error) {
    scope.postMessage({ ok: false, reason: reasonOf(error) });
  }
};
