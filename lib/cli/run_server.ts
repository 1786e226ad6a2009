/**
 * A server in the real world: its store, sockets, admin endpoint and clock, from start to stop.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import { type AdminEndpoint, startAdmin } from "../admin/http.ts";
import { formatListen } from "../admin/listener.ts";
import { Metrics } from "../admin/metrics.ts";
import type { Clock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import type { ServedInterface, ServerConfig } from "../config/model.ts";
import type { ManagedStore } from "../lease/management.ts";
import { type Confinement, confinementOf } from "../net/confinement.ts";
import { InterfacePort } from "../net/interface_port.ts";
import { Libc } from "../net/libc.ts";
import { Server } from "../server.ts";
import { openStore, placeOf } from "./open_store.ts";
import { formatCidr, formatIpv4, formatRange } from "../wire/address.ts";
import { VERSION } from "./version.ts";

/** How often the interfaces are looked at, milliseconds. */
const INTERFACE_ROUND = 1000;

/** A stop that takes longer than this is cut short, milliseconds. */
const STOP_WITHIN = 2800;

const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (milliseconds) =>
    new Promise((resolve) => Deno.unrefTimer(setTimeout(resolve, milliseconds))),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
  every(milliseconds, call) {
    const timer = setInterval(call, milliseconds);
    return () => clearInterval(timer);
  },
};

/**
 * Serves until SIGTERM or SIGINT.
 *
 * @returns The exit code.
 * @throws {OperatorError} when the store or a socket cannot be had.
 */
export async function runServer(config: ServerConfig, log: Log): Promise<number> {
  const stopping = stopSignal();
  const metrics = new Metrics();
  const libc = Libc.open();
  const confinements = confine(config, libc !== undefined);
  const store = await openStore(config, systemClock, log, metrics);
  let admin: AdminEndpoint | undefined;
  const ports: { served: ServedInterface; port: InterfacePort }[] = [];
  try {
    for (const served of config.interfaces) {
      const port = new InterfacePort({
        served,
        port: config.port,
        clientPort: config.clientPort,
        confinement: confinements.get(served)!,
        libc,
        shared: config.interfaces.length > 1,
        events: portEvents(log, metrics),
      });
      ports.push({ served, port });
    }
    const server = new Server({ config, store, ports, clock: systemClock, log, metrics });
    admin = await startAdmin(config.admin, {
      metrics,
      gauges: gauges(store, server),
      hostnames: [Deno.hostname()],
      ready() {
        const reasons = server.reasonsNotReady();
        return { ok: reasons.length === 0, reasons };
      },
      version: VERSION,
      managed: {
        store,
        commit: (operations) => server.commit(operations),
        now: systemClock.now,
        turn: systemClock.turn,
      },
      warn: (line) => log.warn(line),
    });
    server.start();
    announce(config, log);
    const sayWhetherReady = readinessLog(config, server, admin, log);
    sayWhetherReady();
    const stopWatching = systemClock.every(INTERFACE_ROUND, () => {
      ports.forEach(({ port }) => port.check());
      sayWhetherReady();
    });
    await admin.warm();
    log.info("stopping", { signal: await stopping });
    stopWatching();
    const stopped = Promise.all([server.stop(), admin.stop()]);
    await Promise.race([stopped, systemClock.sleep(STOP_WITHIN)]);
    log.info("stopped");
    return 0;
  } catch (error) {
    ports.forEach(({ port }) => port.close());
    await admin?.stop();
    await store.close();
    throw error;
  }
}

/** Resolves with the name of the signal that asks the server to stop. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
  });
}

function confine(config: ServerConfig, ffi: boolean): Map<ServedInterface, Confinement> {
  const interfaces = Deno.networkInterfaces();
  const { confinedElsewhere } = config;
  return new Map(config.interfaces.map((served) => [
    served,
    confinementOf(served.name, { ffi, confinedElsewhere, interfaces }),
  ]));
}

function portEvents(log: Log, metrics: Metrics) {
  return {
    notice: (level: "info" | "warn", text: string) => log[level](text),
    sendFailed(reason: string) {
      metrics.dropped("send-failed");
      log.debug("cannot send", { reason });
    },
    overflowed(datagrams: number) {
      for (let i = 0; i < datagrams; i++) metrics.dropped("overload");
    },
    oversized: () => metrics.dropped("malformed"),
  };
}

function gauges(store: ManagedStore, server: Server) {
  return {
    *addresses() {
      for (const { name: subnet = "" } of store.subnets) {
        for (const [state, count] of Object.entries(store.view.counts(subnet))) {
          yield { subnet, state, count };
        }
      }
    },
    storeUp: () => server.storeUp(),
    storeStatus: () => store.status?.() ?? { mirrorLag: 0 },
  };
}

function announce(config: ServerConfig, log: Log): void {
  for (const { name, address } of config.interfaces) {
    log.info("serving", { interface: name, address: formatIpv4(address), port: config.port });
  }
  for (const { name, cidr, pools } of config.subnets) {
    log.info("subnet", {
      name,
      cidr: formatCidr(cidr),
      pools: pools.map(formatRange).join(" "),
    });
  }
}

/** Says in the log, whenever that changes, whether clients would be answered, and if not why. */
function readinessLog(
  config: ServerConfig,
  server: Server,
  admin: AdminEndpoint,
  log: Log,
): () => void {
  const scheme = config.admin.tls === undefined ? "http" : "https";
  const url = `${scheme}://${formatListen(admin.address)}`;
  let said: string | undefined;
  return () => {
    const reasons = server.reasonsNotReady().join("; ");
    if (reasons === said) return;
    said = reasons;
    if (reasons !== "") log.warn("not ready", { reasons });
    else log.info("ready", { book: placeOf(config.store), admin: url });
  };
}
