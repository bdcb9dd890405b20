import type { TableColumns, Unit } from './columns.js';
import { float64 } from './growing.js';
import { isMarginColumn, type NumberColumn, numberOf } from './query.js';

/** How often the values of a column occur. */
export interface ColumnHistogram {
  readonly column: NumberColumn;
  /** Where the first class begins, and how wide each is: class i holds values in [from + i·width, from + (i+1)·width). */
  readonly from: number;
  readonly width: number;
  /** The first class has what is below it too, the last what is above: 0.5 % at most each. */
  readonly counts: readonly number[];
  /** Lines whose value is known. */
  readonly known: number;
  readonly least: number;
  readonly median: number;
  /** 95 of 100 values are at most this. */
  readonly most95: number;
  readonly most: number;
}

const CLASSES = 24;
/** Of the values, those left to the outer classes on each side. */
const OUTSIDE = 0.005;

/** The values of some lines in a column; undefined where none is known. */
export function columnHistogram(
  columns: TableColumns,
  lines: Iterable<number>,
  column: NumberColumn,
  unit: Unit,
): ColumnHistogram | undefined {
  const values = float64();
  for (const line of lines) {
    const value = numberOf(columns, line, column, unit);
    if (value !== undefined) values.push(value);
  }
  if (values.length === 0) return undefined;
  const sorted = values.view.slice().sort();
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  const { from, width } =
    isMarginColumn(column) && column !== 'seen' ? realClasses(at(OUTSIDE), at(1 - OUTSIDE)) : wholeClasses(column, at);
  const counts = new Array<number>(CLASSES).fill(0);
  for (const value of sorted) counts[Math.min(CLASSES - 1, Math.max(0, Math.floor((value - from) / width)))]!++;
  return { column, from, width, counts, known: sorted.length, least: sorted[0]!, median: at(0.5), most95: at(0.95), most: sorted.at(-1)! };
}

function wholeClasses(column: NumberColumn, at: (share: number) => number): { readonly from: number; readonly width: number } {
  const from = column === 'difference' ? at(OUTSIDE) : 0;
  return { from, width: Math.max(1, Math.ceil((at(1 - OUTSIDE) - from + 1) / CLASSES)) };
}

/** Classes of real numbers, whose bounds are ones that can be read. */
function realClasses(low: number, high: number): { readonly from: number; readonly width: number } {
  const least = Math.max((high - low) / (CLASSES - 1), Math.abs(high) * 1e-6, 1e-9);
  const unit = 10 ** Math.floor(Math.log10(least));
  const width = unit * ([1, 2, 2.5, 5, 10].find((step) => step * unit >= least) ?? 10);
  return { from: Math.floor(low / width) * width, width };
}
