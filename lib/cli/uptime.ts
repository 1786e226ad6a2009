/**
 * For how long the machine has been up: a clock that nobody sets.
 *
 * @module
 */

/** Milliseconds, in whole seconds; undefined when the program may not ask. */
export function uptime(): number | undefined {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "osUptime" });
  return state === "granted" ? Deno.osUptime() * 1000 : undefined;
}
