/**
 * How a socket is kept to its interface, and when serving must be refused.
 *
 * Deno does not tell which interface a datagram came through, so a socket that is not tied to one
 * would answer, on the served interface, what strangers broadcast on another.
 *
 * @module
 */

import { OperatorError } from "../config/operator_error.ts";

/** How other interfaces' datagrams are kept away. */
export const Confinement = {
  /** The socket is tied to its interface (SO_BINDTODEVICE). */
  DEVICE: "device",
  /** There is no other interface, or something outside this program keeps them away. */
  ELSEWHERE: "elsewhere",
  /** The socket is bound to a loopback address, which nothing outside the machine reaches. */
  LOOPBACK: "loopback",
} as const;
export type Confinement = typeof Confinement[keyof typeof Confinement];

/** What is known about the machine and the operator's wishes. */
export interface Surroundings {
  /** Whether the C library can be called, which tying a socket to its interface takes. */
  readonly ffi: boolean;
  /** Whether the operator says that something else keeps other interfaces' datagrams away. */
  readonly confinedElsewhere: boolean;
  /** The machine's network interfaces. */
  readonly interfaces: readonly { readonly name: string; readonly address: string }[];
}

/** Serving would answer networks that nobody asked it to: the message says what to do. */
export class ConfinementError extends OperatorError {
  override readonly name = "ConfinementError";
}

/**
 * How a socket for the named interface is confined.
 *
 * @throws {ConfinementError} when it cannot be.
 */
export function confinementOf(name: string, surroundings: Surroundings): Confinement {
  const { ffi, confinedElsewhere, interfaces } = surroundings;
  const isLoopback = (address: string) => address.startsWith("127.") || address === "::1";
  const own = interfaces.filter((entry) => entry.name === name);
  if (own.length > 0 && own.every(({ address }) => isLoopback(address))) {
    return Confinement.LOOPBACK;
  }
  if (ffi) return Confinement.DEVICE;
  if (confinedElsewhere) return Confinement.ELSEWHERE;
  const others = new Set(
    interfaces.filter((entry) => entry.name !== name && !isLoopback(entry.address))
      .map((entry) => entry.name),
  );
  if (others.size === 0) return Confinement.ELSEWHERE;
  throw new ConfinementError(
    `cannot keep to ${name}: this machine also has ${[...others].join(", ")}, and tying a socket ` +
      "to one interface needs the permission --allow-ffi; or, if something else keeps " +
      "their packets away (RestrictNetworkInterfaces= in the systemd unit), say " +
      "-dhcp.confined-elsewhere",
  );
}
