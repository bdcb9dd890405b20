import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../../core/errors.js';
import { formatCount } from '../../../format.js';
import type { PlanUse } from './plan-sessions.js';

/**
 * Shows a row of a plan's dataset in the editor, beside the panel.
 *
 * @param row 0-based
 * @throws WishboneError when the dataset is not a text file, or no longer has that row
 */
export async function openRow({ inspector, info }: PlanUse, row: number, from?: vscode.ViewColumn): Promise<void> {
  const line = await inspector.ask('lineOfRow', row);
  if (line === null || /\.(gz|parquet)$/i.test(info.dataset)) {
    throw new WishboneError(
      `row ${formatCount(row + 1)} of ${path.basename(info.dataset)} cannot be shown in a text editor`,
      info.dataset,
      line === null ? 'the file has no lines, or fewer rows than when the plan was made' : 'unpack the file to look at it',
    );
  }
  const uri = vscode.Uri.file(info.dataset);
  // Reuse an editor that already shows the file.
  const shown = vscode.window.visibleTextEditors.find(({ document }) => document.uri.fsPath === uri.fsPath);
  const position = new vscode.Position(line - 1, 0);
  await vscode.window.showTextDocument(uri, {
    selection: new vscode.Range(position, position),
    viewColumn: shown?.viewColumn ?? (from === vscode.ViewColumn.One ? vscode.ViewColumn.Beside : vscode.ViewColumn.One),
    preview: true,
  });
}
