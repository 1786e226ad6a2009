/**
 * Tries what a server has no business with, and what it has, and prints what came of each. Runs
 * under a server's permissions:
 *
 *     deno run FLAGS probe.ts DIRECTORY
 *
 * @module
 */

const [directory = ""] = Deno.args;
const udp = (hostname: string, port: number) =>
  Deno.listenDatagram({ transport: "udp", hostname, port });

const ATTEMPTS: Readonly<Record<string, () => unknown>> = {
  "fetch elsewhere": () => fetch("http://192.0.2.1/"),
  "fetch by name": () => fetch("http://example.com/"),
  "fetch on loopback": () => fetch("http://127.0.0.1:8080/"),
  "connect to a client": () => Deno.connect({ hostname: "10.6.9.10", port: 22 }),
  "send to another network": () => send("10.7.0.1", 68),
  "send to another port": () => send("10.6.9.10", 53),
  "listen elsewhere": () => udp("0.0.0.0", 53).close(),
  "read elsewhere": () => Deno.readTextFile("/etc/hostname"),
  "read beside": () => Deno.readTextFile(`${directory}/../secret`),
  "write elsewhere": () => Deno.writeTextFile(`${directory}/../written`, ""),
  "write its configuration": () => Deno.writeTextFile(`${directory}/../site.toml`, ""),
  "run a program": () => new Deno.Command("/bin/true").output(),
  "see another variable": () => Deno.env.get("HOME"),
  "open another library": () => Deno.dlopen("/lib/x86_64-linux-gnu/libm.so.6", {}),
  "see who else is there": () => Deno.systemMemoryInfo(),
  // The rest is allowed: what comes of it is the machine's affair.
  "own: read": () => Deno.readDirSync(directory),
  "own: write": () => Deno.writeTextFile(`${directory}/book`, ""),
  "own: send to clients": () => send("10.6.9.10", 68),
  "own: send to relays": () => send("10.6.9.200", 67),
  "own: admin endpoint": () =>
    Deno.serve({ hostname: "127.0.0.1", port: 9842, onListen() {} }, () => new Response())
      .shutdown(),
  "own: variable": () => Deno.env.get("ETCDHCP_CONFIG"),
  "own: interfaces": () => Deno.networkInterfaces(),
};

async function send(hostname: string, port: number): Promise<void> {
  const socket = udp("10.6.9.1", 67);
  try {
    await socket.send(new Uint8Array(1), { transport: "udp", hostname, port });
  } finally {
    socket.close();
  }
}

const results: Record<string, string> = {};
for (const [name, attempt] of Object.entries(ATTEMPTS)) {
  try {
    await attempt();
    results[name] = "done";
  } catch (error) {
    results[name] = (error as Error).name;
  }
}
Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(results)));
