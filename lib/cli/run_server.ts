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
import { messageOf } from "../config/operator_error.ts";
import type { PendingConfig, Resolution } from "../config/resolve.ts";
import { SteadyClock } from "../config/steady_clock.ts";
import type { Hooks } from "../notify/hooks.ts";
import { type Confinement, confinementOf } from "../net/confinement.ts";
import { InterfacePort } from "../net/interface_port.ts";
import { Libc } from "../net/libc.ts";
import {
  openServiceManager,
  type ServiceEnvironment,
  type ServiceManager,
  watchdogInterval,
} from "../notify/service_manager.ts";
import { Server } from "../server.ts";
import { openStore, placeOf } from "./open_store.ts";
import { awaitInterfaces } from "./await_interfaces.ts";
import { MovedInterfaces } from "./moved_interfaces.ts";
import { LOOK, type Reloader, type TakeUp } from "./reload.ts";
import { processSignals, Signals } from "./signals.ts";
import { uptime } from "./uptime.ts";
import { formatCidr, formatIpv4, formatRange } from "../wire/address.ts";
import { VERSION } from "./version.ts";

/** How often the interfaces are looked at, milliseconds. */
const INTERFACE_ROUND = 1000;

/** A stop that takes longer than this is cut short, milliseconds. */
const STOP_WITHIN = 2800;

/** How often the service manager is told how the server is doing, milliseconds. */
const STATUS_ROUND = 3000;

/**
 * A server whose round or whose loop has not turned for so long, milliseconds, is not well; longer
 * when the service manager waits longer.
 */
const STUCK = 5000;
/** How long a stop waits for hooks to have been told of everything, milliseconds. */
const FLUSH = 1000;

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

/** What a server is told besides its configuration. */
export interface RunOptions {
  readonly service: ServiceEnvironment;
  /** What reads the configuration's file again; undefined when there is none. */
  readonly reloader?: (config: ServerConfig) => Reloader | undefined;
  /** Reads the whole configuration again, and with it the addresses of the interfaces. */
  readonly read?: () => Promise<Resolution>;
}

/**
 * Serves until SIGTERM or SIGINT.
 *
 * @param config What to serve; or what there is of it while interfaces have no address yet, which
 * is waited for.
 * @returns The exit code.
 * @throws {OperatorError} when the store or a socket cannot be had.
 */
export async function runServer(
  config: ServerConfig | PendingConfig,
  log: Log,
  options: RunOptions,
): Promise<number> {
  const signals = new Signals(processSignals, systemClock.elapsed);
  const manager = openServiceManager(options.service, (line) => log.warn(line));
  try {
    return await Promise.race([
      serveAll(config, log, options, signals, manager),
      stopAtOnce(log, signals),
    ]);
  } finally {
    await manager.close();
  }
}

/** Whatever is under way is left: nothing that was acknowledged can be lost by that. */
async function stopAtOnce(log: Log, signals: Signals): Promise<number> {
  log.error("stopped at once, without finishing what was under way", {
    signal: await signals.stopAtOnce,
  });
  return 1;
}

/** Serves one configuration after the other: a new one when an interface has another address. */
async function serveAll(
  config: ServerConfig | PendingConfig,
  log: Log,
  options: RunOptions,
  signals: Signals,
  manager: ServiceManager,
): Promise<number> {
  let next: ServerConfig | PendingConfig | undefined = config;
  while (next !== undefined) {
    next = "awaited" in next
      ? await awaitInterfaces(next, {
        clock: systemClock,
        log,
        signals,
        manager,
        read: options.read!,
      })
      : await serveUntilTold(next, log, options, signals, manager);
  }
  return 0;
}

/** @returns What to go on with; undefined when the server was told to stop. */
async function serveUntilTold(
  config: ServerConfig,
  log: Log,
  options: RunOptions,
  signals: Signals,
  manager: ServiceManager,
): Promise<ServerConfig | undefined> {
  const clock = new SteadyClock(systemClock);
  const metrics = new Metrics();
  const libc = Libc.open();
  const confinements = confine(config, libc !== undefined);
  const hooks = await openHooks(config, clock, log, metrics, libc);
  const store = await openStore(config, clock, log, metrics);
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
        elapsed: () => clock.elapsed(),
        events: portEvents(log, metrics),
      });
      ports.push({ served, port });
    }
    const server = new Server({
      config,
      store,
      ports,
      clock,
      log,
      metrics,
      ...(hooks && { onEvent: (event) => hooks.tell(event) }),
    });
    admin = await startAdmin(config.admin, {
      metrics,
      gauges: gauges(store, server, hooks),
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
    const sayHowItIs = () => manager.status(statusLine(config, store, server));
    sayHowItIs();
    // Ready means here that it runs, not that it could answer at this moment: a router starts
    // before its etcd can be reached through it, and what waits for this unit must not wait for
    // that. The status line says what is missing, and /readyz is the place to ask.
    manager.ready();
    const takeUp = (next: ServerConfig) => {
      store.reconfigure(next.subnets, clock.now());
      server.reconfigure(next);
    };
    const reloader = options.reloader?.(config);
    const moved = new MovedInterfaces(config.interfaces, options.read, log);
    signals.onReload((asked) => reload(reloader, takeUp, asked, log, manager));
    const rounds = [
      ...(reloader === undefined || !config.reloadOnChange ? [] : [clock.every(LOOK, () => {
        if (reloader.look()) signals.reload();
      })]),
      clock.every(INTERFACE_ROUND, () => {
        followClock(clock, server, log);
        const interfaces = Deno.networkInterfaces();
        ports.forEach(({ port }) => port.check(interfaces));
        moved.look(interfaces);
        sayWhetherReady();
      }),
      clock.every(STATUS_ROUND, sayHowItIs),
      ...watchdog(options.service, clock, server, manager),
    ];
    await admin.warm();
    const next = await Promise.race([signals.stop, moved.to]);
    if (typeof next === "string") {
      log.info("stopping", { signal: next });
      manager.stopping();
    }
    for (const stopRound of rounds) stopRound();
    const stopped = Promise.all([stopServing(server, hooks), admin.stop()]);
    await Promise.race([stopped, clock.sleep(STOP_WITHIN)]);
    if (typeof next !== "string") return next;
    log.info("stopped");
    return undefined;
  } catch (error) {
    ports.forEach(({ port }) => port.close());
    await admin?.stop();
    await store.close();
    throw error;
  }
}

/** What goes wrong is logged, and the server goes on as it was. */
async function reload(
  reloader: Reloader | undefined,
  takeUp: TakeUp,
  asked: boolean,
  log: Log,
  manager: ServiceManager,
): Promise<void> {
  if (reloader === undefined) {
    log.warn("SIGHUP: there is no configuration file to read again");
    return;
  }
  manager.reloading(monotonicMicroseconds());
  try {
    await reloader.reload(takeUp, asked);
  } catch (error) {
    log.error("not reloaded; the server goes on as it was", { reason: messageOf(error) });
  } finally {
    manager.ready();
  }
}

/**
 * What CLOCK_MONOTONIC shows, rounded up: Deno tells the uptime in whole seconds. The service
 * manager only wants to see that the reload began after it was asked for.
 */
function monotonicMicroseconds(): number {
  return ((uptime() ?? 0) + 1000) * 1000;
}

/** Nothing of hooks is loaded where there are none. */
async function openHooks(
  { hooks }: ServerConfig,
  clock: Clock,
  log: Log,
  counter: Metrics,
  libc: Libc | undefined,
): Promise<Hooks | undefined> {
  if (hooks.length === 0) return undefined;
  const { makeHooks } = await import("../notify/start.ts");
  const killGroup = (leader: number) => libc?.killGroup(leader) ?? false;
  return await makeHooks(hooks, { clock, log, counter, server: Deno.hostname(), killGroup });
}

/** The last events happen while the server stops. */
async function stopServing(server: Server, hooks: Hooks | undefined): Promise<void> {
  await server.stop();
  await hooks?.stop(FLUSH);
}

/** In one turn: whatever is decided next is decided by the new time, from leases moved to it. */
function followClock(clock: SteadyClock, server: Server, log: Log): void {
  const by = clock.follow();
  if (by === 0) return;
  server.clockSet(by);
  log.warn("the machine's clock was set; leases last as long as they would have", {
    seconds: Math.round(by / 1000),
  });
}

/** Signs of life, for as long as the server gives any. */
function watchdog(
  service: ServiceEnvironment,
  clock: Clock,
  server: Server,
  manager: ServiceManager,
): (() => void)[] {
  const interval = watchdogInterval(service, Deno.pid);
  if (interval === undefined) return [];
  const within = Math.max(interval, STUCK);
  return [clock.every(interval, () => {
    if (server.alive(within)) manager.alive();
  })];
}

/** "serving lan0, 214 of 243 leased", or why not. */
function statusLine(config: ServerConfig, store: ManagedStore, server: Server): string {
  const reasons = server.reasonsNotReady();
  if (reasons.length > 0) return `not serving: ${reasons.join("; ")}`;
  let [bound, size] = [0, 0];
  for (const { name = "" } of store.subnets) {
    bound += store.view.counts(name).bound;
    size += store.view.poolSize(name);
  }
  const names = config.interfaces.map(({ name }) => name).join(", ");
  return `serving ${names}, ${bound} of ${size} leased`;
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

function gauges(store: ManagedStore, server: Server, hooks: Hooks | undefined) {
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
    ...(hooks && { hookQueues: () => hooks.waiting() }),
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
