import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { inspectModel } from '../../core/model/index.js';
import { formatRate, sentence } from '../../format.js';
import { mayRead, NOT_READ } from '../trust.js';
import { EXCLUDED } from '../datasets/find-datasets.js';
import { mayBeModel } from './candidates.js';
import { placeOf } from './pick-dataset.js';
import type { RecentPaths } from './recent.js';
import { type Choice, type Picked, separator } from './pick-list.js';
import { BROWSE, pickPath, type ShowPaths } from './pick-path.js';

const MOST_MODELS = 200;

/** Asks for a model folder: recently used ones, those in the workspace, or any other. */
export async function pickModel(recent: RecentPaths, title = 'Model'): Promise<Picked<string>> {
  return pickPath({
    title,
    placeholder: 'Model: a Hugging Face folder with config.json, safetensors and tokenizer.json',
    fill: (show, signal) => fill(recent, show, signal),
    dialog: { title: 'Model Folder', canSelectFiles: false, canSelectFolders: true },
  });
}

async function fill(recent: RecentPaths, show: ShowPaths, signal: AbortSignal): Promise<void> {
  const used: Choice<string>[] = [];
  const found: Choice<string>[] = [];
  const seen = new Set<string>();
  const draw = (): void =>
    show([
      ...(used.length === 0 ? [] : [separator<string>('used last'), ...used]),
      ...(found.length === 0 ? [] : [separator<string>('in the workspace'), ...found]),
      separator('other'),
      { label: '$(folder-opened) Browse…', value: BROWSE },
    ]);
  const add = async (group: Choice<string>[], folder: string): Promise<void> => {
    if (signal.aborted || seen.has(folder)) return;
    seen.add(folder);
    if (!(await mayBeModel(folder))) return;
    group.push({
      label: `$(symbol-class) ${path.basename(folder)}`,
      description: placeOf(folder),
      detail: await describe(folder),
      value: folder,
    });
    draw();
  };

  draw();
  for (const folder of recent.all) await add(used, folder);
  for (const folder of await modelCandidates()) await add(found, folder);
}

/** The workspace's folders that may hold a model. */
async function modelCandidates(): Promise<string[]> {
  const configs = await vscode.workspace.findFiles('**/config.json', EXCLUDED, MOST_MODELS);
  return configs.map(({ fsPath }) => path.dirname(fsPath)).sort();
}

/** The only model folder in the workspace; undefined if there is none, or more than one. */
export async function onlyModel(): Promise<string | undefined> {
  const found: string[] = [];
  for (const folder of await modelCandidates()) if (await mayBeModel(folder)) found.push(folder);
  return found.length === 1 ? found[0] : undefined;
}

/** What the folder holds, or why it cannot be trained, which is better said in the list than afterwards. */
async function describe(folder: string): Promise<string> {
  if (!mayRead(folder)) return sentence(NOT_READ);
  try {
    const { parameters, dtypes, config } = await inspectModel(folder);
    return `${config.family}, ${formatRate(parameters)} parameters, ${dtypes.join(' and ')}, up to ${config.maxPositions} tokens`;
  } catch (error) {
    return `$(warning) ${error instanceof WishboneError ? error.what : 'cannot be read'}`;
  }
}
