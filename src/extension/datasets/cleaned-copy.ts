import path from 'node:path';

import * as vscode from 'vscode';

import { CHECK_SEVERITIES, type CheckName, type CheckOptions, type DatasetCheck, rowsOf } from '../../core/checks/index.js';
import type { WorkOptions } from '../../core/work/progress.js';
import { runTask } from '../../core/tasks/index.js';
import { formatCount, plural, sentence } from '../../format.js';
import { givenPath } from '../paths/given-path.js';
import { datasetAtHand } from '../paths/file-at-hand.js';
import { pickDataset } from '../paths/pick-dataset.js';
import { recentDatasets } from '../paths/recent.js';
import { withPlanProgress } from '../plan-progress.js';
import { runCommand } from '../run-command.js';
import { isBinaryDataset, requireReadable } from '../trust.js';
import { showInformation } from '../messages.js';

/** For files that the editor does not show as text, and those that are no JSON: what is wrong is told from disk. */
export function checked(file: string, options: CheckOptions, work: WorkOptions = {}): Promise<DatasetCheck> {
  return runTask('check', { source: { path: file }, options }, work);
}

/** No other files: a copy is made of what is wrong in this one. */
const ALONE: CheckOptions = { model: undefined, maxLength: Infinity, evalFiles: [] };

interface Kind extends vscode.QuickPickItem {
  readonly check: CheckName;
}

/**
 * Writes a copy of a preference file without the rows that checks have found something in, and those rows beside it. Asks
 * which kinds are meant, and says what was done. The file itself stays as it is.
 *
 * @param given the file: an address, or an item of the Datasets view; without one it is asked for
 * @param check a kind to begin with: then those alone are marked, else all that cannot be trained on
 */
export async function cleanedCopy(context: vscode.ExtensionContext, given: unknown, check?: unknown): Promise<void> {
  const file = await fileOf(context, given);
  if (file === undefined) return;
  if (isBinaryDataset(file)) requireReadable(file);
  const found = await withPlanProgress(file, (work) => checked(file, ALONE, work));
  if (found === undefined) return;
  const rowsByCheck = rowsOf(found);
  const kinds = kindsOf(found, typeof check === 'string' ? check : undefined);
  const name = path.basename(file);
  if (kinds.length === 0) {
    void showInformation(`${name}: no problems found in ${plural(found.rows, 'row')}.`);
    return;
  }
  const picked = await vscode.window.showQuickPick(kinds, {
    title: `Rows to Leave Out of a Copy of ${name}`,
    placeHolder: 'These rows go to a separate file next to the copy; the original is not changed',
    canPickMany: true,
    matchOnDescription: true,
  });
  if (picked === undefined || picked.length === 0) return;
  const rows = [...new Set(picked.flatMap((kind) => [...(rowsByCheck[kind.check] ?? [])]))].sort((a, b) => a - b);
  const task = { file, rows: Uint32Array.from(rows) };
  const made = await withPlanProgress(file, (work) => runTask('clean', task, work));
  if (made === undefined) return;
  const [open, launch] = ['Open Copy', 'Launch Run…'];
  const choice = await showInformation(
    `${path.basename(made.copy)} has ${plural(made.kept, 'row')} of ${name}; the other ${formatCount(made.dropped)} are in ${path.basename(made.rejected)}.`,
    ...[open, launch],
  );
  if (choice === open) await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(made.copy));
  if (choice === launch) await runCommand('wishbone.launchRun', vscode.Uri.file(made.copy));
}

async function fileOf(context: vscode.ExtensionContext, given: unknown): Promise<string | undefined> {
  const file = givenPath(given) ?? datasetAtHand();
  if (file !== undefined) return file;
  const picked = await pickDataset(recentDatasets(context), { title: 'Preference File to Clean' });
  return typeof picked === 'string' ? undefined : picked.value;
}

/** The kinds that have rows, most frequent first; what cannot be trained on is marked. */
function kindsOf(found: DatasetCheck, only: string | undefined): Kind[] {
  const { problems } = found;
  const all = Object.entries(rowsOf(found)) as [CheckName, Uint32Array][];
  return all
    .sort(([, a], [, b]) => b.length - a.length)
    .map(([check, rows]): Kind => {
      const first = problems.find((problem) => problem.check === check);
      return {
        check,
        label: check,
        description: plural(rows.length, 'row'),
        ...(first === undefined ? {} : { detail: sentence(first.what) }),
        picked: only === undefined ? CHECK_SEVERITIES[check] === 'error' : check === only,
      };
    });
}
