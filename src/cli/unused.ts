import path from 'node:path';
import { leftOutText, mostlyLeftOut, rowWhere, unreadText } from '../core/dataset/index.js';
import { type PlanSummary, trainedOnToo } from '../core/prepare/index.js';

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

/** What looks like a slip in the files, and in how they are read: three lines each, as an error has them. */
export function dataWarnings({ files, evalFiles }: Summary): string[] {
  const whole = trainedOnToo({ files, evalFiles }).map(({ file, what, advice }) => `warning: ${what}\n  at: ${file}\n  fix: ${advice}`);
  const columns = [...files, ...evalFiles].flatMap(({ path: file, rows, columnReport, leftOut }) => {
    const mostly = mostlyLeftOut(leftOut, rows);
    const all = [...columnReport.warnings, ...(mostly === undefined ? [] : [{ ...mostly, first: leftOut.first[0] }])];
    return all.map(({ what, first, advice }) => {
      return `warning: ${what}\n  at: ${first === undefined ? file : rowWhere(file, first)}\n  fix: ${advice}`;
    });
  });
  return [...whole, ...columns];
}
