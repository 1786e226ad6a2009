/**
 * The `lease export` command.
 *
 * @module
 */

import { JSON_LINES } from "../admin/api/lease_json.ts";
import { messageOf } from "../config/operator_error.ts";
import { AdminError } from "./admin_client.ts";
import { Progress } from "./progress.ts";
import { serverCommand, SUBNET_ROW } from "./server_command.ts";

/** Writes the book's entries as JSON lines, for `lease import` or other programs. */
export const leaseExport = serverCommand({
  name: "lease export",
  summary: "Write all leases as JSON lines",
  operands: [{ name: "FILE", help: "Where to; stdout when there is none", optional: true }],
  reads: true,
  rows: { subnet: SUBNET_ROW },
  async work({ client, own, args, edges }) {
    const path = args.operands.get("FILE");
    const ask = { query: { subnet: own.subnet.value }, headers: { accept: JSON_LINES } };
    let count = 0;
    using progress = new Progress(edges, "leases", undefined);
    const leases = client.stream("/api/leases", ask);
    async function* counted() {
      for await (const text of leases) {
        yield text;
        for (const character of text) if (character === "\n") count++;
        progress.at(count);
      }
    }
    if (path === undefined) {
      for await (const text of counted()) edges.out(text);
      return 0;
    }
    await replaceFile(path, counted());
    progress.clear();
    edges.err(`${count} ${count === 1 ? "lease" : "leases"} written to ${path}\n`);
    return 0;
  },
});

/** Writes beside the file and then takes its place, so that half an export is never taken for one. */
async function replaceFile(path: string, texts: AsyncIterable<string>): Promise<void> {
  const beside = `${path}.part`;
  const failed = (error: unknown) =>
    new AdminError(0, `cannot write ${path}: ${messageOf(error)}`, { cause: error });
  let file: Deno.FsFile;
  try {
    // Who has which device is not for everybody to read.
    file = await Deno.open(beside, { write: true, create: true, truncate: true, mode: 0o600 });
  } catch (error) {
    throw failed(error);
  }
  const encoder = new TextEncoder();
  try {
    for await (const text of texts) {
      let rest = encoder.encode(text);
      while (rest.length > 0) rest = rest.subarray(await file.write(rest));
    }
    await file.sync();
    file.close();
    await Deno.rename(beside, path);
  } catch (error) {
    try {
      file.close();
    } catch {
      // It was closed before the rename.
    }
    await Deno.remove(beside).catch(() => {}); // It may never have been made.
    throw error instanceof AdminError ? error : failed(error);
  }
}
