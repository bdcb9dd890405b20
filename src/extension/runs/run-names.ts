import path from 'node:path';

import type { RunListing } from '../../core/run/index.js';

/** More names than these are counted. */
const MOST_IN_LINE = 3;
const MOST_IN_LIST = 12;

/** What people call a run: its name, or where it cannot be read its folder's. */
export function nameOf(run: RunListing): string {
  return run.problem === undefined ? run.config.name : path.basename(run.folder);
}

/** `a, b and c`, `a, b, c and 4 more`. */
export function namesText(runs: readonly RunListing[]): string {
  const names = runs.map(nameOf);
  if (names.length > MOST_IN_LINE) return `${names.slice(0, MOST_IN_LINE).join(', ')} and ${names.length - MOST_IN_LINE} more`;
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`;
}

/** One a line. */
export function namesList(runs: readonly RunListing[]): string {
  const names = runs.map(nameOf);
  const more = names.length - MOST_IN_LIST;
  return [...names.slice(0, MOST_IN_LIST), ...(more > 0 ? [`and ${more} more`] : [])].join('\n');
}
