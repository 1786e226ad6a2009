/**
 * The messages that every lease goes through, a transaction, its answer and the changes that a
 * watch brings, in etcd's encoding (protobuf, etcd's `rpc.proto`). The client library's general
 * conversion takes twice the time of everything else about a lease; these few need none of its
 * generality.
 *
 * @module
 */

import type {
  Change,
  Compare,
  KeyValue,
  LeaseId,
  Step,
  StepResult,
  Transaction,
  TransactionResult,
} from "./etcd.ts";

/** What a watch says, understood. */
export interface WatchNews {
  readonly revision: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly reason: string;
  /** Revisions before this one are gone; 0 when nothing is said of that. */
  readonly compacted: number;
  readonly changes: readonly Change[];
}

/** A message makes no sense: etcd has sent something that this was not written for. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

// Encoding -----------------------------------------------------------------------------------

const VARINT = 0;
const DELIMITED = 2;

/** `Compare.result` and `Compare.target`. */
const EQUAL = 0;
const LESS = 2;
const NOT_EQUAL = 3;
const CREATE = 1;
const MOD = 2;
const VALUE = 3;
const LEASE = 4;

const utf8 = new TextEncoder();

/** From so many characters on the encoder is faster than a loop. */
const LONG = 100;

/**
 * Writes a message from its end to its beginning: then the length of what is nested, which stands
 * before it, is known when its turn comes.
 */
class BackwardWriter {
  #octets = new Uint8Array(64 * 1024);
  /** Where the first octet that has been written stands. */
  #start = this.#octets.length;

  begin(): void {
    this.#start = this.#octets.length;
  }

  /** How much has been written, octets. */
  get length(): number {
    return this.#octets.length - this.#start;
  }

  /** A copy of what has been written. */
  finish(): Buffer {
    return Buffer.from(this.#octets.subarray(this.#start));
  }

  tag(field: number, type: number): void {
    this.number(field << 3 | type);
  }

  /** A varint of a safe integer, not negative. */
  number(value: number): void {
    let size = 1;
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
    this.#room(size);
    const octets = this.#octets;
    let at = this.#start -= size;
    while (value >= 0x80) {
      octets[at++] = value & 0x7f | 0x80;
      value = value < 0x8000_0000 ? value >>> 7 : Math.floor(value / 0x80);
    }
    octets[at] = value;
  }

  bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    this.#start -= bytes.length;
    this.#octets.set(bytes, this.#start);
  }

  /** Nearly all text is ASCII, and short but for records. */
  text(text: string): void {
    const { length } = text;
    if (length >= LONG) return this.#long(text);
    this.#room(length);
    const octets = this.#octets;
    const start = this.#start - length;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) return this.bytes(utf8.encode(text));
      octets[start + i] = code;
    }
    this.#start = start;
  }

  #long(text: string): void {
    this.#room(3 * text.length);
    const from = this.#start - 3 * text.length;
    const { written } = utf8.encodeInto(text, this.#octets.subarray(from, this.#start));
    this.#octets.copyWithin(this.#start - written, from, from + written);
    this.#start -= written;
  }

  #room(size: number): void {
    if (this.#start >= size) return;
    const grown = new Uint8Array(2 * this.#octets.length + size);
    const start = grown.length - this.length;
    grown.set(this.#octets.subarray(this.#start), start);
    this.#octets = grown;
    this.#start = start;
  }
}

const writer = new BackwardWriter();

/** `TxnRequest`. */
export function encodeTransaction(transaction: Transaction): Buffer {
  writer.begin();
  writeTransaction(transaction);
  return writer.finish();
}

function writeTransaction({ compare, success, failure }: Transaction): void {
  for (let i = failure.length - 1; i >= 0; i--) writeStep(3, failure[i]!);
  for (let i = success.length - 1; i >= 0; i--) writeStep(2, success[i]!);
  for (let i = compare.length - 1; i >= 0; i--) writeCompare(compare[i]!);
}

/** `RequestOp`, in a field of its own. */
function writeStep(field: number, step: Step): void {
  const end = writer.length;
  switch (step.kind) {
    case "put":
      if (step.lease !== undefined) writeLease(3, step.lease);
      writeText(2, step.value);
      writeText(1, step.key);
      close(2, end);
      break;
    case "delete":
      writeText(1, step.key);
      close(3, end);
      break;
    case "get":
      writeText(1, step.key);
      close(1, end);
      break;
    case "txn":
      writeTransaction(step.txn);
      close(4, end);
  }
  close(field, end);
}

/** A key that is not there has revisions 0 and no lease, and is equal to no value. */
function writeCompare(compare: Compare): void {
  switch (compare.kind) {
    case "absent":
      return writeRevision(compare.key, CREATE, EQUAL, 5, 0);
    case "present":
      return writeRevision(compare.key, CREATE, NOT_EQUAL, 5, 0);
    case "modified":
      return writeRevision(compare.key, MOD, EQUAL, 6, compare.revision);
    case "unchanged": {
      const end = writer.length;
      writeText(64, compare.end);
      writeNumber(6, compare.revision + 1);
      return closeCompare(compare.key, MOD, LESS, end);
    }
    case "value": {
      const end = writer.length;
      writeText(7, compare.value);
      return closeCompare(compare.key, VALUE, EQUAL, end);
    }
    case "lease": {
      const end = writer.length;
      if (compare.lease === undefined) {
        // No lease is what an absent key has too.
        writeNumber(8, 0);
        closeCompare(compare.key, LEASE, EQUAL, end);
        return writeRevision(compare.key, CREATE, NOT_EQUAL, 5, 0);
      }
      writeLease(8, compare.lease);
      return closeCompare(compare.key, LEASE, EQUAL, end);
    }
  }
}

function writeRevision(
  key: string,
  target: number,
  result: number,
  field: number,
  revision: number,
): void {
  const end = writer.length;
  writeNumber(field, revision);
  closeCompare(key, target, result, end);
}

function closeCompare(key: string, target: number, result: number, end: number): void {
  writeText(3, key);
  writeNumber(2, target);
  writeNumber(1, result);
  close(1, end);
}

/** Puts field and length before what has been written since `end`. */
function close(field: number, end: number): void {
  writer.number(writer.length - end);
  writer.tag(field, DELIMITED);
}

function writeText(field: number, text: string): void {
  const end = writer.length;
  writer.text(text);
  close(field, end);
}

function writeNumber(field: number, value: number): void {
  writer.number(value);
  writer.tag(field, VARINT);
}

/** The last lease as a varint: one stands on hundreds of keys in a row. */
let lastLease = "";
let lastLeaseVarint = new Uint8Array();

function writeLease(field: number, lease: LeaseId): void {
  if (lease !== lastLease) {
    const octets: number[] = [];
    let value = BigInt.asUintN(64, BigInt(lease));
    for (; value >= 0x80n; value >>= 7n) octets.push(Number(value & 0x7fn) | 0x80);
    octets.push(Number(value));
    lastLease = lease;
    lastLeaseVarint = Uint8Array.from(octets);
  }
  writer.bytes(lastLeaseVarint);
  writer.tag(field, VARINT);
}

// Decoding -----------------------------------------------------------------------------------

/**
 * Walks the fields of a message and of those nested in it. Nothing is made on the way: an answer to
 * a hundred claims has thousands of fields.
 */
class FieldReader {
  readonly #octets: Buffer;
  #at: number;
  #end: number;
  /** The field that was read last. */
  field = 0;
  #type = 0;

  constructor(octets: Buffer, start = 0, end = octets.length) {
    this.#octets = octets;
    this.#at = start;
    this.#end = end;
  }

  /** Where it is, octets from the beginning of the whole. */
  get at(): number {
    return this.#at;
  }

  /** Goes to the next field; false at the end of the message. */
  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.number();
    this.field = tag >>> 3;
    this.#type = tag & 7;
    return true;
  }

  /** The value of a varint up to 2^53; beyond, the nearest number. */
  number(): number {
    const octets = this.#octets;
    let octet = this.#octet(octets);
    let value = octet & 0x7f;
    for (let scale = 0x80; octet >= 0x80; scale *= 0x80) {
      octet = this.#octet(octets);
      value += (octet & 0x7f) * scale;
    }
    return value;
  }

  /** Goes into the message that the field is. @returns what `leave` wants to come back. */
  enter(): number {
    const outer = this.#end;
    this.#end = this.#endOfField();
    return outer;
  }

  /** Goes behind the message that was entered last. */
  leave(outer: number): void {
    this.#at = this.#end;
    this.#end = outer;
  }

  skip(): void {
    if (this.#type === VARINT) this.number();
    else this.#at = this.#endOfField();
  }

  text(): string {
    const end = this.#endOfField();
    const text = this.#octets.toString("utf8", this.#at, end);
    this.#at = end;
    return text;
  }

  lease(): LeaseId | undefined {
    const start = this.#at;
    while (this.#octet(this.#octets) >= 0x80);
    return leaseFrom(this.#octets, start, this.#at);
  }

  /** Reads the length of a field that has one. */
  #endOfField(): number {
    if (this.#type !== DELIMITED) {
      throw new MessageError(`etcd sent a field of an unknown type (${this.#type})`);
    }
    const length = this.number();
    const end = this.#at + length;
    if (end > this.#end) throw new MessageError("etcd sent a message that is cut short");
    return end;
  }

  #octet(octets: Buffer): number {
    if (this.#at >= this.#end) throw new MessageError("etcd sent a message that is cut short");
    return octets[this.#at++]!;
  }
}

/** The lease that was read last, as text and as it came: one stands on hundreds of keys in a row. */
let readLease = "";
let readLeaseVarint = Buffer.alloc(0);

function leaseFrom(octets: Buffer, start: number, end: number): LeaseId | undefined {
  if (end - start === 1 && octets[start] === 0) return undefined;
  const varint = octets.subarray(start, end);
  if (readLease === "" || !varint.equals(readLeaseVarint)) {
    let value = 0n;
    for (let i = varint.length - 1; i >= 0; i--) value = value << 7n | BigInt(varint[i]! & 0x7f);
    readLease = String(BigInt.asIntN(64, value));
    readLeaseVarint = Buffer.from(varint);
  }
  return readLease as LeaseId;
}

/** Fields of `ResponseHeader` and `KeyValue`. */
const REVISION = 3;
const MOD_REVISION = 3;

/** `TxnResponse`. */
export function decodeTransactionResult(octets: Buffer): TransactionResult {
  return readTransactionResult(new FieldReader(octets), undefined);
}

/** @param revision That of the outer transaction; nested ones have none of their own. */
function readTransactionResult(
  reader: FieldReader,
  revision: number | undefined,
): TransactionResult {
  let succeeded = false;
  let own = revision ?? 0;
  const results: StepResult[] = [];
  while (reader.next()) {
    if (reader.field === 1 && revision === undefined) own = numberIn(reader, REVISION);
    else if (reader.field === 2) succeeded = reader.number() !== 0;
    else if (reader.field === 3) {
      const result = readStepResult(reader, own);
      if (result !== undefined) results.push(result);
    } else reader.skip();
  }
  return { succeeded, results, revision: own };
}

/** `ResponseOp`: exactly one of its fields is there. */
function readStepResult(reader: FieldReader, revision: number): StepResult | undefined {
  const outer = reader.enter();
  let result: StepResult | undefined;
  if (reader.next()) {
    if (reader.field === 1) result = { kind: "get", found: readFirstKey(reader) };
    else if (reader.field === 4) {
      const inner = reader.enter();
      result = { kind: "txn", result: readTransactionResult(reader, revision) };
      reader.leave(inner);
    }
  }
  reader.leave(outer);
  return result;
}

/** `RangeResponse`, of one key at most. */
function readFirstKey(reader: FieldReader): KeyValue | undefined {
  const outer = reader.enter();
  let found: KeyValue | undefined;
  while (reader.next()) {
    if (reader.field === 2) {
      const inner = reader.enter();
      found = readKeyValue(reader);
      reader.leave(inner);
    } else reader.skip();
  }
  reader.leave(outer);
  return found;
}

/** The number in a field of the message that comes next, 0 when it is not there. */
function numberIn(reader: FieldReader, field: number): number {
  const outer = reader.enter();
  let value = 0;
  while (reader.next()) {
    if (reader.field === field) value = reader.number();
    else reader.skip();
  }
  reader.leave(outer);
  return value;
}

/** `KeyValue`. */
function readKeyValue(reader: FieldReader): KeyValue {
  let key = "", value = "", createRevision = 0, modRevision = 0;
  let lease: LeaseId | undefined;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        key = reader.text();
        break;
      case 2:
        createRevision = reader.number();
        break;
      case 3:
        modRevision = reader.number();
        break;
      case 5:
        value = reader.text();
        break;
      case 6:
        lease = reader.lease();
        break;
      default:
        reader.skip();
    }
  }
  return { key, value, createRevision, modRevision, lease };
}

/** `WatchResponse`. */
export function decodeWatchNews(octets: Buffer): WatchNews {
  const reader = new FieldReader(octets);
  let revision = 0, compacted = 0, reason = "", created = false, canceled = false;
  const changes: Change[] = [];
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        revision = numberIn(reader, REVISION);
        break;
      case 3:
        created = reader.number() !== 0;
        break;
      case 4:
        canceled = reader.number() !== 0;
        break;
      case 5:
        compacted = reader.number();
        break;
      case 6:
        reason = reader.text();
        break;
      case 11:
        changes.push(new EncodedChange(octets, reader));
        break;
      default:
        reader.skip();
    }
  }
  return { revision, created, canceled, reason, compacted, changes };
}

/** `Event`. Most are echoes of what was written here, of which nobody reads more than the revision. */
class EncodedChange implements Change {
  readonly revision: number = 0;
  readonly #octets: Buffer;
  #deleted = false;
  #start = 0;
  #end = 0;
  #decoded: KeyValue | undefined;

  constructor(octets: Buffer, reader: FieldReader) {
    this.#octets = octets;
    const outer = reader.enter();
    while (reader.next()) {
      if (reader.field === 1) this.#deleted = reader.number() !== 0;
      else if (reader.field === 2) this.revision = this.#skim(reader);
      else reader.skip();
    }
    reader.leave(outer);
    if (this.#end === 0) throw new MessageError("etcd sent a change of no key");
  }

  get key(): string {
    return this.#found().key;
  }

  get now(): KeyValue | undefined {
    return this.#deleted ? undefined : this.#found();
  }

  /** Notes where the key and its value are. @returns the revision that wrote them. */
  #skim(reader: FieldReader): number {
    const outer = reader.enter();
    this.#start = reader.at;
    let revision = 0;
    while (reader.next()) {
      if (reader.field === MOD_REVISION) revision = reader.number();
      else reader.skip();
    }
    this.#end = reader.at;
    reader.leave(outer);
    return revision;
  }

  #found(): KeyValue {
    return this.#decoded ??= readKeyValue(
      new FieldReader(this.#octets, this.#start, this.#end),
    );
  }
}
