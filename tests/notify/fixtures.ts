/**
 * Events, a log and clocks for tests of hooks.
 *
 * @module
 */

import { setImmediate } from "node:timers";
import type { Clock } from "../../lib/config/clock.ts";
import type { Fields, Log } from "../../lib/config/log.ts";
import type { LeaseEvent } from "../../lib/lease/events.ts";
import type { Lease } from "../../lib/lease/lease.ts";
import type { Notice } from "../../lib/notify/notice.ts";
import { parseIpv4, UNSPECIFIED } from "../../lib/wire/address.ts";
import { clientKey, EPOCH, macOf } from "../lease/fixtures.ts";

/** A lease of 10.0.0.10 for an hour, unless told otherwise. */
export function leaseOf(more: Partial<Lease> = {}): Lease {
  return {
    address: parseIpv4("10.0.0.10"),
    subnet: "",
    client: clientKey("aa:01"),
    mac: macOf("aa:01"),
    clientId: "",
    hostname: "printer",
    state: "bound",
    since: EPOCH,
    renewed: EPOCH,
    expires: EPOCH + 3_600_000,
    held: EPOCH + 7_200_000,
    server: parseIpv4("10.0.0.1"),
    relay: UNSPECIFIED,
    ...more,
  };
}

/** A new lease is told of. */
export function created(more: Partial<Lease> = {}): LeaseEvent {
  return { kind: "lease.created", lease: leaseOf(more), at: EPOCH };
}

/** The pool has crossed its threshold. */
export function crossed(above: boolean): LeaseEvent {
  return { kind: "pool.threshold", subnet: "lan", used: 90, size: 100, above, at: EPOCH };
}

export function noticeOf(event: LeaseEvent, more: Partial<Notice> = {}): Notice {
  return { id: "0f-1", server: "router1", event, missed: 0, ...more };
}

/** A log that keeps its lines: "warn something hook=1". */
export class KeptLog implements Log {
  readonly verbosity = 0;
  readonly lines: string[] = [];

  event(name: string, fields: Fields): void {
    this.#keep("event", name, fields);
  }
  error(message: string, fields?: Fields): void {
    this.#keep("error", message, fields);
  }
  warn(message: string, fields?: Fields): void {
    this.#keep("warn", message, fields);
  }
  info(message: string, fields?: Fields): void {
    this.#keep("info", message, fields);
  }
  debug(message: string, fields?: Fields): void {
    this.#keep("debug", message, fields);
  }

  #keep(level: string, message: string, fields: Fields = {}): void {
    const said = Object.entries(fields).map(([name, value]) => ` ${name}=${value}`);
    this.lines.push(`${level} ${message}${said.join("")}`);
  }
}

/** The machine's own time, so many times as fast where somebody waits. */
/** Kills a process group. Tests may run every program, so Deno does it for them. */
export function killGroup(leader: number): boolean {
  Deno.kill(-leader, "SIGKILL");
  return true;
}

export function realClock(speed = 1): Clock {
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    sleep: (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds / speed)),
    turn: () => new Promise((resolve) => setImmediate(resolve)),
    every(milliseconds, call) {
      const timer = setInterval(call, milliseconds / speed);
      return () => clearInterval(timer);
    },
  };
}
