/**
 * etcd by name: its endpoint comes from a real name server, by an SRV record or as a host name, and
 * moves to another address while the server runs.
 *
 * ```text
 *   wire "backbone":  10.6.7.1 server   10.6.7.53 dnsmasq   10.6.7.11, then 10.6.7.111: etcd
 * ```
 */

import assert from "node:assert/strict";
import { assertSingleHolders } from "../checker.ts";
import { newMac } from "../clients/client.ts";
import { Etcd } from "../etcd.ts";
import type { Host, Lab } from "../lab.ts";
import { until } from "../poll.ts";
import type { Process } from "../process.ts";
import { scenario } from "../scenario.ts";
import { watch } from "./lan.ts";
import { Site, siteTalkers } from "./site.ts";

const NAME_SERVER = "10.6.7.53";
const OLD = "10.6.7.11";
const NEW = "10.6.7.111";

/** A name server with these records, and nothing else. */
async function serveNames(lab: Lab, host: Host, ...records: string[]): Promise<Process> {
  const dnsmasq = host.start([
    ...["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--no-hosts"],
    ...["--no-resolv", "--log-facility=-", `--pid-file=${lab.directory}/dnsmasq.pid`],
    ...records,
  ], { title: "dnsmasq" });
  lab.evidence.push({ title: "output of dnsmasq", text: () => dnsmasq.text(20) });
  await dnsmasq.line(/started/, 5);
  return dnsmasq;
}

/** A host for the name server, and the server's configuration that says so. */
async function nameServerHost(lab: Lab, etcd: Etcd, site: Site): Promise<Host> {
  const host = await lab.host("names");
  await lab.plug(host, etcd.wire, { name: "eth0", address: `${NAME_SERVER}/24` });
  await lab.etc(site.stations[0]!.host, "resolv.conf", `nameserver ${NAME_SERVER}\n`);
  return host;
}

/** Takes etcd from one address to another. */
async function move(etcd: Etcd, rename: () => Promise<void>): Promise<void> {
  const member = etcd.members[0]!;
  await member.kill();
  await member.host.ip("address", "del", `${OLD}/24`, "dev", "eth0");
  await member.host.ip("address", "add", `${NEW}/24`, "dev", "eth0");
  await rename();
  member.start();
  await member.healthy(20);
}

/** A scenario in which etcd moves, and the server is told where to by `records`. */
function moving(
  title: string,
  flags: Readonly<Record<string, string>>,
  records: (address: string) => string[],
): void {
  scenario(title, ["etcd", "dnsmasq"], async (lab) => {
    await using etcd = await Etcd.start(lab);
    await using site = await Site.build(lab, etcd, { servers: 1, flagsOf: () => flags });
    const host = await nameServerHost(lab, etcd, site);
    await using packets = await watch(lab, site.wire);
    await using before = await serveNames(lab, host, ...records(OLD));
    await site.start();
    await using talker = await siteTalkers(lab, site);
    assert(await talker.lease(newMac(), 5), "leases through the first address");

    await using after: AsyncDisposableStack = new AsyncDisposableStack();
    await move(etcd, async () => {
      await before.stop();
      after.use(await serveNames(lab, host, ...records(NEW)));
    });
    await until("a lease through the second address", 30, () => talker.lease(newMac(), 2));
    assertSingleHolders(await packets.packets());
  });
}

moving(
  "etcd moves, and the server follows its SRV record",
  { "etcd.discovery.srv": "site.test" },
  (address) => {
    const name = address === OLD ? "first.site.test" : "second.site.test";
    return [
      `--host-record=${name},${address}`,
      `--srv-host=_etcd-client._tcp.site.test,${name},2379`,
    ];
  },
);

moving(
  "etcd moves, and the server follows its host name",
  { "etcd.discovery.endpoints": "etcd.site.test:2379" },
  (address) => [`--host-record=etcd.site.test,${address}`],
);
