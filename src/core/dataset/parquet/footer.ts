import type { AsyncBuffer, ColumnMetaData, FileMetaData } from 'hyparquet';
import { must } from '../table-fault.js';
import { readSchema, type Leaf, type Schema } from './schema.js';
import { ThriftReader } from './thrift.js';

/** Some 40 values describe a column of a row group. */
const MOST_VALUES = 1 << 22;

/** What a file says of itself at its end. */
export interface Footer {
  readonly metadata: FileMetaData;
  readonly schema: Schema;
  readonly groups: readonly RowGroup[];
}

/** Rows that lie together, column behind column. */
export interface RowGroup {
  readonly rows: number;
  /** In the schema's order of leaves. */
  readonly chunks: readonly Chunk[];
}

/** A column of a row group. */
export interface Chunk {
  readonly leaf: Leaf;
  readonly data: ColumnMetaData;
  /** Bytes of the file. */
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the end of a Parquet file. All it says of sizes and places is held against the file before it is used.
 *
 * @throws TableFault
 */
export async function readFooter(
  file: AsyncBuffer,
  parse: (footer: ArrayBuffer, options: { geoparquet: boolean }) => FileMetaData,
): Promise<Footer> {
  const size = file.byteLength;
  must(size >= 12, 'the file is too short');
  const tail = new DataView(await file.slice(size - 8, size));
  must(tail.getUint32(4, true) === 0x31524150, 'it does not end as Parquet does');
  const length = tail.getUint32(0, true);
  must(length <= size - 12, `its footer says ${length} bytes, but the file has ${size}`);
  const bytes = await file.slice(size - 8 - length, size);
  // Only looked at: what follows takes lengths on trust.
  new ThriftReader(new DataView(bytes), 0, length, MOST_VALUES, false).struct();
  const metadata = parse(bytes, { geoparquet: false });
  const schema = readSchema(metadata.schema);
  const groups = metadata.row_groups.map(({ num_rows: rows, columns }) => {
    must(columns.length === schema.leaves.length, `a row group has ${columns.length} of ${schema.leaves.length} columns`);
    const chunks = columns.map(({ meta_data: data, file_path: elsewhere, crypto_metadata: secret }, index) => {
      must(elsewhere === undefined, `its columns are in other files (${String(elsewhere)})`);
      must(data !== undefined && secret === undefined, 'it is encrypted');
      return readChunk(data, schema.leaves[index] as Leaf, numberOf(rows, 'rows'), size - 8 - length);
    });
    return { rows: numberOf(rows, 'rows'), chunks };
  });
  const rows = groups.reduce((sum, group) => sum + group.rows, 0);
  must(numberOf(metadata.num_rows, 'rows') === rows, `the footer says ${metadata.num_rows} rows, its row groups ${rows}`);
  return { metadata, schema, groups };
}

function readChunk(data: ColumnMetaData, leaf: Leaf, rows: number, end: number): Chunk {
  const name = leaf.path.join('.');
  const path = data.path_in_schema;
  must(
    Array.isArray(path) && path.length === leaf.path.length && leaf.path.every((step, index) => step === path[index]),
    `column "${name}" stands where "${String(path)}" should`,
  );
  must(data.type === leaf.type, `column "${name}" is of ${data.type} and of ${leaf.type}`);
  const start = numberOf(data.dictionary_page_offset || data.data_page_offset, 'the place of a column');
  const size = numberOf(data.total_compressed_size, 'the size of a column');
  must(start >= 4 && size <= end - start, `column "${name}" says bytes ${start} to ${start + size} of ${end}`);
  numberOf(data.total_uncompressed_size, 'the unpacked size of a column');
  const values = numberOf(data.num_values, 'the number of values of a column');
  // Every row has a value, if only one that says that there is none.
  must(leaf.repetitionLevels === 0 ? values === rows : values >= rows, `column "${name}" says ${values} values in ${rows} rows`);
  return { leaf, data, start, end: start + size };
}

function numberOf(value: unknown, name: string): number {
  const number = typeof value === 'bigint' ? Number(value) : NaN;
  must(Number.isSafeInteger(number) && number >= 0, `${name} is ${String(value)}`);
  return number;
}
