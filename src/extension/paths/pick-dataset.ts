import { access } from 'node:fs/promises';
import path from 'node:path';

import * as vscode from 'vscode';

import { formDescriptions } from '../../core/dataset/index.js';
import { datasetCandidates } from '../datasets/find-datasets.js';
import { datasetForm } from './look-at-dataset.js';
import type { RecentPaths } from './recent.js';
import { type Choice, pickFrom, separator, type Picked } from './pick-list.js';
import { FILE_KINDS, KINDS_TEXT, mayBeDataset } from '../../core/dataset/file-kinds.js';

const BROWSE = Symbol('browse');

/** Asks for a preference file: the one in the editor, those used last, those of the workspace, or any other. */
export async function pickDataset(recent: RecentPaths, title = 'Dataset'): Promise<Picked<string>> {
  for (;;) {
    const picked = await pickFrom<string | typeof BROWSE>({
      title,
      placeholder: `Preference file: ${KINDS_TEXT}`,
      fill: (show, signal) => fill(recent, show, signal),
    });
    if (typeof picked === 'string') return picked;
    if (picked.value !== BROWSE) return { value: picked.value };
    const browsed = await vscode.window.showOpenDialog({
      title: 'Preference File',
      openLabel: 'Choose',
      filters: { 'Preference files': [...Object.keys(FILE_KINDS), 'gz'], 'All files': ['*'] },
    });
    if (browsed?.[0] !== undefined) return { value: browsed[0].fsPath };
  }
}

type Show = (choices: readonly Choice<string | typeof BROWSE>[]) => void;

async function fill(recent: RecentPaths, show: Show, signal: AbortSignal): Promise<void> {
  const groups: { label: string; choices: Choice<string | typeof BROWSE>[] }[] = [
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
