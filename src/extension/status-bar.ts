import * as vscode from 'vscode';

import { isActive } from '../core/run/index.js';
import { plural } from '../format.js';
import { commandLink } from './commands.js';
import { statusRows, statusText } from './run-text.js';
import type { LiveRun } from './runs/live-run.js';
import type { RunStore } from './runs/run-store.js';
import { tooltipTable } from './views/tooltip.js';

/** How long the end of a run stays in the status bar. */
const END_MILLISECONDS = 60_000;

/** The run at work, with its progress; for a while after it, how it ended. */
export class RunStatusBar implements vscode.Disposable {
  readonly #item = vscode.window.createStatusBarItem('wishbone.run', vscode.StatusBarAlignment.Left, 50);
  readonly #subscription: vscode.Disposable;
  #ended: LiveRun | undefined;
  #hide: NodeJS.Timeout | undefined;

  constructor(readonly store: RunStore) {
    this.#item.name = 'Wishbone Run';
    this.#subscription = store.onDidChange(({ run, change }) => {
      if (change.previous !== undefined && isActive(change.previous) && !isActive(run.state)) this.#showEnd(run);
      this.#draw();
    });
  }

  dispose(): void {
    clearTimeout(this.#hide);
    this.#subscription.dispose();
    this.#item.dispose();
  }

  #showEnd(run: LiveRun): void {
    clearTimeout(this.#hide);
    this.#ended = run;
    this.#hide = setTimeout(() => {
      this.#ended = undefined;
      this.#draw();
    }, END_MILLISECONDS);
  }

  #draw(): void {
    const { active } = this.store;
    const run = active[0] ?? (this.#ended?.gone === true ? undefined : this.#ended);
    if (run === undefined) {
      this.#item.hide();
      return;
    }
    const several = active.length > 1;
    this.#item.text = several ? `$(sync~spin) ${plural(active.length, 'run')}` : statusText(run);
    this.#item.tooltip = tooltip(several ? active : [run]);
    // A screen reader should not spell icons.
    this.#item.accessibilityInformation = { label: `Wishbone: ${this.#item.text.replace(/\$\([^)]*\)\s*/g, '')}` };
    this.#item.backgroundColor =
      run.state === 'failed' || run.state === 'crashed' ? new vscode.ThemeColor('statusBarItem.errorBackground') : undefined;
    this.#item.command = commandLink('Open Run', 'wishbone.openRun', ...(several ? [] : ([run.folder] as const)));
    this.#item.show();
  }
}

function tooltip(runs: readonly LiveRun[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  for (const run of runs) text.appendMarkdown(`${tooltipTable(run.config.name, statusRows(run)).value}\n`);
  text.appendMarkdown(runs.length > 1 ? 'Click to choose a run.' : 'Click to open the run.');
  return text;
}
