/**
 * A UDP socket on standard input and output, for running inside a namespace: a line
 * `ADDRESS PORT HEX` on the way in is sent, a line `HEX` on the way out was received.
 *
 * ```sh
 * ip netns exec NAME deno run --unstable-net --allow-net udp_pipe.ts 10.6.9.200 67
 * ```
 *
 * @module
 */

import { TextLineStream } from "./lines.ts";

if (import.meta.main) {
  const [hostname = "0.0.0.0", port = "68"] = Deno.args;
  const socket = Deno.listenDatagram({
    transport: "udp",
    hostname,
    port: Number(port),
    reuseAddress: true,
  });
  const encoder = new TextEncoder();
  const print = (text: string) => Deno.stdout.writeSync(encoder.encode(text + "\n"));

  print("open");
  const receive = async () => {
    for await (const [bytes] of socket) print(bytes.toHex());
  };
  const send = async () => {
    const lines = Deno.stdin.readable
      .pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const text of lines) {
      const [address, to, hex] = text.split(" ");
      await socket.send(Uint8Array.fromHex(hex!), {
        transport: "udp",
        hostname: address!,
        port: Number(to),
      });
    }
    socket.close();
  };
  await Promise.all([receive(), send()]);
}
