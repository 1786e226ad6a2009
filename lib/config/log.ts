/**
 * What the rest of the program may ask of a log. The one that writes to stderr is made by the
 * command line; tests and simulations bring their own.
 *
 * @module
 */

/** What a field may hold; undefined leaves the field out. */
export type FieldValue = string | number | boolean | null | undefined;

/** Named facts about what happened. Names are lower case with underscores. */
export type Fields = Readonly<Record<string, FieldValue>>;

/** Takes lines and returns at once: it never throws, and it never waits for its reader. */
export interface Log {
  /**
   * 0: lease events and trouble. 1: also decisions not to answer. 2: also every packet. Ask before
   * building the fields of a line that would not be written.
   */
  readonly verbosity: number;
  /** A lease event: "ack", "release", "decline" and the like. */
  event(name: string, fields: Fields): void;
  /** Something went wrong and somebody should look. */
  error(message: string, fields?: Fields): void;
  /** Something is odd; service goes on. */
  warn(message: string, fields?: Fields): void;
  /** The program's own course: started, ready, stopping. */
  info(message: string, fields?: Fields): void;
  /** Detail that is written from verbosity 1 on. */
  debug(message: string, fields?: Fields): void;
}
