import { UnreadableFile, WishboneError } from '../errors.js';
import { isMediaName, manyMedia } from './media.js';
import { ParquetFault } from './parquet/fault.js';
import { readFooter, type Chunk } from './parquet/footer.js';
import { groupSize, LARGEST_GROUP, readGroup, type Decoder } from './parquet/group.js';
import type { Field } from './parquet/schema.js';
import { cellValue, fieldName, NotText, type Reading } from './parquet/values.js';
import { isTooLong, rowTooLong } from './row-limit.js';
import type { Columns, Row } from './row.js';
import type { ByteSource, FileColumn } from './source.js';

/** Columns of numbers that no chat template sees. */
const SCORE_COLUMNS: ReadonlySet<string> = new Set([
  ...['scores', 'ranks', 'completions', 'answers'],
  ...['overall_preference', 'labels', 'score_ratio', 'turn'],
]);

const SOME_BYTES = '(bytes)';

/**
 * The rows of a Parquet file, one row group in memory at a time. They have no lines; what a column holds is given as
 * pyarrow gives it: floats are floats, whole numbers have all their digits, a structure has all its fields, of which those
 * that are null are null.
 *
 * @param columns to read, `used`, `withoutSides` unless it is a table of pairs, and those of text that `texts` wants; others stay packed
 * @throws WishboneError for a damaged file, for one without any of those columns, and for row groups that are too large
 */
export async function* parquetRows(
  source: ByteSource,
  { used: given, withoutSides = [], texts, all: isAll }: Omit<Columns, 'needed'>,
): AsyncGenerator<Row> {
  const { file } = source;
  // Loaded when needed: most datasets are JSON.
  const { asyncBufferFromFile, parquetMetadata, parquetReadObjects } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  const decoder: Decoder = { read: parquetReadObjects, compressors };
  source.documentShare = 0;
  const buffer = await asyncBufferFromFile(file);
  const footer = await readFooter(buffer, parquetMetadata).catch((error: unknown) => {
    throw damaged(error, file);
  });
  const { schema, groups } = footer;
  source.columns = schema.columns.map(columnOf);
  const used = hasSides(source.columns) ? given : [...given, ...withoutSides];
  const isUsed = ({ name }: Field): boolean => used.includes(name);
  const ours = schema.columns.filter((column) => isUsed(column) && (isAll === true || isOfUse(column)));
  if (ours.length === 0) {
    throw noColumns(
      schema.columns.map(({ name }) => name),
      file,
    );
  }
  const others = schema.columns.filter((column) => {
    const { name, kind } = columnOf(column);
    if (isUsed(column)) return false;
    return isAll === true || (kind !== 'other' && texts?.(name, kind === 'nested') === true && refusal(column) === undefined);
  });
  for (const column of isAll ? [...ours, ...others] : ours) checkReadable(column, file);
  const total = groups.reduce((sum, { rows }) => sum + rows, 0);
  let row = 0;
  for (const group of groups) {
    if (group.rows === 0) continue;
    const where = `${file}, rows ${row + 1} to ${row + group.rows}`;
    const chunksOf = (columns: readonly Field[]): Chunk[] => {
      const names = new Set(columns.map(({ name }) => name));
      return group.chunks.filter(({ leaf }) => names.has(leaf.path[0] as string));
    };
    const sizeOf = (columns: readonly Field[]): number => {
      const { content, structure } = groupSize(chunksOf(columns));
      return Math.max(content, structure);
    };
    checkSize(groupSize(chunksOf(ours)), where);
    const isTooMuch = sizeOf([...ours, ...others]) > LARGEST_GROUP;
    const media = isTooMuch ? others.find((other) => isMediaName(other.name) && sizeOf([other]) > LARGEST_GROUP / 2) : undefined;
    if (media !== undefined) throw manyMedia(media.name, where);
    const columns = isTooMuch ? ours : [...ours, ...others];
    const cells = await readGroup(buffer, footer, group, columns, chunksOf(columns), decoder).catch((error: unknown) => {
      throw damaged(error, where);
    });
    for (const own of cells) {
      source.documentShare = (row + 1) / total;
      yield { row, line: undefined, ...readCells(own, columns, `${file}, row ${row + 1}`, used, isAll === true) };
      row++;
    }
  }
  await source.readThrough();
}

/** Whether a table is of pairs by the names of its columns. */
function hasSides(columns: readonly FileColumn[]): boolean {
  return ['chosen', 'rejected'].every((side) => columns.some(({ name }) => name === side));
}

function columnOf(field: Field): FileColumn {
  const kind = field.is !== 'leaf' ? 'nested' : field.leaf.type === 'BYTE_ARRAY' ? 'text' : 'other';
  return { name: field.name, kind };
}

/** Where a row comes from is text, or nothing. */
function isOfUse(column: Field): boolean {
  return column.name !== 'source' || (column.is === 'leaf' && column.leaf.kind === 'text');
}

/** Why a column cannot be read, and the part of it that cannot; undefined when it can. */
function refusal(field: Field, path = field.name): { readonly path: string; readonly what: string } | undefined {
  if (field.is === 'refused') return { path, what: field.what };
  if (field.is === 'list') return refusal(field.of, path);
  if (field.is !== 'struct') return undefined;
  for (const own of field.fields) {
    const found = refusal(own, `${path}.${own.name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * How many rows a Parquet file says it has.
 *
 * @throws WishboneError for a file that is damaged
 */
export async function parquetRowCount(file: string): Promise<number> {
  const { asyncBufferFromFile, parquetMetadata } = await import('hyparquet');
  const { groups } = await readFooter(await asyncBufferFromFile(file), parquetMetadata).catch((error: unknown) => {
    throw damaged(error, file);
  });
  return groups.reduce((sum, { rows }) => sum + rows, 0);
}

function checkReadable(column: Field, file: string): void {
  const found = refusal(column);
  if (found === undefined) return;
  throw new WishboneError(
    `column "${found.path}" ${found.what}, which cannot be read`,
    file,
    'write the column as text, numbers, lists or structures of them (or as JSON text), or remove it',
  );
}

function checkSize({ content, structure }: ReturnType<typeof groupSize>, where: string): void {
  if (content <= LARGEST_GROUP && structure <= LARGEST_GROUP) return;
  throw new WishboneError(
    content > LARGEST_GROUP
      ? `a row group holds ${(content / 2 ** 30).toFixed(1)} GiB of text; at most 1 GiB is read at once`
      : `a row group holds lists that take ${(structure / 2 ** 30).toFixed(1)} GiB; at most 1 GiB is read at once`,
    where,
    'write it again with smaller row groups, for example ds.to_parquet("pairs.parquet", batch_size=1000)',
  );
}

function readCells(
  cells: Readonly<Record<string, unknown>>,
  columns: readonly Field[],
  where: string,
  used: Columns['used'],
  isCopied: boolean,
): { readonly value: unknown } | { readonly error: WishboneError } {
  const value: [string, unknown][] = [];
  for (const column of columns) {
    const { name } = column;
    const reading: Reading = isCopied ? 'copy' : SCORE_COLUMNS.has(name) ? 'numbers' : 'template';
    try {
      value.push([name, cellValue(cells[fieldName(column.index)], column, reading)]);
    } catch (error) {
      const place = `${where}, field "${name}"`;
      if (error instanceof NotText) {
        // What no form reads is no reason to refuse a row; that there are bytes is all that is asked of a picture.
        if (used.includes(name)) return { error: new WishboneError('not UTF-8', place, 'write the text as UTF-8') };
        if (isMediaName(name)) value.push([name, SOME_BYTES]);
        continue;
      }
      if (error instanceof ParquetFault) return { error: damaged(error, place) };
      if (!(error instanceof SyntaxError)) throw error;
      return { error: new WishboneError('the column is marked as JSON, but its text is not JSON', place, 'write JSON, or plain text') };
    }
  }
  const cellsByName = Object.fromEntries(value);
  return isTooLong(cellsByName) ? { error: rowTooLong(where) } : { value: cellsByName };
}

function noColumns(names: readonly string[], file: string): WishboneError {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  return new WishboneError(
    `the columns match no known form of preference pair: ${shown.join(', ')}`,
    file,
    'name the columns prompt, chosen and rejected',
  );
}

function damaged(error: unknown, where: string): WishboneError {
  // Whatever else reading it comes to is said by an error of the decoder, in words that are not for people.
  const why = error instanceof ParquetFault ? error.message : 'its parts do not fit together';
  return new UnreadableFile(
    `the Parquet data cannot be read (${why})`,
    where,
    'the file may be cut off or damaged; download or write it again',
  );
}
