import * as vscode from 'vscode';

import { fileKind, mayBeDataset } from '../../core/dataset/file-kinds.js';

/** Documents of this scheme are the first rows of a packed, Parquet or Arrow file, as JSON lines that cannot be changed. */
export const ROWS_SCHEME = 'wishbone-rows';

/** The document that shows the rows of a file. */
export function rowsUri(file: string): vscode.Uri {
  return vscode.Uri.file(file).with({ scheme: ROWS_SCHEME });
}

/** The file that a document shows, or shows rows of; undefined for what is no file on disk. */
export function fileOf(uri: vscode.Uri): string | undefined {
  return uri.scheme === 'file' || uri.scheme === ROWS_SCHEME ? uri.fsPath : undefined;
}

/** The address of that file; of any other document its own. */
export function rowsFileUri(uri: vscode.Uri): vscode.Uri {
  return uri.scheme === ROWS_SCHEME ? vscode.Uri.file(uri.fsPath) : uri;
}

/** True for files whose rows are shown in such a document, by their names. */
export function isShownAsRows(file: string): boolean {
  const { kind, packing } = fileKind(file);
  return mayBeDataset(file) && (packing !== undefined || kind === 'parquet' || kind === 'arrow');
}
