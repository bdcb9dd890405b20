import * as vscode from 'vscode';

import type { RunListing } from '../../core/run/index.js';
import { plural } from '../../format.js';
import { nameOf, namesList, namesText } from './run-names.js';
import { showWarning } from '../messages.js';

const MOVE = 'Move to Trash';
const FOR_GOOD = 'Delete Permanently';

/**
 * Deletes runs after one question that names them. Where there is no trash the button that keeps them has the focus.
 *
 * @param staying those of the selection that are at work
 */
export async function deleteRuns(runs: readonly RunListing[], staying: readonly RunListing[]): Promise<void> {
  const stay = staying.length === 0 ? '' : `\n\nNot deleted because still running: ${namesText(staying)}.`;
  if (hasTrash()) {
    const detail = `${namesOf(runs)}Checkpoints, trained models and logs are moved to the trash with them.${stay}`;
    if ((await showWarning(`Delete ${whatOf(runs)}?`, { modal: true, detail }, MOVE)) !== MOVE) return;
    const left: RunListing[] = [];
    for (const run of runs) await removed(run, true).catch(() => left.push(run));
    // Some folders' disk has no trash.
    if (left.length > 0) await deleteForGood(left, '');
    return;
  }
  await deleteForGood(runs, stay);
}

async function deleteForGood(runs: readonly RunListing[], stay: string): Promise<void> {
  const keep = runs.length === 1 ? 'Keep Run' : 'Keep Runs';
  const detail = `${namesOf(runs)}There is no trash here: checkpoints, trained models and logs will be lost for good.${stay}`;
  // The first button has the focus.
  const choice = await showWarning(`Delete ${whatOf(runs)} permanently?`, { modal: true, detail }, keep, FOR_GOOD);
  if (choice === FOR_GOOD) for (const run of runs) await removed(run, false);
}

function whatOf(runs: readonly RunListing[]): string {
  return runs.length === 1 ? nameOf(runs[0]!) : plural(runs.length, 'run');
}

function namesOf(runs: readonly RunListing[]): string {
  return runs.length === 1 ? '' : `${namesList(runs)}\n\n`;
}

async function removed({ folder }: RunListing, useTrash: boolean): Promise<void> {
  await vscode.workspace.fs.delete(vscode.Uri.file(folder), { recursive: true, useTrash });
}

/** Whether there is a trash: remote machines and browsers have none. */
export function hasTrash(): boolean {
  return vscode.env.remoteName === undefined && vscode.env.uiKind === vscode.UIKind.Desktop;
}
