/**
 * The life of a lease as three real clients live it: leased, renewed, rebound, kept over a reboot,
 * released.
 */

import assert from "node:assert/strict";
import { addressOption, OPTION } from "../bootp.ts";
import type { Capture } from "../capture.ts";
import { assertSingleHolders } from "../checker.ts";
import { type Client, INTERFACE, misdirect, newMac, nextAck } from "../clients/client.ts";
import { Dhclient, LEAST_LEASE as DHCLIENT_LEASE } from "../clients/dhclient.ts";
import { Dhcpcd, LEAST_LEASE as DHCPCD_LEASE } from "../clients/dhcpcd.ts";
import { LEAST_LEASE as UDHCPC_LEASE, Udhcpc } from "../clients/udhcpc.ts";
import type { Host, Lab } from "../lab.ts";
import { until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { LAN, startServer } from "../server.ts";
import type { Tool } from "../tools.ts";
import { buildLan, talkers, watch } from "./lan.ts";

/** One client program, and what it can do. */
interface Kind {
  readonly tool: Tool;
  readonly make: (lab: Lab, wire: Host) => Promise<Client>;
  /** The lease to give it, seconds: as short as it takes seriously. */
  readonly lease: number;
  /** Whether it asks for its old address after a restart (INIT-REBOOT). */
  readonly remembers: boolean;
}

const KINDS: readonly Kind[] = [
  { tool: "udhcpc", make: Udhcpc.make, lease: UDHCPC_LEASE, remembers: false },
  { tool: "dhclient", make: Dhclient.make, lease: DHCLIENT_LEASE, remembers: true },
  { tool: "dhcpcd", make: Dhcpcd.make, lease: DHCPCD_LEASE, remembers: true },
];

async function hasAddress(client: Client, address: string): Promise<boolean> {
  const shown = await client.host.ip("-4", "-o", "address", "show", "dev", INTERFACE);
  return shown.includes(` ${address}/24 `);
}

/** A REQUEST that extends: the client's own address in ciaddr, sent to this address. */
function extension(wire: Capture, client: Client, to: string, seconds: number, since: number) {
  return wire.expect(`a REQUEST of ${client.host.title} to ${to}`, seconds, {
    type: "REQUEST",
    chaddr: client.chaddr,
    to,
    since,
    where: ({ ciaddr }) => ciaddr !== "0.0.0.0",
  });
}

for (const kind of KINDS) {
  scenario(
    `${kind.tool} leases, renews, rebinds, reboots and releases`,
    [kind.tool],
    async (lab) => {
      const { server, wire } = await buildLan(lab);
      await using packets = await watch(lab, wire);
      await using _ = await startServer(lab, {
        host: server,
        flags: { ...LAN.flags, "dhcp.lease": `${kind.lease}s` },
      });
      await using talker = await talkers(lab, wire);
      await using client = await kind.make(lab, wire);

      client.start();
      const bound = await nextAck(packets, client, 10);
      const address = bound.message.yiaddr;
      await until("the address on the interface", 5, () => hasAddress(client, address));

      client.renew?.();
      const renewal = await extension(packets, client, LAN.server, kind.lease, bound.at);
      const renewed = await nextAck(packets, client, 2, renewal.at);
      assert.equal(renewed.message.yiaddr, address);
      assert.equal(renewed.to, address, "the ACK to a renewal goes to the client's address");

      await misdirect(client, LAN.server);
      const bindings = client.bindings;
      client.renew?.();
      const rebinding = await extension(packets, client, "255.255.255.255", kind.lease, renewed.at);
      const rebound = await nextAck(packets, client, 2, rebinding.at);
      assert.equal(rebound.message.yiaddr, address);
      // What is on the wire is not in the client's memory yet.
      await until("the client to take the lease up", 5, () => client.bindings > bindings);
      await client.host.ip("neighbour", "del", LAN.server, "dev", INTERFACE);

      await client.crash();
      await client.host.ip("address", "flush", "dev", INTERFACE);
      const restarted = Date.now();
      client.start();
      const again = await nextAck(packets, client, 10, restarted);
      assert.equal(again.message.yiaddr, address, "the same address after a reboot");
      if (kind.remembers) {
        const [request] = await packets.all({
          type: "REQUEST",
          chaddr: client.chaddr,
          since: restarted,
        });
        assert.equal(request!.message.ciaddr, "0.0.0.0");
        assert.equal(addressOption(request!.message, OPTION.requestedAddress), address);
        assert.equal(addressOption(request!.message, OPTION.serverIdentifier), undefined);
        assert.equal(
          await packets.find({ type: "DISCOVER", chaddr: client.chaddr, since: restarted }),
          undefined,
          "INIT-REBOOT needs no DISCOVER",
        );
      }
      await until("the address on the interface", 5, () => hasAddress(client, address));

      const meanwhile = await talker.lease(newMac(), 5, address);
      assert.notEqual(meanwhile?.address, address, "a held address is nobody else's");
      const releasing = Date.now();
      await client.release();
      await packets.expect(`a RELEASE of ${kind.tool}`, 5, {
        type: "RELEASE",
        chaddr: client.chaddr,
        since: releasing,
      });
      await until("the released address for another client", 5, async () => {
        const next = await talker.discover(newMac(), 1, address);
        return next?.yiaddr === address;
      });
      assertSingleHolders(await packets.packets());
    },
  );
}
