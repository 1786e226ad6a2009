/**
 * A server with hooks as a process of its own: a trial on loopback, on ports that are free.
 *
 *     deno run -A tests/notify/hooked_server.ts '{"directory": ..., "port": ..., ...}'
 *
 * @module
 */

import { LineLog } from "../../lib/cli/logging.ts";
import { runServer } from "../../lib/cli/run_server.ts";
import type { Hook, HookEvent } from "../../lib/config/model.ts";
import { serviceEnvironment } from "../../lib/notify/service_manager.ts";
import { interfaceOf, subnetOf } from "../lease/fixtures.ts";

/** What it is told. */
export interface HookedServerOptions {
  /** Where the book and the token go. */
  readonly directory: string;
  readonly port: number;
  readonly clientPort: number;
  readonly hooks: readonly {
    readonly events: readonly HookEvent[];
    readonly target: Hook["target"];
  }[];
}

if (import.meta.main) {
  const { directory, port, clientPort, hooks }: HookedServerOptions = JSON.parse(Deno.args[0]!);
  const log = { format: "json", leases: true, verbosity: 0 } as const;
  const code = await runServer(
    {
      trial: true,
      interfaces: [interfaceOf("lo 127.0.0.1/8")],
      subnets: [subnetOf({ cidr: "127.0.0.0/8", pools: ["127.9.0.10-127.9.0.100"] })],
      port,
      clientPort,
      confinedElsewhere: false,
      store: { kind: "embedded", path: `${directory}/leases.db` },
      requestTimeout: 2000,
      admin: {
        listen: { hostname: "127.0.0.1", port: 0 },
        socket: undefined,
        tokenFile: `${directory}/admin-token`,
        tls: undefined,
      },
      file: undefined,
      reloadOnChange: false,
      hooks: hooks.map(({ events, target }) => ({
        events: new Set(events),
        target,
        timeout: 60_000,
      })),
      poolThreshold: 0.9,
      log,
    },
    new LineLog(log, Deno.stderr, Date.now),
    { service: serviceEnvironment(new Map()) },
  );
  Deno.exit(code);
}
