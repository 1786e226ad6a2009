/**
 * Trouble that is the operator's to mend.
 *
 * @module
 */

/**
 * Something outside the program is in the way. The message is one line that says what, and what to
 * do about it; it is shown as it is. Any other error that ends the program is shown as a bug.
 */
export class OperatorError extends Error {
  override readonly name: string = "OperatorError";
}

/** What something that was thrown says, whatever it is. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
