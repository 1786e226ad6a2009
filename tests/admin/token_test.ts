import assert from "node:assert/strict";
import { loadToken, sameToken, TokenError } from "../../lib/admin/token.ts";

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

Deno.test("sameToken knows the token and nothing else", () => {
  assert.ok(sameToken("0123456789abcdef", "0123456789abcdef"));
  for (const other of ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0"]) {
    assert.ok(!sameToken(other, "0123456789abcdef"), other);
  }
});
