import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { formatCount } from '../../../format.js';
import { isShownAsRows, rowsUri } from '../../rows/rows-scheme.js';
import type { PlanUse } from './plan-sessions.js';

/**
 * Shows a row of a plan's dataset in the editor, beside the panel.
 *
 * @param row 0-based
 * @throws WishboneError when the dataset is not a text file, or no longer has that row
 */
export async function openRow({ inspector, info }: PlanUse, row: number, from?: vscode.ViewColumn): Promise<void> {
  const asRows = isShownAsRows(info.dataset);
  // The document of such a file has a row a line, but for JSON lines, which are as they are in the file.
  const line = asRows && !/\.jsonl\.gz$/i.test(info.dataset) ? row + 1 : await inspector.ask('lineOfRow', row);
  const uri = asRows ? rowsUri(info.dataset) : vscode.Uri.file(info.dataset);
  const lines = line !== null && asRows ? (await vscode.workspace.openTextDocument(uri)).lineCount - 1 : Infinity;
  if (line === null || line > lines) {
    throw new WishboneError(
      `row ${formatCount(row + 1)} of ${path.basename(info.dataset)} cannot be shown in a text editor`,
      info.dataset,
      line === null
        ? 'the file has fewer rows than when the plan was made'
        : 'only the first rows of such a file are shown: unpack it to see the others',
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
