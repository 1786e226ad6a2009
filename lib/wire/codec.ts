/**
 * One codec per shape of option value: how octets become a value and a value becomes octets.
 *
 * A codec reads its octets where they lie in the packet, so that looking at an option copies
 * nothing; the values that are octets themselves are views, and live as long as the packet's buffer
 * is not used again. Decoding throws only {@linkcode DecodeError}; encoding throws `RangeError` for
 * a value that the wire cannot carry.
 *
 * @module
 */

import { type Cidr, cidrOf, type Ipv4 } from "./address.ts";
import { allocate, concat, DecodeError, putU16, putU32, u16At, u32At } from "./bytes.ts";

/** The name of a value's shape, for help texts, for config files and for printing a value. */
export type Shape =
  | "ipv4"
  | "ipv4-list"
  | "ipv4-pairs"
  | "u8"
  | "u16"
  | "u32"
  | "i32"
  | "seconds"
  | "bool"
  | "flag"
  | "text"
  | "bytes"
  | "u8-list"
  | "u16-list"
  | "domain-list"
  | "classless-routes"
  | "typed-bytes"
  | "client-fqdn"
  | "vendor-classes"
  | "vendor-options"
  | "user-class"
  | "network-interface"
  | "sip-servers"
  | "relay-information";

/** How a value of one shape goes to the wire and comes back. */
export interface Codec<T> {
  readonly shape: Shape;
  /**
   * Reads octets [start, end) of `source`; all of it by default.
   *
   * @throws {DecodeError} when they are no such value. It carries kind and reason; whoever knows
   * the option adds its code and place.
   */
  decode(source: Uint8Array, start?: number, end?: number): T;
  /**
   * The value's octets, in an array of their own.
   *
   * @throws {RangeError} when the wire cannot carry the value.
   */
  encode(value: T): Uint8Array;
}

/** The number of seconds that means "for ever" (RFC 2131 section 3.3). */
export const INFINITE = 0xffffffff;

function wantLength(length: number, wanted: number): void {
  if (length !== wanted) {
    throw new DecodeError("length", `length is ${length}, wanted ${wanted}`);
  }
}

function wantAtLeast(length: number, wanted: number): void {
  if (length < wanted) {
    throw new DecodeError("length", `length is ${length}, wanted at least ${wanted}`);
  }
}

function wantMultiple(length: number, unit: number): void {
  if (length === 0 || length % unit !== 0) {
    throw new DecodeError("length", `length is ${length}, wanted a positive multiple of ${unit}`);
  }
}

function integer(shape: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`Cannot encode ${shape} ${value}: wanted an integer ${min} to ${max}`);
  }
  return value;
}

/** At least one item, or `RangeError`: an empty option of this shape would not decode again. */
function some<T>(shape: string, items: readonly T[]): readonly T[] {
  if (items.length === 0) throw new RangeError(`Cannot encode ${shape}: it is empty`);
  return items;
}

// Numbers -----------------------------------------------------------------------------------------

function unsigned(shape: "u8" | "u16" | "u32" | "seconds", octets: 1 | 2 | 4): Codec<number> {
  const max = 2 ** (8 * octets) - 1;
  return {
    shape,
    decode(source, start = 0, end = source.length) {
      wantLength(end - start, octets);
      if (octets === 4) return u32At(source, start);
      return octets === 2 ? u16At(source, start) : source[start]!;
    },
    encode(value) {
      integer(shape, value, 0, max);
      const bytes = allocate(octets);
      if (octets === 4) putU32(bytes, 0, value);
      else if (octets === 2) putU16(bytes, 0, value);
      else bytes[0] = value;
      return bytes;
    },
  };
}

/** One octet, 0 to 255. */
export const u8: Codec<number> = unsigned("u8", 1);

/** Two octets, 0 to 65535. */
export const u16: Codec<number> = unsigned("u16", 2);

/** Four octets, 0 to 4294967295. */
export const u32: Codec<number> = unsigned("u32", 4);

/** A duration in seconds, 0 to 4294967295; the largest is {@linkcode INFINITE}. */
export const seconds: Codec<number> = unsigned("seconds", 4);

/** Four octets with a sign, -2147483648 to 2147483647. */
export const i32: Codec<number> = {
  shape: "i32",
  decode: (source, start, end) => u32.decode(source, start, end) | 0,
  encode: (value) => u32.encode(integer("i32", value, -0x80000000, 0x7fffffff) >>> 0),
};

/** One octet that is 0 or 1. */
export const bool: Codec<boolean> = {
  shape: "bool",
  decode(source, start, end) {
    const value = u8.decode(source, start, end);
    if (value > 1) throw new DecodeError("value", `value is ${value}, wanted 0 or 1`);
    return value === 1;
  },
  encode: (value) => Uint8Array.of(value ? 1 : 0),
};

/** No octets at all: that the option is there says everything. Its only value is `true`. */
export const flag: Codec<true> = {
  shape: "flag",
  decode(source, start = 0, end = source.length) {
    wantLength(end - start, 0);
    return true;
  },
  encode: () => new Uint8Array(0),
};

/** Two-octet numbers, at least one. */
export const u16List: Codec<readonly number[]> = {
  shape: "u16-list",
  decode(source, start = 0, end = source.length) {
    wantMultiple(end - start, 2);
    const values: number[] = [];
    for (let at = start; at < end; at += 2) values.push(u16At(source, at));
    return values;
  },
  encode(values) {
    return concat(some("u16-list", values).map((value) => u16.encode(value)));
  },
};

// Addresses ---------------------------------------------------------------------------------------

/** One IPv4 address. */
export const ipv4: Codec<Ipv4> = {
  shape: "ipv4",
  decode(source, start = 0, end = source.length) {
    wantLength(end - start, 4);
    return u32At(source, start) as Ipv4;
  },
  encode: (value) => u32.encode(value),
};

function addresses(source: Uint8Array, start: number, end: number): Ipv4[] {
  const values: Ipv4[] = [];
  for (let at = start; at < end; at += 4) values.push(u32At(source, at) as Ipv4);
  return values;
}

/** IPv4 addresses in order of preference, at least one. */
export const ipv4List: Codec<readonly Ipv4[]> = {
  shape: "ipv4-list",
  decode(source, start = 0, end = source.length) {
    wantMultiple(end - start, 4);
    return addresses(source, start, end);
  },
  encode: (values) => concat(some("ipv4-list", values).map((value) => u32.encode(value))),
};

/** IPv4 addresses in order of preference, perhaps none (only RFC 2132 section 8.13 allows that). */
export const ipv4ListOrNone: Codec<readonly Ipv4[]> = {
  shape: "ipv4-list",
  decode(source, start = 0, end = source.length) {
    if ((end - start) % 4 !== 0) {
      throw new DecodeError("length", `length is ${end - start}, wanted a multiple of 4`);
    }
    return addresses(source, start, end);
  },
  encode: (values) => concat(values.map((value) => u32.encode(value))),
};

/** Two addresses that belong together: destination and mask, or destination and router. */
export type Ipv4Pair = readonly [Ipv4, Ipv4];

/** Pairs of IPv4 addresses, at least one. */
export const ipv4Pairs: Codec<readonly Ipv4Pair[]> = {
  shape: "ipv4-pairs",
  decode(source, start = 0, end = source.length) {
    wantMultiple(end - start, 8);
    const pairs: Ipv4Pair[] = [];
    for (let at = start; at < end; at += 8) {
      pairs.push([u32At(source, at) as Ipv4, u32At(source, at + 4) as Ipv4]);
    }
    return pairs;
  },
  encode: (pairs) => concat(some("ipv4-pairs", pairs.flat()).map((value) => u32.encode(value))),
};

/** A route: packets for the destination go to the router; 0.0.0.0 means "on this link". */
export interface Route {
  readonly destination: Cidr;
  readonly router: Ipv4;
}

/**
 * Routes, at least one, as RFC 3442 packs them: prefix length, the octets of the destination that
 * the prefix reaches, router. Host bits set in a destination are cleared, as that RFC has clients
 * do.
 */
export const classlessRoutes: Codec<readonly Route[]> = {
  shape: "classless-routes",
  decode(source, start = 0, end = source.length) {
    wantAtLeast(end - start, 5);
    const routes: Route[] = [];
    let at = start;
    while (at < end) {
      const prefix = source[at++]!;
      if (prefix > 32) {
        throw new DecodeError("value", `prefix length is ${prefix}, wanted 0 to 32`);
      }
      const octets = Math.ceil(prefix / 8);
      if (at + octets + 4 > end) {
        throw new DecodeError("length", `route ${routes.length + 1} is cut short`);
      }
      let address = 0;
      for (let i = 0; i < octets; i++) address |= source[at + i]! << (24 - 8 * i);
      at += octets;
      routes.push({
        destination: cidrOf(address >>> 0 as Ipv4, prefix),
        router: u32At(source, at) as Ipv4,
      });
      at += 4;
    }
    return routes;
  },
  encode(routes) {
    return concat(
      some("classless-routes", routes).map(({ destination: { network, prefix }, router }) => {
        integer("prefix length", prefix, 0, 32);
        const octets = Math.ceil(prefix / 8);
        const bytes = new Uint8Array(1 + octets + 4);
        bytes[0] = prefix;
        for (let i = 0; i < octets; i++) bytes[1 + i] = network >>> (24 - 8 * i);
        putU32(bytes, 1 + octets, router);
        return bytes;
      }),
    );
  },
};

// Text and octets ---------------------------------------------------------------------------------

const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const utf8Encoder = new TextEncoder();

function decodeText(source: Uint8Array, start: number, end: number): string {
  let ascii = "";
  for (let at = start; at < end; at++) {
    const octet = source[at]!;
    if (octet > 0x7f) return utf8Decoder.decode(source.subarray(start, end));
    ascii += String.fromCharCode(octet);
  }
  return ascii;
}

/**
 * Text: NVT ASCII by RFC 2132, read as UTF-8 because that is what clients send beyond it; octets
 * that are neither become U+FFFD, and the raw option still has them. NULs at the end are dropped, as
 * RFC 2132 section 2 asks of receivers. May be empty. May hold control characters: whoever shows it
 * escapes it.
 */
export const text: Codec<string> = {
  shape: "text",
  decode(source, start = 0, end = source.length) {
    while (end > start && source[end - 1] === 0) end--;
    return decodeText(source, start, end);
  },
  encode: (value) => utf8Encoder.encode(value),
};

/** Octets without further meaning, perhaps none. Decodes to a view. */
export const bytes: Codec<Uint8Array> = {
  shape: "bytes",
  decode: (source, start = 0, end = source.length) => source.subarray(start, end),
  encode: (value) => new Uint8Array(value),
};

/** Octets that are each a number, such as option codes; perhaps none. Decodes to a view. */
export const u8List: Codec<Uint8Array> = { ...bytes, shape: "u8-list" };

/** Octets and a first octet that says what they are. */
export interface TypedBytes {
  /** 0 to 255. For a client identifier a hardware type, 0 for none, or 255 (RFC 4361). */
  readonly type: number;
  /** At least one octet. Decodes to a view. */
  readonly id: Uint8Array;
}

/** Client identifiers (RFC 2132 section 9.14) and machine identifiers (RFC 4578 section 2.3). */
export const typedBytes: Codec<TypedBytes> = {
  shape: "typed-bytes",
  decode(source, start = 0, end = source.length) {
    wantAtLeast(end - start, 2);
    return { type: source[start]!, id: source.subarray(start + 1, end) };
  },
  encode({ type, id }) {
    if (id.length === 0) throw new RangeError("Cannot encode typed-bytes: the id is empty");
    return concat([u8.encode(type), id]);
  },
};

/** The client's network interface: type 1 is UNDI, then its version (RFC 4578 section 2.2). */
export interface NetworkInterface {
  /** Each 0 to 255. */
  readonly type: number;
  readonly major: number;
  readonly minor: number;
}

/** Client network interface identifier (RFC 4578 section 2.2). */
export const networkInterface: Codec<NetworkInterface> = {
  shape: "network-interface",
  decode(source, start = 0, end = source.length) {
    wantLength(end - start, 3);
    return { type: source[start]!, major: source[start + 1]!, minor: source[start + 2]! };
  },
  encode({ type, major, minor }) {
    return concat([u8.encode(type), u8.encode(major), u8.encode(minor)]);
  },
};

// Domain names ------------------------------------------------------------------------------------

/** The longest a name may be on the wire, with length octets and root (RFC 1035 section 2.3.4). */
const MAX_NAME = 255;
const MAX_LABEL = 63;
const DOT = 0x2e;
const BACKSLASH = 0x5c;

/** A label as text. Dots, backslashes and what is not printable are escaped (RFC 1035 section 5.1). */
function labelText(source: Uint8Array, start: number, end: number): string {
  let label = "";
  for (let at = start; at < end; at++) {
    const octet = source[at]!;
    if (octet === DOT || octet === BACKSLASH) label += "\\" + String.fromCharCode(octet);
    else if (octet > 0x20 && octet < 0x7f) label += String.fromCharCode(octet);
    else label += "\\" + String(octet).padStart(3, "0");
  }
  return label;
}

/** A name read off the wire. */
interface ReadName {
  /** Labels with dots between and none at the end. */
  readonly name: string;
  /** Whether the root label ended it, as opposed to the end of the octets. */
  readonly rooted: boolean;
  /** Where the octets after the name begin. */
  readonly next: number;
}

/**
 * Reads a name (RFC 1035 section 3.1), following compression pointers (section 4.1.4), whose
 * offsets count from `start`.
 *
 * Every pointer must lead to before the octet where the labels that end with it began, so the walk
 * goes ever further back and ends, and the name's length is bounded besides.
 */
function readName(source: Uint8Array, start: number, at: number, end: number): ReadName {
  const labels: string[] = [];
  let length = 1;
  let floor = at;
  let next = -1;
  while (at < end) {
    const octet = source[at]!;
    if (octet === 0) {
      return { name: labels.join("."), rooted: true, next: next < 0 ? at + 1 : next };
    }
    if (octet >= 0xc0) {
      if (at + 1 >= end) throw new DecodeError("length", "a compression pointer is cut short");
      const target = start + (u16At(source, at) & 0x3fff);
      if (target >= floor) {
        throw new DecodeError("value", "a compression pointer does not lead backwards");
      }
      if (next < 0) next = at + 2;
      at = floor = target;
      continue;
    }
    if (octet > MAX_LABEL) {
      throw new DecodeError(
        "value",
        `a label's length octet is ${octet}, wanted 0 to ${MAX_LABEL}`,
      );
    }
    if (at + 1 + octet > end) throw new DecodeError("length", "a label is cut short");
    length += 1 + octet;
    if (length > MAX_NAME) {
      throw new DecodeError("value", `a name is longer than ${MAX_NAME} octets`);
    }
    labels.push(labelText(source, at + 1, at + 1 + octet));
    at += 1 + octet;
  }
  return { name: labels.join("."), rooted: false, next: next < 0 ? at : next };
}

/** A name's labels as octets; the root and the empty name have none. */
function labelsOf(name: string): Uint8Array[] {
  const fail = (reason: string) =>
    new RangeError(`Cannot encode domain name ${JSON.stringify(name)}: ${reason}`);
  const labels: Uint8Array[] = [];
  if (name === "" || name === ".") return labels;
  let label: number[] = [];
  let length = 1;
  const endLabel = () => {
    if (label.length === 0) throw fail("a label is empty");
    if (label.length > MAX_LABEL) throw fail(`a label is longer than ${MAX_LABEL} octets`);
    length += 1 + label.length;
    if (length > MAX_NAME) throw fail(`it is longer than ${MAX_NAME} octets`);
    labels.push(Uint8Array.from(label));
    label = [];
  };
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit === DOT) {
      endLabel();
    } else if (unit === BACKSLASH) {
      const decimal = /^\d{3}/.exec(name.slice(i + 1, i + 4))?.[0];
      const escaped = decimal === undefined ? name.charCodeAt(i + 1) : Number(decimal);
      // NaN, from a backslash at the very end, fails this too.
      if (!(escaped <= 0xff)) throw fail("a backslash escapes nothing that an octet can hold");
      label.push(escaped);
      i += decimal?.length ?? 1;
    } else if (unit > 0x7f) {
      throw fail("it is not ASCII; write it in its xn-- form");
    } else {
      label.push(unit);
    }
  }
  // Only a dot at the very end leaves no label to finish.
  if (label.length > 0) endLabel();
  return labels;
}

/**
 * Encodes names one after another, each ended by the root (RFC 1035 section 3.1).
 *
 * @param names with or without a dot at the end; "." is the root. ASCII; `\.`, `\\` and `\DDD`
 * stand for octets as in RFC 1035 section 5.1.
 * @param compress whether a name may end in a pointer to an earlier one's ending (section 4.1.4).
 * @throws {RangeError} for an empty or too long label or a name longer than 255 octets.
 */
export function encodeNames(names: readonly string[], { compress }: { compress: boolean }) {
  const out: number[] = [];
  const seen = new Map<string, number>();
  for (const name of names) {
    const labels = labelsOf(name);
    let pointer: number | undefined;
    for (let i = 0; i < labels.length; i++) {
      // The rest of the name, spelled so that no two different tails look alike.
      const tail = labels.slice(i).join(".");
      pointer = compress ? seen.get(tail) : undefined;
      if (pointer !== undefined) break;
      // A pointer has 14 bits; what lies further on cannot be pointed to.
      if (out.length < 0x4000) seen.set(tail, out.length);
      out.push(labels[i]!.length, ...labels[i]!);
    }
    if (pointer === undefined) out.push(0);
    else out.push(0xc0 | pointer >>> 8, pointer & 0xff);
  }
  return Uint8Array.from(out);
}

function decodeNames(source: Uint8Array, start: number, end: number): string[] {
  wantAtLeast(end - start, 1);
  const names: string[] = [];
  let at = start;
  while (at < end) {
    const { name, rooted, next } = readName(source, start, at, end);
    if (!rooted) throw new DecodeError("length", "the last name is cut short");
    names.push(name === "" ? "." : name);
    at = next;
  }
  return names;
}

/**
 * Domain names, at least one, compressed (RFC 3397 section 2). Decoded names have no dot at the end,
 * save for the root, which is ".".
 */
export const domainList: Codec<readonly string[]> = {
  shape: "domain-list",
  decode: (source, start = 0, end = source.length) => decodeNames(source, start, end),
  encode: (names) => encodeNames(some("domain-list", names), { compress: true }),
};

/** As {@linkcode domainList}, but encoded without compression, where the option's RFC forbids it. */
export const plainDomainList: Codec<readonly string[]> = {
  ...domainList,
  encode: (names) => encodeNames(some("domain-list", names), { compress: false }),
};

/** Flag bits of {@linkcode ClientFqdn} (RFC 4702 section 2.1). */
export const FqdnFlag = {
  /** The server is to update the A record. */
  SERVER_UPDATES: 0x01,
  /** The server did other than the client asked. */
  OVERRIDDEN: 0x02,
  /** The name is in wire form; otherwise in ASCII, which that RFC deprecates. */
  WIRE_FORM: 0x04,
  /** The server is to update nothing. */
  NO_UPDATES: 0x08,
} as const;

/** What a client calls itself and who is to tell the DNS (RFC 4702 section 2). */
export interface ClientFqdn {
  /** Bits of {@linkcode FqdnFlag}; the others are kept as they come. */
  readonly flags: number;
  /** 0 to 255. Clients send 0, servers 255, and receivers do not care (section 2.2). */
  readonly rcode1: number;
  readonly rcode2: number;
  /**
   * In wire form: with a dot at the end when it is complete, without when the client knows only its
   * first labels (section 2.3), empty when it leaves the choice to the server. In ASCII: as sent.
   */
  readonly name: string;
}

/** Client FQDN (RFC 4702). */
export const clientFqdnCodec: Codec<ClientFqdn> = {
  shape: "client-fqdn",
  decode(source, start = 0, end = source.length) {
    wantAtLeast(end - start, 3);
    const flags = source[start]!;
    const rcode1 = source[start + 1]!;
    const rcode2 = source[start + 2]!;
    const at = start + 3;
    if ((flags & FqdnFlag.WIRE_FORM) === 0) {
      return { flags, rcode1, rcode2, name: text.decode(source, at, end) };
    }
    // Compression is not allowed here (section 2.3); a floor at the name's start refuses it.
    const { name, rooted, next } = readName(source, at, at, end);
    if (next !== end) throw new DecodeError("length", "octets follow the name");
    return { flags, rcode1, rcode2, name: rooted ? name + "." : name };
  },
  encode({ flags, rcode1, rcode2, name }) {
    const head = [u8.encode(flags), u8.encode(rcode1), u8.encode(rcode2)];
    if ((flags & FqdnFlag.WIRE_FORM) === 0) return concat([...head, text.encode(name)]);
    const wire = encodeNames([name], { compress: false });
    // A backslash before the last dot makes it part of the label; two make it a dot again.
    const rooted = /(?:^|[^\\])(?:\\\\)*\.$/.test(name);
    return concat([...head, rooted ? wire : wire.subarray(0, -1)]);
  },
};

// Lists inside an option --------------------------------------------------------------------------

/** A numbered value inside an option. */
export interface SubOption {
  /** 0 to 255. */
  readonly code: number;
  /** 0 to 255 octets. Decodes to a view. */
  readonly data: Uint8Array;
}

/**
 * Reads code, length, value until the end; no code is a pad or an end here.
 *
 * @throws {DecodeError} when the last one is cut short.
 */
export function decodeSubOptions(source: Uint8Array, start: number, end: number): SubOption[] {
  const found: SubOption[] = [];
  let at = start;
  while (at < end) {
    const code = source[at]!;
    const data = at + 2;
    if (data > end || data + source[at + 1]! > end) {
      throw new DecodeError("length", `sub-option ${code} is cut short`);
    }
    at = data + source[at + 1]!;
    found.push({ code, data: source.subarray(data, at) });
  }
  return found;
}

/**
 * Writes code, length, value for each.
 *
 * @throws {RangeError} when a code or a length is not 0 to 255.
 */
export function encodeSubOptions(subOptions: readonly SubOption[]): Uint8Array {
  return concat(
    subOptions.flatMap(({ code, data }) => [u8.encode(code), u8.encode(data.length), data]),
  );
}

/** What one vendor has to say: its enterprise number and octets of its own design. */
export interface VendorClass {
  /** IANA private enterprise number, 0 to 4294967295. */
  readonly enterprise: number;
  /** 0 to 255 octets. Decodes to a view. */
  readonly data: Uint8Array;
}

/** Vendor-identifying vendor classes, at least one (RFC 3925 section 3). */
export const vendorClasses: Codec<readonly VendorClass[]> = {
  shape: "vendor-classes",
  decode(source, start = 0, end = source.length) {
    wantAtLeast(end - start, 5);
    const found: VendorClass[] = [];
    let at = start;
    while (at < end) {
      const data = at + 5;
      if (data > end || data + source[at + 4]! > end) {
        throw new DecodeError("length", `vendor ${found.length + 1} is cut short`);
      }
      const next = data + source[at + 4]!;
      found.push({ enterprise: u32At(source, at), data: source.subarray(data, next) });
      at = next;
    }
    return found;
  },
  encode(vendors) {
    return concat(
      some("vendor-classes", vendors).flatMap((
        { enterprise, data },
      ) => [u32.encode(enterprise), u8.encode(data.length), data]),
    );
  },
};

/** One vendor's options. */
export interface VendorOptions {
  /** IANA private enterprise number, 0 to 4294967295. */
  readonly enterprise: number;
  /** At most 255 octets when encoded. */
  readonly options: readonly SubOption[];
}

/** Vendor-identifying vendor-specific information, at least one vendor (RFC 3925 section 4). */
export const vendorOptions: Codec<readonly VendorOptions[]> = {
  shape: "vendor-options",
  decode: (source, start, end) =>
    vendorClasses.decode(source, start, end).map(({ enterprise, data }) => ({
      enterprise,
      options: decodeSubOptions(data, 0, data.length),
    })),
  encode: (vendors) =>
    vendorClasses.encode(vendors.map(({ enterprise, options }) => ({
      enterprise,
      data: encodeSubOptions(options),
    }))),
};

/** Which kinds of user or use a client belongs to. */
export interface UserClass {
  /** `list` by RFC 3004; `plain` is one class without the length octet that it should have. */
  readonly form: "list" | "plain";
  /** Of `list` at least one, each 1 to 255 octets; of `plain` exactly one. Views. */
  readonly classes: readonly Uint8Array[];
}

/** User class (RFC 3004), and the plain text that boot loaders send instead. */
export const userClassCodec: Codec<UserClass> = {
  shape: "user-class",
  decode(source, start = 0, end = source.length) {
    wantAtLeast(end - start, 1);
    const classes: Uint8Array[] = [];
    let at = start;
    while (at < end) {
      const next = at + 1 + source[at]!;
      // Section 4: a class has at least one octet. Whatever breaks the rules is taken as plain.
      if (source[at] === 0 || next > end) {
        return { form: "plain", classes: [source.subarray(start, end)] };
      }
      classes.push(source.subarray(at + 1, next));
      at = next;
    }
    return { form: "list", classes };
  },
  encode({ form, classes }) {
    some("user-class", classes);
    if (form === "plain") return concat(classes);
    return concat(classes.flatMap((name) => {
      integer("user-class length", name.length, 1, 255);
      return [Uint8Array.of(name.length), name];
    }));
  },
};

/** SIP servers by name or by address, never both (RFC 3361 section 3). */
export type SipServers =
  | { readonly form: "names"; readonly names: readonly string[] }
  | { readonly form: "addresses"; readonly addresses: readonly Ipv4[] };

/** SIP servers (RFC 3361). */
export const sipServersCodec: Codec<SipServers> = {
  shape: "sip-servers",
  decode(source, start = 0, end = source.length) {
    wantAtLeast(end - start, 1);
    const encoding = source[start]!;
    if (encoding > 1) throw new DecodeError("value", `encoding is ${encoding}, wanted 0 or 1`);
    return encoding === 0
      ? { form: "names", names: decodeNames(source, start + 1, end) }
      : { form: "addresses", addresses: ipv4List.decode(source, start + 1, end) };
  },
  encode: (servers) =>
    servers.form === "names"
      ? concat([Uint8Array.of(0), plainDomainList.encode(servers.names)])
      : concat([Uint8Array.of(1), ipv4List.encode(servers.addresses)]),
};
