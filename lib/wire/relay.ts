/**
 * Relay agent information, option 82: what a relay tells the server about where a client sits.
 *
 * @module
 */

import { DecodeError } from "./bytes.ts";
import {
  bytes,
  type Codec,
  decodeSubOptions,
  encodeSubOptions,
  flag,
  ipv4,
  type SubOption,
  text,
  u8,
  vendorClasses,
} from "./codec.ts";
import { type Option, option } from "./options.ts";

/** The circuit that the client's packet came in on; the relay's own notation. */
export const circuitId = option(1, "circuit-id", bytes, "RFC 3046 section 3.1");
/** The far end of that circuit; the relay's own notation. */
export const remoteId = option(2, "remote-id", bytes, "RFC 3046 section 3.2");
/** The DOCSIS device class of a cable modem, a set of bits. */
export const docsisDeviceClass = option(4, "docsis-device-class", bytes, "RFC 3256");
/** An address on the client's link, when giaddr is not on it. */
export const linkSelection = option(5, "link-selection", ipv4, "RFC 3527");
/** Whose line it is. */
export const subscriberId = option(6, "subscriber-id", text, "RFC 3993");
/** RADIUS attributes from the client's authentication. */
export const radiusAttributes = option(7, "radius-attributes", bytes, "RFC 4014");
/** The relay's signature over the message. */
export const relayAuthentication = option(8, "authentication", bytes, "RFC 4030");
/** What the relay's vendors have to say. */
export const relayVendorInformation = option(
  9,
  "vendor-specific",
  vendorClasses,
  "RFC 4243",
);
/** Bit 0x80: the client sent this by unicast. */
export const relayFlags = option(10, "relay-flags", u8, "RFC 5010");
/** The address that replies name as the server, so that renewals pass through the relay. */
export const serverIdentifierOverride = option(
  11,
  "server-identifier-override",
  ipv4,
  "RFC 5107 section 4",
);
/** Names the relay, where giaddr does not. */
export const relayAgentIdentifier = option(12, "relay-agent-id", bytes, "RFC 6925");
/** The link layer's port and type of access. */
export const accessTechnology = option(13, "access-technology", bytes, "RFC 7839");
/** Which virtual network the client's link belongs to: a type octet, then its name. */
export const virtualSubnetSelection = option(151, "vss", bytes, "RFC 6607 section 3.2");
/** The relay understands 151; a server that does too removes it from its reply. */
export const virtualSubnetControl = option(152, "vss-control", flag, "RFC 6607 section 3.3");

/** Every sub-option known by name, by ascending code. */
export const RELAY_SUB_OPTIONS: readonly Option<unknown>[] = [
  circuitId,
  remoteId,
  docsisDeviceClass,
  linkSelection,
  subscriberId,
  radiusAttributes,
  relayAuthentication,
  relayVendorInformation,
  relayFlags,
  serverIdentifierOverride,
  relayAgentIdentifier,
  accessTechnology,
  virtualSubnetSelection,
  virtualSubnetControl,
];

/** The sub-options of option 82, in order, unknown ones and repeated ones included. */
export class RelayInformation {
  readonly subOptions: readonly SubOption[];

  constructor(subOptions: readonly SubOption[]) {
    this.subOptions = subOptions;
  }

  /** The first such sub-option's octets, a view; undefined when it is not there. */
  raw(code: number): Uint8Array | undefined {
    return this.subOptions.find((subOption) => subOption.code === code)?.data;
  }

  /**
   * The first such sub-option's value; undefined when it is not there.
   *
   * @throws {DecodeError} when it is malformed; the reason names the sub-option.
   */
  get<T>(option: Option<T>): T | undefined {
    const data = this.raw(option.code);
    if (data === undefined) return undefined;
    try {
      return option.codec.decode(data);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      throw new DecodeError(error.kind, `sub-option ${option.code}: ${error.reason}`, -1, 82);
    }
  }
}

/**
 * Relay agent information (RFC 3046 section 2.0). Replies echo the option's octets, not this view
 * of them: a relay may send what does not decode, and wants it back all the same.
 */
export const relayInformation: Codec<RelayInformation> = {
  shape: "relay-information",
  decode: (source, start = 0, end = source.length) =>
    new RelayInformation(decodeSubOptions(source, start, end)),
  encode: ({ subOptions }) => encodeSubOptions(subOptions),
};
