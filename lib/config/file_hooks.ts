/**
 * The hooks of a configuration file.
 *
 * @module
 */

import type { Hook } from "./model.ts";
import type { Section } from "./section.ts";
import { HOOK_FIELDS, keysOf } from "./structure.ts";

/** Milliseconds; the table of fields says so too. */
const TIMEOUT = 10_000;

/** A hook, and what to call the file that it needs. */
export interface HookEntry {
  readonly hook: Hook;
  /** The path of the program or of the secret, with its label. */
  readonly needs: { readonly value: string; readonly label: string } | undefined;
}

/** Reads one [[hook]]; undefined when something about it is wrong, which is told. */
export function readHook(section: Section): HookEntry | undefined {
  const fields = HOOK_FIELDS;
  section.refuseUnknown(keysOf(fields));
  const before = section.file.problems.length;
  const events = section.many(fields.events.key, fields.events.type);
  const run = section.many(fields.run.key, fields.run.type);
  const url = section.one(fields.url.key, fields.url.type);
  const secretFile = section.one(fields.secretFile.key, fields.secretFile.type);
  const timeout = section.one(fields.timeout.key, fields.timeout.type);
  if (section.file.problems.length > before) return undefined;

  if (events === undefined || events.length === 0) {
    const label = section.label(section.has("events") ? "events" : undefined);
    section.problem(label, `missing: events: wanted ${fields.events.type.wanted}`);
  }
  if (section.has("run") === section.has("url")) {
    const what = section.has("run") ? "has both run and url" : "missing: run or url";
    section.problem(section.label(), `${what}: wanted one of the two`);
  }
  const program = run?.[0];
  if (run !== undefined && (program === undefined || !program.value.startsWith("/"))) {
    const given = program === undefined ? "an empty list" : JSON.stringify(program.value);
    section.problem(
      section.label("run"),
      `cannot use ${given}: wanted a program's full path first`,
    );
  }
  if (secretFile !== undefined && run !== undefined) {
    section.problem(secretFile.label, "needs url: only posts are signed");
  }
  if (section.file.problems.length > before) return undefined;

  const target: Hook["target"] = url === undefined
    ? { kind: "program", path: program!.value, args: run!.slice(1).map(({ value }) => value) }
    : { kind: "webhook", url: url.value, secretFile: secretFile?.value };
  return {
    hook: {
      events: new Set(events!.map(({ value }) => value)),
      target,
      timeout: timeout?.value ?? TIMEOUT,
    },
    needs: program ?? secretFile,
  };
}
