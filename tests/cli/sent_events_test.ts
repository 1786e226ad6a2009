import assert from "node:assert/strict";
import { EventText } from "../../lib/cli/sent_events.ts";

Deno.test("EventText finds events however the text is cut", () => {
  const text = "retry: 2000\nid: a-0\n\n: still here\n\nevent: lease\nid: a-1\ndata: " +
    '{"ip":"10.6.9.1"}\n\nevent: reset\nid: a-2\ndata: {}\n\nevent: cut';
  for (let size = 1; size <= text.length; size++) {
    const reader = new EventText();
    const events = [];
    for (let at = 0; at < text.length; at += size) {
      events.push(...reader.take(text.slice(at, at + size)));
    }
    assert.deepEqual(events, [
      { event: "lease", id: "a-1", data: { ip: "10.6.9.1" } },
      { event: "reset", id: "a-2", data: {} },
    ]);
  }
  const reader = new EventText();
  assert.deepEqual([...reader.take("id: a-7\n\n")], []);
  assert.equal(reader.id, "a-7");
});
