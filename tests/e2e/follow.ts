/**
 * Follows a server's events and prints each as a line of JSON, with its name and id. Killing it
 * cuts the connection.
 *
 *     deno run --no-config --allow-net follow.ts URL [LAST-EVENT-ID]
 *
 * @module
 */

const [url, lastId] = Deno.args;
const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
const response = await fetch(url!, { headers });
let rest = "";
for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
  const blocks = (rest + chunk).split("\n\n");
  rest = blocks.pop()!;
  for (const block of blocks) {
    const field = (name: string) => RegExp(`^${name}: (.*)$`, "m").exec(block)?.[1];
    const [event, id, data] = [field("event"), field("id"), field("data")];
    if (id === undefined) continue;
    const line = JSON.stringify({ event, id, data: data === undefined ? null : JSON.parse(data) });
    await Deno.stdout.write(new TextEncoder().encode(line + "\n"));
  }
}
