import { stat } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { ConnectionError } from '../download/index.js';
import { cachedCommit, cachedFiles, cachedTree, isCached, repositoryFolder, type Snapshot, snapshotFolder } from './cache.js';
import { type HubPlan, keepPlan, planFetch, type Select } from './fetch.js';
import type { DatasetParts } from './dataset-parts.js';
import { type HubDatasetId, type HubId, idText } from './hub-id.js';
import { looksWhole, neededFiles, type Wanted, WEIGHT_INDEX } from './needed-files.js';
import { offlineError, pageOf, unreachable } from './refusals.js';
import type { HubSettings } from './settings.js';
import type { RepositoryFile } from './tree.js';

/** What an id comes to: files in the cache, or what has to be fetched for them. */
export type Resolved =
  | { readonly kind: 'cached'; readonly snapshot: Snapshot; readonly files: readonly string[] }
  | { readonly kind: 'missing'; readonly plan: HubPlan; readonly files: readonly string[] };

/**
 * Looks a model or adapter up: in the cache, and where that does not hold all of it, on the hub.
 *
 * @throws WishboneError when there is none, it cannot be had, or nobody can be asked
 */
export async function resolveModel(settings: HubSettings, id: HubId, wanted: Wanted, signal?: AbortSignal): Promise<Resolved> {
  const select: Select = async (names) => neededFiles(names, wanted, settings, id);
  return resolve(settings, id, select, (snapshot) => wholeWithoutList(settings.cache, snapshot, wanted), signal);
}

/** The same of a part of a dataset; `files` are its files in the repository, in order. */
export async function resolveDataset(settings: HubSettings, id: HubDatasetId, signal?: AbortSignal): Promise<Resolved> {
  const where = pageOf(settings, id);
  // Loaded when needed, with a reader of YAML.
  const { datasetParts, filesOfPart } = await import('./dataset-parts.js');
  const select: Select = async (names, read) => {
    const readme = names.includes('README.md') ? await read('README.md') : undefined;
    return [...(readme === undefined ? [] : ['README.md']), ...filesOfPart(datasetParts(names, readme, where), id, readme, where)];
  };
  // Files may be missing and nobody would know, unless their list was kept.
  const resolved = await resolve(settings, id, select, async () => undefined, signal);
  return { ...resolved, files: resolved.files.filter((name) => name !== 'README.md') };
}

/**
 * The parts of a dataset that can be named: `org/name#split`, or with its config where there are several.
 *
 * @throws WishboneError when it cannot be had, or they cannot be told
 */
export async function datasetPartNames(settings: HubSettings, id: HubDatasetId, signal?: AbortSignal): Promise<string[]> {
  const where = pageOf(settings, id);
  const { datasetParts } = await import('./dataset-parts.js');
  let parts: DatasetParts = new Map();
  const select: Select = async (names, read) => {
    parts = datasetParts(names, names.includes('README.md') ? await read('README.md') : undefined, where);
    return [];
  };
  const commit = await cachedCommit(settings.cache, id);
  const snapshot = commit === undefined ? undefined : { id, commit, folder: snapshotFolder(settings.cache, id, commit) };
  const tree = snapshot === undefined ? undefined : await cachedTree(settings.cache, snapshot);
  if (snapshot !== undefined && tree !== undefined) await cachedSelection(snapshot, tree, select);
  if (parts.size === 0) {
    if (settings.offline) throw offlineError(id, settings.cache);
    await planned(settings, id, select, signal);
  }
  return [...parts].flatMap(([config, splits]) =>
    [...splits].flatMap(([split, files]) =>
      files.length === 0 ? [] : [idText({ ...id, part: parts.size === 1 ? [split] : [config, split] })],
    ),
  );
}

async function planned(settings: HubSettings, id: HubId, select: Select, signal: AbortSignal | undefined): Promise<HubPlan> {
  try {
    return await planFetch(settings, id, select, signal);
  } catch (error) {
    throw error instanceof ConnectionError ? unreachable(settings, id, error) : error;
  }
}

async function resolve(
  settings: HubSettings,
  id: HubId,
  select: Select,
  whole: (snapshot: Snapshot) => Promise<readonly string[] | undefined>,
  signal: AbortSignal | undefined,
): Promise<Resolved> {
  const commit = await cachedCommit(settings.cache, id);
  if (commit !== undefined) {
    const snapshot = { id, commit, folder: snapshotFolder(settings.cache, id, commit) };
    const tree = await cachedTree(settings.cache, snapshot);
    const files = tree === undefined ? await whole(snapshot) : await cachedSelection(snapshot, tree, select);
    if (files !== undefined) return { kind: 'cached', snapshot, files };
  }
  if (settings.offline) throw offlineError(id, settings.cache);
  const plan = await planned(settings, id, select, signal);
  const files = plan.files.map(({ path: name }) => name);
  if (plan.missing.length > 0) return { kind: 'missing', plan, files };
  await keepPlan(settings, plan);
  return { kind: 'cached', snapshot: plan.snapshot, files };
}

/** What is needed of a commit whose list was kept, when all of it is there. */
async function cachedSelection(
  snapshot: Snapshot,
  tree: readonly RepositoryFile[],
  select: Select,
): Promise<readonly string[] | undefined> {
  const read = (name: string): Promise<string> => readPlainText(path.join(snapshot.folder, ...name.split('/')), mostBytes.json);
  let names: readonly string[];
  try {
    names = await select(
      tree.map(({ path: name }) => name),
      read,
    );
  } catch (error) {
    // Something that is read to choose is not there; what there is and will not do is said.
    if (error instanceof WishboneError && !/no such file/.test(error.what)) throw error;
    return undefined;
  }
  const byName = new Map(tree.map((file) => [file.path, file]));
  const there = await Promise.all(names.map((name) => isCached(snapshot, byName.get(name)!)));
  return there.every(Boolean) ? names : undefined;
}

async function wholeWithoutList(cache: string, snapshot: Snapshot, wanted: Wanted): Promise<readonly string[] | undefined> {
  const names = await cachedFiles(snapshot);
  const text = (name: string): Promise<string> => readPlainText(path.join(snapshot.folder, name), mostBytes.json).catch(() => '');
  const index = names.includes(WEIGHT_INDEX) ? shardsOf(await text(WEIGHT_INDEX)) : undefined;
  const absent = path.join(repositoryFolder(cache, snapshot.id), '.no_exist', snapshot.commit, 'chat_template.jinja');
  const hasTemplate =
    names.includes('chat_template.jinja') ||
    /"chat_template"\s*:/.test(await text('tokenizer_config.json')) ||
    (await stat(absent).then(
      () => true,
      () => false,
    ));
  return looksWhole(names, index, wanted, hasTemplate) ? names : undefined;
}

function shardsOf(index: string): string[] | undefined {
  try {
    return [...new Set(Object.values((JSON.parse(index) as { weight_map: Record<string, string> }).weight_map))];
  } catch {
    return undefined;
  }
}
