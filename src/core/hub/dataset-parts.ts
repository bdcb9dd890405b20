import path from 'node:path';
import picomatch from 'picomatch';
import { parse } from 'yaml';
import { fileKind, KINDS_TEXT, mayBeDataset } from '../dataset/file-kinds.js';
import { WishboneError } from '../errors.js';
import { type HubDatasetId, idText } from './hub-id.js';

/** Files of a dataset's splits, by config and split, as `datasets` finds them. */
export type DatasetParts = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

const DEFAULT_CONFIG = 'default';
/** `datasets.data_files`: words in names that tell of a split. */
const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  train: ['train', 'training'],
  validation: ['validation', 'valid', 'dev', 'val'],
  test: ['test', 'testing', 'eval', 'evaluation'],
};
const SHARDED = /^data\/(\w+(?:\.\w+)*)-\d{5}-of-\d{5}[^/]*\.[^/]*$/;
const APART = '[-._ 0-9]';
const IN_FOLDERS = (word: string): string[] => [
  `**/${word}/**`,
  `**/${word}${APART}*/**`,
  `**/*${APART}${word}/**`,
  `**/*${APART}${word}${APART}*/**`,
];
const IN_NAMES = (word: string): string[] => [`**/${word}${APART}*`, `**/*${APART}${word}${APART}*`];
const IGNORED = new Set(['README.md', 'config.json', 'dataset_info.json', 'dataset_infos.json', 'dummy_data.zip', 'dataset_dict.json']);

/**
 * The configs and splits of a dataset: those its README lists (`configs`), else what names of files say.
 *
 * @param names all files of the repository
 * @param readme text of its README.md
 * @throws WishboneError when they cannot be told
 */
export function datasetParts(names: readonly string[], readme: string | undefined, where: string): DatasetParts {
  const saved = new Set(names.filter((name) => name.endsWith('.arrow')).map((name) => `${path.posix.dirname(name)}/state.json`));
  const isData = (name: string): boolean =>
    !IGNORED.has(path.posix.basename(name)) && !saved.has(`${path.posix.dirname(name)}/${path.posix.basename(name)}`);
  const data = names.filter((name) => isData(name) && !name.split('/').some((part) => /^(\.|__)/.test(part)));
  const configs = readme === undefined ? undefined : configsOf(readme, where);
  if (configs === undefined) return new Map([[DEFAULT_CONFIG, splitsByName(data, '')]]);
  return new Map(
    configs.map(({ config_name: name = DEFAULT_CONFIG, data_files: files, data_dir: folder = '' }) => {
      const root = folder.replace(/^\.?\//, '').replace(/\/*$/, '');
      const base = root === '' ? '' : `${root}/`;
      if (files === undefined) return [name, splitsByName(data, base)];
      const splits = patternsBySplit(files, `${where}, config ${name}`);
      return [
        name,
        new Map(
          [...splits].map(([split, patterns]) => [
            split,
            matching(
              data,
              patterns.map((pattern) => base + pattern),
            ),
          ]),
        ),
      ];
    }),
  );
}

/**
 * The files of the part that an id names.
 *
 * @throws WishboneError that lists what there is, when it names none, or the dataset does not say which is meant
 */
export function filesOfPart(parts: DatasetParts, id: HubDatasetId, readme: string | undefined, where: string): readonly string[] {
  const [config, split] = choose(parts, id, readme, where);
  const files = parts.get(config)?.get(split) ?? [];
  const label = `config ${config}, split ${split}`;
  if (files.length === 0) throw new WishboneError(`the dataset ${id.name} has no files for ${label}`, where, 'choose another split');
  const unread = files.find((name) => !mayBeDataset(name));
  if (unread !== undefined) {
    throw new WishboneError(
      `the dataset ${id.name} has files of a kind that is not read: ${unread} (${label})`,
      where,
      `choose a dataset of ${KINDS_TEXT}, or convert it: datasets.load_dataset(…).to_parquet(…)`,
    );
  }
  const kinds = new Set(files.map((name) => fileKind(name).kind));
  if (kinds.size > 1) {
    const what = `the dataset ${id.name} mixes kinds of files in one split: ${[...kinds].join(', ')} (${label})`;
    throw new WishboneError(what, where, 'download it and give the files that are meant');
  }
  return files;
}

function choose(
  parts: DatasetParts,
  { name, revision, kind, part }: HubDatasetId,
  readme: string | undefined,
  where: string,
): [string, string] {
  const id = (config: string, split: string): string =>
    idText({ kind, name, revision, part: parts.size === 1 ? [split] : [config, split] });
  const refuse = (what: string, choices: readonly string[]): never => {
    const shown = choices.slice(0, 12).join(', ') + (choices.length > 12 ? ', …' : '');
    throw new WishboneError(what, where, choices.length === 0 ? 'choose another dataset' : `name one of them: ${shown}`);
  };
  const all = [...parts].flatMap(([config, splits]) => [...splits.keys()].map((split) => id(config, split)));
  const [first, second] = part;
  if (first !== undefined && second !== undefined) {
    if (!parts.get(first)?.has(second)) refuse(`the dataset ${name} has no config ${first} with a split ${second}`, all);
    return [first, second];
  }
  const usual = usualConfig(parts, readme);
  const isConfig = first !== undefined && parts.has(first);
  const isSplit = first !== undefined && usual !== undefined && (parts.get(usual)?.has(first) ?? false);
  if (isConfig && isSplit) refuse(`${first} is a config and a split of the dataset ${name}`, all);
  if (first !== undefined && !isConfig && !isSplit) refuse(`the dataset ${name} has no config or split ${first}`, all);
  const config = isConfig ? first : usual;
  if (config === undefined) return refuse(`the dataset ${name} has several configs`, all);
  if (isSplit) return [config, first];
  const splits = [...(parts.get(config)?.keys() ?? [])];
  if (splits.includes('train')) return [config, 'train'];
  if (splits.length === 1) return [config, splits[0] as string];
  return refuse(
    splits.length === 0 ? `the dataset ${name} has no files of pairs` : `the dataset ${name} has several splits, and none is called train`,
    splits.map((split) => id(config, split)),
  );
}

function usualConfig(parts: DatasetParts, readme: string | undefined): string | undefined {
  if (parts.size === 1) return [...parts.keys()][0];
  const marked = (readme === undefined ? undefined : configsOf(readme, ''))?.find((config) => config.default === true)?.config_name;
  return marked ?? (parts.has(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
}

function splitsByName(data: readonly string[], base: string): Map<string, readonly string[]> {
  const within = data.filter((name) => name.startsWith(base)).map((name) => name.slice(base.length));
  const whole = (names: readonly string[]): string[] => names.map((name) => base + name);
  const sharded = new Map<string, string[]>();
  for (const name of within) {
    const split = SHARDED.exec(name)?.[1];
    if (split !== undefined) sharded.set(split, [...(sharded.get(split) ?? []), base + name]);
  }
  if (sharded.size > 0) return sharded;
  for (const patternsOf of [IN_FOLDERS, IN_NAMES]) {
    const found = Object.entries(KEYWORDS)
      .map(([split, words]) => [split, matching(within, words.flatMap(patternsOf))] as const)
      .filter(([, names]) => names.length > 0);
    if (found.length > 0) return new Map(found.map(([split, names]) => [split, whole(names)]));
  }
  const rest = within.filter(mayBeDataset);
  return new Map(rest.length === 0 ? [] : [['train', whole(rest)]]);
}

/** As fsspec matches: no braces, no negation. In the order of the patterns, then of names; each once. */
function matching(names: readonly string[], patterns: readonly string[]): string[] {
  const options = { nobrace: true, noextglob: true, nonegate: true };
  const sorted = [...names].sort();
  const matched = patterns.flatMap((pattern) => {
    const matches = picomatch(pattern.replace(/^\.\//, ''), options);
    return sorted.filter((name) => matches(name));
  });
  return [...new Set(matched)];
}

interface Config {
  readonly config_name?: string;
  readonly data_files?: unknown;
  readonly data_dir?: string;
  readonly default?: boolean;
}

function configsOf(readme: string, where: string): readonly Config[] | undefined {
  const front = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(readme)?.[1];
  if (front === undefined) return undefined;
  let configs: unknown;
  try {
    ({ configs } = (parse(front) ?? {}) as { configs?: unknown });
  } catch (error) {
    const what = `the dataset's README.md has a head that is not YAML: ${(error as Error).message.split('\n')[0]}`;
    throw new WishboneError(what, where, 'download the files and give them by name');
  }
  if (!Array.isArray(configs) || configs.length === 0) return undefined;
  const isText = (value: unknown): boolean => value === undefined || typeof value === 'string';
  return configs.filter((config: Config | null) => config !== null && isText(config.config_name) && isText(config.data_dir)) as Config[];
}

function patternsBySplit(files: unknown, where: string): Map<string, string[]> {
  const texts = (value: unknown): string[] => {
    const list = [value].flat();
    const far = list.find((item) => typeof item === 'string' && /^[a-z]\w*:\/\//i.test(item));
    if (far !== undefined)
      throw new WishboneError(`the dataset's files are elsewhere: ${String(far)}`, where, 'download them and give them by name');
    if (!list.every((item) => typeof item === 'string')) {
      throw new WishboneError('"data_files" of the dataset’s README.md cannot be read', where, 'download the files and give them by name');
    }
    return list as string[];
  };
  const list = [files].flat() as unknown[];
  if (list.some((item) => typeof item === 'object' && item !== null)) {
    return new Map((list as { split?: unknown; path?: unknown }[]).map(({ split, path: of }) => [String(split), texts(of)]));
  }
  return new Map([['train', texts(files)]]);
}
