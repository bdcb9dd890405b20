import * as vscode from 'vscode';

import type { SweepProgress, TrialProgress } from '../../core/sweep/index.js';
import type { SweepListing } from '../sweeps/sweep-catalog.js';
import { DAMAGED, isIdle, sweepDescription, sweepRows, trialDescription } from '../sweeps/sweep-text.js';
import { tooltipTable } from './tooltip.js';

/** Sweeps of more runs are folded at first. */
const MOST_UNFOLDED = 30;

const icon = (name: string, color?: string): vscode.ThemeIcon =>
  new vscode.ThemeIcon(name, color === undefined ? undefined : new vscode.ThemeColor(color));

/** A sweep in the Runs view. */
export function sweepItem(sweep: SweepListing, progress: SweepProgress | undefined): vscode.TreeItem {
  const item = new vscode.TreeItem(sweep.name, vscode.TreeItemCollapsibleState.None);
  item.id = `sweep:${sweep.file}`;
  if (sweep.problem !== undefined || progress === undefined) {
    item.description = DAMAGED;
    item.iconPath = icon('question');
    item.tooltip = `${sweep.problem?.message ?? ''}\n${sweep.file}\nForget Sweep removes the record; its runs stay.`;
    item.contextValue = 'sweep.broken';
    return item;
  }
  const { counts, trials, isDone } = progress;
  item.collapsibleState =
    trials.length > MOST_UNFOLDED ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.Expanded;
  item.description = sweepDescription(sweep, progress);
  item.tooltip = tooltipTable(sweep.name, sweepRows(sweep, progress));
  item.accessibilityInformation = { label: `Sweep ${sweep.name}, ${item.description}` };
  const hasFailed = counts.failed > 0;
  const again = !sweep.isAtWork && counts.failed + counts.skipped > 0 ? '.again' : '';
  item.contextValue = `sweep.${sweep.isAtWork ? 'working' : isIdle(sweep, progress) ? 'idle' : 'done'}${again}`;
  item.iconPath = sweep.isAtWork
    ? icon('sync~spin', 'charts.blue')
    : !isDone
      ? sweep.wasLeft
        ? icon('warning', 'charts.yellow')
        : icon('debug-pause')
      : hasFailed
        ? icon('error', 'charts.red')
        : icon('check-all', 'charts.green');
  return item;
}

/** What is told of a trial by its sweep, whatever its run says. */
export const TRIAL_ICONS: Readonly<Partial<Record<TrialProgress['state'], vscode.ThemeIcon>>> = {
  skipped: icon('debug-step-over'),
  failed: icon('error', 'charts.red'),
};

/** A run of a sweep that there is nothing of yet, or not any more. */
export function waitingItem(sweepFile: string, trial: TrialProgress): vscode.TreeItem {
  const item = new vscode.TreeItem(trial.name, vscode.TreeItemCollapsibleState.None);
  item.id = `trial:${sweepFile}:${trial.name}`;
  item.description = trialDescription(trial);
  item.tooltip = `${trial.name}\n${item.description}`;
  item.iconPath = TRIAL_ICONS[trial.state] ?? icon('circle-outline');
  item.contextValue = trialState(trial);
  return item;
}

/** What menus go by: whether it can be passed over, or put first. */
export function trialState({ state }: TrialProgress): string {
  return state === 'waiting' || state === 'working' ? `trial.${state}` : 'trial.ended';
}
