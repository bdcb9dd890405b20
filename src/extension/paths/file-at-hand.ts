import * as vscode from 'vscode';

import { mayBeDataset } from '../../core/dataset/file-kinds.js';
import { fileOf } from '../rows/rows-scheme.js';

/** The preference file, by its name, of the tab in front: shown as text, as rows or as a table. Undefined where it shows no such file. */
export function datasetAtHand(): string | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const file = fileOfInput(input);
  return file !== undefined && mayBeDataset(file) ? file : undefined;
}

function fileOfInput(input: unknown): string | undefined {
  if (input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom) return fileOf(input.uri);
  return input instanceof vscode.TabInputTextDiff ? fileOf(input.modified) : undefined;
}
