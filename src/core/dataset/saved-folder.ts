import { stat } from 'node:fs/promises';
import path from 'node:path';
import { ExitCode, WishboneError } from '../errors.js';
import { mostBytes, readPlainText } from '../files/plain-file.js';
import { isFields } from './fields.js';
import { isPlainKind } from './file-kinds.js';

const STATE = 'state.json';
const SPLITS = 'dataset_dict.json';
const FORMAT_COLUMNS = '_format_columns';

/** Lists that datasets before version 2 wrote: which rows count, and in which order. */
const INDICES = ['_indices_files', '_indices_data_files'] as const;

/**
 * The files of a folder that `save_to_disk` of `datasets` wrote, in their order: of a `Dataset`, or of a split of a `DatasetDict`.
 *
 * @param split undefined: train, or the only one
 * @returns undefined for any other folder
 * @throws WishboneError when it is one of these, but says what cannot be followed
 */
export async function savedFiles(folder: string, split?: string): Promise<string[] | undefined> {
  if (await isThere(path.join(folder, SPLITS))) return splitFiles(folder, split);
  if (!(await isThere(path.join(folder, STATE)))) return undefined;
  if (split === undefined) return dataFiles(folder);
  throw new WishboneError('the dataset has no splits', `${folder}#${split}`, `give the folder alone: ${folder}`, ExitCode.usage);
}

/** Whether there is such a folder of several splits. */
function isSavedDict(folder: string): Promise<boolean> {
  return isThere(path.join(folder, SPLITS));
}

/**
 * The name of the whole that a file is a part of: the folder, with the split where it has several; undefined for a file that
 * `save_to_disk` did not write.
 */
export async function savedName(file: string): Promise<string | undefined> {
  const folder = path.dirname(file);
  const name = path.basename(file);
  if (name === SPLITS) return folder;
  if (!isPlainKind(file, 'arrow') && name !== STATE && name !== 'dataset_info.json') return undefined;
  if (!(await isThere(path.join(folder, STATE)))) return undefined;
  const parent = path.dirname(folder);
  const split = path.basename(folder);
  const splits = await isSavedDict(parent).then((is) => (is ? splitsOf(parent) : []));
  return splits.includes(split) ? `${parent}#${split}` : folder;
}

/** Columns that a folder's format shows, where there are others. */
export interface ShownColumns {
  readonly names: readonly string[];
  /** Where that is said. */
  readonly where: string;
}

/**
 * The columns of a file of such a folder that `load_from_disk` gives: those that `set_format` named, unless all are put out
 * (`output_all_columns`). The type of the format changes no text.
 *
 * @returns undefined where all are shown, and for any other file
 * @throws WishboneError when the names are none
 */
export async function shownColumns(file: string): Promise<ShownColumns | undefined> {
  const stateFile = path.join(path.dirname(file), STATE);
  // Files of that name are written by others too.
  const state = (await isThere(stateFile)) ? await fieldsOf(stateFile).catch(() => undefined) : undefined;
  if (state === undefined || !filenamesOf(state).includes(path.basename(file))) return undefined;
  const given = state[FORMAT_COLUMNS];
  if (given === undefined || given === null || state['_output_all_columns'] === true) return undefined;
  const names = typeof given === 'string' ? [given] : given;
  const where = `${stateFile}, field "${FORMAT_COLUMNS}"`;
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return { names: names as string[], where };
  throw new WishboneError('must be a list of names of columns', where, 'save the dataset again');
}

async function splitFiles(folder: string, split: string | undefined): Promise<string[]> {
  const splits = await splitsOf(folder);
  const choices = splits.map((name) => `${folder}#${name}`);
  const chosen = split ?? (splits.includes('train') ? 'train' : splits.length === 1 ? splits[0] : undefined);
  if (chosen !== undefined && splits.includes(chosen)) return dataFiles(path.join(folder, chosen));
  throw new WishboneError(
    chosen === undefined ? 'the dataset has several splits, and none is called train' : `the dataset has no split ${chosen}`,
    folder,
    choices.length === 0 ? 'save it again' : `name one of them: ${choices.slice(0, 12).join(', ')}${choices.length > 12 ? ', …' : ''}`,
    ExitCode.usage,
  );
}

async function splitsOf(folder: string): Promise<string[]> {
  const file = path.join(folder, SPLITS);
  const { splits } = await fieldsOf(file);
  const isName = (value: unknown): boolean => typeof value === 'string' && path.basename(value) === value && !/^\.*$/.test(value);
  if (Array.isArray(splits) && splits.every(isName)) return splits as string[];
  throw new WishboneError('must be a list of names', `${file}, field "splits"`, 'save the dataset again');
}

async function dataFiles(folder: string): Promise<string[]> {
  const file = path.join(folder, STATE);
  const state = await fieldsOf(file);
  for (const field of INDICES) {
    const value = state[field];
    if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) continue;
    throw new WishboneError(
      'the rows of the dataset are chosen and ordered by other files, which are not read',
      `${file}, field "${field}"`,
      'save it again with a newer version: datasets.load_from_disk(…).flatten_indices().save_to_disk(…)',
    );
  }
  const names = filenamesOf(state);
  const isName = (name: unknown): name is string => typeof name === 'string' && path.basename(name) === name && !/^\.*$/.test(name);
  if (names.length === 0 || !names.every(isName)) {
    throw new WishboneError('must list the files of the folder', `${file}, field "_data_files"`, 'save the dataset again');
  }
  return names.map((name) => path.join(folder, name));
}

function filenamesOf({ _data_files: listed }: Readonly<Record<string, unknown>>): unknown[] {
  return Array.isArray(listed) ? listed.map((entry: unknown) => (isFields(entry) ? entry['filename'] : undefined)) : [];
}

async function fieldsOf(file: string): Promise<Readonly<Record<string, unknown>>> {
  let json: unknown;
  try {
    json = JSON.parse(await readPlainText(file, mostBytes.json));
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new WishboneError(isMissing ? 'no such file' : `cannot be read: ${(error as Error).message}`, file, 'save the dataset again');
  }
  if (isFields(json)) return json;
  throw new WishboneError('must be an object', file, 'save the dataset again');
}

function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    (info) => info.isFile(),
    () => false,
  );
}
