import { type CellValue, isPinned, type RunRow } from './row.js';

export interface TableSort {
  /** A column's id. */
  readonly column: string;
  readonly descending: boolean;
}

const WORDS = new Intl.Collator('en', { numeric: true });

/** Rows in an order: pinned ones first, those without a value last whichever way it goes, the newest first among equals. */
export function sortedRows(rows: readonly RunRow[], sort: TableSort | undefined): RunRow[] {
  const sign = sort?.descending === true ? -1 : 1;
  const created = ({ cells }: RunRow): string => String(cells['created'] ?? '');
  return [...rows].sort((a, b) => {
    const pinned = Number(isPinned(b)) - Number(isPinned(a));
    if (pinned !== 0) return pinned;
    if (sort !== undefined) {
      const [x, y] = [a.cells[sort.column], b.cells[sort.column]];
      if (x === undefined || y === undefined) {
        if (x !== y) return x === undefined ? 1 : -1;
      } else {
        const order = sign * compareValues(x, y);
        if (order !== 0) return order;
      }
    }
    const [older, newer] = [created(a), created(b)];
    return older < newer ? 1 : older > newer ? -1 : a.folder < b.folder ? 1 : -1;
  });
}

/** Numbers before words; `run-9` before `run-10`. */
function compareValues(a: CellValue, b: CellValue): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  return typeof b === 'number' ? 1 : WORDS.compare(a, b);
}

export interface RowGroup {
  /** What its runs have in common; undefined: no value. */
  readonly value: CellValue | undefined;
  readonly rows: readonly RunRow[];
}

/**
 * Rows by what they have in a column, in its order, runs without a value last. By tags, a run is in the group of each of its own.
 *
 * @param rows in the order that they keep within a group
 */
export function groupedRows(rows: readonly RunRow[], column: string): RowGroup[] {
  const groups = new Map<CellValue | undefined, RunRow[]>();
  for (const row of rows) {
    const value = row.cells[column];
    const values = column === 'tags' && typeof value === 'string' ? value.split(' ') : [value];
    for (const each of values) {
      const group = groups.get(each);
      if (group === undefined) groups.set(each, [row]);
      else group.push(row);
    }
  }
  return [...groups]
    .map(([value, of]) => ({ value, rows: of }))
    .sort((a, b) => (a.value === undefined ? 1 : b.value === undefined ? -1 : compareValues(a.value, b.value)));
}
