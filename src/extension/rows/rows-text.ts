import type { FirstRows } from '../../core/dataset/first-rows.js';
import { formatCount, plural } from '../../format.js';

/** Above the first row: how much of the file is shown. */
export function shownText({ rows, total, hidden }: Pick<FirstRows, 'rows' | 'total' | 'hidden'>): string {
  const shown =
    rows === total
      ? `${plural(rows, 'row')}, read-only`
      : `First ${formatCount(rows)} of ${total === undefined ? 'many more' : formatCount(total)} rows, read-only`;
  return hidden.length === 0 ? shown : `${shown} · ${plural(hidden.length, 'column')} not shown: ${hidden.join(', ')}`;
}

/** Below the last row that is shown; undefined when it is the file's last. */
export function moreText({ rows, total }: Pick<FirstRows, 'rows' | 'total'>): string | undefined {
  if (rows === total) return undefined;
  return total === undefined ? 'More rows follow in the file' : `${plural(total - rows, 'more row')} in the file`;
}
