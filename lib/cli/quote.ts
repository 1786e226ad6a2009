/**
 * Text from the network, shown so that it can do a terminal or a log no harm.
 *
 * @module
 */

/** Characters that would move the cursor, hide text or end a line, beyond those JSON escapes. */
const UNSHOWABLE = /[\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

/** The text as a JSON string that shows every character it holds. */
export function quote(text: string): string {
  return JSON.stringify(text).replace(
    UNSHOWABLE,
    (character) => "\\u" + character.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
