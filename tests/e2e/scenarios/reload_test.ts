/** Another configuration while clients are served: nobody goes without an answer. */

import assert from "node:assert/strict";
import { readReport } from "../../bench/perfdhcp.ts";
import { type Bootp, dotted, OPTION, quad, typeOf } from "../bootp.ts";
import { newMac } from "../clients/client.ts";
import type { Host, Lab } from "../lab.ts";
import { quiet, until } from "../poll.ts";
import { scenario } from "../scenario.ts";
import { type Server, startServer } from "../server.ts";
import { type Leased, Talker } from "../talker.ts";
import { runEtcd } from "./etcd.ts";
import { watch } from "./lan.ts";

/** The options that tell which configuration answered. */
const DNS = 6;

const SERVER = "10.64.0.1";
const TALKER = "10.64.0.3";

/** Clients that ask for their lease again and again, exchanges a second, and for how long. */
const CLIENTS = 300;
const RATE = 150;
const SECONDS = 40;

const BEFORE = "10.64.1.0-10.64.4.255";
const AFTER = "10.64.20.0-10.64.20.255";

/** What a configuration file says. */
interface Site {
  readonly name?: string;
  readonly pools?: string;
  readonly lease?: string;
  readonly dns?: string;
  readonly verbosity?: number;
  readonly more?: string;
  readonly reloadOnChange?: boolean;
}

function fileOf(site: Site): string {
  const { name = "lan", pools = BEFORE, lease = "1h", dns = "10.64.0.9", verbosity = 0 } = site;
  return `
    [server]
    interfaces = ["lan0"]
    reload-on-change = ${site.reloadOnChange ?? false}
    [log]
    verbosity = ${verbosity}
    [[subnet]]
    name = "${name}"
    cidr = "10.64.0.0/12"
    pools = ["${pools}"]
    router = ["${SERVER}"]
    dns = ["${dns}"]
    lease = "${lease}"
    ${site.more ?? ""}
  `;
}

/** A server with a configuration file, and scripted clients behind a relay. */
class Reloading {
  readonly server: Server;
  readonly talker: Talker;
  readonly #file: string;

  constructor(server: Server, talker: Talker, file: string) {
    this.server = server;
    this.talker = talker;
    this.#file = file;
  }

  /** Puts another file in the place of the one there is, as editors do. */
  async replace(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.#file}.new`, text);
    await Deno.rename(`${this.#file}.new`, this.#file);
  }

  async remove(): Promise<void> {
    await Deno.remove(this.#file);
  }

  /** Sends SIGHUP and waits for a line of the log; the line. */
  async hangUp(line: RegExp): Promise<string> {
    const from = this.server.process.lines.length;
    this.server.process.signal("SIGHUP");
    return (await this.server.process.line(line, 30, from)).text;
  }

  /** The whole exchange of a client that nobody has seen before; the ACK. */
  async newcomer(chaddr = newMac(), requested?: string): Promise<Bootp> {
    const offer = await this.talker.discover(chaddr, 10, requested);
    const ack = offer && await this.talker.select(offer, 10);
    assert(ack && typeOf(ack) === "ACK", `an ACK for ${chaddr}`);
    return ack;
  }

  /** RENEWING; the answer's type. */
  async renew({ chaddr, address }: Leased): Promise<Bootp> {
    const xid = await this.talker.send(chaddr, "REQUEST", [], { ciaddr: address });
    const answer = await this.talker.reply(xid, 10);
    assert(answer, `an answer to ${chaddr}, which renews ${address}`);
    return answer;
  }
}

function seconds({ options }: Bootp): number {
  return new DataView(options.get(OPTION.leaseTime)!.slice().buffer).getUint32(0);
}

function leasedBy(ack: Bootp): Leased {
  return { chaddr: ack.chaddr, address: ack.yiaddr, serverIdentifier: SERVER };
}

async function openTalker(lab: Lab, wire: Host): Promise<Talker> {
  const host = await lab.host("talker");
  await lab.plug(host, wire, { name: "eth0", address: `${TALKER}/12` });
  return await Talker.open(lab, host, { address: TALKER, server: SERVER, relay: true });
}

async function buildSite(lab: Lab) {
  const [host, wire] = [await lab.host("server"), await lab.wire("lan")];
  await lab.plug(host, wire, { name: "lan0", address: `${SERVER}/12` });
  return { host, wire, file: `${lab.directory}/site.toml` };
}

for (const kind of ["embedded", "etcd"] as const) {
  const tools = ["perfdhcp", ...(kind === "etcd" ? ["etcd"] as const : [])] as const;
  scenario(`Reload under load answers every client, ${kind}`, [...tools], async (lab) => {
    const { host, wire, file } = await buildSite(lab);
    const generator = await lab.host("generator");
    await lab.plug(generator, wire, { name: "eth0", address: "10.64.0.2/12" });
    await using packets = await watch(lab, wire);
    await using _etcd = kind === "etcd" ? await runEtcd(lab, host, "127.0.0.1") : undefined;
    await Deno.writeTextFile(file, fileOf({}));
    await using server = await startServer(lab, {
      host,
      flags: {
        config: file,
        ...(kind === "etcd" && { "etcd.discovery.endpoints": "http://127.0.0.1:2379" }),
      },
    });
    await using talker = await openTalker(lab, wire);
    const site = new Reloading(server, talker, file);

    const first = await site.newcomer();
    assert.deepEqual([dotted(first.options.get(DNS)!), seconds(first)], ["10.64.0.9", 3600]);
    const holder = leasedBy(first);
    const pooled = leasedBy(await site.newcomer());
    await using load = generator.start(
      [
        ...["perfdhcp", "-4", "-l", "eth0", "-r", `${RATE}`, "-R", `${CLIENTS}`],
        // What is late is not lost: the machine may be busy.
        ...["-p", `${SECONDS}`, "-d", "10", "-W", "3000000"],
      ],
      { title: "perfdhcp" },
    );
    // From then on all of them hold what they ask for, so no pool that goes is in their way.
    await until(`${CLIENTS} clients to have a lease`, 30, async () => {
      const acks = await packets.all({ type: "ACK", to: "10.64.0.2" });
      return new Set(acks.map(({ message }) => message.chaddr)).size >= CLIENTS;
    }, 200);

    // Options and lease times.
    await site.replace(fileOf({ dns: "10.64.0.10", lease: "30m" }));
    assert.match(await site.hangUp(/"msg":"reloaded/), /"changed":"subnet\.lan"/);
    const second = await site.newcomer();
    assert.deepEqual([dotted(second.options.get(DNS)!), seconds(second)], ["10.64.0.10", 1800]);

    // Other pools: who has a lease keeps it, until it gives it back.
    await site.replace(fileOf({ pools: AFTER, dns: "10.64.0.10" }));
    await site.hangUp(/"msg":"reloaded"/);
    assert.match(
      await until("an address of the new pool", 30, async () => {
        const { yiaddr } = await site.newcomer();
        return yiaddr.startsWith("10.64.20.") && yiaddr;
      }),
      /^10\.64\.20\./,
    );
    const renewed = await site.renew(holder);
    assert.deepEqual([typeOf(renewed), renewed.yiaddr], ["ACK", holder.address]);
    await talker.release(pooled);
    await server.process.line(RegExp(`"msg":"lease released".*"${pooled.address}"`), 20);
    const other = await site.newcomer(newMac(), pooled.address);
    assert.match(other.yiaddr, /^10\.64\.20\./, "what has left the pools is phased out");

    // Reservations, and how much the log says.
    const device = newMac();
    const reservation = `[[subnet.reservation]]\nmac = "${device}"\nip = "10.64.30.1"\n` +
      `hostname = "printer"\n`;
    await site.replace(fileOf({ pools: AFTER, more: reservation, verbosity: 2 }));
    assert.match(
      await site.hangUp(/"msg":"reloaded"/),
      /"changed":"subnet\.lan, log\.verbosity"/,
    );
    const reserved = await site.newcomer(device);
    assert.equal(reserved.yiaddr, "10.64.30.1");
    await server.process.line(RegExp(`"msg":"received".*"${device}"`), 20);
    await site.replace(fileOf({ pools: AFTER, more: reservation }));
    await site.hangUp(/"msg":"reloaded"/);
    const silent = server.process.lines.length;
    assert.equal((await site.newcomer(device)).yiaddr, "10.64.30.1");
    const said = server.process.lines.slice(silent).filter(({ text }) => /"received"/.test(text));
    assert.equal(said.length, 0, "the log says less again");

    // A bad file, and none: everything goes on as it was.
    await site.replace(fileOf({ pools: "10.99.0.1", dns: "10.64.0.11", more: "laese = 1" }));
    await site.hangUp(/"msg":"not reloaded: .*laese/);
    await server.process.line(/"msg":"not reloaded: .*10\.99\.0\.1/, 5);
    await site.remove();
    await site.hangUp(/"msg":"not reloaded: .*there is no such file/);
    const still = await site.newcomer();
    assert.equal(dotted(still.options.get(DNS)!), "10.64.0.9");
    assert.match(still.yiaddr, /^10\.64\.20\./);

    // What needs a restart is named, the rest is taken up.
    await site.replace(fileOf({ pools: BEFORE, more: reservation, reloadOnChange: true }));
    const line = await site.hangUp(/need a restart/);
    assert.match(line, /"settings":"server\.reload-on-change"/);
    await site.replace(fileOf({ pools: BEFORE, more: reservation }));
    await site.hangUp(/"msg":"reloaded: nothing has changed"/);

    // Another name for the same addresses.
    await site.replace(fileOf({ name: "guests", more: reservation }));
    if (kind === "etcd") {
      await site.hangUp(/"msg":"not reloaded: subnet\.guests: .* was subnet\.lan/);
    } else {
      await site.hangUp(/"changed":"subnet\.lan, subnet\.guests"/);
    }
    const kept = await site.renew(holder);
    assert.deepEqual([typeOf(kept), kept.yiaddr], ["ACK", holder.address]);

    assert.equal(load.status, undefined, "all of this took place under load");
    await load.exit(SECONDS + 20);
    const { offer, ack } = readReport(load.text());
    assert(ack.sent > RATE * SECONDS / 2, `perfdhcp has asked, ${ack.sent} times`);
    assert.deepEqual([offer.received, ack.received], [offer.sent, ack.sent], load.text());
    assert.equal(await packets.find({ type: "NAK" }), undefined);
    assert.equal((await packets.stop()).lost, 0, "packets that the capture lost");
  });
}

scenario("A file that has changed is taken up by itself, when it is right", [], async (lab) => {
  const { host, wire, file } = await buildSite(lab);
  const text = (dns: string, more = "") => fileOf({ dns, more, reloadOnChange: true });
  await Deno.writeTextFile(file, text("10.64.0.9"));
  await using server = await startServer(lab, { host, flags: { config: file } });
  await using talker = await openTalker(lab, wire);
  const site = new Reloading(server, talker, file);
  const dns = async () => dotted((await site.newcomer()).options.get(DNS)!);
  assert.equal(await dns(), "10.64.0.9");

  await site.replace(text("10.64.0.10"));
  await server.process.line(/"msg":"reloaded","changed":"subnet\.lan"/, 30);
  assert.equal(await dns(), "10.64.0.10");

  await site.replace(text("10.64.0.11", "laese = 1"));
  await server.process.line(/"msg":"not reloaded: .*laese/, 30);
  await site.replace(text("10.64.0.11", "laese = 1"));
  const complaints = () => server.process.lines.filter(({ text }) => /not reloaded/.test(text));
  const again = await quiet(6, () => complaints()[1]);
  assert.equal(again, undefined, "the same text is complained of once");
  assert.equal(await dns(), "10.64.0.10");

  // Written in place, as some editors do.
  await Deno.writeTextFile(file, text("10.64.0.12"));
  await until("the file to be taken up", 30, async () => await dns() === "10.64.0.12", 500);
  const asked = quad("10.64.0.12");
  assert.deepEqual((await site.newcomer()).options.get(DNS), asked);
});
