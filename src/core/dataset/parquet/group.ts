import type { AsyncBuffer, Compressors, FileMetaData, SchemaElement } from 'hyparquet';
import { must, TableFault } from '../table-fault.js';
import type { Chunk, Footer, RowGroup } from './footer.js';
import { ColumnGuard } from './guard.js';
import type { Field, Leaf, Schema } from './schema.js';
import { decodeText } from '../table-values.js';
import { fieldName } from './values.js';

/** Most bytes of a row group that is read: of its texts, and of what holds them together. */
export const LARGEST_GROUP = 2 ** 30;

/** The decoder: hyparquet's. */
export interface Decoder {
  readonly read: (options: {
    file: AsyncBuffer;
    metadata: FileMetaData;
    columns: string[];
    compressors: Compressors;
    utf8: boolean;
    parsers: { stringFromBytes: (bytes: Uint8Array) => unknown };
  }) => Promise<Record<string, unknown>[]>;
  readonly compressors: Compressors;
}

/** Bytes of a row group in memory, about: of its texts unpacked, and of the lists and levels around them. */
export function groupSize(chunks: readonly Chunk[]): { readonly content: number; readonly structure: number } {
  let [content, structure] = [0, 0];
  for (const { data, leaf } of chunks) {
    content += Number(data.total_uncompressed_size);
    structure += Number(data.num_values) * (24 + 48 * leaf.definitionLevels);
  }
  return { content, structure };
}

/**
 * Reads some columns of a row group. Cells are as hyparquet gives them, under `fieldName`.
 *
 * @throws TableFault
 */
export async function readGroup(
  file: AsyncBuffer,
  { metadata, schema }: Footer,
  { rows }: RowGroup,
  columns: readonly Field[],
  chunks: readonly Chunk[],
  decoder: Decoder,
): Promise<Record<string, unknown>[]> {
  const packed = chunks.reduce((sum, { start, end }) => sum + end - start, 0);
  must(packed <= file.byteLength, `columns say ${packed} bytes, but the file has ${file.byteLength}`);
  const guards: ColumnGuard[] = [];
  const compressors: Record<string, (bytes: Uint8Array, size: number) => Uint8Array> = {};
  const decoded = [];
  for (const [index, { leaf, data, start, end }] of chunks.entries()) {
    const bytes = new DataView(await file.slice(start, end));
    const own = named(leaf, () => new ColumnGuard(bytes, data, leaf, decoder.compressors));
    guards.push(own);
    // Every page goes through its guard: the decoder is told of a packing that only the guard knows.
    const codec = `guard${index}`;
    compressors[codec] = (page, size) => named(leaf, () => own.unpackNext(page, size));
    const { statistics: _, ...rest } = data;
    decoded.push({
      file_offset: 0n,
      meta_data: { ...rest, path_in_schema: leaf.places.map(fieldName), codec: codec as typeof data.codec },
    });
  }
  const group = { columns: decoded, num_rows: BigInt(rows), total_byte_size: 0n };
  const cells = await decoder.read({
    file,
    metadata: { ...metadata, schema: plainSchema(metadata.schema, schema), num_rows: BigInt(rows), row_groups: [group] },
    columns: columns.map(({ index }) => fieldName(index)),
    compressors: compressors as Compressors,
    utf8: false,
    parsers: { stringFromBytes: decodeText },
  });
  for (const guard of guards) guard.holds(rows);
  return cells;
}

/** Says of a fault in which column it is. */
function named<T>(leaf: Leaf, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TableFault) throw new TableFault(`column "${leaf.path.join('.')}": ${error.message}`);
    throw error;
  }
}

/** The schema with names of the decoder's own, marked as lists and texts alone: all else it gives as it is stored. */
function plainSchema(elements: readonly SchemaElement[], { lists, leaves }: Schema): SchemaElement[] {
  const texts = new Set(leaves.filter(({ kind }) => kind === 'text' || kind === 'json').map(({ places }) => places.at(-1)));
  return elements.map(({ logical_type: _logical, converted_type: _converted, ...element }, index) => {
    const mark = lists.has(index) ? 'LIST' : texts.has(index) ? 'UTF8' : undefined;
    return { ...element, name: fieldName(index), ...(mark && { converted_type: mark }) };
  });
}
