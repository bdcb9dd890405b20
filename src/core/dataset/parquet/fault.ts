/** What is wrong with the bytes of a Parquet file, in words that follow "the Parquet data cannot be read". */
export class ParquetFault extends Error {}

/** @throws ParquetFault unless the condition holds */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new ParquetFault(what);
}
