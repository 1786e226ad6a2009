/**
 * INFORM: a client that has an address from elsewhere wants parameters only (RFC 2131 section
 * 4.3.5). No lease is looked up, made or mentioned.
 *
 * @module
 */

import { UNSPECIFIED } from "../wire/address.ts";
import { type Outcome, silence, SilenceReason } from "./outcome.ts";
import { ackForInform } from "./reply.ts";
import type { Scene } from "./scene.ts";

/** Decides on an INFORM: ciaddr is where the answer goes. */
export function inform(scene: Scene): Outcome {
  return scene.message.ciaddr === UNSPECIFIED
    ? silence(SilenceReason.INCOMPLETE)
    : ackForInform(scene);
}
