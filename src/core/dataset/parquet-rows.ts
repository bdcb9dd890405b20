import type { SchemaElement } from 'hyparquet';
import { WishboneError } from '../errors.js';
import { isMediaName, manyMedia } from './media.js';
import type { Columns, Row } from './rows.js';
import type { ByteSource, FileColumn } from './source.js';

/** Most bytes of one row group, unpacked; more than one is never in memory. */
const largestGroup = 2 ** 30;

/** Stands for bytes that should be text and are not, until the row they belong to is known. */
class NotText {}

const someBytes = '(bytes)';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The rows of a Parquet file, one row group in memory at a time. They have no lines; what a column holds is given as
 * JSON would: whole numbers are numbers, and a field of a nested object that is null is left out, because there a
 * Parquet file cannot leave anything out.
 *
 * @param columns to read, `used` and those of text that `texts` wants; others stay packed
 * @throws WishboneError for a damaged file, for one without any of those columns, and for row groups that are too large
 */
export async function* parquetRows(source: ByteSource, { used, texts, all: isAll }: Omit<Columns, 'needed'>): AsyncGenerator<Row> {
  const { file } = source;
  // Loaded when needed: most datasets are JSON.
  const { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } = await import('hyparquet');
  const { compressors } = await import('hyparquet-compressors');
  source.documentShare = 0;
  const buffer = await asyncBufferFromFile(file);
  const [metadata, all] = await parquetMetadataAsync(buffer)
    .then((found) => [found, parquetSchema(found).children.map(({ element }) => columnOf(element))] as const)
    .catch((error: unknown) => {
      throw damaged(error, file);
    });
  source.columns = all;
  const names = all.map(({ name }) => name);
  const ours = names.filter((name) => used.includes(name));
  if (ours.length === 0) throw noColumns(names, file);
  const isOther = ({ name, kind }: FileColumn): boolean =>
    !used.includes(name) && (isAll === true || (kind !== 'other' && texts?.(name, kind === 'nested') === true));
  const others = all.filter(isOther).map(({ name }) => name);
  const total = Number(metadata.num_rows);
  let row = 0;
  for (const group of metadata.row_groups) {
    const rowEnd = row + Number(group.num_rows);
    const where = `${file}, rows ${row + 1} to ${rowEnd}`;
    const sizeOf = (columns: readonly string[]): number =>
      group.columns
        // Damaged metadata may lack any field, whatever the types say; what is missed here, reading the group finds.
        .filter(({ meta_data: data }) => columns.includes((data?.path_in_schema as string[] | undefined)?.[0] ?? ''))
        .reduce((sum, { meta_data: data }) => sum + Number(data?.total_uncompressed_size ?? 0), 0);
    const size = sizeOf(ours);
    if (size > largestGroup) {
      throw new WishboneError(
        `a row group holds ${(size / 2 ** 30).toFixed(1)} GiB of text; at most 1 GiB is read at once`,
        where,
        'write it again with smaller row groups, for example ds.to_parquet("pairs.parquet", batch_size=1000)',
      );
    }
    const isTooMuch = size + sizeOf(others) > largestGroup;
    const media = isTooMuch ? others.find((name) => isMediaName(name) && sizeOf([name]) > largestGroup / 2) : undefined;
    if (media !== undefined) throw manyMedia(media, where);
    const values = await parquetReadObjects({
      file: buffer,
      metadata,
      columns: isTooMuch ? ours : [...ours, ...others],
      compressors,
      rowStart: row,
      rowEnd,
      parsers: { stringFromBytes: decode },
    }).catch((error: unknown) => {
      throw damaged(error, where);
    });
    for (const value of values) {
      source.documentShare = (row + 1) / total;
      yield { row, line: undefined, ...readCells(value, `${file}, row ${row + 1}`, used) };
      row++;
    }
  }
  await source.readThrough();
}

function columnOf({ name, type, num_children: children }: SchemaElement): FileColumn {
  return { name, kind: (children ?? 0) > 0 ? 'nested' : type === 'BYTE_ARRAY' ? 'text' : 'other' };
}

function decode(bytes: Uint8Array): unknown {
  try {
    return utf8.decode(bytes);
  } catch {
    return new NotText();
  }
}

function readCells(
  cells: Readonly<Record<string, unknown>>,
  where: string,
  used: Columns['used'],
): { readonly value: unknown } | { readonly error: WishboneError } {
  const value: Record<string, unknown> = {};
  for (const [name, cell] of Object.entries(cells)) {
    try {
      value[name] = asJson(cell);
    } catch (error) {
      if (!(error instanceof NotText)) throw error;
      // What no form reads is no reason to refuse a row; that there are bytes is all that is asked of a picture.
      if (!used.includes(name)) {
        if (isMediaName(name)) value[name] = someBytes;
        continue;
      }
      return { error: new WishboneError('not UTF-8', `${where}, field "${name}"`, 'write the text as UTF-8') };
    }
  }
  return { value };
}

function asJson(value: unknown): unknown {
  if (value instanceof NotText) throw value;
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, asJson(field)]));
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
  const why = error instanceof Error ? error.message : String(error);
  return new WishboneError(
    `the Parquet data cannot be read (${why})`,
    where,
    'the file may be cut off or damaged; download or write it again',
  );
}
