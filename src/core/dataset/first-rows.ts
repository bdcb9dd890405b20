import type { WorkOptions } from '../work/progress.js';
import { Pace } from '../work/pace.js';
import { exactText } from '../exact-json/index.js';
import { FORM_COLUMNS } from './forms/index.js';
import type { Row } from './row.js';
import { readRows, rowCount } from './rows.js';
import { ByteSource } from './source.js';
import { UNPAIRED_COLUMNS } from './unpaired.js';
import { isWanted } from './unread-columns.js';

/** The beginning of a dataset file as text, for an editor that cannot show the file itself. */
export interface FirstRows {
  /** JSON lines: a row a line, each ended by a line break. */
  readonly text: string;
  /** Rows in `text`. */
  readonly rows: number;
  /** Rows of the file; undefined where counting them would take too long. */
  readonly total: number | undefined;
  /** Columns that no form uses, which are not in `text`. */
  readonly hidden: readonly string[];
}

export interface FirstRowsOptions extends WorkOptions {
  /** Rows that are shown at most. */
  readonly most?: number | undefined;
  /** UTF-16 units of `text` at most, but for a single row. */
  readonly mostCharacters?: number | undefined;
  /** Milliseconds that counting the others may take. */
  readonly patience?: number | undefined;
}

/** Columns of pairs, and of rows that are told to be none. */
const READ_COLUMNS: readonly string[] = [...FORM_COLUMNS, ...UNPAIRED_COLUMNS];

/** A row that no editor should hold. */
const LONGEST_ROW = 8_000_000;

/**
 * Reads the first rows of a dataset file of any kind, packed ones too, and counts the others; no more than the first rows is
 * held. Lines of JSON lines are as they are in the file, whatever they say; rows of other files are written as JSON.
 *
 * @throws WishboneError for faults of the file as a whole
 */
export async function firstRows(
  file: string,
  { most = 1000, mostCharacters = LONGEST_ROW, patience = 5000, ...work }: FirstRowsOptions = {},
): Promise<FirstRows> {
  const source = await ByteSource.open(file);
  const pace = new Pace(work);
  const lines: string[] = [];
  let [rows, total, characters] = [0, 0, 0];
  let giveUpAt = Infinity;
  let isCut = false;
  for await (const line of linesOf(source)) {
    await pace.item(() => ({ phase: 'read', done: source.bytesRead, total: source.size }));
    const isRow = line.trim() !== '';
    if (isRow) total++;
    if (!isCut && (rows >= most || (rows > 0 && characters + line.length > mostCharacters))) {
      isCut = true;
      if (source.table !== undefined) {
        total = await rowCount(file, source.table);
        break;
      }
      giveUpAt = performance.now() + patience;
    }
    if (isCut) {
      if (performance.now() > giveUpAt) return { text: joined(lines), rows, total: undefined, hidden: hiddenOf(source) };
      continue;
    }
    lines.push(line);
    characters += line.length + 1;
    if (isRow) rows++;
  }
  return { text: joined(lines), rows, total, hidden: hiddenOf(source) };
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

function linesOf(source: ByteSource): AsyncGenerator<string> {
  return /\.jsonl(\.(gz|zst))?$/i.test(source.file) && source.table === undefined ? ownLines(source) : rowLines(source);
}

/** Lines as they are; what is no UTF-8 reads as U+FFFD. */
async function* ownLines(source: ByteSource): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let pending = 0;
  const take = (): string => {
    const text = Buffer.concat(parts).toString('utf8').replace(/\r$/, '');
    parts = [];
    pending = 0;
    return text;
  };
  for await (const chunk of source.chunks()) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      if (pending < LONGEST_ROW) parts.push(chunk.subarray(from, end));
      yield take();
      from = end + 1;
    }
    // Of a line that goes on and on its beginning is enough.
    if (pending < LONGEST_ROW && from < chunk.length) parts.push(chunk.subarray(from, from + LONGEST_ROW - pending));
    pending += chunk.length - from;
  }
  if (pending > 0) yield take();
}

async function* rowLines(source: ByteSource): AsyncGenerator<string> {
  let used: readonly string[] = READ_COLUMNS;
  if (source.table !== undefined) {
    // A table of something else is shown too: then all of its columns are.
    const probe = await ByteSource.open(source.file);
    await readRows(probe, { used, needed: [] })
      .next()
      .catch((error: unknown) => {
        const names = probe.columns.map(({ name }) => name);
        if (names.length === 0 || names.some((name) => READ_COLUMNS.includes(name))) throw error;
        used = names;
      });
  }
  for await (const row of readRows(source, { used, needed: [], texts: isWanted })) yield lineOf(row);
}

/** A row that cannot be read is a line that says why; the checks call it malformed. */
function lineOf(row: Row): string {
  if (!('error' in row)) return exactText(row.value).slice(0, LONGEST_ROW);
  const { what, advice } = row.error;
  return `row ${row.row + 1} cannot be read: ${what}; ${advice}`.replace(/\s+/g, ' ');
}

function hiddenOf({ table, columns }: ByteSource): string[] {
  if (table === undefined || !columns.some(({ name }) => READ_COLUMNS.includes(name))) return [];
  return columns
    .filter(({ name, kind }) => !READ_COLUMNS.includes(name) && !(kind !== 'other' && isWanted(name, kind === 'nested')))
    .map(({ name }) => name);
}
