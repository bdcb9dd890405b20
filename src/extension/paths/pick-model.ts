import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

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
import { firstFolder, placeOf } from '../workspace.js';
import { mayBeModel } from './candidates.js';
import type { RecentPaths } from './recent.js';
import { type Choice, type Picked, separator } from './pick-list.js';
import { BROWSE_CHOICE, cachedChoice, IN_CACHE, type PathChoice, pickPath, type PickOptions, type ShowPaths } from './pick-path.js';

const MOST_MODELS = 200;
/** Milliseconds after which another folder can be looked for, whatever is still to come. */
const LONGEST_WAIT = 1000;

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

/** A group of the list. */
interface Group {
  readonly heading: string;
  readonly choices: Choice<string>[];
  /** The folder of each. */
  readonly folders: readonly string[];
}

async function fill(recent: RecentPaths, hub: boolean, show: ShowPaths, signal: AbortSignal): Promise<void> {
  // Nothing moves under the pointer: all folders are found first, and what is in them is said in its place. A folder on a disk that does
  // not answer is no reason to wait for another one: then that can be looked for, and stands above whatever comes.
  const found = findModels(recent, hub);
  const isSlow = await Promise.race([found.then(() => false), sleep(LONGEST_WAIT, true, { signal })]);
  const other: readonly PathChoice[] = [separator('other'), BROWSE_CHOICE];
  if (isSlow) show(other);
  const groups = await found;
  const draw = (): void => {
    const models = groups.flatMap(({ heading, choices }) => (choices.length === 0 ? [] : [separator<string>(heading), ...choices]));
    show(isSlow ? [...other, ...models] : [...models, ...other]);
  };
  draw();
  const trainable: { readonly choices: Choice<string>[]; readonly index: number; readonly folder: string; readonly parameters: number }[] =
    [];
  for (const { choices, folders } of groups)
    for (const [index, folder] of folders.entries()) {
      if (signal.aborted) return;
      const { text, parameters } = await describe(folder);
      choices[index] = { ...choices[index]!, detail: text };
      draw();
      if (parameters !== undefined) trainable.push({ choices, index, folder, parameters });
    }
  if (!hub || !vscode.workspace.isTrusted) return;
  // The runner is asked about each, which takes a moment.
  for (const { choices, index, folder, parameters } of trainable) {
    const fit = await modelFit(folder, parameters);
    if (signal.aborted) return;
    const choice = choices[index]!;
    if (fit !== undefined) choices[index] = { ...choice, detail: `${choice.detail} · ${fitText(fit)}` };
    draw();
  }
}

/** The models that are known, each once, without what is in them. */
async function findModels(recent: RecentPaths, hub: boolean): Promise<Group[]> {
  const cache = hubCache();
  const [workspace, cached] = await Promise.all([modelCandidates(), cachedModels(cache)]);
  const seen = new Set<string>();
  const groups: Group[] = [];
  for (const [heading, candidates] of [
    ['used last', recent.all],
    ['in the workspace', workspace],
    [IN_CACHE, cached.map(({ folder }) => folder)],
  ] as const) {
    const fresh = candidates.filter((folder) => !seen.has(folder) && seen.add(folder));
    const areModels = await Promise.all(fresh.map(mayBeModel));
    const folders = fresh.filter((_, index) => areModels[index]);
    const choices = await Promise.all(
      folders.map(async (folder): Promise<Choice<string>> => {
        const id = hub ? await cachedName(cache, folder) : undefined;
        return {
          label: `$(symbol-class) ${id ?? modelName(folder)}`,
          description: originOf(folder)?.commit.slice(0, 12) ?? placeOf(folder),
          // As high as it will be.
          detail: '…',
          value: id ?? folder,
        };
      }),
    );
    groups.push({ heading, choices, folders });
  }
  return groups;
}

/** "fits here: 9.3 GiB of 79.2 GiB on the GPU" */
function fitText({ trains, need, room, device }: Fit): string {
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
