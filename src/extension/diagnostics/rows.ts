import * as vscode from 'vscode';

import type { DocumentReport } from '../../core/checks/index.js';
import { rangeAt, rowAt, rowSpan } from './documents.js';

/** A row as a document shows it. */
export interface ShownRow {
  readonly text: string;
  readonly range: vscode.Range;
}

/** The rows that a range of lines shows at least part of. Of a list they are known for the version that was checked. */
export function rowsIn(document: vscode.TextDocument, report: DocumentReport, range: vscode.Range): ShownRow[] {
  if (report.onOwnLines) {
    const rows: ShownRow[] = [];
    for (let line = range.start.line; line <= Math.min(range.end.line, document.lineCount - 1); line++) {
      const { text, range: whole } = document.lineAt(line);
      if (text.trim() !== '') rows.push({ text, range: whole });
    }
    return rows;
  }
  if (report.version !== document.version) return [];
  const rows: ShownRow[] = [];
  const [from, to] = [document.offsetAt(range.start), document.offsetAt(range.end)];
  for (let row = firstRow(report, from); ; row++) {
    const span = rowSpan(report, row);
    if (span === undefined || span.start > to) return rows;
    const shown = rangeAt(document, span);
    if (span.end >= from) rows.push({ text: document.getText(shown), range: shown });
  }
}

/** The row at a place, with its number in the file where that is known. */
export function rowUnder(
  document: vscode.TextDocument,
  report: DocumentReport,
  position: vscode.Position,
): (ShownRow & { readonly number: number | undefined }) | undefined {
  const offset = document.offsetAt(position);
  const number = report.version === document.version ? rowAt(report, offset) : undefined;
  const [row] = rowsIn(document, report, new vscode.Range(position, position));
  return row?.range.contains(position) === true ? { ...row, number } : undefined;
}

/** The first row that ends at or after a place. */
function firstRow({ rows }: DocumentReport, offset: number): number {
  let low = 0;
  let high = rows.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rows[2 * middle + 1] as number) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
