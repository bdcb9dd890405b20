import { WishboneError } from '../errors.js';
import { isMediaName } from './media.js';
import { COLUMNS_HINT } from './forms/index.js';
import { isTooLong, rowTooLong } from './row-limit.js';
import type { Columns } from './row.js';
import type { FileColumn } from './source.js';
import { TableFault } from './table-fault.js';
import { NotText, type Reading } from './table-values.js';

/** A column as the schema of a Parquet or Arrow file describes it. */
export interface TableColumn extends FileColumn {
  /** It holds texts, and neither bytes nor numbers. */
  readonly isText: boolean;
  /** The part of it that cannot be read, and why, in words that follow the column's name; undefined when all can be. */
  readonly refusal: { readonly path: string; readonly what: string } | undefined;
}

/** Columns of numbers that no chat template sees. */
const SCORE_COLUMNS: ReadonlySet<string> = new Set([
  ...['scores', 'ranks', 'completions', 'answers'],
  ...['overall_preference', 'labels', 'score_ratio', 'turn'],
]);

const SOME_BYTES = '(bytes)';

/** What is read of a table. */
export interface ChosenColumns<T extends TableColumn> {
  /** Names that a form may use. */
  readonly used: readonly string[];
  /** Columns of these names, at least one. */
  readonly ours: readonly T[];
  /** Others that are looked at where there is room for them. */
  readonly others: readonly T[];
}

/**
 * The columns of a table that are read.
 *
 * @throws WishboneError when none is of use, or one of them cannot be read
 */
export function chooseColumns<T extends TableColumn>(
  columns: readonly T[],
  { used: given, withoutSides = [], texts, all: isAll }: Omit<Columns, 'needed'>,
  file: string,
): ChosenColumns<T> {
  const used = hasSides(columns) ? given : [...given, ...withoutSides];
  const isUsed = ({ name }: T): boolean => used.includes(name);
  const ours = columns.filter((column) => isUsed(column) && (isAll === true || isOfUse(column)));
  if (ours.length === 0) {
    throw noColumns(
      columns.map(({ name }) => name),
      file,
    );
  }
  const others = columns.filter((column) => {
    const { name, kind } = column;
    if (isUsed(column)) return false;
    return isAll === true || (kind !== 'other' && texts?.(name, kind === 'nested') === true && column.refusal === undefined);
  });
  for (const column of isAll ? [...ours, ...others] : ours) checkReadable(column, file);
  return { used, ours, others };
}

/** Whether a table is of pairs by the names of its columns. */
function hasSides(columns: readonly FileColumn[]): boolean {
  return ['chosen', 'rejected'].every((side) => columns.some(({ name }) => name === side));
}

/** Where a row comes from is text, or nothing. */
function isOfUse(column: TableColumn): boolean {
  return column.name !== 'source' || column.isText;
}

function checkReadable({ refusal }: TableColumn, file: string): void {
  if (refusal === undefined) return;
  throw new WishboneError(
    `column "${refusal.path}" ${refusal.what}, which cannot be read`,
    file,
    'write the column as text, numbers, lists or structures of them (or as JSON text), or remove it',
  );
}

function noColumns(names: readonly string[], file: string): WishboneError {
  const shown = names.slice(0, 8).map((name) => `"${name}"`);
  return new WishboneError(
    `the columns match no known form of preference pair: ${shown.join(', ')}`,
    file,
    `name the columns prompt, chosen and rejected; or say which is which: ${COLUMNS_HINT}`,
  );
}

/** How the cells of a row are read. */
export interface CellReader<T extends TableColumn> {
  /** Columns to read. */
  readonly columns: readonly T[];
  /** @throws NotText, TableFault, and SyntaxError for JSON text that is none */
  readonly cell: (column: T, reading: Reading) => unknown;
  /** Of the row. */
  readonly where: string;
  /** Names that a form may use. */
  readonly used: readonly string[];
  /** Everything is read, whatever it holds. */
  readonly isCopied: boolean;
  /** The error for a fault of a cell. */
  readonly damaged: (fault: TableFault, where: string) => WishboneError;
}

/** A row of a table as an object, or what is wrong with it. */
export function readCells<T extends TableColumn>({
  columns,
  cell,
  where,
  used,
  isCopied,
  damaged,
}: CellReader<T>): { readonly value: unknown } | { readonly error: WishboneError } {
  const value: [string, unknown][] = [];
  for (const column of columns) {
    const { name } = column;
    const reading: Reading = isCopied ? 'copy' : SCORE_COLUMNS.has(name) ? 'numbers' : 'template';
    try {
      value.push([name, cell(column, reading)]);
    } catch (error) {
      const place = `${where}, field "${name}"`;
      if (error instanceof NotText) {
        // What no form reads is no reason to refuse a row; that there are bytes is all that is asked of a picture.
        if (used.includes(name)) return { error: new WishboneError('not UTF-8', place, 'write the text as UTF-8') };
        if (isMediaName(name)) value.push([name, SOME_BYTES]);
        continue;
      }
      if (error instanceof TooLong) return { error: rowTooLong(where) };
      if (error instanceof TableFault) return { error: damaged(error, place) };
      if (!(error instanceof SyntaxError)) throw error;
      return { error: new WishboneError('the column is marked as JSON, but its text is not JSON', place, 'write JSON, or plain text') };
    }
  }
  const cellsByName = Object.fromEntries(value);
  return isTooLong(cellsByName) ? { error: rowTooLong(where) } : { value: cellsByName };
}

/** Thrown by a reader of cells that stops at a row which is longer than rows may be. */
export class TooLong extends Error {}
