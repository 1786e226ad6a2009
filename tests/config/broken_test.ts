import assert from "node:assert/strict";
import { run } from "../../lib/cli/program.ts";
import { FakeEdges } from "../cli/fake_edges.ts";
import { INTERFACES } from "./fixtures.ts";

const directory = new URL("broken/", import.meta.url);
const names = [...Deno.readDirSync(directory)].map(({ name }) => name)
  .filter((name) => name.endsWith(".toml")).sort();

Deno.test("config check: there are twenty broken files and more", () => {
  assert.ok(names.length >= 20);
});

// What is wanted of each stands beside it. To write it anew after a change of words:
//     UPDATE=1 deno test -A tests/config/broken_test.ts
for (const name of names) {
  Deno.test(`config check tells everything that is wrong with ${name}`, async () => {
    const text = Deno.readTextFileSync(new URL(name, directory));
    const edges = new FakeEdges({}, INTERFACES, { [name]: text });
    const code = await run(["config", "check", name], edges);
    assert.equal(code, 2);
    const count = edges.stdout.split("\n").length - 1;
    assert.ok(
      edges.stderr.endsWith(`etcdhcp: ${name}: ${count} problem${count === 1 ? "" : "s"}\n`),
    );
    const wanted = new URL(name.replace(/toml$/, "txt"), directory);
    if (Deno.env.has("UPDATE")) Deno.writeTextFileSync(wanted, edges.stdout);
    assert.equal(edges.stdout, Deno.readTextFileSync(wanted));
  });
}
