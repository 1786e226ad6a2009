import assert from "node:assert/strict";
import { gunzipSync } from "node:zlib";
import { until } from "../e2e/poll.ts";
import { describe, Process, run as runProgram } from "../e2e/process.ts";
import { lacks, run } from "../tools.ts";
import type { HookedServerOptions } from "./hooked_server.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const SERVER = new URL("hooked_server.ts", import.meta.url).pathname;

/** A UDP port that was free just now. */
function freePort(): number {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}

/** Body of a GET. */
async function get(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  const body = new Uint8Array(await response.arrayBuffer());
  assert.equal(response.status, 200, new TextDecoder().decode(body));
  return body;
}

Deno.test("runServer tells hooks of leases, shows it, and tells the last at its stop", async (t) => {
  const heard: { event: string; lease: { ip: string; hostname: string | null } }[] = [];
  await using receiver = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      heard.push(await request.json());
      return new Response();
    },
  );
  const directory = await Deno.makeTempDir();
  const ports = { port: freePort(), clientPort: freePort() };
  const events = ["lease.created", "lease.released"] as const;
  const options: HookedServerOptions = {
    directory,
    ...ports,
    hooks: [
      {
        events,
        target: {
          kind: "webhook",
          url: `http://127.0.0.1:${receiver.addr.port}/`,
          secretFile: undefined,
        },
      },
      {
        events,
        target: {
          kind: "program",
          path: "/bin/sh",
          args: ["-c", `echo "$1 $ETCDHCP_IP" >> ${directory}/told`, "hook"],
        },
      },
    ],
  };
  try {
    await using server = Process.start(
      [Deno.execPath(), "run", "-A", "--no-check", SERVER, JSON.stringify(options)],
      { title: "server with hooks" },
    );
    const ready = JSON.parse((await server.line(/"msg":"ready"/, 120)).text);
    const discover = (...more: string[]) =>
      runProgram([
        ...[Deno.execPath(), "run", "-A", "--no-check", MAIN, "discover", "--request"],
        ...[`--dhcp.port=${ports.port}`, `--dhcp.client-port=${ports.clientPort}`, ...more],
      ]);

    const answered = await discover();
    const [, address] = /^ACK (\S+) /m.exec(answered) ?? [];
    assert.ok(address !== undefined, answered);
    await until("the webhook", 60, () => heard.length > 0);
    const told = () => Deno.readTextFile(`${directory}/told`);
    await until("the program", 60, async () => (await told()).endsWith("\n"));
    assert.deepEqual([heard[0]!.event, heard[0]!.lease.ip], ["lease.created", address]);
    assert.equal(await told(), `lease.created ${address}\n`);

    const scrape = await until("both to be counted", 60, async () => {
      const text = new TextDecoder().decode(await get(`${ready.admin}/metrics`));
      const counted = text.match(/^etcdhcp_hook_events_total\{.*result="delivered"\} 1$/gm) ?? [];
      return counted.length === 2 && text;
    });
    assert.match(scrape, /^etcdhcp_hook_queue\{hook="1"\} 0$/m);
    assert.match(scrape, /^etcdhcp_ready 1$/m);
    await t.step({
      name: "promtool check metrics",
      ignore: lacks("promtool"),
      fn: () => assert.equal(run("promtool", ["check", "metrics"], scrape), ""),
    });

    const profile = await get(`${ready.admin}/debug/pprof/profile?seconds=1`);
    assert.ok(gunzipSync(profile).length > 100);

    await discover("--release");
    server.signal("SIGTERM");
    assert.equal(describe(await server.exit(60)), "exit code 0");
    assert.deepEqual(
      (await told()).trim().split("\n").at(-1),
      `lease.released ${address}`,
      server.text(),
    );
    assert.equal(heard.at(-1)!.event, "lease.released");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
