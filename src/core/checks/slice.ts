import { findJsonFault, isJsonSpace } from '../dataset/json-fault.js';
import { valueEnd } from '../dataset/json-rows.js';
import type { Span } from './types.js';

/** A text cut into the JSON texts of its rows. */
export interface Slices {
  readonly rows: readonly Span[];
  /** False when rows are parts of one JSON text: then nothing after a malformed row can be trusted to be a row. */
  readonly onOwnLines: boolean;
  /** What is wrong after the last row. */
  readonly fault?: { readonly span: Span; readonly what: string };
}

/**
 * Cuts a preference file's text into rows, by the rule of the dataset reader: a text that begins with `[` is one list
 * of rows, a `.json` file that begins with `{` is one object after another, anything else has a row on each line.
 *
 * @param isJsonFile whether the file's name ends in `.json`
 */
export function sliceRows(text: string, isJsonFile: boolean): Slices {
  const first = skipSpace(text, 0);
  if (text[first] === '[') return sliceList(text, first);
  if (isJsonFile && text[first] === '{') return { rows: sliceObjects(text, first), onOwnLines: false };
  return { rows: sliceLines(text), onOwnLines: true };
}

function sliceLines(text: string): Span[] {
  const rows: Span[] = [];
  for (let from = 0; from < text.length; ) {
    const newline = text.indexOf('\n', from);
    const next = newline < 0 ? text.length : newline;
    // No further than the line: of a file of blank lines each would be gone through to the end.
    let start = from;
    while (start < next && isJsonSpace(text.charCodeAt(start))) start++;
    if (start < next) {
      let end = next;
      while (isJsonSpace(text.charCodeAt(end - 1))) end--;
      rows.push({ start, end });
    }
    from = next + 1;
  }
  return rows;
}

function sliceObjects(text: string, first: number): Span[] {
  const rows: Span[] = [];
  for (let at = first; at < text.length; ) {
    // A stray bracket or comma ends a value before it begins; it becomes a bad row of its own.
    const end = Math.max(valueEnd(text, at), at + 1);
    rows.push({ start: at, end });
    at = skipSpace(text, end);
  }
  return rows;
}

function sliceList(text: string, open: number): Slices {
  const rows: Span[] = [];
  const faulty = (at: number, what: string): Slices => ({
    rows,
    onOwnLines: false,
    fault: { what, span: { start: Math.max(0, Math.min(at, text.length - 1)), end: Math.min(at + 1, text.length) } },
  });
  const found = (at: number): string =>
    at >= text.length ? 'the file ends' : `found ${JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0))}`;
  let at = skipSpace(text, open + 1);
  while (text[at] !== ']' || rows.length > 0) {
    const end = valueEnd(text, at);
    if (end <= at) {
      const fault = findJsonFault(text, at);
      if (typeof fault !== 'number') return faulty(fault.offset, fault.what);
    }
    rows.push({ start: at, end });
    at = skipSpace(text, end);
    if (text[at] === ']') break;
    if (text[at] !== ',') return faulty(at, `${found(at)} where "," or "]" should be`);
    at = skipSpace(text, at + 1);
  }
  const rest = skipSpace(text, at + 1);
  if (rest < text.length) return faulty(rest, `${found(rest)} after the end of the list`);
  return { rows, onOwnLines: false };
}

function skipSpace(text: string, at: number): number {
  while (isJsonSpace(text.charCodeAt(at))) at++;
  return at;
}
