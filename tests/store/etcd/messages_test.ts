import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { CallProperties } from "@grpc/grpc-js";
import { noop } from "cockatiel";
import { Etcd3, type ICompare, type IRequestOp, type ITxnRequest } from "etcd3";
import fc from "fast-check";
import type { Compare, LeaseId, Step, Transaction } from "../../../lib/store/etcd/etcd.ts";
import {
  decodeTransactionResult,
  decodeWatchNews,
  encodeTransaction,
  MessageError,
} from "../../../lib/store/etcd/messages.ts";

type Definition = CallProperties<unknown, unknown>["methodDefinition"];

/** How the client library itself encodes and decodes the messages of a call. */
async function definitionOf(call: (etcd: Etcd3) => Promise<unknown>): Promise<Definition> {
  const { promise, resolve, reject } = Promise.withResolvers<Definition>();
  const etcd = new Etcd3({
    hosts: "127.0.0.1:1",
    faultHandling: { global: noop, host: () => noop },
    grpcOptions: {
      callInvocationTransformer(properties: CallProperties<unknown, unknown>) {
        resolve(properties.methodDefinition);
        throw new Error("nothing is to be sent");
      },
    },
  });
  await call(etcd).catch(reject);
  etcd.close();
  return promise;
}

const txn = await definitionOf((etcd) => etcd.kv.txn({ compare: [], success: [], failure: [] }));
const watch = await definitionOf((etcd) => etcd.watchClient.watch());

/** A transaction as the client library wants it. */
function libraryRequest({ compare, success, failure }: Transaction): ITxnRequest {
  return {
    compare: compare.flatMap(libraryCompares),
    success: success.map(libraryStep),
    failure: failure.map(libraryStep),
  };
}

function libraryCompares(compare: Compare): ICompare[] {
  const key = Buffer.from(compare.key);
  const present: ICompare = { result: "NotEqual", target: "Create", key, create_revision: 0 };
  switch (compare.kind) {
    case "absent":
      return [{ result: "Equal", target: "Create", key, create_revision: 0 }];
    case "present":
      return [present];
    case "value":
      return [{ result: "Equal", target: "Value", key, value: Buffer.from(compare.value) }];
    case "modified":
      return [{ result: "Equal", target: "Mod", key, mod_revision: compare.revision }];
    case "unchanged": {
      const [range_end, mod_revision] = [Buffer.from(compare.end), compare.revision + 1];
      return [{ result: "Less", target: "Mod", key, mod_revision, range_end }];
    }
    case "lease": {
      const lease = compare.lease ?? 0;
      const same: ICompare = { result: "Equal", target: "Lease", key, lease };
      return compare.lease === undefined ? [present, same] : [same];
    }
  }
}

function libraryStep(step: Step): IRequestOp {
  switch (step.kind) {
    case "put": {
      const put = { key: Buffer.from(step.key), value: Buffer.from(step.value) };
      return { request_put: step.lease === undefined ? put : { ...put, lease: step.lease } };
    }
    case "delete":
      return { request_delete_range: { key: Buffer.from(step.key) } };
    case "get":
      return { request_range: { key: Buffer.from(step.key) } };
    case "txn":
      return { request_txn: libraryRequest(step.txn) };
  }
}

const text = fc.oneof(
  fc.stringMatching(/^[!-~]{1,80}$/),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 }),
);
const revision = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 127, 128, 2 ** 31, 2 ** 32));
const lease = fc.bigInt(1n, 2n ** 63n - 1n).map((id) => String(id) as LeaseId);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ kind: fc.constantFrom("absent", "present"), key: text }),
  fc.record({ kind: fc.constant("value"), key: text, value: text }),
  fc.record({ kind: fc.constant("modified"), key: text, revision }),
  fc.record({ kind: fc.constant("unchanged"), key: text, end: text, revision: fc.nat() }),
  fc.record({
    kind: fc.constant("lease"),
    key: text,
    lease: fc.option(lease, { nil: undefined }),
  }),
);
const { transaction } = fc.letrec<{ transaction: Transaction; step: Step }>((tie) => ({
  transaction: fc.record({
    compare: fc.array(compare, { maxLength: 4 }),
    success: fc.array(tie("step"), { maxLength: 4, depthIdentifier: "steps" }),
    failure: fc.array(tie("step"), { maxLength: 2, depthIdentifier: "steps" }),
  }),
  step: fc.oneof(
    { depthIdentifier: "steps", maxDepth: 2 },
    fc.record({
      kind: fc.constant("put"),
      key: text,
      value: text,
      lease: fc.option(lease, { nil: undefined }),
    }),
    fc.record({ kind: fc.constantFrom("delete", "get"), key: text }),
    fc.record({ kind: fc.constant("txn"), txn: tie("transaction") }),
  ) as fc.Arbitrary<Step>,
}));

Deno.test("encodeTransaction writes what the client library writes, octet for octet", () => {
  fc.assert(fc.property(transaction, (one) => {
    const theirs = txn.requestSerialize(libraryRequest(one));
    assert.equal(encodeTransaction(one).toString("hex"), theirs.toString("hex"));
  }));
});

Deno.test("encodeTransaction of one larger than its first buffer", () => {
  const value = "0123456789".repeat(20_000);
  const one: Transaction = {
    compare: [],
    success: [{ kind: "put", key: "a", value }, { kind: "put", key: "b", value: "ü" + value }],
    failure: [],
  };
  assert.ok(encodeTransaction(one).equals(txn.requestSerialize(libraryRequest(one))));
});

// A message's fields, to be encoded in any order and with fields that nobody knows ----------------

function varint(value: bigint): Buffer {
  const octets: number[] = [];
  for (value = BigInt.asUintN(64, value); value >= 0x80n; value >>= 7n) {
    octets.push(Number(value & 0x7fn) | 0x80);
  }
  return Buffer.from([...octets, Number(value)]);
}

function numberField(field: number, value: bigint | number): Buffer {
  return Buffer.concat([varint(BigInt(field << 3)), varint(BigInt(value))]);
}

function bytesField(field: number, bytes: Uint8Array | string): Buffer {
  const octets = Buffer.from(bytes as string);
  return Buffer.concat([varint(BigInt(field << 3 | 2)), varint(BigInt(octets.length)), octets]);
}

const message = (fields: fc.Arbitrary<Buffer>[]) =>
  fc.tuple(...fields).map((parts) => Buffer.concat(parts));
const field = <T>(number: number, value: fc.Arbitrary<T>, write: (n: number, v: T) => Buffer) =>
  fc.option(value.map((one) => write(number, one)), { nil: Buffer.alloc(0) });
const unknown = field(15, text, bytesField);
const anyLease = fc.oneof(fc.constant(0n), fc.bigInt(1n, 2n ** 63n - 1n));

const keyValue = message([
  text.map((key) => bytesField(1, key)),
  field(2, revision, numberField),
  field(3, revision, numberField),
  field(4, revision, numberField),
  unknown,
  field(5, text, bytesField),
  field(6, anyLease, numberField),
]);
const header = message([
  field(1, fc.bigInt(0n, 2n ** 64n - 1n), numberField),
  field(2, fc.bigInt(0n, 2n ** 64n - 1n), numberField),
  field(3, revision, numberField),
  field(4, revision, numberField),
]);
const range = message([
  header.map((one) => bytesField(1, one)),
  field(2, keyValue, bytesField),
  field(4, fc.constant(1), numberField),
]);
const flat = fc.oneof(
  range.map((one) => bytesField(1, one)),
  header.map((one) => bytesField(2, bytesField(1, one))),
  revision.map((deleted) => bytesField(3, numberField(2, deleted))),
);
const answer = (step: fc.Arbitrary<Buffer>) =>
  message([
    header.map((one) => bytesField(1, one)),
    unknown,
    field(2, fc.boolean().map(Number), numberField),
    fc.array(step.map((one) => bytesField(3, one)), { maxLength: 5 }).map((all) =>
      Buffer.concat(all)
    ),
  ]);
const around = (step: fc.Arbitrary<Buffer>) =>
  answer(fc.oneof(flat, step.map((one) => bytesField(4, one))));
const nested = around(around(answer(flat)));

// deno-lint-ignore no-explicit-any -- what the library's own decoder gives
type Decoded = any;

function libraryKeyValue(kv: Decoded) {
  return {
    key: kv.key.toString(),
    value: kv.value.toString(),
    createRevision: Number(kv.create_revision),
    modRevision: Number(kv.mod_revision),
    lease: kv.lease === "0" ? undefined : kv.lease,
  };
}

function libraryResult({ succeeded, responses }: Decoded, revision: number): unknown {
  return {
    succeeded,
    revision,
    results: responses.flatMap((one: Decoded) => {
      if (one.response_txn) {
        return { kind: "txn", result: libraryResult(one.response_txn, revision) };
      }
      if (one.response_range) {
        const [found] = one.response_range.kvs;
        return { kind: "get", found: found && libraryKeyValue(found) };
      }
      return [];
    }),
  };
}

Deno.test("decodeTransactionResult reads what the client library reads", () => {
  fc.assert(fc.property(nested, (octets) => {
    const theirs = txn.responseDeserialize(octets) as Decoded;
    const ours = decodeTransactionResult(octets);
    assert.deepEqual(ours, libraryResult(theirs, Number(theirs.header.revision)));
  }));
});

const event = message([
  field(1, fc.boolean().map(Number), numberField),
  keyValue.map((kv) => bytesField(2, kv)),
  unknown,
]);
const news = message([
  header.map((one) => bytesField(1, one)),
  field(2, revision, numberField),
  field(3, fc.boolean().map(Number), numberField),
  field(4, fc.boolean().map(Number), numberField),
  field(5, revision, numberField),
  field(6, text, bytesField),
  fc.array(event.map((one) => bytesField(11, one)), { maxLength: 5 }).map((all) =>
    Buffer.concat(all)
  ),
]);

Deno.test("decodeWatchNews reads what the client library reads", () => {
  fc.assert(fc.property(news, (octets) => {
    const theirs = watch.responseDeserialize(octets) as Decoded;
    const { changes, ...ours } = decodeWatchNews(octets);
    assert.deepEqual(ours, {
      revision: Number(theirs.header.revision),
      created: theirs.created,
      canceled: theirs.canceled,
      reason: theirs.cancel_reason,
      compacted: Number(theirs.compact_revision),
    });
    assert.deepEqual(
      changes.map(({ key, now, revision }) => ({ key, now, revision })),
      theirs.events.map(({ type, kv }: Decoded) => ({
        key: kv.key.toString(),
        now: type === "Delete" ? undefined : libraryKeyValue(kv),
        revision: Number(kv.mod_revision),
      })),
    );
  }));
});

Deno.test("decodeTransactionResult refuses what is cut short or of an unknown type", () => {
  const whole = bytesField(3, bytesField(1, bytesField(2, bytesField(1, "key"))));
  for (let length = 1; length < whole.length; length++) {
    assert.throws(() => decodeTransactionResult(whole.subarray(0, length)), MessageError);
  }
  assert.throws(() => decodeTransactionResult(Buffer.from([15 << 3 | 5, 0, 0, 0, 0])), {
    name: "MessageError",
    message: /unknown type \(5\)/,
  });
});
