import path from 'node:path';

import * as vscode from 'vscode';

import type { DatasetForm } from '../../core/dataset/index.js';
import { datasetForm } from '../paths/candidates.js';
import { DATASET_ENDINGS, isKind } from '../../core/dataset/file-kinds.js';

/** Never searched for datasets or models. */
export const EXCLUDED = '**/{node_modules,.git,.wishbone,.venv,dist,build,out}/**';
export const DATASETS = `**/*.{${DATASET_ENDINGS.join(',')}}`;
const MOST_FILES = 3000;

/**
 * The workspace's files that may be preference files, likeliest first: names that say what they are, then the shallow
 * ones, which are likelier meant.
 */
export async function datasetCandidates(): Promise<string[]> {
  const found = await vscode.workspace.findFiles(DATASETS, EXCLUDED, MOST_FILES);
  const rank = (file: string): number => (isKind(file, 'jsonl') ? 0 : 1) * 100 + file.split(path.sep).length;
  return found
    .filter(({ scheme }) => scheme === 'file')
    .map(({ fsPath }) => fsPath)
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** The workspace's preference files, one after the other as they are recognised. */
export async function* findDatasets(
  signal: AbortSignal,
): AsyncGenerator<{ readonly file: string; readonly form: DatasetForm }> {
  for (const file of await datasetCandidates()) {
    if (signal.aborted) return;
    const form = await datasetForm(file);
    if (form !== undefined) yield { file, form };
  }
}

/** The only preference file of the workspace, or undefined when there is none or there are several. */
export async function onlyDataset(): Promise<string | undefined> {
  const search = new AbortController();
  const found: string[] = [];
  for await (const { file } of findDatasets(search.signal)) {
    found.push(file);
    if (found.length > 1) search.abort();
  }
  return found.length === 1 ? found[0] : undefined;
}
