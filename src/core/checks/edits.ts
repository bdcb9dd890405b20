import type { Span } from './types.js';
import { fileKind, isPlainKind } from '../dataset/file-kinds.js';

/**
 * What to delete so that rows are gone and their file as well-formed as before: with a row goes the separator after it, or
 * for the last ones the one before them. Stretches that do not touch, in the order of the text.
 *
 * @param spanOf where a row's JSON begins and ends; undefined for one that is not there
 * @param rows their numbers, ascending
 */
export function rowsDeletion(spanOf: (row: number) => Span | undefined, rows: ArrayLike<number>): Span[] {
  const deletions: Span[] = [];
  for (let at = 0, next = 0; at < rows.length; at = next) {
    const first = rows[at] as number;
    while (next < rows.length && rows[next] === first + (next - at)) next++;
    const last = first + (next - at) - 1;
    const { start } = spanOf(first) as Span;
    const after = spanOf(last + 1);
    // Without a row behind them, the separator before them goes.
    if (after !== undefined) deletions.push({ start, end: after.start });
    else deletions.push({ start: spanOf(first - 1)?.end ?? start, end: (spanOf(last) as Span).end });
  }
  return deletions;
}

/** A row's JSON text on one line, its values written exactly as they were. */
export function rowAsLine(text: string): string {
  // JSON has no line breaks within strings, so what is around one is between values.
  return text.replace(/[ \t\r]*\n[ \t\r\n]*/g, ' ');
}

/** The file that rejected rows of a preference file are moved to; undefined for such a file itself. */
export function sideFileName(name: string): string | undefined {
  if (!isPlainKind(name, 'jsonl', 'json') || isSideFile(name)) return undefined;
  return `${fileKind(name).stem}.rejected.jsonl`;
}

/** Whether a file is one that rejected rows are moved to. */
export function isSideFile(name: string): boolean {
  return /\.rejected$/i.test(fileKind(name).stem);
}
