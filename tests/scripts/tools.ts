/**
 * Running a program to see how it ends.
 *
 * @module
 */

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
