import assert from "node:assert/strict";
import { run } from "../../lib/cli/program.ts";
import { formatMac, parseIpv4 } from "../../lib/wire/address.ts";
import { decodeMessage, encodeMessage, type Message, Op } from "../../lib/wire/message.ts";
import { Options } from "../../lib/wire/options.ts";
import {
  domainName,
  leaseTime,
  MessageType,
  messageType,
  messageTypeName,
  renewalTime,
  requestedAddress,
  router,
  serverIdentifier,
} from "../../lib/wire/registry.ts";
import { FakeEdges } from "./fake_edges.ts";

/** Gives the answers to a message, each a type; undefined entries go out as noise. */
type Script = (type: string, count: number) => readonly (number | undefined)[];

/** A server on loopback that answers by a script, and keeps what it was asked. */
class FakeServer {
  readonly heard: string[] = [];
  readonly port: number;
  readonly #socket: Deno.DatagramConn;
  readonly #script: Script;
  readonly #done: Promise<void>;

  constructor(script: Script) {
    this.#script = script;
    this.#socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    this.port = (this.#socket.addr as Deno.NetAddr).port;
    this.#done = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    for (let count = 0;; count++) {
      let packet: Uint8Array;
      let from: Deno.Addr;
      try {
        [packet, from] = await this.#socket.receive();
      } catch {
        return;
      }
      const asked = decodeMessage(packet);
      const type = messageTypeName(asked.options.get(messageType)!);
      const wanted = asked.options.get(requestedAddress);
      this.heard.push(
        `${type} ${formatMac(asked.chaddr)}${wanted === undefined ? "" : " +address"}`,
      );
      for (const answer of this.#script(type, count)) {
        await this.#socket.send(
          answer === undefined ? new Uint8Array(9) : reply(asked, answer),
          from,
        );
      }
    }
  }
}

function reply(asked: Message, type: number): Uint8Array {
  const options = new Options();
  options.set(messageType, type);
  options.set(serverIdentifier, parseIpv4("127.0.0.1"));
  if (type !== MessageType.NAK) {
    options.set(leaseTime, 3600);
    options.set(renewalTime, 1800);
    options.set(router, [parseIpv4("10.0.0.1"), parseIpv4("10.0.0.2")]);
    options.set(domainName, "evil\x1b[2J");
    options.setRaw(224, Uint8Array.of(1, 2));
  }
  const yiaddr = parseIpv4(type === MessageType.NAK ? "0.0.0.0" : "127.9.0.57");
  const packet = new Uint8Array(548);
  const message = { ...asked, op: Op.BOOTREPLY, yiaddr, options };
  return packet.subarray(0, encodeMessage(message, packet, packet.length).length);
}

function freePort(): number {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}

async function discover(port: number, line: string) {
  const edges = new FakeEdges();
  const ports = [`--dhcp.port=${port}`, `--dhcp.client-port=${freePort()}`];
  const args = ["discover", ...ports, ...line.split(" ").filter((arg) => arg !== "")];
  const code = await run(args, edges);
  return { code, stdout: edges.stdout, stderr: edges.stderr };
}

const ANSWER = ` 127.9.0.57 from 127.0.0.1
  server-identifier 127.0.0.1
  lease-time 3600
  renewal-time 1800
  router 10.0.0.1, 10.0.0.2
  domain-name "evil\\u001b[2J"
  option-224 01:02
`;

Deno.test("discover prints every offer", async () => {
  const { OFFER, ACK } = MessageType;
  await using server = new FakeServer(() => [undefined, OFFER, ACK, OFFER]);
  const told = await discover(server.port, "--timeout 150ms");
  const offer = `OFFER${ANSWER}`;
  assert.deepEqual(told, { code: 0, stdout: offer + offer, stderr: "" });
  assert.deepEqual(server.heard, ["DISCOVER 02:00:00:00:00:01"]);
});

Deno.test("discover --request takes up the first offer", async () => {
  const { OFFER, ACK } = MessageType;
  await using server = new FakeServer((type) => type === "DISCOVER" ? [OFFER, OFFER] : [ACK]);
  const mac = "5c:96:56:a4:be:eb";
  const told = await discover(server.port, `--request --mac ${mac}`);
  assert.deepEqual(told, { code: 0, stdout: `OFFER${ANSWER}ACK${ANSWER}`, stderr: "" });
  assert.deepEqual(server.heard, [`DISCOVER ${mac}`, `REQUEST ${mac} +address`]);
});

Deno.test("discover --request --release gives the lease back", async () => {
  const { OFFER, ACK } = MessageType;
  const answers: Record<string, readonly number[]> = { DISCOVER: [OFFER], REQUEST: [ACK] };
  const released = Promise.withResolvers<void>();
  await using server = new FakeServer((type) => {
    if (type === "RELEASE") released.resolve();
    return answers[type] ?? [];
  });
  assert.equal((await discover(server.port, "--request --release")).code, 0);
  await released.promise;
  assert.equal(server.heard.at(-1), "RELEASE 02:00:00:00:00:01");
});

Deno.test("discover --json prints an object a line", async () => {
  const { OFFER, ACK } = MessageType;
  await using server = new FakeServer((type) => type === "DISCOVER" ? [OFFER] : [ACK]);
  const { code, stdout } = await discover(server.port, "--request --json");
  assert.equal(code, 0);
  const [offer, ack, ...rest] = stdout.split("\n");
  assert.equal(JSON.parse(offer!).type, "OFFER");
  assert.deepEqual(JSON.parse(ack!), {
    type: "ACK",
    address: "127.9.0.57",
    server: "127.0.0.1",
    options: {
      "server-identifier": "127.0.0.1",
      "lease-time": 3600,
      "renewal-time": 1800,
      router: ["10.0.0.1", "10.0.0.2"],
      "domain-name": "evil\x1b[2J",
      "option-224": "01:02",
    },
  });
  assert.deepEqual(rest, [""]);
});

Deno.test("discover tells a refusal", async () => {
  const { OFFER, NAK } = MessageType;
  await using server = new FakeServer((type) => type === "DISCOVER" ? [OFFER] : [NAK]);
  const { code, stdout, stderr } = await discover(server.port, "--request");
  assert.equal(code, 1);
  assert.ok(stdout.endsWith("NAK 0.0.0.0 from 127.0.0.1\n  server-identifier 127.0.0.1\n"));
  assert.equal(stderr, "etcdhcp: the server refused what it had offered; ask again\n");
});

Deno.test("discover tells when nobody answers, or nobody confirms", async () => {
  await using silent = new FakeServer(() => []);
  assert.deepEqual(await discover(silent.port, "--timeout 50ms"), {
    code: 1,
    stdout: "",
    stderr:
      `etcdhcp: nobody answered on 127.0.0.1, UDP port ${silent.port}, within 0.05s; start a ` +
      "server first: etcdhcp serve\n",
  });
  await using half = new FakeServer((type) => type === "DISCOVER" ? [MessageType.OFFER] : []);
  const { code, stderr } = await discover(half.port, "--request --timeout 80ms");
  assert.equal(code, 1);
  assert.equal(
    stderr,
    "etcdhcp: 127.0.0.1 offered 127.9.0.57 and did not confirm it; its log says why (-v 1)\n",
  );
});

Deno.test("discover asks again when a datagram is lost", async () => {
  await using server = new FakeServer((_, count) => count === 0 ? [] : [MessageType.OFFER]);
  const { code, stdout } = await discover(server.port, "--timeout 1200ms");
  assert.equal(code, 0);
  assert.equal(stdout, `OFFER${ANSWER}`);
  assert.equal(server.heard.length, 2);
});

Deno.test("discover says which port it cannot have", async () => {
  const taken = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  const edges = new FakeEdges();
  const code = await run(["discover", `--dhcp.client-port=${port}`], edges);
  taken.close();
  assert.equal(code, 1);
  assert.equal(
    edges.stderr,
    `etcdhcp: cannot use UDP port ${port} of 127.0.0.1: another program has it; a DHCP client? ` +
      "stop it first\n",
  );
});
