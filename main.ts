import { processEdges } from "./lib/cli/edges.ts";
import { run } from "./lib/cli/program.ts";

Deno.exit(await run(Deno.args, processEdges));
