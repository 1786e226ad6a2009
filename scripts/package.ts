// deno-lint-ignore-file no-console -- the command's output
/**
 * Makes a Debian package of a binary, with dpkg-deb and nothing else.
 *
 *     deno task package [--binary dist/etcdhcp] [--arch amd64|arm64] [--output DIRECTORY]
 *
 * Removing the package, and purging it too, keeps the lease book in /var/lib/etcdhcp: without it the
 * next server would give addresses that clients still use. Purging it with ETCDHCP_PURGE_BOOK=yes in
 * the environment takes the book as well.
 *
 * @module
 */

import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";
import manifest from "../deno.json" with { type: "json" };

const ROOT = new URL("../", import.meta.url).pathname;

/** What goes where, with which mode. */
const FILES = [
  ["scripts/etcdhcp.service", "lib/systemd/system/etcdhcp.service", 0o644],
  ["scripts/starter.toml", "etc/etcdhcp/etcdhcp.toml", 0o644],
  ["scripts/etcdhcp.toml", "usr/share/doc/etcdhcp/examples/etcdhcp.toml", 0o644],
  ["scripts/debian/default", "etc/default/etcdhcp", 0o600],
  ["README.md", "usr/share/doc/etcdhcp/README.md", 0o644],
  ["CHANGELOG.md", "usr/share/doc/etcdhcp/changelog", 0o644],
  ["LICENSE", "usr/share/doc/etcdhcp/copyright", 0o644],
] as const;

/** Never overwritten by an upgrade when somebody has changed them. */
const CONFFILES = ["/etc/etcdhcp/etcdhcp.toml", "/etc/default/etcdhcp"];

const SCRIPTS = ["postinst", "prerm", "postrm"];

const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** Lays out the package's files. */
function layOut(directory: string, binary: string, architecture: string): void {
  const put = (from: string, to: string, mode: number) => {
    const target = join(directory, to);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    cpSync(from, target);
    chmodSync(target, mode);
  };
  put(binary, "usr/bin/etcdhcp", 0o755);
  for (const [from, to, mode] of FILES) put(join(ROOT, from), to, mode);
  for (const script of SCRIPTS) {
    put(join(ROOT, "scripts/debian", script), `DEBIAN/${script}`, 0o755);
  }
  writeFileSync(join(directory, "DEBIAN/conffiles"), CONFFILES.map((path) => `${path}\n`).join(""));
  const kib = Math.ceil(statSync(binary).size / 1024) + 64;
  const control = readFileSync(join(ROOT, "scripts/debian/control"), "utf8")
    .replace("@VERSION@", manifest.version)
    .replace("@ARCHITECTURE@", architecture)
    .replace("@SIZE@", String(kib));
  writeFileSync(join(directory, "DEBIAN/control"), control);
}

/** Makes the package. @returns the exit code. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      binary: { type: "string", default: join(ROOT, "dist/etcdhcp") },
      arch: { type: "string", default: ARCHITECTURES[Deno.build.arch] ?? "" },
      output: { type: "string", default: join(ROOT, "dist") },
    },
  });
  const { binary, arch, output } = values;
  if (!Object.values(ARCHITECTURES).includes(arch)) {
    console.error(`package: --arch: cannot use "${arch}": wanted amd64 or arm64`);
    return 2;
  }
  if (statSync(binary, { throwIfNoEntry: false })?.isFile() !== true) {
    console.error(
      `package: there is no ${binary}; make it (deno task compile) or name it (--binary)`,
    );
    return 2;
  }
  const directory = mkdtempSync(join(tmpdir(), "etcdhcp-package-"));
  try {
    chmodSync(directory, 0o755);
    layOut(directory, binary, arch);
    mkdirSync(output, { recursive: true });
    const file = resolve(output, `etcdhcp_${manifest.version}_${arch}.deb`);
    const { code } = await new Deno.Command("dpkg-deb", {
      // Of a binary little more can be squeezed out for ten times the wait.
      args: ["--root-owner-group", "-Zgzip", "-z1", "--build", directory, file],
      stdout: "null",
    }).spawn().status;
    if (code === 0) console.log(file);
    return code === 0 ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

Deno.exit(await main());
