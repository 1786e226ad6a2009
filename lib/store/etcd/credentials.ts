/**
 * TLS to etcd: the files that the operator names, and the verification of the server.
 *
 * @module
 */

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { checkServerIdentity, createSecureContext, type PeerCertificate } from "node:tls";
import { ChannelCredentials, type ChannelOptions, credentials } from "@grpc/grpc-js";
import type { Endpoint } from "./endpoints.ts";
import { EtcdError, Failure } from "./etcd.ts";

/** Paths of PEM files. */
export interface CertificatePaths {
  /** Who is trusted to have signed the server's certificate; without it, whom the system trusts. */
  readonly ca?: string | undefined;
  /** The client's certificate, and its key. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Their content. */
export interface Certificates {
  readonly ca: Buffer | undefined;
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
}

/**
 * Reads the files.
 *
 * @throws {EtcdError} REFUSED, naming the flag, when one cannot be read or used.
 */
export function readCertificates(paths: CertificatePaths): Certificates {
  const { cert, key } = paths;
  if ((cert === undefined) !== (key === undefined)) {
    throw refused("--etcd.auth.cert and --etcd.auth.key go together: set both or neither");
  }
  const read = {
    ca: readPem("--etcd.auth.ca", paths.ca, "CERTIFICATE"),
    cert: readPem("--etcd.auth.cert", cert, "CERTIFICATE"),
    key: readPem("--etcd.auth.key", key, "PRIVATE KEY"),
  };
  const certificate = parsed("--etcd.auth.cert", cert, read.cert, certificateOf);
  const own = parsed("--etcd.auth.key", key, read.key, createPrivateKey);
  parsed("--etcd.auth.ca", paths.ca, read.ca, certificateOf);
  if (certificate !== undefined && own !== undefined && !certificate.checkPrivateKey(own)) {
    throw refused(`--etcd.auth.key ${key} is not the key of --etcd.auth.cert ${cert}`);
  }
  return read;
}

function certificateOf(pem: Buffer): X509Certificate {
  return new X509Certificate(pem);
}

/** What a file holds, for those who use it much later would not say whose fault it is. */
function parsed<T>(
  flag: string,
  path: string | undefined,
  pem: Buffer | undefined,
  parse: (pem: Buffer) => T,
): T | undefined {
  try {
    return pem && parse(pem);
  } catch (error) {
    throw refused(`cannot use ${flag} ${path}: ${(error as Error).message}`, error);
  }
}

function readPem(flag: string, path: string | undefined, what: string): Buffer | undefined {
  if (path === undefined) return undefined;
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    const reason = (error as Error).message.replace(/, open .*$/, "");
    throw refused(`cannot read ${flag} ${path}: ${reason}`, error);
  }
  if (!content.includes(`${what}-----`)) {
    throw refused(`${flag} ${path} holds no ${what.toLowerCase()} in PEM form`);
  }
  return content;
}

function contextOf({ ca, cert, key }: Certificates) {
  return createSecureContext({
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

/** How a channel to an endpoint is secured. */
export interface Security {
  readonly credentials: ChannelCredentials;
  readonly options: ChannelOptions;
}

/** Presented to the server where its address would stand; reserved, so never a server's (RFC 2606). */
const NAMELESS = "etcd.invalid";

/** The server's certificate is always verified: by whom it is signed, and for whom. */
export function securityOf({ host, secure }: Endpoint, certificates: Certificates): Security {
  if (!secure) return { credentials: credentials.createInsecure(), options: {} };
  const context = contextOf(certificates);
  if (isIP(host) === 0) {
    return { credentials: credentials.createFromSecureContext(context), options: {} };
  }
  // A name that is an address must not be presented (RFC 6066, 3), which gRPC would do. So another
  // is, and the certificate is checked for the address.
  return {
    credentials: credentials.createFromSecureContext(context, {
      checkServerIdentity: (_name, certificate) =>
        checkServerIdentity(host, certificate as PeerCertificate),
    }),
    options: { "grpc.ssl_target_name_override": NAMELESS },
  };
}

function refused(message: string, cause?: unknown): EtcdError {
  return new EtcdError(Failure.REFUSED, message, cause);
}
