/**
 * What the end-to-end tests need from the machine. A missing piece fails the test and names the
 * Debian package that has it: a test that skips itself proves nothing.
 *
 * @module
 */

/** Programs the tests start, and the Debian 12 packages they come from. */
const PACKAGES = {
  "busybox": "busybox",
  "bash": "bash",
  "dhclient": "isc-dhcp-client",
  "dhcpcd": "dhcpcd-base",
  "dhcpd": "isc-dhcp-server",
  "dhcrelay": "isc-dhcp-relay",
  "dnsmasq": "dnsmasq-base",
  "etcd": "etcd-server",
  "etcdctl": "etcd-client",
  "fsfreeze": "util-linux",
  "ip": "iproute2",
  "kea-dhcp4": "kea-dhcp4-server",
  "mkfs.ext4": "e2fsprogs",
  "mount": "mount",
  "perfdhcp": "kea-admin",
  "openssl": "openssl",
  "setsid": "util-linux",
  "ss": "iproute2",
  "strace": "strace",
  "tcpdump": "tcpdump",
  "udhcpc": "udhcpc",
} as const;

/** A program that the tests know how to ask for. */
export type Tool = keyof typeof PACKAGES;

/** Where Debian puts programs; an unprivileged PATH often lacks the sbin half. */
const DIRECTORIES = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];

function installed(tool: Tool): boolean {
  return DIRECTORIES.some((directory) => {
    try {
      return Deno.statSync(`${directory}/${tool}`).isFile;
    } catch {
      return false;
    }
  });
}

/**
 * Throws unless the process is root and every tool is there.
 *
 * @throws {Error} saying what to run.
 */
export function requireTools(...tools: Tool[]): void {
  if (Deno.uid() !== 0) {
    throw new Error("Cannot make network namespaces: not root. Try: sudo deno task e2e");
  }
  const missing = tools.filter((tool) => !installed(tool));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => PACKAGES[tool]))].join(" ");
    throw new Error(`Cannot find ${missing.join(", ")}. Try: apt-get install ${packages}`);
  }
}
