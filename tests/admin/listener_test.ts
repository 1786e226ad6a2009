import assert from "node:assert/strict";
import { request } from "node:http";
import { get as getSecurely } from "node:https";
import { makeCertificate } from "./certificate.ts";
import { Scene, type Site, startSite } from "./fixtures.ts";

const encoder = new TextEncoder();

/** Whatever the other end sends until it closes, or `silence` when it does neither in time. */
async function untilClosed(connection: Deno.Conn, patience = 20_000): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(4096);
  let text = "";
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), patience);
  });
  try {
    while (true) {
      const read = connection.read(buffer).catch(() => null);
      const count = await Promise.race([read, late]);
      if (count === "late") throw new Error(`still open after ${patience} ms: ${text}`);
      if (count === null) return text;
      text += decoder.decode(buffer.subarray(0, count));
    }
  } finally {
    clearTimeout(timer);
    connection.close();
  }
}

async function say({ port }: Site, text: string): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encoder.encode(text));
  return connection;
}

Deno.test("listen cuts off a header that does not come", async () => {
  await using site = await startSite(undefined, undefined, { connections: { header: 300 } });
  for (const text of ["", "GET /healthz HT", "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: "]) {
    const answer = await untilClosed(await say(site, text));
    assert.ok(answer === "" || answer.startsWith("HTTP/1.1 408 "), answer);
  }
});

Deno.test("listen cuts off a body that does not come", async () => {
  await using site = await startSite(undefined, undefined, { connections: { body: 300 } });
  const head =
    `POST /api/pools HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${site.token}` +
    "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n";
  const answer = await untilClosed(await say(site, head + '{"range":'));
  assert.match(answer, /^HTTP\/1.1 408 /);
  assert.match(answer, /\{"error":"the body did not come in time"\}\n/);
});

Deno.test("listen does not call it a fault when a client hangs up in the middle of a body", async () => {
  const scene = new Scene();
  {
    await using site = await startSite(scene);
    const head = "POST /api/pools HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json" +
      `\r\nAuthorization: Bearer ${site.token}\r\n`;
    const rest = [
      'Content-Length: 100\r\n\r\n{"range":',
      'Transfer-Encoding: chunked\r\n\r\n9\r\n{"range":',
      "Transfer-Encoding: chunked\r\n\r\nno chunk\r\n",
    ];
    for (const text of rest) {
      const leaving = await say(site, head + text);
      const waiting = await say(site, head + text);
      // Whoever comes later is answered later: by then both are being read.
      await (await site.ask("/api/pools")).body?.cancel();
      leaving.close();
      await waiting.closeWrite();
      const answer = await untilClosed(waiting);
      assert.ok(answer === "" || answer.startsWith("HTTP/1.1 400 "), answer);
    }
  }
  // The endpoint has stopped, so each has been dealt with.
  assert.deepEqual(scene.warnings, []);
});

Deno.test("listen does not read a body that is too large, or not wanted", async () => {
  await using site = await startSite();
  const head = (path: string, length: number) =>
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${site.token}` +
    `\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
  const large = await untilClosed(await say(site, head("/api/pools", 2_000_000)));
  assert.match(large, /^HTTP\/1.1 413 [\s\S]*the body is larger than 1048576 octets/);
  const astray = await untilClosed(await say(site, head("/nosuch", 2_000_000)));
  assert.match(astray, /^HTTP\/1.1 404 /);
  // One that does not say its length is counted.
  const chunked = head("/api/pools", 0).replace("Content-Length: 0", "Transfer-Encoding: chunked");
  const connection = await say(site, chunked);
  const chunk = encoder.encode(`10000\r\n${" ".repeat(0x10000)}\r\n`);
  try {
    for (let i = 0; i < 40; i++) await connection.write(chunk);
  } catch {
    // It was cut off while we wrote, which is right.
  }
  const counted = await untilClosed(connection);
  assert.ok(counted === "" || counted.startsWith("HTTP/1.1 413 "), counted);
});

/** Asks and leaves the connection open. @returns it and the answer's first line. */
async function ask(site: Site, path: string): Promise<[Deno.TcpConn, string]> {
  const connection = await say(site, `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  const buffer = new Uint8Array(4096);
  const count = await connection.read(buffer) ?? 0;
  return [connection, new TextDecoder().decode(buffer.subarray(0, count)).split("\r\n")[0]!];
}

Deno.test("listen lets idle connections shut nobody out", async () => {
  const limits = { connections: { connections: 8, kept: 2, peer: 6 } };
  await using site = await startSite(undefined, undefined, limits);
  const idle: Deno.TcpConn[] = [];
  try {
    for (let i = 0; i < 30; i++) idle.push(await say(site, i % 2 === 0 ? "" : "GET / HT"));
    for (const path of ["/healthz", "/metrics", "/api/leases"]) {
      const response = await fetch(site.url + path);
      await response.body?.cancel();
      assert.equal(response.status, 200, path);
    }
    // The last to come are those that still sit there.
    assert.equal(await untilClosed(idle.shift()!), "");
  } finally {
    for (const connection of idle) connection.close();
  }
});

Deno.test("listen keeps seats for health and metrics when all others are busy", async () => {
  const limits = { connections: { connections: 2, kept: 1, peer: 9 } };
  await using site = await startSite(undefined, undefined, limits);
  const busy = [await ask(site, "/api/events"), await ask(site, "/api/events")];
  try {
    for (const [, line] of busy) assert.equal(line, "HTTP/1.1 200 OK");
    for (const path of ["/healthz", "/readyz", "/metrics"]) {
      const response = await fetch(site.url + path);
      assert.equal(response.status, 200, path);
      assert.equal(response.headers.get("connection"), "close");
      await response.body?.cancel();
    }
    const refused = await fetch(`${site.url}/api/leases`);
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /what is left is for health and metrics/);
  } finally {
    for (const [connection] of busy) connection.close();
  }
});

Deno.test("listen closes a connection that asks nothing more", async () => {
  const limits = { connections: { header: 2000, idle: 200 } };
  await using site = await startSite(undefined, undefined, limits);
  const [connection, line] = await ask(site, "/healthz");
  assert.equal(line, "HTTP/1.1 200 OK");
  await untilClosed(connection, 5000);
});

Deno.test("listen serves a unix socket as well, and removes it at the end", async () => {
  let path = "";
  {
    await using site = await startSite(new Scene(), (directory) => {
      path = `${directory}/admin.sock`;
      // What a server that was killed leaves behind.
      Deno.listen({ transport: "unix", path }).close();
      return { socket: path };
    });
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o660);
    assert.equal(await statusOver(path, "GET", "/api/servers"), 200);
    assert.equal(await statusOver(path, "DELETE", "/api/leases/10.6.9.10"), 401);
    const response = await fetch(`${site.url}/healthz`);
    assert.equal(await response.text(), "ok\n");
  }
  assert.throws(() => Deno.statSync(path), Deno.errors.NotFound);
});

function statusOver(socketPath: string, method: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { socketPath, method, path, agent: false as const };
    request(options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode!));
    }).on("error", reject).end();
  });
}

Deno.test("listen leaves a socket that answers, and a file that is none", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = `${directory}/admin.sock`;
    await Deno.writeTextFile(path, "precious");
    await assert.rejects(startSite(new Scene(), () => ({ socket: path })), {
      name: "AdminListenError",
      message: `cannot listen on ${path} (--admin.socket): a file that is no socket is there; ` +
        "name another, or remove it",
    });
    assert.equal(await Deno.readTextFile(path), "precious");
    await Deno.remove(path);
    await using _first = await startSite(new Scene(), () => ({ socket: path }));
    await assert.rejects(startSite(new Scene(), () => ({ socket: path })), {
      message: /another program answers there/,
    });
    await assert.rejects(startSite(new Scene(), () => ({ socket: `${directory}/none/s` })), {
      message: /its directory does not exist; make it first/,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("listen speaks TLS, and cuts off who does not", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const { cert, key, ca } = await makeCertificate(directory);
    const limits = { connections: { header: 300 } };
    await using site = await startSite(new Scene(), () => ({ tls: { cert, key } }), limits);
    const text = await new Promise<string>((resolve, reject) => {
      const options = {
        hostname: "127.0.0.1",
        port: site.port,
        path: "/healthz",
        ca: Deno.readTextFileSync(ca),
        agent: false as const,
      };
      getSecurely(options, (response) => {
        let text = "";
        response.on("data", (chunk) => text += chunk);
        response.on("end", () => resolve(text));
      }).on("error", reject);
    });
    assert.equal(text, "ok\n");
    assert.equal(await untilClosed(await say(site, "")), "");
    {
      // Also here idle ones make way.
      const limited = { connections: { header: 5000, connections: 2, kept: 1 } };
      await using small = await startSite(new Scene(), () => ({ tls: { cert, key } }), limited);
      const oldest = await say(small, "");
      const others = [await say(small, ""), await say(small, ""), await say(small, "")];
      assert.equal(await untilClosed(oldest, 2000), "");
      for (const other of others) other.close();
    }
    await untilClosed(await say(site, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    await assert.rejects(startSite(new Scene(), () => ({ tls: { cert: "/nosuch", key } })), {
      name: "OperatorError",
      message: /^cannot read \/nosuch \(--admin.tls-cert\): /,
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
