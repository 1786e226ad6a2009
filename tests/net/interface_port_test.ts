import assert from "node:assert/strict";
import { Confinement } from "../../lib/net/confinement.ts";
import { InterfacePort, type InterfacePortOptions } from "../../lib/net/interface_port.ts";
import { Libc } from "../../lib/net/libc.ts";
import { OperatorError } from "../../lib/config/operator_error.ts";
import type { Datagram } from "../../lib/net/port.ts";
import type { Destination } from "../../lib/protocol/outcome.ts";
import { parseIpv4 } from "../../lib/wire/address.ts";
import { requiresAll } from "../tools.ts";
import { interfaceOf } from "../lease/fixtures.ts";

const LOOPBACK = { transport: "udp", hostname: "127.0.0.1" } as const;

/** A port on loopback, a client's socket, and what the port had to tell. */
class Bench implements Disposable {
  readonly client = Deno.listenDatagram({ ...LOOPBACK, port: 0 });
  readonly told: string[] = [];
  readonly serverPort = freePort();
  elapsed = 0;
  readonly port: InterfacePort;

  constructor(more: Partial<InterfacePortOptions> = {}) {
    try {
      this.port = new InterfacePort({ ...this.options, ...more });
    } catch (error) {
      this.client.close();
      throw error;
    }
  }

  get options(): InterfacePortOptions {
    return {
      served: interfaceOf("lo 127.0.0.1/8"),
      port: this.serverPort,
      clientPort: this.clientPort,
      confinement: Confinement.LOOPBACK,
      libc: undefined,
      shared: false,
      elapsed: () => this.elapsed,
      events: {
        notice: (level, text) => this.told.push(`${level}: ${text}`),
        sendFailed: (reason) => this.told.push(`send failed: ${reason}`),
        overflowed: (count) => this.told.push(`overflowed by ${count}`),
        oversized: () => this.told.push("oversized"),
      },
    };
  }

  get clientPort(): number {
    return (this.client.addr as Deno.NetAddr).port;
  }

  async say(...payloads: Uint8Array[]): Promise<void> {
    for (const payload of payloads) {
      await this.client.send(payload, { ...LOOPBACK, port: this.serverPort });
    }
  }

  /** Waits for so many datagrams. */
  async hear(count: number): Promise<Datagram[]> {
    const heard: Datagram[] = [];
    while (heard.length < count) {
      await this.port.arrival();
      heard.push(...this.port.take(64));
    }
    return heard;
  }

  answer(destination: Destination, ...octets: number[]): void {
    this.port.send(destination, (into) => {
      into.set(octets);
      return octets.length;
    });
    this.port.flush();
  }

  async heardByClient(): Promise<number[]> {
    const [payload] = await this.client.receive(new Uint8Array(2048));
    return [...payload];
  }

  [Symbol.dispose](): void {
    this.port.close();
    this.client.close();
  }
}

/** A port that was free a moment ago. */
function freePort(): number {
  const socket = Deno.listenDatagram({ ...LOOPBACK, port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  socket.close();
  return port;
}

Deno.test("InterfacePort receives, in order, with the sender's port", async () => {
  using bench = new Bench();
  await bench.say(Uint8Array.of(1, 2, 3), Uint8Array.of(4), new Uint8Array(0));
  const heard = await bench.hear(3);
  assert.deepEqual(heard.map(({ payload }) => [...payload]), [[1, 2, 3], [4], []]);
  for (const { sourcePort } of heard) assert.equal(sourcePort, bench.clientPort);
  assert.deepEqual(bench.port.take(64), []);
  assert.deepEqual(bench.told, []);
  assert.equal(bench.port.trouble(), undefined);
});

Deno.test("InterfacePort hands payloads over for good: the next datagram changes none", async () => {
  using bench = new Bench();
  const sent = Array.from({ length: 100 }, (_, n) => new Uint8Array(1400).fill(n));
  const kept: Datagram[] = [];
  for (const payload of sent) {
    await bench.say(payload);
    kept.push(...await bench.hear(1));
  }
  kept.forEach(({ payload }, n) => assert.deepEqual(new Uint8Array(payload), sent[n]));
});

Deno.test("InterfacePort sends to the client's port, and to a relay's server port", async () => {
  using bench = new Bench();
  const address = parseIpv4("127.0.0.1");
  bench.answer({ kind: "client", address }, 1);
  assert.deepEqual(await bench.heardByClient(), [1]);
  // Neither a broadcast nor a neighbour entry is to be had on loopback.
  bench.answer({ kind: "broadcast" }, 2);
  assert.deepEqual(await bench.heardByClient(), [2]);
  bench.answer(
    { kind: "unconfigured", address: parseIpv4("10.0.0.9"), chaddr: new Uint8Array(6) },
    3,
  );
  assert.deepEqual(await bench.heardByClient(), [3]);
  bench.answer({ kind: "relay", address }, 4);
  const [relayed] = await bench.hear(1);
  assert.deepEqual([...relayed!.payload], [4]);
  assert.equal(relayed!.sourcePort, bench.serverPort);
  assert.deepEqual(bench.told, []);
});

Deno.test("InterfacePort gives no more at once than asked for, and the rest later", async () => {
  using bench = new Bench();
  await bench.say(...Array.from({ length: 5 }, (_, n) => Uint8Array.of(n)));
  const heard = [];
  while (heard.length < 5) {
    await bench.port.arrival();
    const taken = bench.port.take(2);
    assert.ok(taken.length <= 2);
    heard.push(...taken);
  }
  assert.deepEqual(heard.map(({ payload }) => payload[0]), [0, 1, 2, 3, 4]);
});

Deno.test("InterfacePort does not send a message that is not written after all", async () => {
  using bench = new Bench();
  bench.answer({ kind: "broadcast" });
  bench.answer({ kind: "broadcast" }, 1);
  assert.deepEqual(await bench.heardByClient(), [1]);
});

Deno.test("InterfacePort counts what is too long, and hears what comes after", async () => {
  using bench = new Bench();
  await bench.say(new Uint8Array(2048).fill(7), new Uint8Array(4000), Uint8Array.of(9));
  const heard = await bench.hear(2);
  assert.deepEqual(heard.map(({ payload }) => payload.length), [2048, 1]);
  assert.deepEqual(bench.told, ["oversized"]);
});

Deno.test("InterfacePort: closing wakes whoever waits, and nothing comes after", async () => {
  using bench = new Bench();
  const waiting = bench.port.arrival();
  bench.port.close();
  await waiting;
  await bench.port.arrival();
  assert.deepEqual(bench.port.take(64), []);
  bench.port.flush();
  bench.port.check();
  bench.port.close();
});

Deno.test("InterfacePort: a send after close fails with a reason, and throws nothing", () => {
  using bench = new Bench();
  bench.port.close();
  bench.answer({ kind: "broadcast" }, 1);
  assert.equal(bench.told.length, 1);
  assert.doesNotMatch(bench.told[0]!, /undefined/);
});

Deno.test("InterfacePort says when another program has the port", () => {
  using bench = new Bench();
  assert.throws(
    () => new Bench({ port: bench.serverPort }),
    (error: Error) => {
      assert.ok(error instanceof OperatorError);
      assert.match(error.message, /another program serves DHCP here/);
      return true;
    },
  );
});

Deno.test("InterfacePort waits for an interface that is not there", () => {
  using bench = new Bench({
    served: interfaceOf("nosuch0 10.0.0.1/24"),
    confinement: Confinement.ELSEWHERE,
  });
  assert.match(bench.port.trouble()!, /no interface nosuch0/);
  assert.match(bench.told[0]!, /warn: .*no interface nosuch0.*waiting/);
  bench.port.check();
  assert.match(bench.port.trouble()!, /no interface nosuch0/);
  bench.answer({ kind: "broadcast" }, 1);
  assert.match(bench.told[1]!, /send failed: .*nosuch0/);
  assert.equal(bench.told.length, 2);
});

// Opened once for good: a process has one C library.
const libc = Libc.open();

Deno.test({
  name: "InterfacePort takes and sends many at once with the C library, tied to its interface",
  ignore: libc === undefined && !requiresAll(),
  async fn() {
    using bench = new Bench({ libc, confinement: Confinement.DEVICE });
    const sent = Array.from({ length: 300 }, (_, n) => new Uint8Array(300).fill(n % 251, 1));
    sent.forEach((payload, n) => payload[0] = n % 256);
    await bench.say(...sent.slice(0, 150), new Uint8Array(4000), ...sent.slice(150));
    const heard = await bench.hear(300);
    for (const { sourcePort } of heard) assert.equal(sourcePort, bench.clientPort);
    // What Deno has read already is handed over a little later than what is fetched at once.
    const texts = (payloads: readonly Uint8Array[]) => payloads.map(String).toSorted();
    assert.deepEqual(texts(heard.map(({ payload }) => payload)), texts(sent));
    assert.deepEqual(bench.told, ["oversized"]);

    const address = parseIpv4("127.0.0.1");
    for (let n = 0; n < 100; n++) {
      bench.port.send({ kind: "client", address }, (into) => into.fill(n, 0, 300).length && 300);
    }
    bench.port.send({ kind: "client", address }, () => 0);
    bench.port.flush();
    for (let n = 0; n < 100; n++) {
      assert.deepEqual(await bench.heardByClient(), new Array(300).fill(n));
    }
    assert.deepEqual(bench.told, ["oversized"]);
    bench.port.check();
    assert.equal(bench.port.trouble(), undefined);
  },
});

for (const library of [libc, undefined]) {
  const how = library === undefined ? "without" : "with";
  Deno.test({
    name: `InterfacePort ${how} the C library hears what follows one that is too long`,
    ignore: libc === undefined && !requiresAll(),
    async fn() {
      const confined = library && { libc: library, confinement: Confinement.DEVICE };
      using bench = new Bench({ ...confined });
      for (const size of [2049, 4000, 65_507]) {
        // Somebody waits already: nothing else will make the port look at its socket.
        const waiting = bench.port.arrival();
        await bench.say(new Uint8Array(size));
        await until(() => bench.told.length > 0);
        await bench.say(Uint8Array.of(9));
        await waiting;
        assert.deepEqual(bench.port.take(64).map(({ payload }) => [...payload]), [[9]]);
        assert.deepEqual(bench.told.splice(0), ["oversized"]);
      }
      await bench.say(new Uint8Array(2048));
      assert.equal((await bench.hear(1))[0]!.payload.length, 2048);
    },
  });
}

Deno.test({
  name: "InterfacePort says when what waits is not taken, and when it is again",
  ignore: libc === undefined && !requiresAll(),
  async fn() {
    using bench = new Bench({ libc, confinement: Confinement.DEVICE });
    const looks = (count: number) => {
      for (let look = 0; look < count; look++) {
        bench.elapsed += 1000;
        bench.port.check();
      }
    };
    looks(10);
    assert.equal(bench.port.untaken(), 0);
    await bench.say(Uint8Array.of(1), Uint8Array.of(2));
    looks(6);
    assert.ok(bench.port.untaken() >= 4000, `${bench.port.untaken()} ms`);
    assert.match(bench.port.trouble()!, /wait on lo and are not taken/);
    await bench.hear(2);
    looks(1);
    assert.equal(bench.port.untaken(), 0);
    assert.equal(bench.port.trouble(), undefined);
  },
});

/** Waits for what the sockets are about to do. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 1));
}
