import assert from "node:assert/strict";
import { claimDirectory, isOwnDirectory } from "../../lib/cli/own_directory.ts";
import { tokenPlaces } from "../../lib/cli/token_places.ts";

const USER = Deno.uid()!;
const SOMEBODY = 54321;
const MAIN = new URL("../../main.ts", import.meta.url).pathname;

/** A directory in a directory like /tmp, and what is planted there by somebody else. */
async function withPlace(body: (path: string, parent: string) => void | Promise<void>) {
  const parent = await Deno.makeTempDir();
  try {
    await Deno.chmod(parent, 0o1777);
    await body(`${parent}/etcdhcp-trial-${USER}`, parent);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

const modeOf = (path: string) => Deno.lstatSync(path).mode! & 0o7777;

function refused(path: string, why: RegExp): void {
  assert.throws(() => claimDirectory(path, USER), { name: "OperatorError", message: why });
  assert.ok(!isOwnDirectory(path, USER));
}

Deno.test("claimDirectory makes a directory for its user alone, and knows it again", async () => {
  await withPlace((path) => {
    assert.ok(!isOwnDirectory(path, USER), "it is not there");
    for (let i = 0; i < 2; i++) {
      claimDirectory(path, USER);
      assert.equal(modeOf(path), 0o700);
      assert.ok(isOwnDirectory(path, USER));
    }
    // As it was made before: others could read it, and put nothing into it.
    Deno.chmodSync(path, 0o755);
    claimDirectory(path, USER);
    assert.equal(modeOf(path), 0o700);
  });
});

Deno.test("claimDirectory follows no symbolic link, and uses nothing that others may write to", async () => {
  await withPlace(async (path, parent) => {
    const target = `${parent}/target`;
    await Deno.mkdir(target, { mode: 0o700 });
    await Deno.symlink(target, path);
    refused(path, /^cannot keep the trial's files in \/.*: it is a symbolic link, .*TMPDIR/);
    await Deno.remove(path);
    await Deno.symlink(`${parent}/nowhere`, path);
    refused(path, /it is a symbolic link/);
    await Deno.remove(path);
    await Deno.writeTextFile(path, "");
    refused(path, /it is no directory/);
    await Deno.remove(path);
    await Deno.mkdir(path);
    for (const mode of [0o770, 0o702, 0o777]) {
      await Deno.chmod(path, mode);
      refused(path, /others may write to it/);
      assert.equal(modeOf(path), mode, "it is left as it is");
    }
    await Deno.chmod(path, 0o700);
    assert.ok(!isOwnDirectory(path, undefined), "whose it is cannot be told");
    // In a place without the sticky bit others could put their own in its stead.
    await Deno.chmod(parent, 0o777);
    refused(path, /who could replace it/);
    assert.deepEqual([...Deno.readDirSync(target)], []);
  });
  refused("/nonexistent/etcdhcp-trial", /^cannot keep the trial's files in \/nonexistent/);
});

Deno.test({
  name: "claimDirectory takes no directory of another user, not even for root",
  ignore: USER !== 0,
  async fn() {
    await withPlace(async (path, parent) => {
      await Deno.mkdir(path, { mode: 0o700 });
      await Deno.chown(path, SOMEBODY, SOMEBODY);
      refused(path, /it belongs to user 54321, not to user 0/);
      await Deno.chown(path, USER, 0);
      await Deno.chown(parent, SOMEBODY, SOMEBODY);
      refused(path, /the directory that it is in belongs to user 54321/);
    });
  },
});

Deno.test("tokenPlaces has no directory that somebody may have planted", async () => {
  await withPlace(async (path, parent) => {
    const places = () => tokenPlaces.of(new Map([["TMPDIR", parent]]), USER);
    const elsewhere = ["/var/lib/etcdhcp/admin-token"];
    assert.deepEqual(places(), elsewhere);
    await Deno.mkdir(path);
    await Deno.chmod(path, 0o777);
    assert.deepEqual(places(), elsewhere);
    await Deno.chmod(path, 0o700);
    assert.deepEqual(places(), [...elsewhere, `${path}/admin-token`]);
    await Deno.rename(path, `${parent}/other`);
    await Deno.symlink(`${parent}/other`, path);
    assert.deepEqual(places(), elsewhere);
  });
});

Deno.test("serve as a trial refuses a planted directory and leaves what it leads to alone", async () => {
  await withPlace(async (path, parent) => {
    const target = `${parent}/target`;
    await Deno.mkdir(target);
    await Deno.writeTextFile(`${target}/admin-token`, "planted-0123456789\n", { mode: 0o600 });
    await Deno.symlink(target, path);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", MAIN, "serve", "--admin-addr=127.0.0.1:0"],
      env: { TMPDIR: parent, XDG_RUNTIME_DIR: "" },
    }).output();
    const said = new TextDecoder().decode(stderr);
    assert.equal(code, 1, said);
    assert.match(said, /^etcdhcp: cannot keep the trial's files in .*: it is a symbolic link/m);
    assert.deepEqual([...Deno.readDirSync(target)].map(({ name }) => name), ["admin-token"]);
  });
});
