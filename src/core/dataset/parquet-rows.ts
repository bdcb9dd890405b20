import { WishboneError } from '../errors.js';
import { ParquetFault } from './parquet/fault.js';
import { readFooter } from './parquet/footer.js';
import { groupSize, largestGroup, readGroup, type Decoder } from './parquet/group.js';
import type { Field } from './parquet/schema.js';
import { cellValue, fieldName, NotText } from './parquet/values.js';
import type { Row } from './rows.js';
import type { ByteSource } from './source.js';

/** Columns of numbers that no chat template sees: decimals in them are numbers. */
const scoreColumns: ReadonlySet<string> = new Set(['scores', 'ranks', 'completions']);

/**
 * The rows of a Parquet file, one row group in memory at a time. They have no lines; what a column holds is given as
 * pyarrow gives it: floats are floats, whole numbers have all their digits, a structure has all its fields, of which those
 * that are null are null.
 *
 * @param used columns to read; others stay packed
 * @throws WishboneError for a damaged file, for one without any of those columns, and for row groups that are too large
 */
export async function* parquetRows(source: ByteSource, used: readonly string[]): AsyncGenerator<Row> {
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
  const columns = schema.columns.filter((column) => used.includes(column.name) && isOfUse(column));
  if (columns.length === 0) {
    throw noColumns(
      schema.columns.map(({ name }) => name),
      file,
    );
  }
  for (const column of columns) checkReadable(column, file);
  const names = new Set(columns.map(({ name }) => name));
  const total = groups.reduce((sum, { rows }) => sum + rows, 0);
  let row = 0;
  for (const group of groups) {
    if (group.rows === 0) continue;
    const where = `${file}, rows ${row + 1} to ${row + group.rows}`;
    const chunks = group.chunks.filter(({ leaf }) => names.has(leaf.path[0] as string));
    checkSize(groupSize(chunks), where);
    const cells = await readGroup(buffer, footer, group, columns, chunks, decoder).catch((error: unknown) => {
      throw damaged(error, where);
    });
    for (const own of cells) {
      source.documentShare = (row + 1) / total;
      yield { row, line: undefined, ...readCells(own, columns, `${file}, row ${row + 1}`) };
      row++;
    }
  }
  await source.readThrough();
}

/** Where a row comes from is text, or nothing. */
function isOfUse(column: Field): boolean {
  return column.name !== 'source' || (column.is === 'leaf' && column.leaf.kind === 'text');
}

function checkReadable(field: Field, file: string, path = field.name): void {
  if (field.is === 'refused') {
    throw new WishboneError(
      `column "${path}" ${field.what}, which cannot be read`,
      file,
      'write the column as text, numbers, lists or structures of them (or as JSON text), or leave it out',
    );
  }
  if (field.is === 'list') checkReadable(field.of, file, path);
  if (field.is === 'struct') for (const own of field.fields) checkReadable(own, file, `${path}.${own.name}`);
}

function checkSize({ texts, structure }: ReturnType<typeof groupSize>, where: string): void {
  if (texts <= largestGroup && structure <= largestGroup) return;
  throw new WishboneError(
    texts > largestGroup
      ? `a row group holds ${(texts / 2 ** 30).toFixed(1)} GiB of text; at most 1 GiB is read at once`
      : `a row group holds lists that take ${(structure / 2 ** 30).toFixed(1)} GiB; at most 1 GiB is read at once`,
    where,
    'write it again with smaller row groups, for example ds.to_parquet("pairs.parquet", batch_size=1000)',
  );
}

function readCells(
  cells: Readonly<Record<string, unknown>>,
  columns: readonly Field[],
  where: string,
): { readonly value: unknown } | { readonly error: WishboneError } {
  const value: [string, unknown][] = [];
  for (const column of columns) {
    const { name } = column;
    try {
      value.push([name, cellValue(cells[fieldName(column.index)], column, scoreColumns.has(name))]);
    } catch (error) {
      const place = `${where}, field "${name}"`;
      if (error instanceof NotText) return { error: new WishboneError('not UTF-8', place, 'write the text as UTF-8') };
      if (error instanceof ParquetFault) return { error: damaged(error, place) };
      if (!(error instanceof SyntaxError)) throw error;
      return { error: new WishboneError('the column is marked as JSON, but its text is none', place, 'write JSON, or plain text') };
    }
  }
  return { value: Object.fromEntries(value) };
}

function noColumns(names: readonly string[], file: string): WishboneError {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  return new WishboneError(
    `no known form of preference pair has the columns ${shown.join(', ')}`,
    file,
    'name the columns prompt, chosen and rejected',
  );
}

function damaged(error: unknown, where: string): WishboneError {
  // Whatever else reading it comes to is said by an error of the decoder, in words that are not for people.
  const why = error instanceof ParquetFault ? error.message : 'its parts do not fit together';
  return new WishboneError(
    `the Parquet data cannot be read (${why})`,
    where,
    'the file may be cut off or damaged; download or write it again',
  );
}
