import { arrowRowCount, arrowRows } from './arrow-rows.js';
import { csvRows } from './csv-rows.js';
import { jsonRows } from './json-rows.js';
import { parquetRowCount, parquetRows } from './parquet-rows.js';
import { type BinaryTable, ByteSource } from './source.js';
import type { Columns, Row } from './row.js';
import { separatorOf } from './file-kinds.js';

/**
 * The file's rows in order. Parquet and Arrow are told by their first bytes, CSV and TSV by the name; all else is JSON.
 *
 * @throws WishboneError for faults of the file as a whole
 */
export function readRows(source: ByteSource, columns: Columns): AsyncGenerator<Row> {
  if (source.table === 'parquet') return parquetRows(source, columns);
  if (source.table === 'arrow') return arrowRows(source, columns);
  const separator = separatorOf(source.file);
  if (separator !== undefined) return csvRows(source, separator, columns.needed);
  return jsonRows(source);
}

/**
 * The line on which a row begins, whatever the row says, also where it shares it with others (1 then); undefined when there is no such
 * row, or no lines.
 *
 * @param number from 0
 * @throws WishboneError when the file cannot be read up to the row
 */
export async function lineOfRow(file: string, number: number): Promise<number | undefined> {
  const source = await ByteSource.open(file);
  if (source.table !== undefined) return undefined;
  for await (const { row, line } of readRows(source, { used: [], needed: [] })) if (row >= number) return line ?? 1;
  return undefined;
}

/**
 * How many rows a binary table says it has.
 *
 * @throws WishboneError for a file that is damaged
 */
export function rowCount(file: string, table: BinaryTable): Promise<number> {
  return table === 'parquet' ? parquetRowCount(file) : arrowRowCount(file);
}
