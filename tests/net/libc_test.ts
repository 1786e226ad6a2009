import assert from "node:assert/strict";
import { Libc } from "../../lib/net/libc.ts";
import { parseIpv4 } from "../../lib/wire/address.ts";
import { requiresAll } from "../tools.ts";

const ADDRESS = parseIpv4("127.0.0.1");

// Opened once for good: a process has one C library.
const libc = Libc.open();

/** Tests that need `--allow-ffi`, and are left out without it. */
function test(name: string, body: (libc: Libc) => void | Promise<void>): void {
  Deno.test({ name, ignore: libc === undefined && !requiresAll(), fn: () => body(libc!) });
}

/** A socket on loopback and its descriptor. */
class Socket implements Disposable {
  readonly conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly fd: number;
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
    const fd = libc.findSocket(ADDRESS, this.port);
    assert.notEqual(fd, undefined);
    this.fd = fd!;
  }

  get port(): number {
    return (this.conn.addr as Deno.NetAddr).port;
  }

  [Symbol.dispose](): void {
    this.#libc.forget(this.fd);
    this.conn.close();
  }
}

test("Libc.killGroup kills what a process has started with it", async (libc) => {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", "sleep 1000 | cat"],
    stdin: "null",
    stdout: "piped",
    detached: true,
  }).spawn();
  assert.ok(libc.killGroup(child.pid));
  assert.equal((await child.status).signal, "SIGKILL");
  // The pipe ends with the last that holds it.
  assert.equal(await new Response(child.stdout).text(), "");
  for (const nobody of [1, 0, -1]) assert.ok(!libc.killGroup(nobody));
});

test("Libc.findSocket finds each socket once, until it is forgotten", (libc) => {
  using one = new Socket(libc);
  using other = new Socket(libc);
  assert.notEqual(one.fd, other.fd);
  assert.equal(libc.findSocket(ADDRESS, one.port), undefined);
  libc.forget(one.fd);
  assert.equal(libc.findSocket(ADDRESS, one.port), one.fd);
  assert.equal(libc.findSocket(parseIpv4("127.0.0.9"), one.port), undefined);
});

test("Libc.interfaceState knows loopback, and no interface that is not there", (libc) => {
  using socket = new Socket(libc);
  const state = libc.interfaceState(socket.fd, "lo");
  assert.ok(state !== undefined && state.up && state.index >= 1);
  assert.equal(libc.interfaceState(socket.fd, "nosuch0"), undefined);
});

test("Libc.bindToDevice says why it cannot", (libc) => {
  using socket = new Socket(libc);
  assert.match(libc.bindToDevice(socket.fd, "nosuch0")!, /no such device|not permitted/);
  assert.match(libc.bindToDevice(-1, "lo")!, /error 9/);
});

test("Libc.setNeighbour fails without consequence where there can be none", (libc) => {
  using socket = new Socket(libc);
  const hardware = Uint8Array.of(2, 0, 0, 0, 0, 1);
  const result = libc.setNeighbour(socket.fd, "nosuch0", parseIpv4("10.0.0.9"), hardware);
  assert.notEqual(result, "done");
});

test("BatchSender and BatchReceiver carry hundreds of datagrams in a few calls", (libc) => {
  using from = new Socket(libc);
  using to = new Socket(libc);
  libc.setBuffers(to.fd, 1024 * 1024);
  const failures: string[] = [];
  const sender = libc.sender(from.fd, (reason) => failures.push(reason));
  for (let n = 0; n < 200; n++) {
    sender.add(ADDRESS, to.port, (into) => {
      into.fill(n, 0, 100 + n);
      return 100 + n;
    });
  }
  sender.flush();
  sender.flush();
  assert.deepEqual(failures, []);

  const receiver = libc.receiver(to.fd, 2048);
  const heard: number[] = [];
  const calls: boolean[] = [];
  do {
    calls.push(receiver.drain((payload, length, port, whole) => {
      assert.equal(port, from.port);
      assert.ok(whole);
      assert.equal(length, 100 + heard.length);
      assert.ok(payload.subarray(0, length).every((octet) => octet === payload[0]));
      heard.push(payload[0]!);
    }));
  } while (calls.at(-1));
  assert.deepEqual(heard, Array.from({ length: 200 }, (_, n) => n));
  assert.deepEqual(calls, [true, true, true, false]);
});

test("BatchReceiver says which datagrams were longer than its buffer", (libc) => {
  using from = new Socket(libc);
  using to = new Socket(libc);
  const sender = libc.sender(from.fd, () => assert.fail());
  for (const length of [64, 65]) sender.add(ADDRESS, to.port, () => length);
  sender.flush();
  const heard: (readonly [number, boolean])[] = [];
  libc.receiver(to.fd, 64).drain((_, length, __, whole) => heard.push([length, whole]));
  assert.deepEqual(heard, [[64, true], [64, false]]);
});

test("BatchSender reports what the system refuses, and sends the rest", (libc) => {
  using from = new Socket(libc);
  using to = new Socket(libc);
  const failures: string[] = [];
  const sender = libc.sender(from.fd, (reason) => failures.push(reason));
  const one = () => 1;
  sender.add(ADDRESS, to.port, one);
  // A socket on a loopback address reaches nobody else; port 0 nobody at all.
  sender.add(ADDRESS, 0, one);
  sender.add(parseIpv4("192.0.2.1"), to.port, one);
  sender.add(ADDRESS, to.port, one);
  sender.flush();
  assert.equal(failures.length, 2, failures.join("; "));
  assert.match(failures[0]!, /\(to 127\.0\.0\.1\)/);
  assert.match(failures[1]!, /\(to 192\.0\.2\.1\)/);
  let heard = 0;
  libc.receiver(to.fd, 64).drain(() => heard++);
  assert.equal(heard, 2);
});
