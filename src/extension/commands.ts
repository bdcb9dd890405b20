import type * as vscode from 'vscode';

import type { RemedyName } from '../core/why/index.js';

/**
 * All commands, with their titles in the palette, or null for commands that only our own code uses. `package.json` tells
 * VS Code the same; a test compares the two.
 */
export const COMMANDS = {
  'wishbone.launchRun': 'Launch Run…',
  'wishbone.launchConfig': 'Launch Run from Config…',
  'wishbone.convertConfig': 'Convert TRL or LLaMA-Factory Config…',
  'wishbone.setPlanOption': null,
  'wishbone.createExample': 'Create Example Project…',
  'wishbone.getStarted': 'Get Started',
  'wishbone.clearCache': 'Clear Cache',

  'wishbone.launchSweep': 'Launch Sweep…',
  'wishbone.showSweep': null,
  'wishbone.showSweepTable': 'Show Sweep as a Table',
  'wishbone.pauseSweep': 'Pause Sweep',
  'wishbone.resumeSweep': 'Go On with Sweep',
  'wishbone.retrySweep': 'Retry Failed Runs of Sweep',
  'wishbone.skipTrial': 'Skip Run of Sweep',
  'wishbone.firstTrial': 'Put Run of Sweep First',
  'wishbone.openSweepConfig': 'Open Config of Sweep',
  'wishbone.forgetSweep': 'Forget Sweep…',

  'wishbone.openRun': 'Open Run',
  'wishbone.showRunsTable': 'Show Runs as a Table',
  'wishbone.compareRuns': 'Compare Runs…',
  'wishbone.stopRun': 'Stop Run',
  'wishbone.resumeRun': 'Resume Run',
  'wishbone.duplicateRun': 'Duplicate Run with Changes…',
  'wishbone.explainRun': 'Why Did Chosen Rewards Fall?',
  'wishbone.judgeRun': 'Judge Completions…',
  'wishbone.forgetJudgeKey': 'Forget Judge Key…',
  'wishbone.renameRun': 'Rename Run…',
  'wishbone.tagRun': 'Tag Run…',
  'wishbone.exportBest': 'Export Best Model…',
  'wishbone.exportGguf': 'Export as GGUF…',
  'wishbone.pushRun': 'Upload to Hub…',
  'wishbone.trackRun': 'Send to Trackers',
  'wishbone.setTrackerSecret': 'Set Tracker Secret…',
  'wishbone.revealRun': 'Reveal Run Folder',
  'wishbone.deleteRun': 'Delete Run…',
  'wishbone.tryRun': 'Try It…',

  'wishbone.inspectMasks': 'Inspect Masks…',
  'wishbone.showPacking': 'Show Packing…',
  'wishbone.showSpeedup': 'Measure Speedup…',

  'wishbone.filterRuns': 'Filter Runs…',
  'wishbone.clearRunFilter': 'Show All Runs',
  'wishbone.sortRuns': 'Sort Runs…',
  'wishbone.refreshRuns': 'Refresh Runs',

  'wishbone.refreshDatasets': 'Refresh Datasets',
  'wishbone.showDatasetTable': 'Show Dataset as a Table',
  'wishbone.showPairCurve': null,
  'wishbone.writeCleanedCopy': 'Write Cleaned Copy…',
  'wishbone.chooseTokenModel': 'Choose Model for Token Counts…',

  'wishbone.refreshDevices': 'Refresh Devices',
  'wishbone.setUpGpu': 'Set Up GPU…',
  'wishbone.openTerminal': 'Open Terminal with Wishbone',
} as const satisfies Readonly<Record<`wishbone.${string}`, string | null>>;

export type CommandId = keyof typeof COMMANDS;

/**
 * The arguments that our own code passes to a command; none if it is not listed. Menus and key bindings pass other things, so
 * commands check what they get.
 */
interface Arguments {
  /** A preference file. */
  'wishbone.launchRun': [dataset?: vscode.Uri];
  'wishbone.launchConfig': [config?: vscode.Uri];
  /** A sweep's record. */
  'wishbone.showSweep': [sweep: string];
  /** What to look at; without it, what was looked at last. */
  'wishbone.showRunsTable': [look?: { readonly filter: string; readonly group: string | null }];
  /** `option`: its name without the group `plan`. */
  'wishbone.setPlanOption': [dataset: vscode.Uri, option: string, value: string | number];
  /** A run's folder. `preview`: show it in place of the previous preview. */
  'wishbone.openRun': [folder?: string, how?: 'preview'];
  /** `remedy`: a change that helps (`core/why`), made in the form. */
  'wishbone.duplicateRun': [folder: string, remedy?: RemedyName];
  'wishbone.explainRun': [folder: string];
  'wishbone.judgeRun': [folder: string];
  'wishbone.exportGguf': [folder: string];
  'wishbone.pushRun': [folder: string];
  'wishbone.trackRun': [folder: string];
  'wishbone.renameRun': [folder: string];
  'wishbone.tagRun': [folder: string];
  'wishbone.tryRun': [folder: string];
  /** A preference file or a run's folder, and a row of the dataset, counted from 0. */
  'wishbone.inspectMasks': [place?: vscode.Uri | string, row?: number];
  /** The same, and a bin of the plan, counted from 0. */
  'wishbone.showPacking': [place?: vscode.Uri | string, bin?: number];
  /** A preference file; without one, that of the active tab, or asks. A row of it to show, from 0, with the margins of a run. */
  'wishbone.showDatasetTable': [dataset?: vscode.Uri, row?: number, run?: string];
  /** A run, and a pair by its file, its row in that and its place in the row, from 0. */
  'wishbone.showPairCurve': [run: string, file: string, row: number, pair: number];
  /** `check`: rows with this kind of problem are left out. */
  'wishbone.writeCleanedCopy': [dataset: vscode.Uri, check: string];
}

export type ArgumentsOf<C extends CommandId> = C extends keyof Arguments ? Arguments[C] : [];

/** A command for code lenses, list items and quick fixes. */
export function commandLink<C extends CommandId>(title: string, command: C, ...given: ArgumentsOf<C>): vscode.Command {
  return { title, command, arguments: given };
}
