import path from 'node:path';

import * as vscode from 'vscode';

import type { PairKey, Part, TableProcess } from '../../../core/dataset-table/index.js';

/** Documents of this scheme are the texts of pairs, which VS Code compares. */
const PAIR_SCHEME = 'wishbone-pair';

/** Gives VS Code the texts of pairs, as long as their table is open. */
export class PairDocuments implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #texts = new Map<string, string>();
  readonly #registrations: vscode.Disposable;

  constructor() {
    this.#registrations = vscode.Disposable.from(
      vscode.workspace.registerTextDocumentContentProvider(PAIR_SCHEME, this),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.#texts.delete(uri.toString())),
    );
  }

  dispose(): void {
    this.#registrations.dispose();
    this.#texts.clear();
  }

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? 'The table of this pair was closed.';
  }

  /** Opens a pair's responses in the diff editor: rejected at the left, chosen at the right. */
  async compare(table: TableProcess, file: string, { row, pair }: PairKey, column?: vscode.ViewColumn): Promise<boolean> {
    const texts = await table.ask('texts', { row, pair });
    if (texts === null) return false;
    const name = `${path.basename(file)} row ${row + 1}${pair === 0 ? '' : ` pair ${pair + 1}`}`;
    const uriOf = (part: Part): vscode.Uri => {
      const uri = vscode.Uri.from({ scheme: PAIR_SCHEME, path: `/${name}/${part}.txt`, query: file });
      this.#texts.set(uri.toString(), texts[part]);
      return uri;
    };
    const title = `${name}: rejected ↔ chosen`;
    await vscode.commands.executeCommand('vscode.diff', uriOf('rejected'), uriOf('chosen'), title, {
      viewColumn: column ?? vscode.ViewColumn.Active,
      preview: true,
    });
    return true;
  }
}
