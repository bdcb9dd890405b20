import type * as vscode from 'vscode';

import { Page, pageOptions } from '../page.js';
import { TABLE, type TableContext, TablePanel } from './table-panel.js';

/** The editor of a dataset on the disk, of any form and size: nothing of it goes through VS Code. */
export const TABLE_VIEW = 'wishbone.table';
/** The editor of a JSON text that VS Code holds. */
export const TABLE_EDITOR_VIEW = 'wishbone.tableEditor';

/** Shows a file as a table that is only looked at. */
export class TableView implements vscode.CustomReadonlyEditorProvider {
  constructor(readonly context: TableContext) {}

  openCustomDocument(uri: vscode.Uri): vscode.CustomDocument {
    return { uri, dispose: () => undefined };
  }

  resolveCustomEditor({ uri }: vscode.CustomDocument, panel: vscode.WebviewPanel): void {
    show(panel, this.context, uri.fsPath, undefined);
  }
}

/** Shows a text as a table whose texts can be changed. */
export class TableEditor implements vscode.CustomTextEditorProvider {
  constructor(readonly context: TableContext) {}

  resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): void {
    show(panel, this.context, document.uri.fsPath, document);
  }
}

function show(panel: vscode.WebviewPanel, context: TableContext, file: string, document: vscode.TextDocument | undefined): void {
  panel.webview.options = pageOptions(context.extensionUri);
  const shown = new TablePanel(new Page(panel, context.extensionUri, TABLE, context.problems), context, file, document);
  panel.onDidDispose(() => shown.dispose());
}
