/**
 * Sends a million damaged packets through the wire layer: every one must decode or be refused with
 * a DecodeError, quickly, and what decodes must survive being encoded.
 *
 *     deno run --allow-read scripts/fuzz.ts [PACKETS] [SEED]
 *
 * Prints the seed, the number of packets by outcome and the rate. Exits 1 with the packet in hex
 * when one breaks the rule; the same seed finds it again.
 *
 * @module
 */

// deno-lint-ignore-file no-console -- a script's output is what it is for
import { examine } from "../tests/wire/examine.ts";
import { formatHex, golden, goldenNames } from "../tests/wire/golden.ts";

/** Octets of a header; options follow. */
const HEADER = 240;

/** The longest packet made; an Ethernet frame carries no more. */
const LONGEST = 1472;

function argument(index: number, name: string, fallback: number): number {
  const text = Deno.args[index];
  if (text === undefined) return fallback;
  if (!/^\d{1,10}$/.test(text)) {
    console.error(`Cannot read ${name} ${JSON.stringify(text)}: wanted a whole number`);
    Deno.exit(2);
  }
  return Number(text);
}

const packets = argument(0, "number of packets", 1_000_000);
const seed = argument(1, "seed", crypto.getRandomValues(new Uint32Array(1))[0]!);

let state = seed >>> 0;
/** A whole number from 0 to below `bound`. Mulberry32: small, and good enough to damage packets. */
function below(bound: number): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ state >>> 15, state | 1);
  mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
  return ((mixed ^ mixed >>> 14) >>> 0) % bound;
}

/** Lengths and codes that have broken parsers before. */
const SHARP = [0, 1, 2, 3, 4, 52, 53, 63, 64, 81, 82, 119, 120, 121, 124, 125, 127, 192, 254, 255];

const work = new Uint8Array(LONGEST);

/** Damages one of the originals in a few places; returns the packet, good until the next call. */
function damaged(originals: readonly Uint8Array[]): Uint8Array {
  const original = originals[below(originals.length)]!;
  work.set(original);
  let length = original.length;
  for (let steps = 1 + below(6); steps > 0; steps--) {
    // Most damage belongs where the parser has something to decide.
    const at = below(8) === 0 ? below(length) : HEADER + below(Math.max(1, length - HEADER));
    switch (below(8)) {
      case 0: // Any octet.
        work[at] = below(256);
        break;
      case 1: // One bit.
        work[at] = work[at]! ^ 1 << below(8);
        break;
      case 2: // An octet with a reputation.
        work[at] = SHARP[below(SHARP.length)]!;
        break;
      case 3: // Cut the end off.
        length = below(16) === 0 ? 1 + below(length) : Math.min(length, HEADER + below(128));
        break;
      case 4: { // Repeat a piece: options that come twice.
        const size = Math.min(1 + below(64), length - Math.min(at, length), LONGEST - length);
        work.copyWithin(length, at, at + Math.max(0, size));
        length += Math.max(0, size);
        break;
      }
      case 5: { // Copy a piece over another.
        const size = below(32);
        work.copyWithin(at, below(length), below(length) + size);
        break;
      }
      case 6: { // Options in sname and file: turn them over and put a piece of options there.
        work.set([52, 1, 1 + below(3)], HEADER);
        work.copyWithin(below(2) === 0 ? 44 : 108, HEADER, HEADER + below(64));
        break;
      }
      case 7: { // A new option at the end.
        const size = Math.min(below(80), LONGEST - length - 2);
        if (size < 0) break;
        work[length] = SHARP[below(SHARP.length)]!;
        work[length + 1] = size;
        for (let i = 0; i < size; i++) {
          work[length + 2 + i] = below(3) === 0 ? SHARP[below(SHARP.length)]! : below(256);
        }
        // Take out an END in front of it, so that it is read.
        if (work[length - 1] === 255) work[length - 1] = 0;
        length += 2 + size;
        break;
      }
    }
  }
  return work.subarray(0, length);
}

const originals = goldenNames().map(golden);
const found = new Map<string, number>();
console.log(`seed ${seed}, ${packets} packets from ${originals.length} originals`);
const began = performance.now();
for (let i = 0; i < packets; i++) {
  const packet = damaged(originals);
  try {
    const finding = examine(packet);
    found.set(finding, (found.get(finding) ?? 0) + 1);
  } catch (error) {
    console.error(`Packet ${i} of seed ${seed} breaks the wire layer:`, error);
    console.error(formatHex(packet));
    Deno.exit(1);
  }
}
const elapsed = (performance.now() - began) / 1000;
for (const [finding, count] of [...found].toSorted((a, b) => b[1] - a[1])) {
  console.log(`${String(count).padStart(10)}  ${finding}`);
}
console.log(`${Math.round(packets / elapsed)} packets a second`);
