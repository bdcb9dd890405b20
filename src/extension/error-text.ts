import type { WishboneError } from '../core/errors.js';
import { sentence } from '../format.js';

/** A place in a file that an error names. `line` counts from 1. */
export interface Location {
  readonly file: string;
  readonly line: number | undefined;
}

/**
 * The places an error's `where` may mean, likeliest first: `file:line`, `file, line 7`, `file, field x`, or a file
 * alone. Whether one is there is for the caller to see: any of these marks may be part of a file's name.
 */
export function locations(where: string): Location[] {
  const found: Location[] = [];
  const numbered = /^(\/.+?):(\d+)(?::\d+)?(?:,.*)?$/s.exec(where) ?? /^(\/.+?), line (\d+)(?:,.*)?$/s.exec(where);
  if (numbered !== null) found.push({ file: numbered[1]!, line: Number(numbered[2]) });
  if (where.startsWith('/')) {
    found.push({ file: where, line: undefined });
    for (let comma = where.lastIndexOf(', '); comma > 0; comma = where.lastIndexOf(', ', comma - 1)) {
      found.push({ file: where.slice(0, comma), line: undefined });
    }
  }
  return found;
}

/**
 * An error as one line for a notification: what, where, what to do.
 *
 * @param shorten makes a path short for display, such as relative to the workspace
 */
export function errorLine(error: WishboneError, shorten: (text: string) => string = (text) => text): string {
  return `${closed(sentence(error.what))} Where: ${closed(shorten(error.where))} ${closed(sentence(error.advice))}`;
}

/** With a full stop, unless the text ends with a mark of its own. */
function closed(text: string): string {
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}
