/**
 * The `lease watch` command.
 *
 * @module
 */

import type { LeaseJson } from "../admin/api/lease_json.ts";
import { type AdminClient, AdminError } from "./admin_client.ts";
import type { Edges } from "./edges.ts";
import { serverCommand, SUBNET_ROW } from "./server_command.ts";
import { EventText, type SentEvent } from "./sent_events.ts";
import { showable } from "./table.ts";

/** Before it tries again after a break, milliseconds. */
const PAUSE = 1000;

/** Shows what happens to leases until it is interrupted. */
export const leaseWatch = serverCommand({
  name: "lease watch",
  summary: "Show what happens to leases, as it happens",
  rows: { subnet: SUBNET_ROW },
  notes: "Ends with Ctrl-C. When the connection breaks it comes back and goes on where it was.",
  async work({ client, json, own, edges }) {
    const interrupted = edges.interrupted();
    const seen: Seen = { id: undefined, connected: false };
    while (!interrupted.aborted) {
      try {
        for await (const event of follow(client, seen, interrupted)) {
          show(event, json, own.subnet.value, edges);
        }
      } catch (error) {
        // What never worked is for the user to mend; what worked will again.
        const transient = error instanceof AdminError &&
          (error.status === 0 || error.status >= 500);
        if (!seen.connected || !transient) throw error;
      }
      if (interrupted.aborted) break;
      edges.err(`etcdhcp: ${client.where} has gone; trying again\n`);
      await pause(interrupted);
    }
    return 0;
  },
});

/** How far the events have been seen. */
interface Seen {
  id: string | undefined;
  connected: boolean;
}

async function* follow(
  client: AdminClient,
  seen: Seen,
  signal: AbortSignal,
): AsyncGenerator<SentEvent> {
  const headers: Record<string, string> = { accept: "text/event-stream" };
  if (seen.id !== undefined) headers["last-event-id"] = seen.id;
  const text = new EventText();
  for await (const chunk of client.stream("/api/events", { headers, signal })) {
    seen.connected = true;
    for (const event of text.take(chunk)) {
      seen.id = event.id;
      yield event;
    }
    seen.id = text.id ?? seen.id;
  }
}

async function pause(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PAUSE);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

interface LeaseEvent {
  readonly at: string;
  readonly ip: string;
  readonly before: LeaseJson | null;
  readonly after: LeaseJson | null;
}

function show(
  { event, id, data }: SentEvent,
  json: boolean,
  subnet: string | undefined,
  edges: Edges,
): void {
  if (event === "reset") {
    edges.err("etcdhcp: some events were missed; etcdhcp lease list shows how things are\n");
    return;
  }
  if (event !== "lease") {
    if (json) edges.out(JSON.stringify({ id, ...data as object }) + "\n");
    else edges.out(`${(data as LeaseEvent).at} pools or reservations changed\n`);
    return;
  }
  const { at, ip, before, after } = data as LeaseEvent;
  const lease = after ?? before!;
  if (subnet !== undefined && lease.subnet !== subnet) return;
  const what = changeOf(before, after);
  if (json) {
    edges.out(JSON.stringify({ id, what, ...data as object }) + "\n");
    return;
  }
  const name = lease.hostname === "" ? "" : ` ${showable(lease.hostname)}`;
  const where = lease.subnet === "" ? "" : ` in ${showable(lease.subnet)}`;
  edges.out(`${at} ${what.padEnd(8)} ${ip.padEnd(15)} ${lease.client}${name}${where}\n`);
}

/** What a change of an address's entry amounts to. */
export function changeOf(before: LeaseJson | null, after: LeaseJson | null): string {
  if (after === null) return "gone";
  if (after.state !== "bound") return after.state;
  const same = before?.state === "bound" && before.client === after.client;
  return same ? "renewed" : "created";
}
