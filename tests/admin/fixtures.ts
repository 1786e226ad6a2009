import { type AdminLimits, type AdminSubject, startAdmin } from "../../lib/admin/http.ts";
import { Metrics } from "../../lib/admin/metrics.ts";
import type { AdminConfig, Subnet } from "../../lib/config/model.ts";
import type { ClientKey } from "../../lib/lease/lease.ts";
import type { Operation } from "../../lib/lease/store.ts";
import { MemoryStore } from "../../lib/store/memory.ts";
import { cidrOf, type Mac, parseIpv4, parseRange } from "../../lib/wire/address.ts";

/** 22 November 2026, 15:00 UTC. */
export const START = Date.UTC(2026, 10, 22, 15);

const HOUR = 3_600_000;

export function subnetOf(name: string | undefined, network: string, pool: string): Subnet {
  return {
    name,
    cidr: cidrOf(parseIpv4(network), 24),
    pools: [parseRange(pool)],
    exclusions: new Set(),
    options: new Map(),
    lease: { default: 3600, min: 120, max: 86_400 },
    offerHold: 60,
    quarantine: 3600,
    declineShare: 0.25,
    reservations: new Map(),
  };
}

export const LAN = subnetOf(undefined, "10.6.9.0", "10.6.9.10-10.6.9.100");
export const GUEST = subnetOf("guest", "10.7.0.0", "10.7.0.10-10.7.0.20");

/** A book with a time of its own. */
export class Scene {
  readonly store: MemoryStore;
  now = START;
  readonly warnings: string[] = [];
  /** Why it is not ready; empty while it is. */
  unready: readonly string[] = [];
  /** What goes wrong with every commit; undefined while nothing does. */
  trouble: string | undefined;

  constructor(subnets: readonly Subnet[] = [LAN]) {
    this.store = new MemoryStore(subnets);
  }

  get subject(): AdminSubject {
    return {
      metrics: new Metrics(),
      gauges: { addresses: () => [], storeUp: () => true, storeStatus: () => ({ mirrorLag: 0 }) },
      ready: () => ({ ok: this.unready.length === 0, reasons: [...this.unready] }),
      hostnames: ["Router.lan"],
      version: "1.2.3",
      managed: {
        store: this.store,
        commit: (operations) => this.#commit(operations),
        now: () => this.now,
        turn: () => Promise.resolve(),
      },
      warn: (line) => this.warnings.push(line),
    };
  }

  #commit(operations: readonly Operation[]) {
    const { trouble } = this;
    if (trouble === undefined) return this.store.commit(operations, this.now);
    return Promise.resolve(operations.map(() => ({ kind: "unknown" as const, reason: trouble })));
  }

  /** Gives a client an address for an hour. */
  async lease(ip: string, mac: string, hostname = "", subnet = ""): Promise<void> {
    const [result] = await this.store.commit([{
      kind: "bind",
      subnet,
      client: mac as ClientKey,
      address: parseIpv4(ip),
      expires: this.now + HOUR,
      mac: mac as Mac,
      clientId: "",
      hostname,
      server: parseIpv4("10.6.9.1"),
      relay: parseIpv4("0.0.0.0"),
      inUse: false,
    }], this.now);
    if (result!.kind !== "done") throw new Error(`${ip} is not leased: ${result!.kind}`);
  }

  async release(ip: string, mac: string, subnet = ""): Promise<void> {
    const client = mac as ClientKey;
    const servers = [parseIpv4("10.6.9.1")];
    const address = parseIpv4(ip);
    await this.store.commit([{ kind: "release", subnet, client, address, servers }], this.now);
  }
}

/** A running endpoint with its token, in a directory of its own. */
export interface Site extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly token: string;
  readonly scene: Scene;
  /** Asks with the token. */
  ask(path: string, init?: RequestInit): Promise<Response>;
  warm(): Promise<void>;
}

export async function startSite(
  scene: Scene = new Scene(),
  config: (directory: string) => Partial<AdminConfig> = () => ({}),
  limits?: AdminLimits,
): Promise<Site> {
  const directory = await Deno.makeTempDir({ prefix: "etcdhcp-admin-" });
  const tokenFile = `${directory}/admin-token`;
  const admin = await startAdmin(
    {
      listen: { hostname: "127.0.0.1", port: 0 },
      socket: undefined,
      tokenFile,
      tls: undefined,
      ...config(directory),
    },
    scene.subject,
    limits,
  );
  const { port } = admin.address;
  const url = `http://127.0.0.1:${port}`;
  const token = (await Deno.readTextFile(tokenFile)).trim();
  return {
    url,
    port,
    directory,
    token,
    scene,
    ask(path, init = {}) {
      const headers = new Headers(init.headers);
      headers.set("authorization", `Bearer ${token}`);
      return fetch(url + path, { ...init, headers });
    },
    warm: () => admin.warm(),
    async [Symbol.asyncDispose]() {
      await admin.stop();
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** The status and what was said, of JSON its value. */
export async function told(response: Response): Promise<readonly [number, unknown]> {
  const text = await response.text();
  const isJson = response.headers.get("content-type") === "application/json";
  return [response.status, isJson ? JSON.parse(text) : text];
}

/** A request as JSON. */
export function asJson(method: string, value: unknown): RequestInit {
  return {
    method,
    body: JSON.stringify(value),
    headers: { "content-type": "application/json" },
  };
}
