import { access } from 'node:fs/promises';
import path from 'node:path';

import { findSources, formDescriptions, savedName } from '../../core/dataset/index.js';
import { cachedDatasets, hubCache, isHubName } from '../../core/hub/index.js';
import { foundOnHub } from '../hub/search-hub.js';
import { firstFolder, placeOf } from '../workspace.js';
import { datasetCandidates } from '../datasets/find-datasets.js';
import { datasetAtHand } from './file-at-hand.js';
import { datasetForm } from './look-at-dataset.js';
import type { RecentPaths } from './recent.js';
import { type Picked, separator } from './pick-list.js';
import { BROWSE_CHOICE, cachedChoice, IN_CACHE, type PathChoice, pickPath, type PickOptions, type ShowPaths } from './pick-path.js';
import { FILE_KINDS, KINDS_TEXT, PACKINGS } from '../../core/dataset/file-kinds.js';

/** Asks for a dataset: the file in the editor, those used last, those of the workspace and the Hugging Face cache, what is found on the hub, or any other file. */
export async function pickDataset(recent: RecentPaths, { title = 'Dataset', hub = false }: PickOptions = {}): Promise<Picked<string>> {
  const picked = await pickPath({
    title,
    placeholder: hub ? `A preference file (${KINDS_TEXT}), or type to search the hub` : `Preference file: ${KINDS_TEXT}`,
    fill: (show, signal) => fill(recent, hub, show, signal),
    search: hub ? (text, signal) => foundOnHub('dataset', text, firstFolder() ?? '.', signal) : undefined,
    dialog: { title: 'Preference File', filters: { 'Preference files': [...Object.keys(FILE_KINDS), ...PACKINGS], 'All files': ['*'] } },
  });
  // A dialog that shows files alone chooses a folder by one of them.
  return typeof picked === 'string' ? picked : { value: (await savedName(picked.value)) ?? picked.value };
}

async function fill(recent: RecentPaths, hub: boolean, show: ShowPaths, signal: AbortSignal): Promise<void> {
  const groups: { label: string; choices: PathChoice[] }[] = [
    { label: 'open in the editor', choices: [] },
    { label: 'used last', choices: [] },
    { label: 'in the workspace', choices: [] },
    { label: IN_CACHE, choices: [] },
  ];
  const seen = new Set<string>();
  const draw = (): void =>
    show([
      ...groups.flatMap(({ label, choices }) => (choices.length === 0 ? [] : [separator<string>(label), ...choices])),
      separator('other'),
      BROWSE_CHOICE,
    ]);
  const add = async (group: number, name: string): Promise<void> => {
    // Of a dataset in several files, the folder is what is meant.
    const file = (await savedName(name)) ?? name;
    if (signal.aborted || seen.has(file)) return;
    seen.add(file);
    const form = await datasetForm(await firstFile(file));
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
  const open = datasetAtHand();
  if (open !== undefined) await add(0, open);
  for (const name of recent.all) {
    if (await isStillThere(name)) await add(1, name);
    else if (hub && isHubName(name, 'dataset', firstFolder())) groups[1]!.choices.push({ label: `$(cloud) ${name}`, value: name });
  }
  if (hub) groups[3]!.choices.push(...(await cachedDatasets(hubCache())).map((dataset) => cachedChoice(dataset, 'database')));
  draw();
  for (const file of await datasetCandidates()) await add(2, file);
}

/** The first of the files that a name means. */
async function firstFile(name: string): Promise<string> {
  return (await findSources(name).catch(() => []))[0]?.path ?? name;
}

/** Whether there is still something on disk that a name used earlier means. */
export async function isStillThere(name: string): Promise<boolean> {
  // Of a folder of splits, one may be named behind it.
  return (await exists(name)) || exists(name.replace(/#[^#/]+$/, ''));
}

async function exists(file: string): Promise<boolean> {
  if (!path.isAbsolute(file)) return false;
  return access(file).then(
    () => true,
    () => false,
  );
}
