/**
 * One end-to-end test: a lab of its own, and a failure report that shows what the server said and
 * what went over the wire.
 *
 * @module
 */

import { Lab } from "./lab.ts";
import { requireTools, type Tool } from "./tools.ts";

/** What every scenario needs. */
const ALWAYS: Tool[] = ["ip", "setsid", "bash", "tcpdump"];

async function report(lab: Lab): Promise<string> {
  const parts: string[] = [];
  for (const evidence of lab.evidence) {
    let text: string;
    try {
      text = await evidence.text();
    } catch (error) {
      text = `(no evidence: ${error})`;
    }
    parts.push(`--- ${evidence.title}\n${text}`);
  }
  return parts.join("\n");
}

/** Registers a test that gets a lab; `tools` names the programs it needs beyond the usual. */
export function scenario(name: string, tools: Tool[], body: (lab: Lab) => Promise<void>): void {
  const sanitizers = { sanitizeOps: true, sanitizeResources: true, sanitizeExit: true };
  Deno.test(name, sanitizers, async () => {
    requireTools(...ALWAYS, ...tools);
    await using lab = await Lab.make();
    try {
      await body(lab);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`${reason}\n${await report(lab)}`, { cause: error });
    }
  });
}
