import assert from "node:assert/strict";
import { isJournal, LineLog, type LineSink, type LogFormat } from "../../lib/cli/logging.ts";

const NOON = Date.UTC(2026, 10, 22, 12, 0, 0, 7);

/** A reader that takes what it is given once it is let. */
class Reader implements LineSink {
  text = "";
  writes = 0;
  open: Promise<void> = Promise.resolve();
  largest = Infinity;

  async write(bytes: Uint8Array): Promise<number> {
    await this.open;
    this.writes++;
    const taken = bytes.subarray(0, this.largest);
    this.text += new TextDecoder().decode(taken);
    return taken.length;
  }
}

function makeLog(format: LogFormat, verbosity = 0) {
  const reader = new Reader();
  return { reader, log: new LineLog({ format, verbosity }, reader, () => NOON) };
}

Deno.test("LineLog writes text: time, level, message, fields", async () => {
  const { reader, log } = makeLog("text");
  log.event("ack", { ip: "10.6.9.10", mac: "5c:96:56:a4:be:eb", seconds: 3600, host: undefined });
  log.info("ready");
  log.warn("odd", { flag: true, nothing: null });
  log.error("broken", { why: 'said "no" here', empty: "", equals: "a=b" });
  await log.flush();
  assert.equal(
    reader.text,
    "2026-11-22T12:00:00.007Z info  ack ip=10.6.9.10 mac=5c:96:56:a4:be:eb seconds=3600\n" +
      "2026-11-22T12:00:00.007Z info  ready\n" +
      "2026-11-22T12:00:00.007Z warn  odd flag=true nothing=null\n" +
      '2026-11-22T12:00:00.007Z error broken why="said \\"no\\" here" empty="" equals="a=b"\n',
  );
  assert.equal(reader.writes, 1);
});

Deno.test("LineLog writes JSON: one object a line", async () => {
  const { reader, log } = makeLog("json");
  log.event("ack", { ip: "10.6.9.10", seconds: 3600, host: undefined, name: 'a"\n' });
  log.error("broken\n");
  await log.flush();
  const [first, second, ...rest] = reader.text.split("\n");
  assert.deepEqual(JSON.parse(first!), {
    time: "2026-11-22T12:00:00.007Z",
    level: "info",
    msg: "ack",
    ip: "10.6.9.10",
    seconds: 3600,
    name: 'a"\n',
  });
  assert.deepEqual(JSON.parse(second!).msg, "broken\n");
  assert.deepEqual(rest, [""]);
});

Deno.test("LineLog lets nothing from the network act on the terminal", async () => {
  const { reader, log } = makeLog("text");
  log.event("ack", { host: "a\n2026 fake\x1b[2J\x9b\u202e\u0000" });
  log.info("two\r\nlines");
  await log.flush();
  assert.equal(
    reader.text,
    '2026-11-22T12:00:00.007Z info  ack host="a\\n2026 fake\\u001b[2J\\u009b\\u202e\\u0000"\n' +
      "2026-11-22T12:00:00.007Z info  two lines\n",
  );
});

Deno.test("LineLog keeps debug lines for verbosity 1", async () => {
  for (
    const [verbosity, wanted] of [[0, ""], [1, "2026-11-22T12:00:00.007Z debug why\n"]] as const
  ) {
    const { reader, log } = makeLog("text", verbosity);
    log.debug("why");
    await log.flush();
    assert.equal(reader.text, wanted);
  }
});

Deno.test("LineLog goes on after a short write", async () => {
  const { reader, log } = makeLog("text");
  reader.largest = 10;
  log.info("a line longer than ten octets");
  await log.flush();
  assert.equal(reader.text, "2026-11-22T12:00:00.007Z info  a line longer than ten octets\n");
});

Deno.test("LineLog drops lines that a slow reader leaves too long, and says how many", async () => {
  const { reader, log } = makeLog("text");
  let letGo = () => {};
  reader.open = new Promise((resolve) => letGo = resolve);
  for (let i = 0; i < 100_000; i++) log.info("line", { i });
  letGo();
  await log.flush();
  const lines = reader.text.trimEnd().split("\n");
  const last = lines.pop()!;
  const dropped = Number(/lines=(\d+)$/.exec(last)![1]);
  assert.match(last, / log lines dropped: stderr is read too slowly /);
  assert.equal(lines.length + dropped, 100_000);
  assert.ok(dropped > 0 && reader.text.length < 5_000_000);
});

Deno.test("LineLog outlives its reader", async () => {
  const gone: LineSink = { write: () => Promise.reject(new Deno.errors.BrokenPipe("gone")) };
  const log = new LineLog({ format: "text", verbosity: 0 }, gone, () => NOON);
  log.info("anybody?");
  await log.flush();
});

Deno.test("LineLog writes for the journal: priority, message, fields, no time", async () => {
  const { reader, log } = makeLog("journal", 1);
  log.event("lease created", { ip: "10.6.9.10" });
  log.error("broken\ntwice");
  log.warn("odd");
  log.debug("dropped", { reason: "malformed" });
  await log.flush();
  assert.equal(
    reader.text,
    "<6>lease created ip=10.6.9.10\n<3>broken twice\n<4>odd\n<7>dropped reason=malformed\n",
  );
});

Deno.test("isJournal compares device and inode of stderr with $JOURNAL_STREAM", () => {
  assert.ok(isJournal("8:4711", { dev: 8, ino: 4711 }));
  assert.ok(!isJournal("8:4712", { dev: 8, ino: 4711 }));
  assert.ok(!isJournal(undefined, { dev: 8, ino: 4711 }));
  assert.ok(!isJournal("8:4711", undefined));
});
