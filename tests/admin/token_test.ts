import assert from "node:assert/strict";
import { loadToken, sameToken, TokenError, TokenFile } from "../../lib/admin/token.ts";

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("loadToken makes a token that only its owner can read, and keeps it", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/admin-token`;
    const token = await loadToken(path);
    assert.match(token!, /^[A-Za-z0-9_-]{43}$/);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.equal(await loadToken(path), token);
    assert.notEqual(await loadToken(`${directory}/other`), token);
  });
});

Deno.test("loadToken has no token where there is no directory", async () => {
  await withDirectory(async (directory) => {
    assert.equal(await loadToken(`${directory}/none/admin-token`), undefined);
  });
});

Deno.test("loadToken refuses a file that others can read, or that holds no token", async () => {
  await withDirectory(async (directory) => {
    const path = `${directory}/admin-token`;
    await Deno.writeTextFile(path, "0123456789abcdef\n");
    for (const mode of [0o640, 0o604, 0o644]) {
      await Deno.chmod(path, mode);
      await assert.rejects(loadToken(path), (error) => {
        assert.ok(error instanceof TokenError);
        assert.match(error.message, /can be read by others .*: chmod 600 \/.*admin-token, /);
        return true;
      });
    }
    await Deno.chmod(path, 0o600);
    assert.equal(await loadToken(path), "0123456789abcdef");
    for (const text of ["", "short", "two words that are long"]) {
      await Deno.writeTextFile(path, text);
      await assert.rejects(loadToken(path), { name: "TokenError", message: /holds no token/ });
    }
    await assert.rejects(loadToken(directory), { name: "TokenError", message: /cannot read/ });
  });
});

Deno.test("TokenFile has what the file holds at this moment, and says once why it has none", async () => {
  await withDirectory(async (parent) => {
    const directory = `${parent}/state`;
    const path = `${directory}/admin-token`;
    const lines: string[] = [];
    const file = await TokenFile.open(path, (line) => lines.push(line));
    const has = async (text: string) => assert.deepEqual(await file.now(), { kind: "token", text });
    const lacks = async (why: RegExp) => {
      for (let i = 0; i < 2; i++) {
        const now = await file.now();
        assert.match(now.kind === "none" ? now.why : "", why);
      }
      assert.equal(lines.length, 1, lines.join());
      assert.match(lines.pop()!, /Until then nothing can be changed over HTTP$/);
    };
    await lacks(/the directory of .* does not exist; make it$/);
    await Deno.mkdir(directory);
    const made = await file.now();
    await has((await Deno.readTextFile(path)).trim());
    // Replaced, and written into: what was the token is none any more.
    await Deno.writeTextFile(`${path}.new`, "0123456789abcdef\n", { mode: 0o600 });
    await Deno.rename(`${path}.new`, path);
    await has("0123456789abcdef");
    await Deno.writeTextFile(path, "fedcba9876543210\n");
    await has("fedcba9876543210");
    await Deno.chmod(path, 0o644);
    await lacks(/can be read by others/);
    await Deno.chmod(path, 0o600);
    await Deno.writeTextFile(path, "");
    await lacks(/holds no token/);
    await Deno.remove(path);
    const again = await file.now();
    assert.ok(again.kind === "token" && made.kind === "token" && again.text !== made.text);
    assert.deepEqual(lines, []);
  });
});

Deno.test("sameToken knows the token and nothing else", () => {
  assert.ok(sameToken("0123456789abcdef", "0123456789abcdef"));
  for (const other of ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"]) {
    assert.ok(!sameToken(other, "0123456789abcdef"), other);
  }
});
