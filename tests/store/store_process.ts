/**
 * A process that holds an embedded store, to be killed, stopped and starved by tests:
 *
 *     deno run ... tests/store/store_process.ts PATH
 *
 * Reads commands from stdin, one a line, and answers each with one line:
 *
 * - `bind CLIENT ADDRESS EXPIRES`: what became of the claim
 * - `show ADDRESS`: the state of the entry in the view
 * - `trouble`: what the store says is wrong, `none` when nothing is
 * - `add-pool RANGE`: what became of the amendment
 * - `amendments`: the ranges that amendments have added
 * - `recover`: waits for the store to say that nothing is wrong any more
 * - `flood`: binds and renews without end; a line `ADDRESS EXPIRES` for each that is done
 *
 * @module
 */

import { SqliteStore } from "../../lib/store/sqlite.ts";
import { formatIpv4, formatRange, type Ipv4, parseIpv4 } from "../../lib/wire/address.ts";
import { addPool, bind, clientNumber, EPOCH } from "../lease/fixtures.ts";
import { FLOOD_SUBNET } from "./flood.ts";

const encoder = new TextEncoder();

function print(line: string): void {
  const octets = encoder.encode(`${line}\n`);
  for (let at = 0; at < octets.length;) at += Deno.stdout.writeSync(octets.subarray(at));
}

async function open(): Promise<SqliteStore> {
  const path = Deno.args[0]!;
  try {
    return await SqliteStore.open({ path, subnets: [FLOOD_SUBNET], owner: `process ${Deno.pid}` });
  } catch (error) {
    print(`cannot open: ${(error as Error).message}`);
    Deno.exit(1);
  }
}

const store = await open();
print("open");

/** Claims that overlap, so that transactions carry several, each renewed again and again. */
async function flood(first: number): Promise<never> {
  for (let round = 1;; round++) {
    for (let n = first; n < 300; n += 3) {
      const address = formatIpv4((FLOOD_SUBNET.pools[0]!.from + n) as Ipv4);
      const expires = EPOCH + round * 1000;
      const [result] = await store.commit([bind(clientNumber(n), address, expires)], EPOCH);
      if (result?.kind === "done") print(`${address} ${result.lease.expires}`);
    }
  }
}

async function answer(command: string, words: readonly string[]): Promise<string> {
  switch (command) {
    case "bind": {
      const [client, address, expires] = words;
      const [result] = await store.commit([bind(client!, address!, Number(expires))], EPOCH);
      return result?.kind === "unknown" ? `unknown: ${result.reason}` : String(result?.kind);
    }
    case "add-pool": {
      const [amended] = await store.amend([addPool(words[0]!)]);
      return amended?.kind === "unknown" ? `unknown: ${amended.reason}` : String(amended?.kind);
    }
    case "amendments":
      return store.amendments().flatMap(({ added }) => added).map(formatRange).join(" ");
    case "show":
      return store.view.ofAddress(parseIpv4(words[0]!))?.state ?? "none";
    case "trouble":
      return store.trouble() ?? "none";
    case "recover":
      while (store.trouble() !== undefined) await new Promise((done) => setTimeout(done, 20));
      return "none";
    case "flood":
      return await Promise.race([0, 1, 2].map(flood));
    default:
      return `cannot read ${command}`;
  }
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
let rest = "";
for await (const chunk of lines) {
  const all = (rest + chunk).split("\n");
  rest = all.pop()!;
  for (const line of all) {
    const [command, ...words] = line.split(" ");
    print(await answer(command!, words));
  }
}
await store.close();
