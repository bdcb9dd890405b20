import { access } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { formDescriptions } from '../../core/dataset/index.js';
import { datasetCandidates } from '../datasets/find-datasets.js';
import { datasetForm } from './look-at-dataset.js';
import type { RecentPaths } from './recent.js';
import { type Picked, separator } from './pick-list.js';
import { BROWSE, type PathChoice, pickPath, type ShowPaths } from './pick-path.js';
import { FILE_KINDS, KINDS_TEXT, mayBeDataset } from '../../core/dataset/file-kinds.js';

/** Asks for a preference file: the one in the editor, those used last, those of the workspace, or any other. */
export async function pickDataset(recent: RecentPaths, title = 'Dataset'): Promise<Picked<string>> {
  return pickPath({
    title,
    placeholder: `Preference file: ${KINDS_TEXT}`,
    fill: (show, signal) => fill(recent, show, signal),
    dialog: { title: 'Preference File', filters: { 'Preference files': [...Object.keys(FILE_KINDS), 'gz'], 'All files': ['*'] } },
  });
}

async function fill(recent: RecentPaths, show: ShowPaths, signal: AbortSignal): Promise<void> {
  const groups: { label: string; choices: PathChoice[] }[] = [
    { label: 'open in the editor', choices: [] },
    { label: 'used last', choices: [] },
    { label: 'in the workspace', choices: [] },
  ];
  const seen = new Set<string>();
  const draw = (): void =>
    show([
      ...groups.flatMap(({ label, choices }) => (choices.length === 0 ? [] : [separator<string>(label), ...choices])),
      separator('other'),
      { label: '$(folder-opened) Browse…', value: BROWSE },
    ]);
  const add = async (group: number, file: string): Promise<void> => {
    if (signal.aborted || seen.has(file)) return;
    seen.add(file);
    const form = await datasetForm(file);
    if (form === undefined) return;
    groups[group]!.choices.push({
      label: `$(list-unordered) ${path.basename(file)}`,
      description: placeOf(file),
      detail: formDescriptions[form],
      value: file,
    });
    draw();
  };

  draw();
  const editor = vscode.window.activeTextEditor?.document.uri;
  if (editor?.scheme === 'file' && mayBeDataset(editor.fsPath)) await add(0, editor.fsPath);
  for (const file of recent.all) if (await exists(file)) await add(1, file);
  for (const file of await datasetCandidates()) await add(2, file);
}

/** The folder something is in, as people of this workspace would say it. */
export function placeOf(file: string): string {
  const folder = vscode.workspace.asRelativePath(path.dirname(file));
  // Directly in the workspace folder: its path would only tell what is known.
  return path.isAbsolute(folder) && vscode.workspace.getWorkspaceFolder(vscode.Uri.file(file)) !== undefined ? '' : folder;
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
