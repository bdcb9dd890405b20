import * as vscode from 'vscode';

import { formatPercent } from '../../format.js';
import type { DatasetDiagnostics } from './dataset-diagnostics.js';
import { fileOfTab } from './documents.js';
import type { FileState } from './file-state.js';
import { statusLabel, summaryDetails } from './text.js';

/** Pairs and problems of the preference file at hand; how far the check of a large one has come. */
export class DatasetStatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('wishbone.dataset', vscode.StatusBarAlignment.Left, 49);
  readonly #subscriptions: vscode.Disposable;

  constructor(readonly diagnostics: DatasetDiagnostics) {
    this.#item.name = 'Wishbone Dataset';
    this.#item.command = 'workbench.actions.view.problems';
    this.#subscriptions = vscode.Disposable.from(
      this.#item,
      diagnostics.onDidChange(() => this.#draw()),
      vscode.window.onDidChangeActiveTextEditor(() => this.#draw()),
      vscode.window.tabGroups.onDidChangeTabs(() => this.#draw()),
      vscode.window.tabGroups.onDidChangeTabGroups(() => this.#draw()),
    );
    this.#draw();
  }

  dispose(): void {
    this.#subscriptions.dispose();
  }

  #draw(): void {
    const uri = uriAtHand();
    const state = uri === undefined ? undefined : this.diagnostics.stateOf(uri);
    if (state === undefined || state.kind === 'other') {
      this.#item.hide();
      return;
    }
    const { text, tooltip } = textOf(state);
    this.#item.text = text;
    this.#item.tooltip = tooltip;
    // A screen reader should not spell icons.
    this.#item.accessibilityInformation = { label: `Wishbone dataset: ${text.replace(/\$\([^)]*\)\s*/g, '')}` };
    this.#item.show();
  }
}

/** The file of the tab that has the focus; of a large one there is no text editor. */
function uriAtHand(): vscode.Uri | undefined {
  const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
  return (tab && fileOfTab(tab)) ?? vscode.window.activeTextEditor?.document.uri;
}

function textOf(state: Exclude<FileState, { kind: 'other' }>): { text: string; tooltip: string } {
  switch (state.kind) {
    case 'checked':
      return { text: statusLabel(state.report), tooltip: tooltip(state.report, 'Click to open the Problems view') };
    case 'tooLarge':
      return {
        text: '$(circle-slash) not checked',
        tooltip: 'JSON lists of more than 50 MB are not checked; JSON lines (.jsonl) of any size are',
      };
    case 'large': {
      const { report, size, isEdited } = state;
      if (report === undefined) return { text: '$(loading~spin) checking', tooltip: 'Reading the first rows' };
      const share = report.isDone ? '' : `$(watch) ${formatPercent(report.bytes / size)} · `;
      const text = `${share}${statusLabel(report)}`;
      if (isEdited) {
        const last = 'Unsaved changes are not checked, and marks may be off by the lines added or removed. Saving checks the file again.';
        return { text: `$(edit) ${text}, as saved`, tooltip: tooltip(report, `${OF_LARGE_FILES}\n\n${last}`) };
      }
      const last = report.isDone ? 'Click to open the Problems view' : 'Checking the rest; close the file to stop';
      return { text, tooltip: tooltip(report, `${OF_LARGE_FILES}\n\n${last}`) };
    }
  }
}

/** What is otherwise of a file that extensions do not see. */
const OF_LARGE_FILES =
  'VS Code hides files of more than 50 MB from extensions. This one is checked as saved on disk, again after each save; ' +
  'hovers, hints, quick fixes and the line above the first row need a smaller file.';

function tooltip(report: Parameters<typeof summaryDetails>[0], last: string): string {
  return `${summaryDetails(report) ?? ''}\n\n${last}`.trim();
}
