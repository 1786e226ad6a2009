/**
 * What a running server needs to know, already checked: the rest of the program reads these types
 * and never a flag.
 *
 * @module
 */

import type { Cidr, Ipv4, Ipv4Range } from "../wire/address.ts";

/** A hostname-or-address and a port, as a listener wants them. */
export interface ListenAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Bounds and default of a lease's length, in seconds. */
export interface LeaseTimes {
  /** Given when the client asks for nothing. */
  readonly default: number;
  /** A request for less is raised to this. */
  readonly min: number;
  /** A request for more is cut to this. */
  readonly max: number;
}

/** A fixed address for one client. */
export interface Reservation {
  readonly address: Ipv4;
  /** Its host name for lists and logs, and in option 12 of `options`; undefined for none. */
  readonly hostname: string | undefined;
  /** Option values by code, as they go on the wire; each beats the subnet's. */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** One IP subnet that the server leases from. */
export interface Subnet {
  /** The subnet's segment in store keys; undefined for the one subnet that flags define. */
  readonly name: string | undefined;
  readonly cidr: Cidr;
  /** Addresses to lease, in order, disjoint. */
  readonly pools: readonly Ipv4Range[];
  /** Never leased, even inside a pool: the server, the routers. */
  readonly exclusions: ReadonlySet<Ipv4>;
  /**
   * Option values as they go on the wire, by code: mask (1), router (3), DNS (6) and whatever else
   * is configured. Times (51, 58, 59) and identities (53, 54, 61, 82) are the protocol's.
   */
  readonly options: ReadonlyMap<number, Uint8Array>;
  readonly lease: LeaseTimes;
  /** How long an offer is kept for its client, seconds. */
  readonly offerHold: number;
  /** How long a declined address is kept aside, seconds. */
  readonly quarantine: number;
  /** The largest part of the pools that may be in quarantine at once, 0 to 1. */
  readonly declineShare: number;
  /** Fixed addresses, by client key (see lease/lease.ts). They may lie outside the pools. */
  readonly reservations: ReadonlyMap<string, Reservation>;
}

/** A network interface to answer on. */
export interface ServedInterface {
  readonly name: string;
  /** The server identifier (option 54) sent to clients on this interface. */
  readonly address: Ipv4;
  /** The interface's own network: which subnet a client with no relay belongs to. */
  readonly cidr: Cidr;
  /**
   * Whether the address was looked up at the interface rather than configured: the server then
   * follows it when it changes.
   */
  readonly follows: boolean;
}

/** The embedded book: one SQLite file. */
export interface EmbeddedStore {
  readonly kind: "embedded";
  readonly path: string;
}

/** A cluster of etcd's, shared with other servers. Paths are those of PEM files. */
export interface EtcdStoreConfig {
  readonly kind: "etcd";
  /** With or without a scheme; empty when `srv` names them. */
  readonly endpoints: readonly string[];
  /** A domain whose SRV records name endpoints. */
  readonly srv: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** What every key begins with. */
  readonly prefix: string;
  /** An address is held for so many times the lease, 1 to 10. */
  readonly holdFactor: number;
  /** Whether a renewal that the hold covers is answered without writing. */
  readonly skipRenewals: boolean;
}

/** What a hook can be told of. */
export const HOOK_EVENTS = [
  "lease.created",
  "lease.renewed",
  "lease.released",
  "lease.expired",
  "lease.declined",
  "lease.freed",
  "pool.threshold",
] as const;
export type HookEvent = typeof HOOK_EVENTS[number];

/** A program that is run, or a URL that is posted to, when something happens to a lease. */
export interface Hook {
  readonly events: ReadonlySet<HookEvent>;
  readonly target:
    | { readonly kind: "program"; readonly path: string; readonly args: readonly string[] }
    | { readonly kind: "webhook"; readonly url: string; readonly secretFile: string | undefined };
  /** How long one call may take, milliseconds. */
  readonly timeout: number;
}

/** Where and how the admin endpoint answers. */
export interface AdminConfig {
  readonly listen: ListenAddress;
  /** A unix socket to answer on as well. */
  readonly socket: string | undefined;
  /** The file with the token that changes need; made at the first start. */
  readonly tokenFile: string;
  /** PEM files of certificate and key: HTTPS in place of HTTP. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
}

/** Everything `serve` was told, with every default filled in. */
export interface ServerConfig {
  /** True when nothing was configured: loopback, test ports, a book in a temporary place. */
  readonly trial: boolean;
  readonly interfaces: readonly ServedInterface[];
  readonly subnets: readonly Subnet[];
  /** The port that the server listens on; 67 except in tests. */
  readonly port: number;
  /** The port that clients listen on; 68 except in tests. */
  readonly clientPort: number;
  /** True when something outside this program keeps other interfaces' packets away. */
  readonly confinedElsewhere: boolean;
  readonly store: EmbeddedStore | EtcdStoreConfig;
  /** The longest a client's message may wait for the store, milliseconds. */
  readonly requestTimeout: number;
  readonly admin: AdminConfig;
  /** The configuration file, undefined when there is none. */
  readonly file: string | undefined;
  /** Whether a change of the file is taken up without being asked to (SIGHUP). */
  readonly reloadOnChange: boolean;
  readonly hooks: readonly Hook[];
  /** The part of a subnet's pools, 0 to 1, whose use is told to hooks of `pool.threshold`. */
  readonly poolThreshold: number;
  readonly log: {
    /** `journal` is text with the priorities that systemd reads. */
    readonly format: "text" | "json" | "journal";
    /** Whether there is a line for each event of a lease. */
    readonly leases: boolean;
    /** 0: lease events and trouble. 1: also decisions not to answer. 2: also every packet. */
    readonly verbosity: number;
  };
}
