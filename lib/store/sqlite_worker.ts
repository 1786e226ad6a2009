/**
 * The thread that waits for the disk: does what `sqlite.ts` asks, one request after the other.
 *
 * @module
 */

import { messageOf } from "../config/operator_error.ts";
import { type BookTime, type Entry, type LeaseRow, SqliteFile } from "./sqlite_file.ts";

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
  | { readonly kind: "probe" }
  | { readonly kind: "close"; readonly time: BookTime | undefined };

/** What came of a request: durable by now, or an error's message. */
export type Response =
  | {
    readonly ok: true;
    /** Of "append": the journal's row. */
    readonly row: number;
    /** Of "open": what the table has. */
    readonly rows: readonly LeaseRow[];
  }
  | { readonly ok: false; readonly reason: string };

let file: SqliteFile;

function handle(request: Request): Response {
  let row = 0;
  let rows: LeaseRow[] = [];
  switch (request.kind) {
    case "open":
      ({ file, rows } = SqliteFile.read(request.path, request.owner, request.time));
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
    case "probe":
      file.probe();
      break;
    case "close":
      file.close(request.time);
  }
  return { ok: true, row, rows };
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
    scope.postMessage({
      ok: false,
      reason: messageOf(error),
    });
  }
};
