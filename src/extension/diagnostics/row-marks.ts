import * as vscode from 'vscode';

import type { Severity } from '../../core/checks/index.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { heaviestByLine } from './text.js';

/** The icons of the Problems view, which a decoration cannot name: drawn here, for light and for dark themes. */
const SHAPES: Readonly<Record<Severity, string>> = {
  error:
    '<circle cx="8" cy="8" r="5.5" fill="none" stroke="C" stroke-width="1.3"/><path d="M5.8 5.8l4.4 4.4M10.2 5.8l-4.4 4.4" stroke="C" stroke-width="1.3"/>',
  warning:
    '<path d="M8 2.5L14 13.2H2z" fill="none" stroke="C" stroke-width="1.3" stroke-linejoin="round"/><path d="M8 6v3.6M8 10.8v1.2" stroke="C" stroke-width="1.3"/>',
  information:
    '<circle cx="8" cy="8" r="5.5" fill="none" stroke="C" stroke-width="1.3"/><path d="M8 7.2v4M8 4.6v1.3" stroke="C" stroke-width="1.3"/>',
};
const COLORS = {
  error: { light: '#c42b1c', dark: '#f88070' },
  warning: { light: '#8f6200', dark: '#d7ba4d' },
  information: { light: '#0b63ce', dark: '#6cb2ff' },
} as const satisfies Readonly<Record<Severity, unknown>>;
const SEVERITIES = Object.keys(SHAPES) as Severity[];

/**
 * A mark beside the line number of every row that has a problem: rows are longer than any window is wide, and what is
 * underlined in them may be far out of view.
 */
export class RowMarks implements vscode.Disposable {
  readonly #types = SEVERITIES.map((severity) => ({
    severity,
    type: vscode.window.createTextEditorDecorationType({
      gutterIconSize: 'contain',
      light: { gutterIconPath: icon(severity, 'light') },
      dark: { gutterIconPath: icon(severity, 'dark') },
    }),
  }));
  readonly #subscriptions: vscode.Disposable;

  constructor(readonly diagnostics: DatasetDiagnostics) {
    this.#subscriptions = vscode.Disposable.from(
      ...this.#types.map(({ type }) => type),
      diagnostics.onDidChange((uri) => {
        for (const editor of vscode.window.visibleTextEditors) {
          if (editor.document.uri.toString() === uri.toString()) this.#draw(editor);
        }
      }),
      vscode.window.onDidChangeVisibleTextEditors((editors) => editors.forEach((editor) => this.#draw(editor))),
    );
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  #draw(editor: vscode.TextEditor): void {
    const state = this.diagnostics.stateOf(editor.document.uri);
    const lines = heaviestByLine(state.kind === 'checked' ? state.report.problems : []);
    for (const { severity, type } of this.#types) {
      const marked = [...lines].filter(([, heaviest]) => heaviest === severity);
      editor.setDecorations(
        type,
        marked.map(([line]) => new vscode.Range(line, 0, line, 0)),
      );
    }
  }
}

function icon(severity: Severity, theme: 'light' | 'dark'): vscode.Uri {
  const shape = SHAPES[severity].replaceAll('"C"', `"${COLORS[severity][theme]}"`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 16 16">${shape}</svg>`;
  return vscode.Uri.parse(`data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`);
}
