/** Control characters, and those that change the direction of what follows. A line's end and tabs are none of them here. */
const UNSAFE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const UNSAFE_IN_LINE = /[\0-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;

/**
 * A text that may hold anything, as one that a terminal only shows: what it would act on becomes `\u001b` and the like.
 * Line ends and tabs stay. In JSON text the escapes mean the same.
 */
export function printable(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** The same in one line. */
export function printableLine(text: string): string {
  return text.replace(UNSAFE_IN_LINE, escaped);
}
