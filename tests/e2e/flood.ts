/**
 * Everything that no client says, from inside a namespace to a server in another: datagrams of
 * every size, or every ICMP error about what the server may have sent.
 *
 * ```sh
 * ip netns exec NAME deno run --unstable-net -A flood.ts sizes 10.6.9.1
 * ip netns exec NAME deno run --unstable-net -A flood.ts icmp 10.6.9.1 10.6.9.200
 * ```
 *
 * @module
 */

import { quad } from "./bootp.ts";

/** The largest payload of a UDP datagram over IPv4, octets. */
const LARGEST = 65_507;

/** Datagrams sent before the receiver gets a moment to read them. */
const BURST = 32;

const AF_INET = 2;
const SOCK_RAW = 3;
const IPPROTO_ICMP = 1;
const IPPROTO_UDP = 17;

/** ICMP types that report an error, and their highest codes (RFC 792, RFC 1812). */
const ICMP_ERRORS: readonly (readonly [type: number, codes: number])[] = [
  [3, 15],
  [4, 0],
  [5, 3],
  [11, 1],
  [12, 2],
];

/** One datagram of every size; half of them begin as a BOOTREQUEST does. */
async function sendSizes(hostname: string): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: 0 });
  const request = new Uint8Array(LARGEST);
  request.set([1, 1, 6, 0]);
  request.set([99, 130, 83, 99], 236);
  const noise = new Uint8Array(LARGEST).fill(0xa5);
  for (let size = 0; size <= LARGEST; size++) {
    const payload = (size % 2 === 0 ? request : noise).subarray(0, size);
    await socket.send(payload, { transport: "udp", hostname, port: 67 });
    if (size % BURST === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  socket.close();
}

/** Every ICMP error about a datagram from the server's port 67 to a client's or a relay's. */
function sendErrors(server: string, client: string): void {
  const libc = Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  });
  const fd = libc.symbols.socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
  if (fd < 0) throw new Error("Cannot open a raw socket: it takes root");
  const to = new Uint8Array(16);
  new DataView(to.buffer).setUint16(0, AF_INET, true);
  to.set(quad(server), 4);
  for (const [type, codes] of ICMP_ERRORS) {
    for (let code = 0; code <= codes; code++) {
      for (const port of [67, 68]) {
        const message = icmpError(type, code, server, client, port);
        const sent = libc.symbols.sendto(fd, message, BigInt(message.length), 0, to, to.length);
        if (sent < 0n) throw new Error(`Cannot send ICMP type ${type} code ${code}`);
      }
    }
  }
  libc.close();
}

/** An ICMP error with the start of the datagram that it is about: its IP header and its ports. */
function icmpError(type: number, code: number, from: string, to: string, port: number) {
  const message = new Uint8Array(8 + 20 + 8);
  const view = new DataView(message.buffer);
  message.set([type, code]);
  message.set([0x45, 0], 8);
  view.setUint16(10, 28);
  message.set([64, IPPROTO_UDP], 16);
  message.set(quad(from), 20);
  message.set(quad(to), 24);
  view.setUint16(28, 67);
  view.setUint16(30, port);
  view.setUint16(32, 8);
  view.setUint16(18, checksum(message.subarray(8, 28)));
  view.setUint16(2, checksum(message));
  return message;
}

/** The Internet checksum (RFC 1071) of an even number of octets. */
function checksum(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) sum += octets[i]! * 256 + octets[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

if (import.meta.main) {
  const [what, server = "", client = ""] = Deno.args;
  if (what === "icmp") sendErrors(server, client);
  else await sendSizes(server);
}
