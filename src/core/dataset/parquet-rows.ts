import { UnreadableFile, WishboneError } from '../errors.js';
import { isMediaName, manyMedia } from './media.js';
import { TableFault } from './table-fault.js';
import { readFooter, type Chunk } from './parquet/footer.js';
import { groupSize, LARGEST_GROUP, readGroup, type Decoder } from './parquet/group.js';
import type { Field } from './parquet/schema.js';
import { cellValue, fieldName } from './parquet/values.js';
import type { Columns, Row } from './row.js';
import type { ByteSource } from './source.js';
import { chooseColumns, readCells, type TableColumn } from './table-columns.js';
import type { Reading } from './table-values.js';

/**
 * The rows of a Parquet file, one row group in memory at a time. They have no lines; what a column holds is given as
 * pyarrow gives it: floats are floats, whole numbers have all their digits, a structure has all its fields, of which those
 * that are null are null.
 *
 * @param columns to read, `used`, `withoutSides` unless it is a table of pairs, and those of text that `texts` wants; others stay packed
 * @throws WishboneError for a damaged file, for one without any of those columns, and for row groups that are too large
 */
export async function* parquetRows(source: ByteSource, wanted: Omit<Columns, 'needed'>): AsyncGenerator<Row> {
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
  const tableColumns = schema.columns.map(columnOf);
  source.columns = tableColumns;
  const { used, ours, others } = chooseColumns(tableColumns, wanted, file);
  const total = groups.reduce((sum, { rows }) => sum + rows, 0);
  let row = 0;
  for (const group of groups) {
    if (group.rows === 0) continue;
    const where = `${file}, rows ${row + 1} to ${row + group.rows}`;
    const chunksOf = (columns: readonly ParquetColumn[]): Chunk[] => {
      const names = new Set(columns.map(({ name }) => name));
      return group.chunks.filter(({ leaf }) => names.has(leaf.path[0] as string));
    };
    const sizeOf = (columns: readonly ParquetColumn[]): number => {
      const { content, structure } = groupSize(chunksOf(columns));
      return Math.max(content, structure);
    };
    checkSize(groupSize(chunksOf(ours)), where);
    const isTooMuch = sizeOf([...ours, ...others]) > LARGEST_GROUP;
    const media = isTooMuch ? others.find((other) => isMediaName(other.name) && sizeOf([other]) > LARGEST_GROUP / 2) : undefined;
    if (media !== undefined) throw manyMedia(media.name, where);
    const columns = isTooMuch ? ours : [...ours, ...others];
    const fields = columns.map(({ field }) => field);
    const cells = await readGroup(buffer, footer, group, fields, chunksOf(columns), decoder).catch((error: unknown) => {
      throw damaged(error, where);
    });
    for (const own of cells) {
      source.documentShare = (row + 1) / total;
      const cell = ({ field }: ParquetColumn, reading: Reading): unknown => cellValue(own[fieldName(field.index)], field, reading);
      const how = { columns, cell, used, isCopied: wanted.all === true, damaged };
      yield { row, line: undefined, ...readCells({ ...how, where: `${file}, row ${row + 1}` }) };
      row++;
    }
  }
  await source.readThrough();
}

interface ParquetColumn extends TableColumn {
  readonly field: Field;
}

function columnOf(field: Field): ParquetColumn {
  const kind = field.is !== 'leaf' ? 'nested' : field.leaf.type === 'BYTE_ARRAY' ? 'text' : 'other';
  const isText = field.is === 'leaf' && field.leaf.kind === 'text';
  return { name: field.name, kind, isText, refusal: refusal(field), field };
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

function damaged(error: unknown, where: string): WishboneError {
  // Whatever else reading it comes to is said by an error of the decoder, in words that are not for people.
  const why = error instanceof TableFault ? error.message : 'its parts do not fit together';
  return new UnreadableFile(
    `the Parquet data cannot be read (${why})`,
    where,
    'the file may be cut off or damaged; download or write it again',
  );
}
