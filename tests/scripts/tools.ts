/**
 * Programs of Debian's that some tests need.
 *
 * @module
 */

/**
 * Whether a test has to be left out because this machine lacks a program. Continuous integration
 * has them all, or fails: a test that is always left out proves nothing.
 */
export function lacks(program: string): boolean {
  if (Deno.env.get("CI")) return false;
  const places = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];
  return !places.some((place) => {
    try {
      return Deno.statSync(`${place}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}

/** What a program said and how it ended. */
export interface Outcome {
  readonly code: number;
  readonly said: string;
}

/** Runs a program to its end. */
export async function outcome(argv: readonly string[], env = {}): Promise<Outcome> {
  const [program, ...args] = argv;
  const options = { args, env: { NO_COLOR: "1", LC_ALL: "C", ...env } };
  const { code, stdout, stderr } = await new Deno.Command(program!, options).output();
  const decoder = new TextDecoder();
  return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
}
