import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import type { ColumnMap } from './columns.js';
import { isDatasetInfo, readDatasetInfo, type DatasetInfo } from './dataset-info.js';
import { isPlainKind } from './file-kinds.js';
import type { DatasetForm } from './forms/index.js';
import type { ReadOptions } from './read.js';
import { savedFiles, savedName, shownColumns } from './saved-folder.js';

/** One file of a dataset. */
export interface DatasetSource extends Partial<Omit<DatasetInfo, 'files'>> {
  /** Absolute. */
  readonly path: string;
  /** How often each of its pairs is trained on in an epoch; a fraction takes a random part of them. */
  readonly weight: number;
  /** What its pairs are called where rows do not say where they come from. */
  readonly name: string;
  /** Columns that its folder shows; undefined: all. Whoever reads the file finds that by itself; what is kept of it depends on them. */
  readonly shown?: readonly string[] | undefined;
}

/** Of a plan's options, what decides how files are read. */
interface ReadForPlan extends Pick<ReadOptions, 'pairing'> {
  readonly format: DatasetForm | 'auto';
  readonly min_margin: ReadOptions['minMargin'];
}

/** How a file of a dataset is read for a plan. `format`: of all rows, where it is not `auto`. */
export function readOptionsOf(
  { form, columns, tags, media }: Pick<DatasetSource, 'form' | 'columns' | 'tags' | 'media'>,
  { format, pairing, min_margin: minMargin }: ReadForPlan,
): ReadOptions {
  const isFormGiven = format !== 'auto';
  return { form: isFormGiven ? format : form, pairing, minMargin, columns, tags, media, isFormGiven, isListed: form !== undefined };
}

/** Milliseconds. Wildcards below a few folders take a fraction of a second; those below the root walk the whole disk. */
const LONGEST_SEARCH = 15_000;

type Found = Omit<DatasetSource, 'name'> & { readonly name?: string };

/**
 * The files that a dataset's names mean: a file; a glob (`*`, `**`, `?`, `[…]`, `{…}`), which means all that match, in
 * order; an entry of LLaMA-Factory's list, `dataset_info.json#name`; or a folder that `datasets` saved, `folder`, `folder#split`. Each
 * may end with a weight, `pairs.jsonl:0.5`.
 * The name of a file that is there is never taken for anything else.
 *
 * @param columns names that the files have for fields; what an entry says of its own goes before
 * @throws WishboneError when nothing matches, or a file is named twice
 */
export async function findSources(names: string | readonly string[], columns: ColumnMap = {}): Promise<DatasetSource[]> {
  const found: Found[] = [];
  for (const name of [names].flat()) found.push(...(await sourcesOf(name)));
  const seen = new Set<string>();
  for (const { path: file } of found) {
    if (seen.has(file)) {
      throw new WishboneError(
        'the dataset has this file twice',
        file,
        'name it once; use a weight to train on it more often, for example pairs.jsonl:2',
        ExitCode.usage,
      );
    }
    seen.add(file);
  }
  const label = labels(found.map(({ path: file }) => file));
  const hasColumns = Object.keys(columns).length > 0;
  const shown = await Promise.all(found.map(({ path: file }) => (isPlainKind(file, 'arrow') ? shownColumns(file) : undefined)));
  return found.map((source, index) => ({
    ...source,
    ...(shown[index] === undefined ? {} : { shown: shown[index].names }),
    name: source.name ?? (label[index] as string),
    ...(hasColumns || source.columns ? { columns: { ...columns, ...source.columns } } : {}),
  }));
}

async function sourcesOf(name: string): Promise<Found[]> {
  if (await exists(name)) return plain(name, 1);
  const weighted = /^(.+):(\d+(?:\.\d+)?|\.\d+)$/.exec(name);
  if (!weighted) return plain(name, 1);
  const weight = Number(weighted[2]);
  if (!(weight > 0)) {
    const advice = 'remove the file to train on none of it';
    throw new WishboneError('a weight must be above 0', name, advice, ExitCode.usage);
  }
  return plain(weighted[1] as string, weight);
}

async function plain(name: string, weight: number): Promise<Found[]> {
  const file = path.resolve(name);
  if (await exists(name)) {
    const saved = await savedFiles(file);
    if (saved !== undefined) return folderFiles(file, saved, weight);
    if (!isDatasetInfo(name)) return [{ path: file, weight }];
    // That of a folder which datasets saved is no list.
    const whole = await savedName(file);
    return whole === undefined ? listed(file, undefined, weight) : plain(whole, weight);
  }
  const [, folder, split] = /^(.+)#([^#/]+)$/.exec(file) ?? [];
  const files = folder === undefined ? undefined : await savedFiles(folder, split);
  if (files !== undefined) return folderFiles(file, files, weight);
  const entry = /^(.+\.json)#(.+)$/.exec(name);
  if (entry) return listed(path.resolve(entry[1] as string), entry[2] as string, weight);
  if (!/[*?[{]/.test(name)) return [{ path: file, weight }];
  // Loaded when needed: most datasets are one file.
  const { glob } = await import('tinyglobby');
  const signal = AbortSignal.timeout(LONGEST_SEARCH);
  const matches = (
    await glob(name, { absolute: true, onlyFiles: true, expandDirectories: false, signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
      throw tooFar(name);
    })
  ).sort();
  if (signal.aborted) throw tooFar(name);
  if (matches.length === 0) throw new WishboneError('no file matches', name, 'check the path and the wildcards');
  return matches.map((match) => ({ path: path.resolve(match), weight }));
}

/** All of a folder's files are one source. */
function folderFiles(name: string, files: readonly string[], weight: number): Found[] {
  return files.map((file) => ({ path: file, weight, name: path.basename(name) }));
}

function tooFar(name: string): WishboneError {
  return new WishboneError(
    `looking for files takes longer than ${LONGEST_SEARCH / 1000} seconds`,
    name,
    'begin the wildcards in a folder further down, so that less of the disk is searched',
  );
}

async function listed(file: string, name: string | undefined, weight: number): Promise<Found[]> {
  const { files, ...info } = await readDatasetInfo(file, name);
  return files.map((data) => ({ path: data, weight, ...info, ...(name === undefined ? {} : { name }) }));
}

async function exists(name: string): Promise<boolean> {
  return stat(path.resolve(name)).then(
    () => true,
    () => false,
  );
}

/** Names of files: without their folders where that tells them apart, else from the folder that all are in. */
function labels(files: readonly string[]): string[] {
  const names = files.map((file) => path.basename(file));
  if (new Set(names).size === names.length) return names;
  const folders = files.map((file) => path.dirname(file).split(path.sep));
  let common = 0;
  while (folders.every((parts) => parts.length > common && parts[common] === folders[0]?.[common])) common++;
  return files.map((file) => file.split(path.sep).slice(common).join('/'));
}
