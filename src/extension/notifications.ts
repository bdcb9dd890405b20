import * as vscode from 'vscode';

import { isActive } from '../core/run/index.js';
import { formatDuration, formatMetric, sentence } from '../format.js';
import type { RunPanels } from './panel/run-panel.js';
import { exportFolder } from './panel/view-model.js';
import type { LiveRun } from './runs/live-run.js';
import type { RunActions } from './runs/run-actions.js';
import type { RunStore } from './runs/run-store.js';

const OPEN = 'Open Run';
const LOG = 'Show Log';
const RESUME = 'Resume';
const MODEL = 'Reveal Model';

/** Tells of every run that ends while this window watches it. */
export function notifyOfEnds(store: RunStore, actions: RunActions, panels: RunPanels): vscode.Disposable {
  return store.onDidChange(({ run, change }) => {
    if (change.previous === undefined || !isActive(change.previous) || isActive(run.state) || run.gone) return;
    // Whoever starts a run tells of a start that fails.
    if (actions.starting.has(run.folder)) return;
    void (async () => {
      try {
        await act(await tell(run), run, actions, panels);
      } catch (error) {
        await actions.problems.show(error);
      }
    })();
  });
}

function tell(run: LiveRun): Thenable<string | undefined> {
  const { name } = run.config;
  const { terminal } = run.history;
  switch (terminal?.type) {
    case 'finished': {
      const loss = run.history.latest('loss');
      const text = `${name} finished in ${formatDuration(terminal.seconds)}${loss === undefined ? '' : `, loss ${formatMetric(loss)}`}.`;
      return vscode.window.showInformationMessage(text, OPEN, ...(exportFolder(run) === undefined ? [] : [MODEL]));
    }
    case 'stopped':
      return vscode.window.showInformationMessage(`${name} stopped after step ${terminal.step}.`, OPEN, RESUME);
    case 'failed':
      return vscode.window.showErrorMessage(
        `${name} failed: ${terminal.what}. Where: ${terminal.where}. ${sentence(terminal.advice)}.`,
        OPEN,
        LOG,
        RESUME,
      );
    default:
      return vscode.window.showErrorMessage(
        `${name} crashed: ${run.crash?.exit ?? 'the runner is gone'}.`,
        OPEN,
        LOG,
        RESUME,
      );
  }
}

async function act(choice: string | undefined, run: LiveRun, actions: RunActions, panels: RunPanels): Promise<void> {
  switch (choice) {
    case OPEN:
      return panels.show(run.folder);
    case LOG:
      return actions.showLog(run.folder);
    case MODEL:
      return actions.reveal(exportFolder(run) ?? run.folder);
    case RESUME:
      await actions.resume(run);
      return panels.show(run.folder);
  }
}
