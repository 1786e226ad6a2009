/**
 * Tables for terminals.
 *
 * @module
 */

import { quote } from "./quote.ts";

export interface Column {
  readonly title: string;
  /** Whether it may be cut to make the table fit: what is cut ends with an ellipsis. */
  readonly shrinks?: boolean;
  readonly right?: boolean;
}

/** A column is cut to no less than this. */
const NARROWEST = 6;

/** Between two columns. */
const GAP = "  ";

/**
 * Lays out rows under their titles, within so many columns if the table can be made to fit.
 *
 * @param width undefined when there is no terminal to fit it to.
 */
export function layOut(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): string {
  const shown = rows.map((row) => row.map(showable));
  const widths = columns.map(({ title }, index) =>
    shown.reduce((most, row) => Math.max(most, row[index]!.length), title.length)
  );
  if (width !== undefined) fit(columns, widths, width);
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, index) => {
      const cut = shorten(cell, widths[index]!);
      return columns[index]!.right ? cut.padStart(widths[index]!) : cut.padEnd(widths[index]!);
    });
    return padded.join(GAP).trimEnd() + "\n";
  };
  return line(columns.map(({ title }) => title)) + shown.map(line).join("");
}

/** Takes from the widest column that may shrink, until it fits or nothing more can be taken. */
function fit(columns: readonly Column[], widths: number[], width: number): void {
  let over = widths.reduce((sum, one) => sum + one, 0) + GAP.length * (columns.length - 1) - width;
  while (over > 0) {
    let widest = -1;
    for (const [index, { shrinks }] of columns.entries()) {
      if (shrinks && (widest < 0 || widths[index]! > widths[widest]!)) widest = index;
    }
    if (widest < 0 || widths[widest]! <= NARROWEST) return;
    widths[widest]!--;
    over--;
  }
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : text.slice(0, width - 1) + "…";
}

/** Text from the network, which may hold anything, as a terminal can be shown it. */
export function showable(text: string): string {
  return quote(text).slice(1, -1).replaceAll('\\"', '"');
}

/** What a spreadsheet takes for a formula, which may run programs or send the sheet elsewhere. */
const FORMULA = /^[=+\-@\t\r]/;

/**
 * One row of comma-separated values (RFC 4180), for spreadsheets too: what would be a formula there
 * begins with an apostrophe, and what no page shows, or what turns its text around, is escaped.
 */
export function csvRow(cells: readonly string[]): string {
  const quoted = cells.map((cell) => {
    const text = (FORMULA.test(cell) ? "'" : "") + showable(cell);
    return /[",]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return quoted.join(",") + "\r\n";
}
