/**
 * Cleaning up, whatever happens to the test. A shell of its own is told what was made, and
 * removes all of it when its standard input ends: when the test is done, and just as well when the
 * test process is interrupted, crashes or is killed.
 *
 * @module
 */

/** Reads `netns NAME`, `mount PATH` and `directory PATH`; acts at the end of input. */
const SCRIPT = `
trap '' INT TERM HUP QUIT
namespaces= mounts= directories=
while read -r kind name; do
  case $kind in
    netns) namespaces="$name $namespaces" ;;
    mount) mounts="$name $mounts" ;;
    directory) directories="$name $directories" ;;
  esac
done
# Nothing that writes to a frozen disk could end.
for path in $mounts; do fsfreeze -u "$path" 2>/dev/null; done
for name in $namespaces; do
  # Whatever lives in a namespace of ours was started by us.
  for pid in $(ip netns pids "$name" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
done
for name in $namespaces; do ip netns del "$name"; done
for path in $mounts; do umount "$path" 2>/dev/null || umount -l "$path"; done
for path in $directories; do rm -rf "$path"; done
`;

/** The one that cleans up. */
export class Janitor implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  constructor() {
    // Apart from the terminal, so that its Ctrl-C does not take it along.
    this.#child = new Deno.Command("setsid", {
      args: ["sh", "-c", SCRIPT],
      stdin: "piped",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
  }

  /** Names a thing to remove. Call it before making the thing, so that no instant is uncovered. */
  async owns(kind: "netns" | "mount" | "directory", name: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${kind} ${name}\n`));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#child.status;
  }
}
