import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { formatCount } from '../../format.js';
import { isShownAsRows, rowsUri } from './rows-scheme.js';

/** A row of a dataset's file, and how its line is found. */
export interface RowPlace {
  readonly file: string;
  /** 0-based, in that file. */
  readonly row: number;
  /** The line that the row begins on, from 1; null when it has none. */
  readonly lineOf: () => Promise<number | null>;
  /** Said where there is no such line. */
  readonly gone: string;
}

/**
 * Shows a row of a dataset in the editor, beside a panel.
 *
 * @throws WishboneError when the dataset is not a text file, or no longer has that row
 */
export async function showRow({ file, row, lineOf, gone }: RowPlace, from?: vscode.ViewColumn): Promise<void> {
  const asRows = isShownAsRows(file);
  // The document of such a file has a row a line, but for JSON lines, which are as they are in the file.
  const line = asRows && !/\.jsonl\.(gz|zst)$/i.test(file) ? row + 1 : await lineOf();
  const uri = asRows ? rowsUri(file) : vscode.Uri.file(file);
  const lines = line !== null && asRows ? (await vscode.workspace.openTextDocument(uri)).lineCount - 1 : Infinity;
  if (line === null || line > lines) {
    throw new WishboneError(
      `row ${formatCount(row + 1)} of ${path.basename(file)} cannot be shown in a text editor`,
      file,
      line === null ? gone : 'only the first rows of such a file are shown: unpack it to see the others',
    );
  }
  // Reuse an editor that already shows the file.
  const shown = vscode.window.visibleTextEditors.find(({ document }) => document.uri.toString() === uri.toString());
  const position = new vscode.Position(line - 1, 0);
  await vscode.window.showTextDocument(uri, {
    selection: new vscode.Range(position, position),
    viewColumn: shown?.viewColumn ?? (from === vscode.ViewColumn.One ? vscode.ViewColumn.Beside : vscode.ViewColumn.One),
    preview: true,
  });
}
