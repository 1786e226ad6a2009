/**
 * What a failed call of etcd's means: whether it may have been done, and what is to be done about
 * it.
 *
 * @module
 */

import { status } from "@grpc/grpc-js";
import { EtcdError, Failure } from "./etcd.ts";

/** What gRPC says of a call that failed. */
export interface Trouble {
  readonly code: number;
  readonly details: string;
}

/** How a member is spoken to: in the clear, or over TLS without or with a certificate of ours. */
export type Manner = "plain" | "anonymous" | "identified";

/** What a failed call means to the connection. */
export interface Verdict {
  readonly failure: Failure;
  /** One line, without the endpoint: what, and what to do. */
  readonly text: string;
  /** Another member of the cluster may well do it. */
  readonly elsewhere: boolean;
  /** The token has run out or the users have changed: log in again and try once more. */
  readonly stale: boolean;
}

/** What etcd says before it has done anything. */
const NOT_DONE = [
  "no leader",
  "too many requests",
  "not capable",
  "rpc not supported for learner",
  "database space exceeded",
  "corrupt cluster",
];

/** What rustls, and Node's own checks, say of a certificate that is not to be trusted. */
const BAD_CERTIFICATE =
  /certificate|UnknownIssuer|NotValidForName|altname|self.signed|unable to get/i;

/** What is seen of a server that hangs up on us. */
const HANGING_UP = /EPIPE|ECONNRESET|closed|hang up|disconnected|^Failed to connect$/i;

/** What is seen of one that was spoken to over TLS and does not understand. */
const NO_TLS =
  /before secure TLS connection|wrong version number|InvalidContentType|corrupt message/i;

/** What a server says of ours. */
const BAD_CLIENT = /fatal alert/i;

/**
 * Judges a failed call.
 *
 * @param write Whether it would have changed something, so it matters if it was done.
 */
export function judge({ code, details }: Trouble, write: boolean, manner: Manner): Verdict {
  const says = details.replace(/^etcdserver: /, "");
  switch (code) {
    case status.NOT_FOUND:
      if (says.includes("lease not found")) return final(Failure.NO_LEASE, "the lease has ended");
      break;
    case status.OUT_OF_RANGE:
      if (says.includes("compacted")) {
        return final(Failure.COMPACTED, "the revision asked for has been compacted");
      }
      if (says.includes("future revision")) {
        return final(
          Failure.COMPACTED,
          "the revision asked for is not there yet: it has lost data, or was restored from a backup",
        );
      }
      break;
    case status.UNAUTHENTICATED:
      return { ...refused(`${says}: check --etcd.auth.username`), stale: true };
    case status.PERMISSION_DENIED:
      return refused(
        "permission denied: grant the user's role readwrite on the whole of --etcd.prefix " +
          "(etcdctl role grant-permission ROLE readwrite PREFIX --prefix=true)",
      );
    case status.INVALID_ARGUMENT:
      if (says.includes("authentication failed")) {
        return refused(
          "wrong user or password: check --etcd.auth.username and --etcd.auth.password",
        );
      }
      if (says.includes("user name is empty")) {
        // Whoever has them logs in again: etcd asked for none when this login was made.
        const text = "it wants a user: set --etcd.auth.username and --etcd.auth.password";
        return { ...refused(text), stale: true };
      }
      if (says.includes("auth store is old")) return { ...refused(says), stale: true };
      if (says.includes("too many operations")) {
        return refused(`${says}: start etcd with --max-txn-ops 128 or more`);
      }
      break;
    case status.UNIMPLEMENTED:
      return refused("it does not speak etcd's version 3 protocol: use etcd 3.4 or later");
    case status.RESOURCE_EXHAUSTED:
      if (says.includes("space exceeded")) {
        return final(
          Failure.UNAVAILABLE,
          "its database is full: compact and defragment it, then etcdctl alarm disarm, " +
            "or raise --quota-backend-bytes",
        );
      }
      break;
    case status.DEADLINE_EXCEEDED:
      // gRPC names the remote address once the call was handed to a connection.
      if (write && !says.includes("Waiting for LB pick")) {
        return elsewhere(Failure.UNKNOWN, "no answer in time");
      }
      return elsewhere(Failure.UNAVAILABLE, "no answer in time: check that it runs");
    case status.UNAVAILABLE:
      if (says.includes("No connection established") || says.includes("Name resolution failed")) {
        return unconnected(says, manner);
      }
      break;
  }
  if (says.includes("without gRPC status")) {
    const text = "it does not answer as etcd does: check the endpoint";
    return elsewhere(write ? Failure.UNKNOWN : Failure.UNAVAILABLE, text);
  }
  if (NOT_DONE.some((text) => says.includes(text))) {
    const hint = says === "no leader" ? ": check that most of the cluster's members run" : "";
    return elsewhere(Failure.UNAVAILABLE, says + hint);
  }
  if (code === status.INVALID_ARGUMENT || code === status.FAILED_PRECONDITION) {
    return refused(says);
  }
  return elsewhere(write ? Failure.UNKNOWN : Failure.UNAVAILABLE, says);
}

/** No connection came about: nothing was sent. */
function unconnected(details: string, manner: Manner): Verdict {
  const last = /Last error: (.*?)(?: \(\d{4}-\d\d-\d\dT[^)]*\))?\. Resolution note:/
    .exec(details)?.[1] ?? details;
  const reason = last.replace(/^Error: /, "");
  if (BAD_CLIENT.test(reason)) {
    const text = `${reason}: check --etcd.auth.cert and --etcd.auth.key`;
    return { ...refused(text), elsewhere: true };
  }
  if (BAD_CERTIFICATE.test(reason)) {
    const text = `${reason}: check --etcd.auth.ca and the server's certificate`;
    return { ...refused(text), elsewhere: true };
  }
  return elsewhere(Failure.UNAVAILABLE, `cannot connect: ${reason}${hintFor(reason, manner)}`);
}

/** What may be behind it when a server hangs up without a word. */
function hintFor(reason: string, manner: Manner): string {
  if (manner !== "plain" && NO_TLS.test(reason)) return ": if it does not speak TLS, write http://";
  if (!HANGING_UP.test(reason)) return ": check that it runs and can be reached";
  switch (manner) {
    case "plain":
      return ": if it speaks TLS, write https:// or set --etcd.auth.ca";
    // Over TLS 1.3 it says what it misses only after the handshake, and may be gone by then.
    case "anonymous":
      return ": if it wants client certificates, set --etcd.auth.cert and --etcd.auth.key";
    case "identified":
      return ": check --etcd.auth.cert and its log";
  }
}

function final(failure: Failure, text: string): Verdict {
  return { failure, text, elsewhere: false, stale: false };
}

function refused(text: string): Verdict {
  return final(Failure.REFUSED, text);
}

function elsewhere(failure: Failure, text: string): Verdict {
  return { failure, text, elsewhere: true, stale: false };
}

/** Which of etcd's endpoints, and what. */
export function errorOf(verdict: Verdict, where: string, cause: unknown): EtcdError {
  return new EtcdError(verdict.failure, `etcd at ${where}: ${verdict.text}`, cause);
}
