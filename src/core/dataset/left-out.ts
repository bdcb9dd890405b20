import { BadRowError, type WishboneError } from '../errors.js';
import { rowName, rowWhere, type RowPlace } from './types.js';

// What is said of rows that cannot be used: the same words in the form, in the editor and on the command line.

/** What becomes of a row that cannot be used: it ends the work, or is left out and counted. */
export const BAD_ROW_CHOICES = ['stop', 'skip'] as const;
export type OnBadRow = (typeof BAD_ROW_CHOICES)[number];

/** A row that is left out, and why. */
export interface LeftOutRow extends Pick<RowPlace, 'row' | 'line'> {
  readonly what: string;
}

/** The rows of a file that are left out. */
export interface LeftOutRows {
  readonly rows: number;
  /** The first of them, at most a hundred. */
  readonly first: readonly LeftOutRow[];
}

/** How many of the rows that are left out are listed. */
const MOST_LISTED = 100;

/** Gathers the rows of a file that are left out, in whatever order they are found. */
export class LeftOutList {
  #rows = 0;
  #first: LeftOutRow[] = [];

  add({ row, line }: Pick<RowPlace, 'row' | 'line'>, { what }: Pick<WishboneError, 'what'>): void {
    this.#rows++;
    this.#first.push({ row, line, what });
    if (this.#first.length > 2 * MOST_LISTED) this.#first = this.#sorted();
  }

  get found(): LeftOutRows {
    return { rows: this.#rows, first: this.#sorted() };
  }

  #sorted(): LeftOutRow[] {
    return [...this.#first].sort((a, b) => a.row - b.row).slice(0, MOST_LISTED);
  }
}

/** The error of a bad row, with the way to leave it out. */
export function withWayOut({ what, where, advice, exitCode }: WishboneError): BadRowError {
  return new BadRowError(what, where, `${advice}; or leave out rows that cannot be used: --on-bad-row skip`, exitCode);
}

/** The error of a file of which nothing is left. */
export function nothingLeft(file: string, { rows, first }: LeftOutRows): BadRowError {
  const [row] = first;
  const one = rows === 1 ? 'its only row is left out' : `all ${rows.toLocaleString('en-US')} rows are left out`;
  return new BadRowError(
    `no row of the file can be used: ${one}${row === undefined ? '' : `; the first: ${row.what}`}`,
    row === undefined ? file : rowWhere(file, row),
    'fix the rows; a wrong format or wrong columns make all of them bad',
  );
}

/** The first of the rows, for people: `lines 4, 17, 20, …`. */
export function leftOutPlaces({ rows, first }: LeftOutRows, most = 8): string {
  if (first.length === 0) return '';
  const kind = first[0]?.line === undefined ? 'row' : 'line';
  const numbers = first.slice(0, most).map(({ row, line }) => (line ?? row + 1).toLocaleString('en-US'));
  return `${kind}${rows === 1 ? '' : 's'} ${numbers.join(', ')}${rows > most ? ', …' : ''}`;
}

/** Rows that are left out, as one line. */
export function leftOutText(leftOut: LeftOutRows): string {
  const { rows, first } = leftOut;
  const [row] = first;
  const count = `${rows.toLocaleString('en-US')} row${rows === 1 ? '' : 's'} left out`;
  return row === undefined ? count : `${count} (${leftOutPlaces(leftOut)}); ${rows === 1 ? '' : `${rowName(row)}: `}${row.what}`;
}

/** What is said where more rows are left out than kept: then it is not the rows that are wrong. */
export function mostlyLeftOut({ rows }: LeftOutRows, of: number): { readonly what: string; readonly advice: string } | undefined {
  if (2 * rows <= of) return undefined;
  return {
    what: `more rows are left out than kept: ${rows.toLocaleString('en-US')} of ${of.toLocaleString('en-US')}`,
    advice: 'check whether the first row has a different form from the others, and whether format and columns fit',
  };
}

/** What the form offers where rows are bad. */
export function trainWithoutLabel(rows: number): string {
  return `Train without ${rows.toLocaleString('en-US')} unreadable row${rows === 1 ? '' : 's'}`;
}
