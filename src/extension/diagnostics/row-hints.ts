import * as vscode from 'vscode';

import { rowCharacters } from '../../core/checks/index.js';
import { WishboneError } from '../../core/errors.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { characterHint, hintText } from './row-text.js';
import { rowsIn } from './rows.js';

/** A longer row ends out of view in most windows. */
const LONGEST = 100;

/** At the end of each row that is on the screen, or before one that ends out of view: its token split and what sharing saves. */
export class RowHints implements vscode.InlayHintsProvider {
  readonly onDidChangeInlayHints: vscode.Event<void>;

  constructor(readonly diagnostics: DatasetDiagnostics) {
    const changed = new vscode.EventEmitter<void>();
    // Rows that are typed in are asked for again by VS Code; this is for a model that came or went.
    const models = new Map<string, string>();
    diagnostics.onDidChange((uri) => {
      const state = diagnostics.stateOf(uri);
      const key = state.kind === 'checked' ? `${state.options.model} ${state.options.maxLength}` : state.kind;
      if (models.get(uri.toString()) === key) return;
      models.set(uri.toString(), key);
      changed.fire();
    });
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('wishbone.diagnostics.hints') || event.affectsConfiguration('editor.wordWrap')) changed.fire();
    });
    this.onDidChangeInlayHints = changed.event;
  }

  async provideInlayHints(
    document: vscode.TextDocument,
    range: vscode.Range,
    token: vscode.CancellationToken,
  ): Promise<vscode.InlayHint[]> {
    const state = this.diagnostics.stateOf(document.uri);
    if (state.kind !== 'checked' || !wantsHints(document.uri)) return [];
    const rows = rowsIn(document, state.report, range);
    const texts = rows.map(({ text }) => text);
    const labels = await this.#labels(texts, state.options.model, state.options.maxLength);
    if (token.isCancellationRequested) return [];
    const isWrapped = vscode.workspace.getConfiguration('editor', document).get<string>('wordWrap') !== 'off';
    return rows.flatMap(({ range: shown }, index) => {
      const label = labels[index];
      if (label === undefined) return [];
      const isAtEnd = isWrapped || shown.end.character <= LONGEST;
      const hint = new vscode.InlayHint(isAtEnd ? shown.end : shown.start, label);
      if (isAtEnd) hint.paddingLeft = true;
      else hint.paddingRight = true;
      return [hint];
    });
  }

  async #labels(rows: readonly string[], model: string | undefined, maxLength: number): Promise<(string | undefined)[]> {
    if (model !== undefined) {
      try {
        const tokens = await this.diagnostics.tokens(model, maxLength, rows);
        return tokens.map((row) => row && hintText(row));
      } catch (error) {
        // Why the model cannot be used stands above the first line.
        if (!(error instanceof WishboneError)) throw error;
      }
    }
    return rows.map((row) => {
      const characters = rowCharacters(row);
      return characters && characterHint(characters);
    });
  }
}

function wantsHints(uri: vscode.Uri): boolean {
  return vscode.workspace.getConfiguration('wishbone.diagnostics', uri).get<boolean>('hints', true);
}
