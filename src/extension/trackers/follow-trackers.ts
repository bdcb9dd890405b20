import { hostname } from 'node:os';

import * as vscode from 'vscode';

import { isActive, readProcessRecord, runFolders } from '../../core/run/index.js';
import { startTracking, TRACKER_LABELS, trackedRun } from '../../core/trackers/index.js';
import { showWarning } from '../messages.js';
import type { Problems } from '../problems.js';
import { runCommand } from '../run-command.js';
import type { LiveRun } from '../runs/live-run.js';
import type { RunStore } from '../runs/run-store.js';
import type { TrackerSettings } from './tracker-settings.js';

const SECRET = 'Set Secret…';
const AGAIN = 'Send Again';
/** Runs of earlier are looked through once the window has settled. */
const SETTLED_MILLISECONDS = 8000;

/**
 * Has every run of this window that goes to a tracker sent there, by a process of its own, and says once what is in its way. What a run of
 * earlier has left unsent is sent when a window is opened.
 */
export function followTrackers(store: RunStore, settings: TrackerSettings, problems: Problems): vscode.Disposable {
  const told = new Set<string>();
  const started = new Map<string, number>();
  const send = async (folder: string): Promise<void> => startTracking(folder, await settings.variables());
  const log = (error: unknown): void => problems.log(error);

  const tell = async (run: LiveRun): Promise<void> => {
    for (const { name, trouble, complete } of run.trackers) {
      if (trouble === undefined || complete) continue;
      const key = `${run.folder} ${name} ${trouble.what}`;
      if (told.has(key)) continue;
      told.add(key);
      const text = `${run.config.name} is not all in ${TRACKER_LABELS[name]} yet: ${trouble.what}. ${trouble.advice}`;
      const choice = await showWarning(text, ...(name === 'wandb' ? [] : [SECRET]), AGAIN);
      if (choice === SECRET) await runCommand('wishbone.setTrackerSecret');
      if (choice !== undefined) await runCommand('wishbone.trackRun', run.folder);
    }
  };

  const catchUp = async (): Promise<void> => {
    for (const runs of store.runsFolders) {
      for (const folder of await runFolders(runs)) {
        const tracked = await trackedRun(folder);
        if (tracked.every(({ complete }) => complete)) continue;
        // Of a folder that other machines share, each sends its own.
        if ((await readProcessRecord(folder))?.host === hostname()) await send(folder);
      }
    }
  };
  const later = setTimeout(() => {
    if (vscode.workspace.isTrusted) catchUp().catch(log);
  }, SETTLED_MILLISECONDS);

  const subscription = store.onDidChange(({ run }) => {
    if (!vscode.workspace.isTrusted || run.trackers.length === 0) return;
    const { starts } = run.history;
    if (isActive(run.state) && starts > 0 && started.get(run.folder) !== starts) {
      started.set(run.folder, starts);
      send(run.folder).catch(log);
    }
    tell(run).catch(log);
  });
  return vscode.Disposable.from(subscription, new vscode.Disposable(() => clearTimeout(later)));
}
