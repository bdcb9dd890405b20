import { SEVERITY_BITS, type TableColumns } from './columns.js';
import { isMarginColumn, numberOf, type SortColumn, type TableQuery } from './query.js';

/** A key and a line's number share the 53 bits of a number that is exact, so that typed arrays sort them without asking us. */
const LINE_BITS = 2 ** 26;
const MOST_KEY = 2 ** 27 - 1;
/** Differences may be below 0; rows have at most 2^24 bytes. */
const ZERO = 2 ** 26;

/**
 * Lines in an order; those without a value come last whichever way it goes, lines that are equal stay in the file's order.
 *
 * @param lines ascending
 */
export function sortedLines(columns: TableColumns, lines: Uint32Array, { sort, unit }: Pick<TableQuery, 'sort' | 'unit'>): Uint32Array {
  if (sort === null) return lines;
  const { column, descending } = sort;
  if (column === 'row') return descending ? lines.slice().reverse() : lines;
  if (isMarginColumn(column)) return sortedByReal(lines, descending, (line) => numberOf(columns, line, column, unit));
  const ranks = column === 'source' ? sourceRanks(columns) : [];
  return sortedByKeys(lines, descending, (line) => keyOf(columns, line, column, unit, ranks));
}

/** @param keyOf a whole number below `MOST_KEY`; undefined: the line comes last */
function sortedByKeys(lines: Uint32Array, descending: boolean, keyOf: (line: number, at: number) => number | undefined): Uint32Array {
  const keys = new Float64Array(lines.length);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at]!;
    const key = keyOf(line, at);
    const placed = key === undefined ? MOST_KEY : descending ? MOST_KEY - 1 - key : key;
    keys[at] = placed * LINE_BITS + line;
  }
  keys.sort();
  const sorted = new Uint32Array(lines.length);
  for (let at = 0; at < keys.length; at++) sorted[at] = keys[at]! % LINE_BITS;
  return sorted;
}

/** Real numbers do not fit into a key as they are: their places among all of them do. */
function sortedByReal(lines: Uint32Array, descending: boolean, valueOf: (line: number) => number | undefined): Uint32Array {
  const values = new Float64Array(lines.length);
  for (let at = 0; at < lines.length; at++) values[at] = valueOf(lines[at]!) ?? NaN;
  // What is no number comes last.
  const all = values.slice().sort();
  return sortedByKeys(lines, descending, (_, at) => {
    const value = values[at]!;
    if (Number.isNaN(value)) return undefined;
    let [low, high] = [0, all.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (all[middle]! < value) low = middle + 1;
      else high = middle;
    }
    return low;
  });
}

function keyOf(
  columns: TableColumns,
  line: number,
  column: Exclude<SortColumn, 'row'>,
  unit: TableQuery['unit'],
  ranks: readonly number[],
): number | undefined {
  if (column === 'source') {
    const number = columns.sourceNumber(line);
    return number === 0 ? undefined : ranks[number];
  }
  if (column === 'problems') return weightOf(columns.problems(line));
  const number = numberOf(columns, line, column, unit);
  return number === undefined ? undefined : Math.min(number + (column === 'difference' ? ZERO : 0), MOST_KEY - 1);
}

/** Errors weigh more than warnings, however many there are. */
function weightOf(problems: number): number {
  const { error, warning, information } = SEVERITY_BITS;
  return (ones(problems & error) * 32 + ones(problems & warning)) * 32 + ones(problems & information);
}

function ones(bits: number): number {
  let count = 0;
  for (let left = bits >>> 0; left !== 0; left = (left & (left - 1)) >>> 0) count++;
  return count;
}

const WORDS = new Intl.Collator('en', { numeric: true });

/** The place of each source among the others, by number. */
function sourceRanks({ sources }: TableColumns): number[] {
  const ranks: number[] = [];
  [...sources.keys()]
    .filter((number) => number > 0)
    .sort((a, b) => WORDS.compare(sources[a]!, sources[b]!))
    .forEach((number, rank) => (ranks[number] = rank));
  return ranks;
}

/** Lines that can be sorted. */
export const MOST_LINES = LINE_BITS;
