import type { Span } from './types.js';

/** A longer stretch than a word or two is not underlined: the eye should land somewhere. */
const LONGEST = 32;

/**
 * The part of a problem's place that an editor underlines: a word. Of a value that is an object, a list or a long text it
 * is the name it is held by, of a whole row its first name, and of a long stretch within a text its first word.
 *
 * @param text of the row, JSON or what should be
 */
export function markedSpan(text: string, span: Span): Span {
  const first = text[span.start];
  const holds = first === '{' || first === '[';
  const length = span.end - span.start;
  const isRow = length > 2 && length === text.length;
  if (!isRow && length <= LONGEST && !text.slice(span.start, span.end).includes('\n')) return span;
  if (holds || first === '"') {
    const name = nameBefore(text, span.start) ?? (holds ? nameWithin(text, span) : undefined);
    if (name !== undefined) return name;
  }
  const [word] = /^["[{\s]*[^\s"]{1,32}/.exec(text.slice(span.start, Math.min(span.end, span.start + 2 * LONGEST))) ?? [''];
  return { start: span.start, end: span.start + Math.max(1, word.length) };
}

/** The name of the field whose value begins at a place; undefined for an entry of a list and for a whole row. */
function nameBefore(text: string, valueStart: number): Span | undefined {
  let at = beforeSpace(text, valueStart - 1);
  if (text[at] !== ':') return undefined;
  at = beforeSpace(text, at - 1);
  if (text[at] !== '"') return undefined;
  const end = at + 1;
  do at = text.lastIndexOf('"', at - 1);
  while (at > 0 && isEscaped(text, at));
  return at < 0 ? undefined : { start: at, end };
}

/** The first name within an object or a list. */
function nameWithin(text: string, { start, end }: Span): Span | undefined {
  const from = text.indexOf('"', start);
  if (from < 0 || from >= end) return undefined;
  let to = from;
  do to = text.indexOf('"', to + 1);
  while (to > 0 && isEscaped(text, to));
  return to < 0 || to >= end || to - from > LONGEST ? { start: from, end: Math.min(end, from + LONGEST) } : { start: from, end: to + 1 };
}

function beforeSpace(text: string, at: number): number {
  while (at >= 0 && /\s/.test(text[at] as string)) at--;
  return at;
}

/** True for a quote behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === '\\') slashes++;
  return slashes % 2 === 1;
}
