import * as vscode from 'vscode';

import { listRuns, type RunListing } from '../core/run/index.js';
import type { RunPanels } from './panels/run/run-panels.js';
import { runCommand } from './run-command.js';
import { listingText } from './run-text.js';
import type { RunStore } from './runs/run-store.js';

const LAUNCH = '$(play) Launch Run…';

/** Opens the panel of the given run, as a preview when told so, or of one that is picked from the workspace's. */
export async function openRun(store: RunStore, panels: RunPanels, folder: unknown, how?: unknown): Promise<void> {
  if (typeof folder === 'string' && how === 'preview') return panels.preview(folder);
  const picked = typeof folder === 'string' ? folder : await pickRun(store);
  if (picked !== undefined) await panels.show(picked);
}

interface RunItem extends vscode.QuickPickItem {
  /** Undefined for the item that launches one. */
  readonly run: RunListing | undefined;
}

async function pickRun(store: RunStore): Promise<string | undefined> {
  const items = listAll(store).then((runs): RunItem[] =>
    runs.length > 0
      ? runs.map((run) => ({ ...listingText(run), run }))
      : [{ label: LAUNCH, detail: 'No runs in this workspace yet.', run: undefined }],
  );
  const picked = await vscode.window.showQuickPick(items, {
    title: 'Open Run',
    placeHolder: 'Runs of this workspace, newest first',
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (picked === undefined) return undefined;
  if (picked.run === undefined) {
    await runCommand('wishbone.launchRun');
    return undefined;
  }
  if (picked.run.problem !== undefined) throw picked.run.problem;
  return picked.run.folder;
}

async function listAll(store: RunStore): Promise<RunListing[]> {
  const lists = await Promise.all(store.runsFolders.map((folder) => listRuns(folder)));
  const created = (run: RunListing): string => (run.problem === undefined ? run.config.created : '');
  return lists.flat().sort((a, b) => (created(a) < created(b) ? 1 : created(a) > created(b) ? -1 : 0));
}
