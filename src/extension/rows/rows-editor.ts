import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { sentence } from '../../format.js';
import { loadText } from '../panels/page.js';
import type { Problems } from '../problems.js';
import type { RowsFileSystem } from './rows-file-system.js';
import { rowsUri } from './rows-scheme.js';

/**
 * Opens packed files, Parquet and Arrow, which VS Code takes for binary: the rows as a text document in place of this editor. The
 * editor itself stays only where there is nothing to show, and says why.
 */
export class RowsEditor implements vscode.CustomReadonlyEditorProvider {
  constructor(
    readonly files: RowsFileSystem,
    readonly problems: Problems,
  ) {}

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  async resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): Promise<void> {
    const shown = rowsUri(uri.fsPath);
    loadText(panel, 'Reading the rows…');
    try {
      await this.files.rows(shown);
    } catch (error) {
      if (!(error instanceof WishboneError)) throw error;
      loadText(panel, `${sentence(error.what)}. ${sentence(error.advice)}.`);
      return;
    }
    // Once this editor is in its place: it is closed by the one that follows.
    setTimeout(() => {
      this.#replace(panel, shown).catch((error: unknown) => this.problems.log(error));
    }, 0);
  }

  async #replace(panel: vscode.WebviewPanel, shown: vscode.Uri): Promise<void> {
    const { viewColumn, active } = panel;
    await vscode.window.showTextDocument(shown, { ...(viewColumn === undefined ? {} : { viewColumn }), preserveFocus: !active });
    panel.dispose();
  }
}
