import type { TableColumn } from './columns.js';
import type { CellValue, RunRow } from './row.js';

/** Rows as CSV (RFC 4180, `\n`), numbers with all their digits; the first line has the columns' ids. */
export function tableCsv(rows: readonly RunRow[], columns: readonly Pick<TableColumn, 'id'>[]): string {
  const lines = rows.map(({ cells }) => columns.map(({ id }) => cell(cells[id])));
  return [columns.map(({ id }) => cell(id)), ...lines].map((line) => `${line.join(',')}\n`).join('');
}

function cell(value: CellValue | undefined): string {
  const text = value === undefined ? '' : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
