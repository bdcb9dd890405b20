import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { WishboneError } from '../errors.js';
import { mostBytes, readWrittenText } from '../files/plain-file.js';
import type { ColumnMap } from './columns.js';
import { isFields, kindOf, type Fields } from './fields.js';
import { DEFAULT_TAGS, type ShareGptTags } from './llama-factory.js';
import type { DatasetForm } from './forms/index.js';
import { mayBeDataset } from './file-kinds.js';

/** What an entry of LLaMA-Factory's `dataset_info.json` says of a preference dataset. */
export interface DatasetInfo {
  /** Absolute; several when the entry names a folder. */
  readonly files: readonly string[];
  readonly form: DatasetForm;
  readonly columns: ColumnMap;
  readonly tags?: ShareGptTags;
  /** Columns of images, videos and sounds. */
  readonly media?: readonly string[];
  /** How many pairs are taken; some twice when there are fewer. */
  readonly samples?: number;
}

/** LLaMA-Factory's names of columns, and the fields that they are here. */
const COLUMN_FIELDS = {
  alpaca: {
    prompt: 'instruction',
    query: 'input',
    history: 'history',
    system: 'system',
    tools: 'tools',
    chosen: 'chosen',
    rejected: 'rejected',
  },
  sharegpt: {
    messages: 'conversations',
    system: 'system',
    tools: 'tools',
    chosen: 'chosen',
    rejected: 'rejected',
  },
} as const;

/** Columns that LLaMA-Factory knows nothing of. */
const NOT_THEIRS: ColumnMap = { documents: null, chat_template_kwargs: null };

/** Whether a file is called like a list of datasets. */
export function isDatasetInfo(file: string): boolean {
  return path.basename(file) === 'dataset_info.json';
}

/**
 * Reads an entry of a `dataset_info.json` as LLaMA-Factory does (src/llamafactory/data/parser.py): files, form, columns
 * and tags.
 *
 * @param name the entry's; undefined: the only preference dataset there is
 * @throws WishboneError naming file and field
 */
export async function readDatasetInfo(file: string, name: string | undefined): Promise<DatasetInfo> {
  const entries = await readEntries(file);
  const rankings = Object.keys(entries).filter((key) => isFields(entries[key]) && entries[key]['ranking'] === true);
  const list = rankings.slice(0, 12).join(', ') + (rankings.length > 12 ? ', …' : '');
  const chosen = name ?? (rankings.length === 1 ? rankings[0] : undefined);
  const hint = rankings.length === 0 ? 'it lists no preference dataset ("ranking": true)' : `there are ${list}`;
  if (chosen === undefined) {
    throw new WishboneError('this is a list of datasets', file, `name one as ${path.basename(file)}#name; ${hint}`);
  }
  const where = `${file}, dataset "${chosen}"`;
  const entry = Object.hasOwn(entries, chosen) ? entries[chosen] : undefined;
  if (entry === undefined) throw new WishboneError('the list has no such dataset', where, hint);
  if (!isFields(entry)) throw new WishboneError(`must be an object, not ${kindOf(entry)}`, where, 'fix the entry');
  if (entry['ranking'] !== true) {
    const advice = `set "ranking": true, or use another; ${hint}`;
    throw new WishboneError('not a preference dataset', `${where}, field "ranking"`, advice);
  }
  const form = formOf(entry, where);
  const { num_samples: samples } = entry;
  if (samples !== undefined && samples !== null && !(Number.isSafeInteger(samples) && (samples as number) > 0)) {
    const place = `${where}, field "num_samples"`;
    throw new WishboneError('must be a whole number above 0', place, 'fix it, or remove it');
  }
  const files = await filesOf(entry, file, where);
  if (typeof samples === 'number' && files.length > 1) {
    throw new WishboneError(
      'num_samples does not work for a folder with several files',
      `${where}, field "num_samples"`,
      'remove it, or make an entry for each file',
    );
  }
  return {
    files,
    form: form === 'openai' ? 'sharegpt' : form,
    columns: columnsOf(entry, form, where),
    ...(form === 'alpaca' ? {} : { tags: tagsOf(entry, form, where) }),
    ...mediaOf(entry, where),
    ...(typeof samples === 'number' ? { samples } : {}),
  };
}

async function readEntries(file: string): Promise<Fields> {
  let text;
  try {
    text = await readWrittenText(file, mostBytes.json);
  } catch (error) {
    if (error instanceof WishboneError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new WishboneError(missing ? 'no such file' : (error as Error).message, file, 'check the path');
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new WishboneError(`not JSON: ${(error as Error).message}`, file, 'correct the file');
  }
  if (!isFields(json)) throw new WishboneError(`must be an object, not ${kindOf(json)}`, file, 'list datasets by name');
  return json;
}

type Formatting = 'alpaca' | 'sharegpt' | 'openai';

function formOf(entry: Fields, where: string): Formatting {
  const formatting = entry['formatting'] ?? 'alpaca';
  if (formatting === 'alpaca' || formatting === 'sharegpt' || formatting === 'openai') return formatting;
  throw new WishboneError(
    `unknown formatting ${JSON.stringify(formatting)}`,
    `${where}, field "formatting"`,
    'use alpaca, sharegpt or openai',
  );
}

function columnsOf(entry: Fields, formatting: Formatting, where: string): ColumnMap {
  const known: Readonly<Record<string, string>> = COLUMN_FIELDS[formatting === 'alpaca' ? 'alpaca' : 'sharegpt'];
  // Columns that an entry with `columns` does not name are not read, whatever the file has.
  if ((entry['columns'] ?? undefined) === undefined) return { system: null, history: null, tools: null, ...NOT_THEIRS };
  const given = texts(entry, 'columns', where);
  return { ...Object.fromEntries(Object.entries(known).map(([name, field]) => [field, given[name] ?? null])), ...NOT_THEIRS };
}

function mediaOf(entry: Fields, where: string): Pick<DatasetInfo, 'media'> {
  const given = texts(entry, 'columns', where);
  const media = ['images', 'videos', 'audios'].flatMap((name) => given[name] ?? []);
  return media.length === 0 ? {} : { media };
}

function tagsOf(entry: Fields, formatting: Formatting, where: string): ShareGptTags {
  const given = texts(entry, 'tags', where);
  const usual = formatting === 'openai' || given['role_tag'] === 'role';
  const named = {
    user: given['user_tag'] ?? (usual ? 'user' : 'human'),
    assistant: given['assistant_tag'] ?? (usual ? 'assistant' : 'gpt'),
    tool: given['observation_tag'] ?? (usual ? 'tool' : 'observation'),
    system: given['system_tag'] ?? 'system',
  };
  const functionCall = given['function_tag'] ?? 'function_call';
  const roles = Object.fromEntries(Object.entries(named).map(([role, tag]) => [tag, role]));
  return {
    role: given['role_tag'] ?? (formatting === 'openai' ? 'role' : DEFAULT_TAGS.role),
    content: given['content_tag'] ?? (formatting === 'openai' ? 'content' : DEFAULT_TAGS.content),
    roles: { ...roles, [functionCall]: 'assistant' },
    functionCall,
  };
}

/** An object of texts; null stands for what is not there. */
function texts(entry: Fields, name: 'columns' | 'tags', where: string): Record<string, string | undefined> {
  const value = entry[name] ?? {};
  if (!isFields(value)) {
    throw new WishboneError(`must be an object, not ${kindOf(value)}`, `${where}, field "${name}"`, 'correct it');
  }
  for (const [key, text] of Object.entries(value)) {
    if (text === null || typeof text === 'string') continue;
    throw new WishboneError(`must be text, not ${kindOf(text)}`, `${where}, field "${name}.${key}"`, 'write the name');
  }
  return Object.fromEntries(Object.entries(value).filter(([, text]) => text !== null)) as Record<string, string>;
}

async function filesOf(entry: Fields, file: string, where: string): Promise<string[]> {
  const name = entry['file_name'];
  if (typeof name !== 'string' || name === '') {
    const elsewhere = ['hf_hub_url', 'ms_hub_url', 'om_hub_url', 'script_url', 'cloud_file_name'];
    const remote = elsewhere.find((key) => key in entry);
    throw new WishboneError(
      remote === undefined ? 'the dataset has no file' : `the dataset is stored elsewhere ("${remote}")`,
      `${where}, field "file_name"`,
      remote === undefined ? 'give "file_name"' : 'download it and give "file_name"',
    );
  }
  const target = path.resolve(path.dirname(file), name);
  const info = await stat(target).catch(() => undefined);
  if (info === undefined) {
    throw new WishboneError('no such file', target, `check "file_name" of dataset "${where.split('"')[1]}" in ${file}`);
  }
  if (!info.isDirectory()) return [target];
  const names = (await readdir(target)).filter((entryName) => mayBeDataset(entryName)).sort();
  if (names.length === 0) throw new WishboneError('the folder holds no data files', target, 'give a folder that has some');
  return names.map((entryName) => path.join(target, entryName));
}
