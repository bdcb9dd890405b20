import path from 'node:path';

import * as vscode from 'vscode';

import { WishboneError } from '../../core/errors.js';
import { type Fit, modelFit } from '../../core/forecast/index.js';
import { modelName, originOf } from '../../core/hub/cache.js';
import { cachedAdapters, cachedModels, cachedName } from '../../core/hub/list.js';
import { hubCache } from '../../core/hub/settings.js';
import { inspectModel } from '../../core/model/index.js';
import { formatBytes, formatRate, sentence } from '../../format.js';
import { foundOnHub } from '../hub/search-hub.js';
import { mayRead, NOT_READ } from '../trust.js';
import { EXCLUDED } from '../datasets/find-datasets.js';
import { firstFolder } from '../workspace.js';
import { mayBeModel } from './candidates.js';
import { placeOf } from './pick-dataset.js';
import type { RecentPaths } from './recent.js';
import { type Choice, type Picked, separator } from './pick-list.js';
import { BROWSE_CHOICE, cachedChoice, IN_CACHE, pickPath, type PickOptions, type ShowPaths } from './pick-path.js';

const MOST_MODELS = 200;

/** Asks for a model: recently used ones, those in the workspace and the Hugging Face cache, what is found on the hub, or any other folder. */
export async function pickModel(recent: RecentPaths, { title = 'Model', hub = false }: PickOptions = {}): Promise<Picked<string>> {
  return pickPath({
    title,
    placeholder: hub
      ? 'A model folder, or type to search the hub'
      : 'Model: a Hugging Face folder with config.json, safetensors and tokenizer.json',
    fill: (show, signal) => fill(recent, hub, show, signal),
    search: hub ? (text, signal) => foundOnHub('model', text, firstFolder() ?? '.', signal) : undefined,
    dialog: { title: 'Model Folder', canSelectFiles: false, canSelectFolders: true },
  });
}

/** Asks for a LoRA adapter: those in the Hugging Face cache, an id of the hub, or any other folder. */
export async function pickAdapter(): Promise<Picked<string>> {
  return pickPath({
    title: 'Adapter',
    placeholder: 'A LoRA adapter: a folder with adapter_config.json, or type to search the hub',
    fill: async (show) => {
      const cached = (await cachedAdapters(hubCache())).map((repository) => cachedChoice(repository, 'extensions'));
      show([...(cached.length === 0 ? [] : [separator<string>(IN_CACHE), ...cached]), separator('other'), BROWSE_CHOICE]);
    },
    search: (text, signal) => foundOnHub('model', text, firstFolder() ?? '.', signal),
    dialog: { title: 'Adapter Folder', canSelectFiles: false, canSelectFolders: true },
  });
}

async function fill(recent: RecentPaths, hub: boolean, show: ShowPaths, signal: AbortSignal): Promise<void> {
  const used: Choice<string>[] = [];
  const found: Choice<string>[] = [];
  const cached: Choice<string>[] = [];
  const seen = new Set<string>();
  const listed: { readonly group: Choice<string>[]; readonly index: number; readonly folder: string; readonly parameters: number }[] = [];
  const draw = (): void =>
    show([
      ...(used.length === 0 ? [] : [separator<string>('used last'), ...used]),
      ...(found.length === 0 ? [] : [separator<string>('in the workspace'), ...found]),
      ...(cached.length === 0 ? [] : [separator<string>(IN_CACHE), ...cached]),
      separator('other'),
      BROWSE_CHOICE,
    ]);
  const cache = hubCache();
  const add = async (group: Choice<string>[], folder: string): Promise<void> => {
    if (signal.aborted || seen.has(folder)) return;
    seen.add(folder);
    if (!(await mayBeModel(folder))) return;
    const id = hub ? await cachedName(cache, folder) : undefined;
    const { text, parameters } = await describe(folder);
    const at = group.push({
      label: `$(symbol-class) ${id ?? modelName(folder)}`,
      description: originOf(folder)?.commit.slice(0, 12) ?? placeOf(folder),
      detail: text,
      value: id ?? folder,
    });
    draw();
    if (parameters !== undefined) listed.push({ group, index: at - 1, folder, parameters });
  };

  draw();
  for (const folder of recent.all) await add(used, folder);
  for (const folder of await modelCandidates()) await add(found, folder);
  for (const { folder } of await cachedModels(cache)) await add(cached, folder);
  if (!hub || !vscode.workspace.isTrusted) return;
  // The runner is asked about each, which takes a moment.
  for (const { group, index, folder, parameters } of listed) {
    const fit = await modelFit(folder, parameters);
    if (signal.aborted) return;
    const choice = group[index]!;
    if (fit !== undefined) group[index] = { ...choice, detail: `${choice.detail} · ${fitText(fit)}` };
    draw();
  }
}

/** "fits here: 9.3 GiB of 79.2 GiB on the GPU" */
export function fitText({ trains, need, room, device }: Fit): string {
  const of = `${formatBytes(need)} of ${formatBytes(room)} on the ${device}`;
  if (trains === 'all') return `fits here: ${of}`;
  if (trains === 'adapter') return `only an adapter fits here: ${of}`;
  return `$(warning) does not fit here: an adapter alone needs ${of}`;
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
async function describe(folder: string): Promise<{ readonly text: string; readonly parameters?: number }> {
  if (!mayRead(folder)) return { text: sentence(NOT_READ) };
  try {
    const { parameters, dtypes, config } = await inspectModel(folder);
    const text = `${config.family}, ${formatRate(parameters)} parameters, ${dtypes.join(' and ')}, up to ${config.maxPositions} tokens`;
    return { text, parameters };
  } catch (error) {
    return { text: `$(warning) ${error instanceof WishboneError ? error.what : 'cannot be read'}` };
  }
}
