/**
 * Hooks as the configuration has them. Loaded only where there are some.
 *
 * @module
 */

import { randomBytes } from "node:crypto";
import type { Clock } from "../config/clock.ts";
import type { Log } from "../config/log.ts";
import type { Hook } from "../config/model.ts";
import { messageOf, OperatorError } from "../config/operator_error.ts";
import type { Courier } from "./courier.ts";
import { type HookCounter, Hooks } from "./hooks.ts";
import { Program, type ProgramParts, Slots } from "./program.ts";
import { Webhook } from "./webhook.ts";

/** Programs that run at once, over all hooks; those of one hook run one after the other. */
const MOST_PROGRAMS = 4;

/** What hooks need of the server. */
export interface HookSurroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly counter: HookCounter;
  /** This server's name in notices. */
  readonly server: string;
  /** As programs want it. */
  readonly killGroup: ProgramParts["killGroup"];
}

/**
 * Makes the hooks.
 *
 * @throws {OperatorError} when a secret cannot be read, or something may not be run or posted to.
 */
export async function makeHooks(
  hooks: readonly Hook[],
  { clock, log, counter, server, killGroup }: HookSurroundings,
): Promise<Hooks> {
  const slots = new Slots(MOST_PROGRAMS);
  const routes = [];
  for (const [index, hook] of hooks.entries()) {
    const courier = await courierOf(hook, `hook ${index + 1}`, { clock, slots, killGroup });
    routes.push({ events: hook.events, courier });
  }
  const instance = randomBytes(8).toString("hex");
  return new Hooks({ routes, clock, log, counter, server, instance });
}

async function courierOf(
  { target, timeout }: Hook,
  name: string,
  parts: Pick<ProgramParts, "clock" | "slots" | "killGroup">,
): Promise<Courier> {
  if (target.kind === "program") {
    const { path, args } = target;
    await demand({ name: "run", command: path }, `${name}: not allowed to run ${path}`);
    return new Program({ path, args, timeout, ...parts });
  }
  const url = urlOf(target.url, name);
  const host = url.port === ""
    ? `${url.hostname}:${url.protocol === "https:" ? 443 : 80}`
    : url.host;
  await demand({ name: "net", host }, `${name}: not allowed to connect to ${host}`);
  const secret = target.secretFile === undefined ? undefined : readSecret(target.secretFile, name);
  return new Webhook({ url: url.href, secret, timeout, clock: parts.clock, random: Math.random });
}

function urlOf(text: string, name: string): URL {
  if (!URL.canParse(text)) throw new OperatorError(`${name}: url is "${text}", wanted a URL`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new OperatorError(`${name}: url is "${text}", wanted http:// or https://`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new OperatorError(
      `${name}: url holds a user name or password, which is not sent; sign with secret-file`,
    );
  }
  return url;
}

function readSecret(path: string, name: string): string {
  let secret: string;
  try {
    secret = Deno.readTextFileSync(path).trim();
  } catch (error) {
    throw new OperatorError(`${name}: cannot read secret-file ${path}: ${messageOf(error)}`);
  }
  if (secret === "") throw new OperatorError(`${name}: secret-file ${path} is empty`);
  return secret;
}

/** Better to refuse at the start than to fail at every event. */
async function demand(wanted: Deno.PermissionDescriptor, problem: string): Promise<void> {
  const { state } = await Deno.permissions.query(wanted);
  if (state === "granted") return;
  const flag = wanted.name === "run"
    ? `--allow-run=${wanted.command}`
    : `--allow-net=${(wanted as Deno.NetPermissionDescriptor).host}`;
  throw new OperatorError(`${problem}; start with Deno's permission ${flag}`);
}
