import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { cannotWrite } from '../files/atomic-file.js';
import { FORM_COLUMNS } from '../dataset/forms/index.js';
import { readRows } from '../dataset/rows.js';
import type { Columns } from '../dataset/row.js';
import { ByteSource } from '../dataset/source.js';
import { WishboneError } from '../errors.js';
import { exactText } from '../exact-json/index.js';
import { rowAsLine, rowsDeletion } from './edits.js';
import { sliceRows } from './slice.js';
import { fileKind, isKind, separatorOf } from '../dataset/file-kinds.js';

/** Two new files beside a dataset: one without some of its rows, one with these. */
export interface CleanedCopy {
  readonly copy: string;
  readonly rejected: string;
  readonly kept: number;
  readonly dropped: number;
}

/** What is read of the file again: all columns that rows have. */
const EVERYTHING: Columns = { used: FORM_COLUMNS, needed: [], all: true };

/**
 * Writes a copy of a dataset without some of its rows, and the rows that are left out into a file beside it. Lines and
 * records stay byte for byte as they are; of a JSON list what is left is as it was; of a Parquet or Arrow file the rows become JSON
 * lines. Nothing is overwritten: where there is a file of the name, the new one gets a number.
 *
 * @param rows their numbers from 0, ascending
 * @throws WishboneError when the file cannot be read to its end, all of its rows would go, or a file cannot be written
 */
export async function writeCleanedCopy(file: string, rows: ArrayLike<number>): Promise<CleanedCopy> {
  const { stem: name, kind: named = 'jsonl', packing } = fileKind(file);
  const kind = `.${named}`;
  const isTable = (await ByteSource.open(file)).table !== undefined;
  const isDocument = !isTable && (await isJsonDocument(file));
  const copyKind = isTable ? '.jsonl' : kind;
  const rejectedKind = isTable || isDocument ? '.jsonl' : kind;
  const folder = path.dirname(file);
  // Zstandard is not written.
  const packed = packing !== undefined && !isTable ? '.gz' : '';
  const copy = await freeName(folder, `${name}.cleaned`, `${copyKind}${packed}`);
  const rejected = await freeName(folder, `${name}.rejected`, `${rejectedKind}${packed}`);
  const gone = new Set(Array.from(rows));
  const total = { rows: 0 };
  const parts = (): AsyncGenerator<Part> =>
    isTable ? tableParts(file, gone, total) : isDocument ? documentParts(file, gone, total) : lineParts(file, gone, total);
  await written(copy, only(parts(), 'kept'), packed !== '', file);
  if (gone.size >= total.rows) {
    await rm(copy, { force: true });
    throw new WishboneError('all rows of the file would be left out', file, 'choose fewer kinds of problems');
  }
  total.rows = 0;
  await written(rejected, only(parts(), 'gone'), packed !== '', file);
  return { copy, rejected, kept: total.rows - gone.size, dropped: gone.size };
}

/** Some bytes, and which of the two files they belong to. */
interface Part {
  readonly bytes: Buffer;
  readonly to: 'kept' | 'gone' | 'both';
}

interface Total {
  rows: number;
}

async function* only(parts: AsyncGenerator<Part>, to: 'kept' | 'gone'): AsyncGenerator<Buffer> {
  for await (const part of parts) if (part.to === to || part.to === 'both') yield part.bytes;
}

/** Lines and records: what stands before the first row is the header, and goes to both. */
async function* lineParts(file: string, gone: ReadonlySet<number>, total: Total): AsyncGenerator<Part> {
  // Lines on which rows begin.
  const starts: number[] = [];
  for await (const row of readRows(await ByteSource.open(file), EVERYTHING)) {
    if ('error' in row && row.isLast) throw row.error;
    starts.push(row.line ?? 0);
    total.rows++;
  }
  let line = 1;
  let row = -1;
  for await (const bytes of linesOf((await ByteSource.open(file)).chunks())) {
    while (row + 1 < starts.length && (starts[row + 1] as number) <= line) row++;
    const to = row < 0 ? (separatorOf(file) !== undefined ? 'both' : 'kept') : gone.has(row) ? 'gone' : 'kept';
    yield { bytes, to };
    line++;
  }
}

async function* linesOf(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, from)) {
      yield Buffer.concat([rest, chunk.subarray(from, end + 1)]);
      rest = Buffer.alloc(0);
      from = end + 1;
    }
    rest = Buffer.concat([rest, chunk.subarray(from)]);
  }
  if (rest.length > 0) yield rest;
}

async function* documentParts(file: string, gone: ReadonlySet<number>, total: Total): AsyncGenerator<Part> {
  const chunks: Buffer[] = [];
  for await (const chunk of (await ByteSource.open(file)).chunks()) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const { rows, fault } = sliceRows(text, true);
  if (fault !== undefined) {
    throw new WishboneError(`not JSON: ${fault.what}`, file, 'fix it; nothing after it can be read');
  }
  total.rows = rows.length;
  const numbers = [...gone].sort((a, b) => a - b);
  for (const number of numbers) {
    const span = rows[number];
    if (span) yield { bytes: Buffer.from(`${rowAsLine(text.slice(span.start, span.end))}\n`), to: 'gone' };
  }
  let at = 0;
  for (const { start, end } of rowsDeletion((row) => rows[row], numbers)) {
    yield { bytes: Buffer.from(text.slice(at, start)), to: 'kept' };
    at = end;
  }
  yield { bytes: Buffer.from(text.slice(at)), to: 'kept' };
}

async function* tableParts(file: string, gone: ReadonlySet<number>, total: Total): AsyncGenerator<Part> {
  for await (const row of readRows(await ByteSource.open(file), EVERYTHING)) {
    total.rows++;
    // What is no text cannot be written as JSON; the row is named instead.
    const value = 'error' in row ? { row: row.row + 1, error: row.error.what } : row.value;
    yield { bytes: Buffer.from(`${exactText(value)}\n`), to: gone.has(row.row) ? 'gone' : 'kept' };
  }
}

async function isJsonDocument(file: string): Promise<boolean> {
  if (separatorOf(file) !== undefined) return false;
  const chunks = (await ByteSource.open(file)).chunks();
  try {
    for await (const chunk of chunks) {
      const first = chunk.toString('latin1').trimStart().charAt(0);
      if (first === '') continue;
      return first === '[' || (first === '{' && isKind(file, 'json'));
    }
  } finally {
    await chunks.return(undefined);
  }
  return false;
}

async function freeName(folder: string, name: string, ending: string): Promise<string> {
  for (let number = 1; ; number++) {
    const file = path.join(folder, `${name}${number === 1 ? '' : `-${number}`}${ending}`);
    const isTaken = await stat(file).then(
      () => true,
      () => false,
    );
    if (!isTaken) return file;
  }
}

/** Written under another name first: a file that is there is whole. */
async function written(file: string, parts: AsyncGenerator<Buffer>, gzip: boolean, of: string): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    // As private as what it is a copy of.
    const { mode } = await stat(of);
    const target = createWriteStream(temporary, { flags: 'wx', mode: mode & 0o666 });
    if (gzip) await pipeline(Readable.from(parts), createGzip(), target);
    else await pipeline(Readable.from(parts), target);
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof WishboneError || (error as NodeJS.ErrnoException).code === undefined) throw error;
    throw cannotWrite(path.dirname(of), error);
  }
}
