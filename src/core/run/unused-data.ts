import path from 'node:path';
import type { DatasetReference } from './config.js';
import { isPlainKind } from '../dataset/file-kinds.js';

/** Lines that are listed of the rows of one file. */
const MOST_LINES = 20;

/** What of a run's dataset is not trained on, for people: a name and a text each. */
export interface UnusedData {
  readonly what: 'rows' | 'columns';
  readonly text: string;
}

/** Rows that were left out and columns that were not read, as `run.json` knows them, a file each. */
export function unusedData({ left_out: leftOut = [], unread_columns: unread = [] }: DatasetReference): UnusedData[] {
  const several = new Set([...leftOut, ...unread].map((file) => file.path)).size > 1;
  const named = (file: string, text: string): string => (several ? `${path.basename(file)}: ${text}` : text);
  return [
    ...leftOut.map(({ path: file, rows, lines }): UnusedData => {
      const kind = `${isPlainKind(file, 'parquet', 'arrow') ? 'row' : 'line'}${rows === 1 ? '' : 's'}`;
      const shown = `${lines.slice(0, MOST_LINES).join(', ')}${rows > MOST_LINES ? ', …' : ''}`;
      return { what: 'rows', text: named(file, `${rows.toLocaleString('en-US')}: ${kind} ${shown}`) };
    }),
    ...unread.map(({ path: file, columns }): UnusedData => ({ what: 'columns', text: named(file, columns.join(', ')) })),
  ];
}
