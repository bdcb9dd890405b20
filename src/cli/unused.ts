import path from 'node:path';
import { leftOutText, mostlyLeftOut, rowWhere, unreadText } from '../core/dataset/index.js';
import type { PlanSummary } from '../core/prepare/index.js';

type Summary = Pick<PlanSummary, 'files' | 'evalFiles'>;

/** What of a dataset's files is not used, for a table: columns, and rows that were left out. */
export function unusedRows({ files, evalFiles }: Summary): [string, string][] {
  const all = [...files, ...evalFiles];
  const named = (file: string, text: string): string => (all.length > 1 ? `${path.basename(file)}: ${text}` : text);
  const titled = (title: string, texts: readonly string[]): [string, string][] =>
    texts.map((text, index) => [index === 0 ? title : '', text]);
  const unread = all.flatMap(({ path: file, columnReport }) => {
    const text = unreadText(columnReport);
    return text === undefined ? [] : [named(file, text)];
  });
  const leftOut = all.flatMap(({ path: file, leftOut: rows }) => (rows.rows === 0 ? [] : [named(file, leftOutText(rows))]));
  return [...titled('not read', unread), ...titled('left out', leftOut)];
}

/** What looks like a slip in how a dataset is read: three lines each, as an error has them. */
export function columnWarnings({ files, evalFiles }: Summary): string[] {
  return [...files, ...evalFiles].flatMap(({ path: file, rows, columnReport, leftOut }) => {
    const mostly = mostlyLeftOut(leftOut, rows);
    const all = [...columnReport.warnings, ...(mostly === undefined ? [] : [{ ...mostly, first: leftOut.first[0] }])];
    return all.map(({ what, first, advice }) => {
      return `warning: ${what}\n  at: ${first === undefined ? file : rowWhere(file, first)}\n  fix: ${advice}`;
    });
  });
}
