import assert from "node:assert/strict";
import { parseIpv4 } from "../../lib/wire/address.ts";
import { DecodeError } from "../../lib/wire/bytes.ts";
import { relayAgentInformation } from "../../lib/wire/registry.ts";
import {
  circuitId,
  linkSelection,
  RELAY_SUB_OPTIONS,
  relayInformation,
  remoteId,
  subscriberId,
} from "../../lib/wire/relay.ts";
import { optionsOf } from "./arbitraries.ts";
import { formatHex, parseHex } from "./golden.ts";

/** Circuit "ge-0/0/1", remote 02005e100001, link 10.9.0.1, subscriber "flat 3", an unknown one. */
const WIRE = "010867652d302f302f31 020602005e100001 05040a090001 0606666c61742033 c80101";

Deno.test("relayInformation: sub-options by name", () => {
  const info = relayInformation.decode(parseHex(WIRE));
  assert.deepEqual(info.get(circuitId), new TextEncoder().encode("ge-0/0/1"));
  assert.deepEqual(info.get(remoteId), parseHex("02005e100001"));
  assert.equal(info.get(linkSelection), parseIpv4("10.9.0.1"));
  assert.equal(info.get(subscriberId), "flat 3");
  assert.deepEqual(info.raw(200), Uint8Array.of(1));
  assert.equal(info.raw(201), undefined);
});

Deno.test("relayInformation: unknown and repeated sub-options come back as they were", () => {
  for (const hex of [WIRE, "", "000101 ff0102 010161 010162"]) {
    const info = relayInformation.decode(parseHex(hex));
    assert.equal(formatHex(relayInformation.encode(info)), hex.replaceAll(" ", ""));
  }
});

Deno.test("relayInformation: a sub-option cut short is named", () => {
  assert.throws(
    () => optionsOf([[82, parseHex("0104 6162")]]).get(relayAgentInformation),
    { message: "Cannot decode option 82: sub-option 1 is cut short" },
  );
});

Deno.test("RelayInformation.get: a malformed sub-option hurts only whoever asks for it", () => {
  const info = relayInformation.decode(parseHex("05030a0900 010161"));
  assert.deepEqual(info.get(circuitId), Uint8Array.of(0x61));
  assert.throws(
    () => info.get(linkSelection),
    (error) => error instanceof DecodeError && /sub-option 5: length is 3/.test(error.message),
  );
});

Deno.test("RELAY_SUB_OPTIONS: ascending codes, unique names", () => {
  const codes = RELAY_SUB_OPTIONS.map(({ code }) => code);
  assert.deepEqual(codes, codes.toSorted((a, b) => a - b));
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(new Set(RELAY_SUB_OPTIONS.map(({ name }) => name)).size, codes.length);
});
