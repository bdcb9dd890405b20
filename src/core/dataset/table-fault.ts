/** What is wrong with the bytes of a Parquet or Arrow file, in words that follow "the … data cannot be read". */
export class TableFault extends Error {}

/** @throws TableFault unless the condition holds */
export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new TableFault(what);
}
