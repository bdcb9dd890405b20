import * as vscode from 'vscode';

import { useRunner } from '../core/runner/index.js';
import { findTarget, parseTargets, type SlurmTarget, TARGETS_SETTING } from '../core/slurm/index.js';

/** A setting of ours, or what it is when somebody wrote something else there. */
export function setting<T extends string | boolean | number>(name: string, otherwise: T): T {
  const value = vscode.workspace.getConfiguration('wishbone').get<unknown>(name);
  return typeof value === typeof otherwise ? (value as T) : otherwise;
}

/** Hands the settings on that the core wants to know, now and when they change. */
export function followSettings(): vscode.Disposable {
  const apply = (): void => useRunner(setting('runner.path', '').trim());
  apply();
  return vscode.workspace.onDidChangeConfiguration((event) => {
    if (event.affectsConfiguration('wishbone.runner')) apply();
  });
}

/** What errors call the settings, as a place. */
const SETTINGS = 'settings.json';

/** The clusters that runs can be given to. @throws WishboneError for the first target that is wrong */
export function targetsSetting(): readonly SlurmTarget[] {
  return parseTargets(vscode.workspace.getConfiguration().get<unknown>(TARGETS_SETTING), SETTINGS);
}

/** One of them. @throws WishboneError when there is none of this name */
export function targetSetting(name: string): SlurmTarget {
  return findTarget(targetsSetting(), name, SETTINGS);
}
