/**
 * DHCP messages as the tests read and write them. Deliberately not lib/wire: tests that read the
 * server's packets with the code that wrote them would share its mistakes.
 *
 * @module
 */

/** Option 53 by name (RFC 2132 section 9.6). */
export const TYPES = {
  DISCOVER: 1,
  OFFER: 2,
  REQUEST: 3,
  DECLINE: 4,
  ACK: 5,
  NAK: 6,
  RELEASE: 7,
  INFORM: 8,
} as const;

/** A DHCP message type's name. */
export type TypeName = keyof typeof TYPES;

const NAMES = new Map(
  Object.entries(TYPES).map(([name, code]) => [code as number, name as TypeName]),
);

/** The options the tests look at, by name. */
export const OPTION = {
  subnetMask: 1,
  router: 3,
  hostName: 12,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  parameterList: 55,
  renewalTime: 58,
  rebindingTime: 59,
  clientIdentifier: 61,
  relayAgent: 82,
} as const;

/** A message. Addresses are dotted decimal, "0.0.0.0" for none. */
export interface Bootp {
  readonly op: 1 | 2;
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** Six octets in lower-case hex with colons. */
  readonly chaddr: string;
  /** Values by option code; pieces of one option are joined (RFC 3396). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

/** Bytes that are no DHCP message. */
export class BootpError extends Error {
  override readonly name = "BootpError";
}

const COOKIE = 0x63825363;
const OPTIONS_AT = 240;
const NONE = "0.0.0.0";

/** Four octets as dotted decimal. */
export function dotted(octets: Uint8Array): string {
  return octets.join(".");
}

/** Dotted decimal as four octets. */
export function quad(address: string): Uint8Array {
  return Uint8Array.from(address.split("."), Number);
}

function hex(octets: Uint8Array, separator: string): string {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(separator);
}

/**
 * Reads a message.
 *
 * @throws {BootpError} for anything but a BOOTP message with DHCP's cookie and whole options.
 */
export function decodeBootp(bytes: Uint8Array): Bootp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < OPTIONS_AT) throw new BootpError(`only ${bytes.length} bytes`);
  const op = bytes[0];
  if (op !== 1 && op !== 2) throw new BootpError(`op is ${op}`);
  if (view.getUint32(236) !== COOKIE) throw new BootpError("no DHCP cookie");
  const options = new Map<number, Uint8Array>();
  for (let at = OPTIONS_AT; at < bytes.length && bytes[at] !== 255;) {
    const code = bytes[at]!;
    if (code === 0) {
      at++;
      continue;
    }
    const length = bytes[at + 1];
    if (length === undefined || at + 2 + length > bytes.length) {
      throw new BootpError(`option ${code} at byte ${at} is cut off`);
    }
    const value = bytes.slice(at + 2, at + 2 + length);
    const before = options.get(code);
    options.set(code, before ? Uint8Array.of(...before, ...value) : value);
    at += 2 + length;
  }
  const address = (at: number) => dotted(bytes.subarray(at, at + 4));
  return {
    op,
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    broadcast: (bytes[10]! & 0x80) !== 0,
    ciaddr: address(12),
    yiaddr: address(16),
    siaddr: address(20),
    giaddr: address(24),
    chaddr: hex(bytes.subarray(28, 28 + 6), ":"),
    options,
  };
}

/** Writes a message; fields left out are zero. */
export function encodeBootp(message: Partial<Bootp> & Pick<Bootp, "chaddr">): Uint8Array {
  const bytes = new Uint8Array(548);
  const view = new DataView(bytes.buffer);
  bytes.set([message.op ?? 1, 1, 6, message.giaddr && message.giaddr !== NONE ? 1 : 0]);
  view.setUint32(4, message.xid ?? 0);
  view.setUint16(8, message.secs ?? 0);
  if (message.broadcast) bytes[10] = 0x80;
  bytes.set(quad(message.ciaddr ?? NONE), 12);
  bytes.set(quad(message.yiaddr ?? NONE), 16);
  bytes.set(quad(message.siaddr ?? NONE), 20);
  bytes.set(quad(message.giaddr ?? NONE), 24);
  bytes.set(message.chaddr.split(":").map((octet) => parseInt(octet, 16)), 28);
  view.setUint32(236, COOKIE);
  let at = OPTIONS_AT;
  for (const [code, value] of message.options ?? []) {
    bytes.set([code, value.length, ...value], at);
    at += 2 + value.length;
  }
  bytes[at++] = 255;
  return bytes.subarray(0, Math.max(300, at));
}

/** The message's type, or undefined for plain BOOTP. */
export function typeOf(message: Bootp): TypeName | undefined {
  return NAMES.get(message.options.get(OPTION.messageType)?.[0] ?? 0);
}

/** An option that holds one address, or undefined. */
export function addressOption(message: Bootp, code: number): string | undefined {
  const value = message.options.get(code);
  return value?.length === 4 ? dotted(value) : undefined;
}

/** An option that holds a number of seconds, or undefined. */
export function secondsOption(message: Bootp, code: number): number | undefined {
  const value = message.options.get(code);
  return value?.length === 4
    ? new DataView(value.buffer, value.byteOffset).getUint32(0)
    : undefined;
}

/** Seconds as an option's four octets. */
export function seconds(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value);
  return octets;
}

/** The message on one line, for reports. */
export function summary(message: Bootp): string {
  const words = [typeOf(message) ?? "BOOTP", message.chaddr, `xid=${message.xid.toString(16)}`];
  for (const field of ["ciaddr", "yiaddr", "giaddr"] as const) {
    if (message[field] !== NONE) words.push(`${field}=${message[field]}`);
  }
  const requested = addressOption(message, OPTION.requestedAddress);
  if (requested) words.push(`requested=${requested}`);
  const server = addressOption(message, OPTION.serverIdentifier);
  if (server) words.push(`server=${server}`);
  const lease = secondsOption(message, OPTION.leaseTime);
  if (lease !== undefined) words.push(`lease=${lease}`);
  if (message.broadcast) words.push("broadcast");
  return words.join(" ");
}
