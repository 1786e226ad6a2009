import { decodeMessage, encodeMessage, Op } from "../../lib/wire/message.ts";
import { Options } from "../../lib/wire/options.ts";
import {
  clientIdentifier,
  leaseTime,
  maximumMessageSize,
  messageType,
  requestedAddress,
  serverIdentifier,
} from "../../lib/wire/registry.ts";
import { golden } from "./golden.ts";

const into = new Uint8Array(1500);

/** Where results go, so that making them cannot be optimised away. */
export let kept: unknown;

for (
  const name of ["udhcpc-discover", "networkd-discover", "perfdhcp-request", "udhcpc-request"]
) {
  const packet = golden(name);
  Deno.bench({ name, group: "decode", fn: () => void (kept = decodeMessage(packet)) });
}
const ack = golden("dnsmasq-ack");
Deno.bench({ name: "dnsmasq-ack", group: "decode", fn: () => void (kept = decodeMessage(ack)) });

for (const name of ["udhcpc-discover", "networkd-discover", "udhcpc-request", "dnsmasq-ack"]) {
  const message = decodeMessage(golden(name));
  Deno.bench({ name, group: "encode", fn: () => void (kept = encodeMessage(message, into, 548)) });
}

const packet = golden("udhcpc-request");
Deno.bench({
  name: "decode and look at six options",
  group: "as a server does",
  fn() {
    const { options } = decodeMessage(packet);
    kept = options.get(messageType);
    kept = options.get(requestedAddress);
    kept = options.get(serverIdentifier);
    kept = options.get(maximumMessageSize);
    kept = options.get(clientIdentifier);
    kept = options.raw(55);
  },
});

const request = decodeMessage(packet);
const configured = [...decodeMessage(ack).options].filter(([code]) => code < 50 || code > 61);
const nothing = new Uint8Array(0);
Deno.bench({
  name: "build and encode an ACK of thirteen options",
  group: "as a server does",
  fn() {
    const options = new Options();
    options.set(messageType, 5);
    options.set(serverIdentifier, request.siaddr);
    options.set(leaseTime, 3600);
    for (const [code, value] of configured) options.setRaw(code, value);
    options.echo(request.options, 61);
    options.echo(request.options, 82);
    const reply = { ...request, op: Op.BOOTREPLY, sname: nothing, file: nothing, options };
    kept = encodeMessage(reply, into, 548);
  },
});
