/**
 * Binaries made for a site, as `deno task compile` makes them.
 *
 * @module
 */

import { run } from "./process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const COMPILE = ["run", "-A", `${ROOT}scripts/compile.ts`];

/**
 * A site on 10.6.9.1/24 that keeps everything in one directory.
 *
 * @param elsewhere Whether something else keeps other interfaces' packets away.
 */
export function siteFile(directory: string, elsewhere: boolean): string {
  return `
[server]
interfaces = ["lan0=10.6.9.1/24"]
confined-elsewhere = ${elsewhere}
[store]
path = "${directory}/leases.db"
[admin]
addr = "127.0.0.1:9842"
token-file = "${directory}/admin-token"
[log]
format = "json"
[[subnet]]
name = "lan"
cidr = "10.6.9.0/24"
pools = ["10.6.9.10-10.6.9.100"]
router = ["10.6.9.1"]
dns = ["10.6.9.1"]
lease = "20s"
`;
}

/** What a program for the site is granted, as the command prints it. */
export async function sitePermissions(config: string): Promise<string[]> {
  const printed = await run([Deno.execPath(), ...COMPILE, "--config", config, "--print"]);
  return printed.replaceAll(/\n {4}/g, "").trim().split("\n");
}

/** Makes the binary. @throws {Error} with what the compiler says. */
export async function compileSite(config: string, output: string): Promise<void> {
  await run([Deno.execPath(), ...COMPILE, "--config", config, "--output", output]);
}

/**
 * Why this machine cannot make binaries; undefined when it can. `deno compile` fetches the program
 * that they are made from, which not every machine can.
 */
export async function whyNoCompiler(): Promise<string | undefined> {
  if (Deno.env.get("ETCDHCP_COMPILER")) return undefined;
  const directory = await Deno.makeTempDir({ prefix: "etcdhcp-compiler-" });
  try {
    const source = `${directory}/nothing.ts`;
    await Deno.writeTextFile(source, "");
    const args = ["compile", "--no-config", "--output", `${directory}/nothing`, source];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      env: { NO_COLOR: "1" },
      signal: AbortSignal.timeout(180_000),
    }).output();
    if (success) return undefined;
    // A chain of causes, the root last, before a backtrace.
    const [said = ""] = new TextDecoder().decode(stderr).split("Stack backtrace");
    return [...said.matchAll(/^\s*(?:\d+|error): (.+)$/gm)].at(-1)?.[1] ?? "deno compile fails";
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
