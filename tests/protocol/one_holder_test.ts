/** Law 1 under whatever clients say: judged by what was answered, not by the book. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { formatIpv4, type Ipv4, UNSPECIFIED } from "../../lib/wire/address.ts";
import { leaseTime, MessageType, messageType } from "../../lib/wire/registry.ts";
import {
  addPool,
  clientNumber,
  enter,
  free,
  removePool,
  reservation,
  reserve,
  unreserve,
} from "../lease/fixtures.ts";
import { Conversation } from "./conversation.ts";
import type { Answer, StoreMood } from "./network.ts";

const CLIENTS = 5;
const ADDRESSES = ["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.50", "10.0.0.77"];

/** What a client says; the rest an operator does. */
type Said = "DISCOVER" | "SELECTING" | "REBOOT" | "RENEW" | "RELEASE" | "DECLINE";

interface Step {
  /** Milliseconds that pass before. */
  readonly wait: number;
  readonly client: number;
  readonly type: Said | "FREE" | "ENTER" | "RESERVE" | "UNRESERVE" | "ADD" | "REMOVE";
  /** An index of ADDRESSES; others stand for the address that the client knows. */
  readonly address: number;
  readonly lease: number | undefined;
  readonly mood: StoreMood;
}

const step: fc.Arbitrary<Step> = fc.record({
  wait: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 3000 }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 700_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(119_999, 120_000, 120_001, 7_200_000) },
  ),
  client: fc.integer({ min: 0, max: CLIENTS - 1 }),
  type: fc.oneof(
    {
      weight: 8,
      arbitrary: fc.constantFrom<Step["type"][]>(
        ...["DISCOVER", "SELECTING", "SELECTING", "REBOOT", "RENEW", "RELEASE", "DECLINE"] as const,
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom<Step["type"][]>(
        ...["FREE", "FREE", "ENTER", "RESERVE", "UNRESERVE", "ADD", "REMOVE"] as const,
      ),
    },
  ),
  address: fc.integer({ min: 0, max: ADDRESSES.length * 2 }),
  lease: fc.constantFrom(undefined, 120, 600),
  mood: fc.constantFrom<StoreMood[]>("up", "up", "up", "up", "up", "up", "lost", "unknown", "down"),
});

/** Who holds what, going by the messages alone. */
class Judge {
  readonly #holders = new Map<string, { readonly client: string; readonly until: number }>();

  acked(client: string, address: string, now: number, until: number): void {
    const holder = this.#holders.get(address);
    assert.ok(
      holder === undefined || holder.client === client || holder.until <= now,
      `${address} was given to ${client} while ${holder?.client} holds it`,
    );
    this.usesOnly(client, address);
    this.#holders.set(address, { client, until });
  }

  /** The client uses this address no more. */
  gaveBack(client: string, address: string): void {
    if (this.#holders.get(address)?.client === client) this.#holders.delete(address);
  }

  /** The client uses no other address than this. */
  usesOnly(client: string, address: string): void {
    for (const [other, { client: who }] of this.#holders) {
      if (who === client && other !== address) this.#holders.delete(other);
    }
  }
}

function lineOf(
  type: Said,
  lease: number | undefined,
  client: string,
  address: string,
): string {
  const ask = lease === undefined ? "" : ` lease=${lease}`;
  switch (type) {
    case "DISCOVER":
      return `DISCOVER ${client} requested=${address}${ask}`;
    case "SELECTING":
      return `REQUEST ${client} server=10.0.0.1 requested=${address}${ask}`;
    case "REBOOT":
      return `REQUEST ${client} requested=${address}${ask}`;
    case "RENEW":
      return `REQUEST ${client} ciaddr=${address}${ask}`;
    case "RELEASE":
      return `RELEASE ${client} server=10.0.0.1 ciaddr=${address}`;
    case "DECLINE":
      return `DECLINE ${client} server=10.0.0.1 requested=${address}`;
  }
}

/** The address in a reply of this type; undefined for any other answer. */
function addressIn(answer: Answer, type: MessageType): Ipv4 | undefined {
  if (answer.kind !== "reply" || answer.message.options.get(messageType) !== type) return undefined;
  return answer.message.yiaddr === UNSPECIFIED ? undefined : answer.message.yiaddr;
}

/** What an operator does, whose word no client hears; the lease that was entered, if one was. */
async function operate(
  type: Exclude<Step["type"], Said>,
  { network }: Conversation,
  client: string,
  address: string,
): Promise<{ readonly until: number } | undefined> {
  const { store, now } = network;
  switch (type) {
    case "FREE":
      await store.commit([free(address)], now);
      return undefined;
    case "ENTER": {
      const until = now + 300_000;
      const [result] = await store.commit([enter(client, address, now - 1000, until)], now);
      return result?.kind === "done" ? { until } : undefined;
    }
    case "RESERVE":
      await store.amend([reserve(client, reservation(address))], now);
      return undefined;
    case "UNRESERVE":
      await store.amend([unreserve(client)], now);
      return undefined;
    case "ADD":
      await store.amend([addPool(`${address}-${address}`)], now);
      return undefined;
    case "REMOVE":
      await store.amend([removePool(`${address}-${address}`)], now);
      return undefined;
  }
}

function isSaid(type: Step["type"]): type is Said {
  return ["DISCOVER", "SELECTING", "REBOOT", "RENEW", "RELEASE", "DECLINE"].includes(type);
}

async function play(steps: readonly Step[]): Promise<void> {
  const talk = new Conversation({
    subnets: [{
      pools: ["10.0.0.10-10.0.0.12"],
      reservations: { [clientNumber(0)]: "10.0.0.50" },
      declineShare: 0.4,
    }],
  });
  const judge = new Judge();
  const known = new Map<string, string>();
  for (const step of steps) {
    const { network } = talk;
    await network.passTo(network.now + step.wait);
    network.mood = step.mood;
    const client = clientNumber(step.client);
    const address = ADDRESSES[step.address] ?? known.get(client) ?? ADDRESSES[0]!;
    if (!isSaid(step.type)) {
      const entered = await operate(step.type, talk, client, address);
      if (entered !== undefined) judge.acked(client, address, network.now, entered.until);
      continue;
    }
    if (step.type === "RELEASE" || step.type === "DECLINE") judge.gaveBack(client, address);
    if (step.type === "SELECTING" || step.type === "RENEW") judge.usesOnly(client, address);
    const answer = await talk.say(lineOf(step.type, step.lease, client, address));
    const acked = addressIn(answer, MessageType.ACK);
    if (acked !== undefined && answer.kind === "reply") {
      const seconds = answer.message.options.get(leaseTime)!;
      judge.acked(client, formatIpv4(acked), network.now, network.now + seconds * 1000);
    }
    const told = acked ?? addressIn(answer, MessageType.OFFER);
    if (told !== undefined) known.set(client, formatIpv4(told));
  }
}

Deno.test("law 1: no two clients hold one address, whatever they say and when", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80 }), play),
    { numRuns: 300 },
  );
});

Deno.test("law 1: each client of a full house keeps its address through every renewal", async () => {
  const talk = new Conversation({ subnets: [{ pools: ["10.0.0.10-10.0.0.41"] }] });
  const held = new Map<string, string>();
  for (let n = 0; n < 32; n++) {
    const client = clientNumber(n);
    const offer = addressIn(await talk.say(`DISCOVER ${client}`), MessageType.OFFER)!;
    const line = `REQUEST ${client} server=10.0.0.1 requested=${formatIpv4(offer)}`;
    const address = formatIpv4(addressIn(await talk.say(line), MessageType.ACK)!);
    assert.ok(![...held.values()].includes(address), `${address} is given twice`);
    held.set(client, address);
  }
  for (let round = 1; round <= 5; round++) {
    await talk.network.passTo(talk.network.now + 1_800_000);
    for (const [client, address] of held) {
      const answer = await talk.say(`REQUEST ${client} ciaddr=${address}`);
      assert.equal(formatIpv4(addressIn(answer, MessageType.ACK)!), address);
    }
  }
});
