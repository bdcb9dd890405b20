import * as vscode from 'vscode';

import type { RowsFileSystem } from './rows-file-system.js';
import { moreText, shownText } from './rows-text.js';

/** Says how much of a file a document shows: above its first row and below its last. */
export class RowsLenses implements vscode.CodeLensProvider {
  constructor(readonly files: RowsFileSystem) {}

  async provideCodeLenses(document: vscode.TextDocument): Promise<vscode.CodeLens[]> {
    const rows = await this.files.rows(document.uri);
    const lens = (line: number, title: string): vscode.CodeLens =>
      new vscode.CodeLens(new vscode.Range(line, 0, line, 0), { title, command: '' });
    const more = moreText(rows);
    return [lens(0, shownText(rows)), ...(more === undefined ? [] : [lens(document.lineCount - 1, more)])];
  }
}
