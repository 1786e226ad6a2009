import assert from "node:assert/strict";
import { Confinement, ConfinementError, confinementOf } from "../../lib/net/confinement.ts";

const LO = { name: "lo", address: "127.0.0.1" };
const LO6 = { name: "lo", address: "::1" };
const LAN = { name: "lan0", address: "10.0.0.1" };
const LAN6 = { name: "lan0", address: "fe80::1" };
const WAN = { name: "wan0", address: "192.0.2.7" };

Deno.test("confinementOf: how each machine keeps to an interface", () => {
  const cases = [
    // name, with FFI, confined elsewhere, interfaces, expected
    ["lo", false, false, [LO, LO6, LAN, WAN], Confinement.LOOPBACK],
    ["lo", true, true, [LO], Confinement.LOOPBACK],
    ["lan0", true, false, [LO, LAN, WAN], Confinement.DEVICE],
    ["lan0", true, true, [LO, LAN, WAN], Confinement.DEVICE],
    ["lan0", false, true, [LO, LAN, WAN], Confinement.ELSEWHERE],
    ["lan0", false, false, [LO, LO6, LAN, LAN6], Confinement.ELSEWHERE],
    ["lan0", false, false, [LAN], Confinement.ELSEWHERE],
    // Not there yet.
    ["lan0", false, false, [LO], Confinement.ELSEWHERE],
    ["lan0", true, false, [LO, WAN], Confinement.DEVICE],
    // An address from 127/8 on an interface that others reach is no loopback.
    ["lan0", true, false, [LO, LAN, { name: "lan0", address: "127.0.0.5" }], Confinement.DEVICE],
  ] as const;
  for (const [name, ffi, confinedElsewhere, interfaces, expected] of cases) {
    assert.equal(
      confinementOf(name, { ffi, confinedElsewhere, interfaces }),
      expected,
      JSON.stringify([name, ffi, confinedElsewhere, interfaces]),
    );
  }
});

Deno.test("confinementOf refuses where strangers' broadcasts would be answered, and says why", () => {
  for (const name of ["lan0", "not-there"]) {
    assert.throws(
      () =>
        confinementOf(name, { ffi: false, confinedElsewhere: false, interfaces: [LO, LAN, WAN] }),
      (error: Error) => {
        assert.ok(error instanceof ConfinementError);
        assert.match(error.message, new RegExp(`cannot keep to ${name}: .*wan0`));
        assert.match(error.message, /--allow-ffi/);
        assert.match(error.message, /confined-elsewhere/);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
  }
});
