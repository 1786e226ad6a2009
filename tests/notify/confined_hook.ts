// deno-lint-ignore-file no-console -- what became of it is the output
/**
 * One hook's program that hangs with a child, run by who may do no more than a server for one site:
 * run this program, and use the C library.
 *
 *     deno run --no-prompt --allow-run=/bin/sh --allow-ffi=... tests/notify/confined_hook.ts SCRIPT
 *
 * @module
 */

import { Libc } from "../../lib/net/libc.ts";
import { Program, Slots } from "../../lib/notify/program.ts";
import { created, noticeOf, realClock } from "./fixtures.ts";

if (import.meta.main) {
  const program = new Program({
    path: "/bin/sh",
    args: ["-c", Deno.args[0]!, "hook"],
    timeout: 500,
    clock: realClock(),
    slots: new Slots(1),
    killGroup: (leader) => Libc.open()?.killGroup(leader) ?? false,
  });
  console.log(JSON.stringify(
    await program.deliver(noticeOf(created()), new AbortController().signal),
  ));
}
