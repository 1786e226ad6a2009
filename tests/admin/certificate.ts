/**
 * Certificates for tests.
 *
 * @module
 */

/** Paths of PEM files. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
  /** The authority that signed it. */
  readonly ca: string;
}

async function openssl(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(`openssl ${args[0]}: ${new TextDecoder().decode(stderr)}`);
}

/** Makes an authority and a certificate for localhost and 127.0.0.1. */
export async function makeCertificate(directory: string): Promise<TestCertificate> {
  const path = (name: string) => `${directory}/${name}.pem`;
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    ...["req", "-x509", ...newKey, "-days", "2", "-subj", "/CN=Test authority"],
    ...["-keyout", path("ca-key"), "-out", path("ca")],
  );
  await openssl(
    ...["req", ...newKey, "-subj", "/CN=localhost"],
    ...["-keyout", path("key"), "-out", path("request")],
  );
  await Deno.writeTextFile(path("names"), "subjectAltName=DNS:localhost,IP:127.0.0.1\n");
  await openssl(
    ...["x509", "-req", "-in", path("request"), "-days", "2", "-extfile", path("names")],
    ...["-CA", path("ca"), "-CAkey", path("ca-key"), "-CAcreateserial", "-out", path("cert")],
  );
  return { cert: path("cert"), key: path("key"), ca: path("ca") };
}
