/**
 * Time, as an argument: whoever asks what time it is, or waits, takes a clock, so that tests and
 * simulations run whole servers without waiting.
 *
 * @module
 */

export interface Clock {
  /** The time of day, milliseconds since 1970. May jump when the machine's clock is set. */
  now(): number;
  /** Milliseconds since some fixed instant. Never jumps. */
  elapsed(): number;
  /** Resolves after so many milliseconds. */
  sleep(milliseconds: number): Promise<void>;
  /** Resolves once everything else that is ready to run has had its turn. */
  turn(): Promise<void>;
  /** Calls a function every so many milliseconds, until the returned function is called. */
  every(milliseconds: number, call: () => void): () => void;
}
