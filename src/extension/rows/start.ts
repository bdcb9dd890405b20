import * as vscode from 'vscode';

import type { Problems } from '../problems.js';
import { RowsEditor } from './rows-editor.js';
import { RowsFileSystem } from './rows-file-system.js';
import { RowsLenses } from './rows-lenses.js';
import { ROWS_SCHEME } from './rows-scheme.js';

/** Files that no text editor shows: packed ones, Parquet and Arrow open as their first rows. */
export function startRows(problems: Problems): vscode.Disposable {
  const files = new RowsFileSystem();
  return vscode.Disposable.from(
    vscode.workspace.registerFileSystemProvider(ROWS_SCHEME, files, { isReadonly: true, isCaseSensitive: true }),
    vscode.window.registerCustomEditorProvider('wishbone.rows', new RowsEditor(files, problems), {
      supportsMultipleEditorsPerDocument: true,
    }),
    vscode.languages.registerCodeLensProvider({ scheme: ROWS_SCHEME }, new RowsLenses(files)),
  );
}
