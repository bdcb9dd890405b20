import path from 'node:path';

interface Kind {
  /** It may also be compressed, with `.gz` or `.zst` after its ending. */
  readonly packs: boolean;
  /** Of a table in text: what stands between two cells. */
  readonly separator?: ',' | '\t';
  /** Of a binary table: what its first bytes are, for people. */
  readonly mark?: string;
}

/** The kinds of files that preference pairs come in, by the ending of their names. Parquet and Arrow are told by their first bytes, too. */
export const FILE_KINDS = {
  jsonl: { packs: true },
  json: { packs: true },
  csv: { packs: true, separator: ',' },
  tsv: { packs: true, separator: '\t' },
  parquet: { packs: false, mark: 'Parquet (PAR1)' },
  arrow: { packs: false, mark: 'Arrow (ARROW1, or a stream)' },
} as const satisfies Readonly<Record<string, Kind>>;
export type FileKind = keyof typeof FILE_KINDS;

/** How a file may be compressed, by the ending of its name. */
export const PACKINGS = ['gz', 'zst'] as const;
export type Packing = (typeof PACKINGS)[number];

const all = Object.entries(FILE_KINDS) as readonly [FileKind, Kind][];
const packed = all.filter(([, { packs }]) => packs).map(([kind]) => kind);
const whole = all.filter(([, { packs }]) => !packs).map(([kind]) => kind);

/** Endings of names, without the dot, those of compressed files among them. */
export const DATASET_ENDINGS: readonly string[] = [
  ...packed,
  ...PACKINGS.flatMap((packing) => packed.map((kind) => `${kind}.${packing}`)),
  ...whole,
];

/** For people: `.jsonl, .json, .csv or .tsv, also in gzip or Zstandard, or .parquet`. */
export const KINDS_TEXT = `${or(packed)}, also in gzip or Zstandard, or ${or(whole)}`;

function or(kinds: readonly string[]): string {
  const dotted = kinds.map((kind) => `.${kind}`);
  return dotted.length < 2 ? dotted.join('') : `${dotted.slice(0, -1).join(', ')} or ${dotted.at(-1)!}`;
}

const ENDING = new RegExp(`^(.*?)(?:\\.(${Object.keys(FILE_KINDS).join('|')}))?(?:\\.(${PACKINGS.join('|')}))?$`, 'is');

/** What a file's name says of it. */
export interface NamedKind {
  /** The name without folder and ending. */
  readonly stem: string;
  /** Undefined for a name that says nothing. */
  readonly kind: FileKind | undefined;
  /** Undefined for one that is not compressed. */
  readonly packing: Packing | undefined;
}

/** What the name of a file says of it, in whatever case. */
export function fileKind(file: string): NamedKind {
  const [, stem = '', kind, packing] = ENDING.exec(path.basename(file)) ?? [];
  return { stem, kind: kind?.toLowerCase() as FileKind | undefined, packing: packing?.toLowerCase() as Packing | undefined };
}

/** Whether a file's name is one that preference files have. */
export function mayBeDataset(file: string): boolean {
  const { kind, packing } = fileKind(file);
  return kind !== undefined && (packing === undefined || FILE_KINDS[kind].packs);
}

/** Whether a name is of one of these kinds, compressed or not. */
export function isKind(file: string, ...kinds: readonly FileKind[]): boolean {
  const { kind } = fileKind(file);
  return kind !== undefined && kinds.includes(kind);
}

/** The same of a file that is not compressed. */
export function isPlainKind(file: string, ...kinds: readonly FileKind[]): boolean {
  return isKind(file, ...kinds) && fileKind(file).packing === undefined;
}

/** What stands between the cells of a table in text; undefined for a file that is none by its name. */
export function separatorOf(file: string): ',' | '\t' | undefined {
  const { kind } = fileKind(file);
  return kind === undefined ? undefined : (FILE_KINDS[kind] as Kind).separator;
}

/** What a binary table begins with, for people; undefined for a file that is none by its name. */
export function markOf(file: string): string | undefined {
  const { kind, packing } = fileKind(file);
  return kind === undefined || packing !== undefined ? undefined : (FILE_KINDS[kind] as Kind).mark;
}
