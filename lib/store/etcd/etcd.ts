/**
 * What the store asks of etcd: the contract between the store and its connection. The connection
 * (`connection.ts`) is the only code that knows the client library; a simulator brings its own.
 *
 * @module
 */

import { OperatorError } from "../../config/operator_error.ts";

/** A lease of etcd's: its number in decimal. Keys attached to it go when it ends. */
export type LeaseId = string & { readonly __brand: "LeaseId" };

/** A key as etcd has it. Revisions are safe integers. */
export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** The etcd lease that it is attached to; undefined when it stays until somebody deletes it. */
  readonly lease: LeaseId | undefined;
}

/** One condition of a transaction. */
export type Compare =
  /** The key is not there. */
  | { readonly kind: "absent"; readonly key: string }
  /** The key is there. */
  | { readonly kind: "present"; readonly key: string }
  /** The key is there and has this value. */
  | { readonly kind: "value"; readonly key: string; readonly value: string }
  /** The key was last changed at this revision; 0 stands for not there. */
  | { readonly kind: "modified"; readonly key: string; readonly revision: number }
  /** No key from `key` up to but without `end` was made or changed after this revision. */
  | {
    readonly kind: "unchanged";
    readonly key: string;
    readonly end: string;
    readonly revision: number;
  }
  /** The key is there and attached to this etcd lease, or to none. */
  | { readonly kind: "lease"; readonly key: string; readonly lease: LeaseId | undefined };

/** One step of a transaction. No key may be written twice in one transaction. */
export type Step =
  | {
    readonly kind: "put";
    readonly key: string;
    readonly value: string;
    readonly lease?: LeaseId | undefined;
  }
  | { readonly kind: "delete"; readonly key: string }
  | { readonly kind: "get"; readonly key: string }
  | { readonly kind: "txn"; readonly txn: Transaction };

/** If all of `compare` hold then `success`, else `failure`, atomically. */
export interface Transaction {
  readonly compare: readonly Compare[];
  readonly success: readonly Step[];
  readonly failure: readonly Step[];
}

/** What came of one step; of a put or a delete there is nothing to say. */
export type StepResult =
  | { readonly kind: "get"; readonly found: KeyValue | undefined }
  | { readonly kind: "txn"; readonly result: TransactionResult };

export interface TransactionResult {
  readonly succeeded: boolean;
  /** Of the gets and transactions among the steps, in their order. */
  readonly results: readonly StepResult[];
  /** The store's revision after it. Of a nested one: the outer's. */
  readonly revision: number;
}

/** A page of keys, ascending. */
export interface Page {
  readonly found: readonly KeyValue[];
  readonly more: boolean;
  /** The revision that was read. */
  readonly revision: number;
}

/** A change to a key, in the order in which changes happened. */
export interface Change {
  readonly key: string;
  /** What it is now; undefined when it was deleted or its lease ended. */
  readonly now: KeyValue | undefined;
  readonly revision: number;
}

/** Follows changes until it is closed or ends by itself. */
export interface Watch {
  close(): void;
}

export interface WatchEvents {
  /** Changes of one revision or several, complete and in order. */
  changed(changes: readonly Change[], revision: number): void;
  /** It will bring nothing more: compaction, a cut connection that cannot be taken up, and so on. */
  ended(reason: string): void;
}

/** Why a call failed. */
export const Failure = {
  /** Nobody answered in time, or the connection broke: it may have been done all the same. */
  UNKNOWN: "unknown",
  /** It has not been done and another try may succeed: no quorum, no leader, nobody there. */
  UNAVAILABLE: "unavailable",
  /** It has not been done and will not be: credentials, permission, certificate, too old. */
  REFUSED: "refused",
  /** The revision asked for has been compacted. */
  COMPACTED: "compacted",
  /** The etcd lease is not there any more. */
  NO_LEASE: "no-lease",
} as const;
export type Failure = typeof Failure[keyof typeof Failure];

/** A call to etcd failed. The message is one line that says what, and what to do about it. */
export class EtcdError extends OperatorError {
  override readonly name = "EtcdError";
  readonly failure: Failure;

  constructor(failure: Failure, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.failure = failure;
  }
}

/** Every call settles within `timeout` milliseconds; those that reject do so with an `EtcdError`. */
export interface Etcd {
  transact(transaction: Transaction, timeout: number): Promise<TransactionResult>;
  /**
   * Keys from `from` up to but without `end`, at most `limit`, at a revision (0: the newest).
   * Linearizable when the revision is 0.
   */
  read(from: string, end: string, limit: number, revision: number, timeout: number): Promise<Page>;
  /** Makes an etcd lease that lives so many seconds unless it is kept alive. */
  grant(seconds: number, timeout: number): Promise<LeaseId>;
  /** Keeps a lease alive once more; resolves with the seconds it has left, 0 when it is gone. */
  keepAlive(lease: LeaseId, timeout: number): Promise<number>;
  /** Ends a lease; its keys go. One that is gone already is no error. */
  revoke(lease: LeaseId, timeout: number): Promise<void>;
  /** Follows all keys from `from` up to but without `end`, beginning with a revision. */
  watch(from: string, end: string, revision: number, events: WatchEvents): Watch;
  close(): Promise<void>;
}

/** The end of the range of all keys that begin with a prefix: the prefix with its last octet raised. */
export function endOfPrefix(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
