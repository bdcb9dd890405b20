import type * as vscode from 'vscode';

/**
 * Every command by its title in the palette, or null for one that only our own code uses. `package.json` says the same to
 * VS Code; a test holds the two together.
 */
export const COMMANDS = {
  'wishbone.launchRun': 'Launch Run…',
  'wishbone.launchConfig': 'Launch Run from Config…',
  'wishbone.convertConfig': 'Convert TRL or LLaMA-Factory Config…',
  'wishbone.setPlanOption': null,
  'wishbone.createExample': 'Create Example Project…',
  'wishbone.getStarted': 'Get Started',
  'wishbone.clearCache': 'Clear Cache',

  'wishbone.openRun': 'Open Run',
  'wishbone.compareRuns': 'Compare Runs…',
  'wishbone.stopRun': 'Stop Run',
  'wishbone.resumeRun': 'Resume Run',
  'wishbone.duplicateRun': 'Duplicate Run with Changes…',
  'wishbone.renameRun': 'Rename Run…',
  'wishbone.tagRun': 'Tag Run…',
  'wishbone.exportBest': 'Export Best Model…',
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
  'wishbone.writeCleanedCopy': 'Write Cleaned Copy…',
  'wishbone.chooseTokenModel': 'Choose Model for Token Counts…',

  'wishbone.refreshDevices': 'Refresh Devices',
  'wishbone.setUpGpu': 'Set Up GPU…',
  'wishbone.openTerminal': 'Open Terminal with Wishbone',
} as const satisfies Readonly<Record<`wishbone.${string}`, string | null>>;

export type CommandId = keyof typeof COMMANDS;

/**
 * What our own code may give a command; nothing where it is not listed. Menus and key bindings give other things, so that a
 * command looks at what it gets.
 */
interface Arguments {
  /** A preference file. */
  'wishbone.launchRun': [dataset?: vscode.Uri];
  'wishbone.launchConfig': [config?: vscode.Uri];
  /** `option`: without its group, `plan`. */
  'wishbone.setPlanOption': [dataset: vscode.Uri, option: string, value: string | number];
  /** A run's folder. `preview`: in place of the one previewed before. */
  'wishbone.openRun': [folder?: string, how?: 'preview'];
  'wishbone.duplicateRun': [folder: string];
  'wishbone.renameRun': [folder: string];
  'wishbone.tagRun': [folder: string];
  'wishbone.tryRun': [folder: string];
  /** A preference file or a run's folder, and a row of the dataset, from 0. */
  'wishbone.inspectMasks': [place?: vscode.Uri | string, row?: number];
  /** Likewise, and a bin of the plan, from 0. */
  'wishbone.showPacking': [place?: vscode.Uri | string, bin?: number];
  /** `check`: the kind of problem whose rows are left out. */
  'wishbone.writeCleanedCopy': [dataset: vscode.Uri, check: string];
}

export type ArgumentsOf<C extends CommandId> = C extends keyof Arguments ? Arguments[C] : [];

/** A command as links, lists and quick fixes hold it. */
export function commandLink<C extends CommandId>(title: string, command: C, ...given: ArgumentsOf<C>): vscode.Command {
  return { title, command, arguments: given };
}
