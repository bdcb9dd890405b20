import path from 'node:path';

interface Kind {
  /** It may also be gzipped, with `.gz` after its ending. */
  readonly gzip: boolean;
  /** Of a table in text: what stands between two cells. */
  readonly separator?: ',' | '\t';
}

/** The kinds of files that preference pairs come in, by the ending of their names. Parquet is told by its first bytes, too. */
export const FILE_KINDS = {
  jsonl: { gzip: true },
  json: { gzip: true },
  csv: { gzip: true, separator: ',' },
  tsv: { gzip: true, separator: '\t' },
  parquet: { gzip: false },
} as const satisfies Readonly<Record<string, Kind>>;
export type FileKind = keyof typeof FILE_KINDS;

const all = Object.entries(FILE_KINDS) as readonly [FileKind, Kind][];
const packed = all.filter(([, { gzip }]) => gzip).map(([kind]) => kind);
const whole = all.filter(([, { gzip }]) => !gzip).map(([kind]) => kind);

/** Endings of names, without the dot, those of compressed files among them. */
export const DATASET_ENDINGS: readonly string[] = [...packed, ...packed.map((kind) => `${kind}.gz`), ...whole];

/** For people: `.jsonl, .json, .csv or .tsv, also gzipped, or .parquet`. */
export const KINDS_TEXT = `${or(packed)}, also gzipped, or ${or(whole)}`;

function or(kinds: readonly string[]): string {
  const dotted = kinds.map((kind) => `.${kind}`);
  return dotted.length < 2 ? dotted.join('') : `${dotted.slice(0, -1).join(', ')} or ${dotted.at(-1)!}`;
}

const ENDING = new RegExp(`^(.*?)(?:\\.(${Object.keys(FILE_KINDS).join('|')}))?(\\.gz)?$`, 'is');

/** What a file's name says of it. */
export interface NamedKind {
  /** The name without folder and ending. */
  readonly stem: string;
  /** Undefined for a name that says nothing. */
  readonly kind: FileKind | undefined;
  readonly gzip: boolean;
}

/** What the name of a file says of it, in whatever case. */
export function fileKind(file: string): NamedKind {
  const [, stem = '', kind, gz] = ENDING.exec(path.basename(file)) ?? [];
  return { stem, kind: kind?.toLowerCase() as FileKind | undefined, gzip: gz !== undefined };
}

/** Whether a file's name is one that preference files have. */
export function mayBeDataset(file: string): boolean {
  const { kind, gzip } = fileKind(file);
  return kind !== undefined && (!gzip || FILE_KINDS[kind].gzip);
}

/** Whether a name is of one of these kinds, compressed or not. */
export function isKind(file: string, ...kinds: readonly FileKind[]): boolean {
  const { kind } = fileKind(file);
  return kind !== undefined && kinds.includes(kind);
}

/** The same of a file that is not compressed. */
export function isPlainKind(file: string, ...kinds: readonly FileKind[]): boolean {
  return isKind(file, ...kinds) && !fileKind(file).gzip;
}

/** What stands between the cells of a table in text; undefined for a file that is none by its name. */
export function separatorOf(file: string): ',' | '\t' | undefined {
  const { kind } = fileKind(file);
  return kind === undefined ? undefined : (FILE_KINDS[kind] as Kind).separator;
}
