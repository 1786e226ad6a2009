/**
 * The contract between the server loop and a network interface.
 *
 * @module
 */

import type { Destination } from "../protocol/outcome.ts";

/** A datagram as it came in. The payload is the receiver's: it is not used again. */
export interface Datagram {
  readonly payload: Uint8Array;
  /** The UDP port that it came from. */
  readonly sourcePort: number;
}

/** The largest message that is sent, octets: what Ethernet carries in one piece. */
export const LARGEST_MESSAGE = 1472;

/** A UDP socket on one network interface, which may go away and come back. */
export interface Port {
  /** Resolves when datagrams are there to be taken, or when the port is closed. Never rejects. */
  arrival(): Promise<void>;
  /** Takes what is there, the oldest first, at most so many. Does not wait. */
  take(most: number): readonly Datagram[];
  /**
   * Sends a message, at the latest when `flush` is called.
   *
   * @param write Writes the message into a buffer of `LARGEST_MESSAGE` octets and returns its
   * length; 0 when there is nothing to send after all.
   */
  send(destination: Destination, write: (into: Uint8Array) => number): void;
  /** Sends what has not been sent yet. Never throws: what cannot be sent is counted. */
  flush(): void;
  /** Why nothing can be received or sent at present; undefined when all is well. */
  trouble(): string | undefined;
  /** For how long datagrams have been waiting and none was taken, milliseconds; 0 when all is well. */
  untaken(): number;
  close(): void;
}

/** What a port has to tell. */
export interface PortEvents {
  /** The interface went away, came back, or some feature is not to be had. */
  notice(level: "info" | "warn", text: string): void;
  /** A message could not be sent. */
  sendFailed(reason: string): void;
  /** More came than could be handled: so many datagrams were left out. */
  overflowed(datagrams: number): void;
  /** A datagram was too long to be a DHCP message of ours. */
  oversized(): void;
}
