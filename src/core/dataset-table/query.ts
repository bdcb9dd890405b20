import { CHECK_SEVERITIES, type CheckName, type Severity } from '../checks/index.js';
import { compares, type Condition, readCondition, termsOf } from '../run-table/filter.js';
import { MARGIN_COLUMNS, type MarginColumn } from './margin-columns.js';
import { CHECKS, PARTS, type Part, problemBits, SEVERITY_BITS, type TableColumns, type Unit, UNITS, UNKNOWN } from './columns.js';

/** Columns of lengths, and how much longer chosen is than rejected. */
export const LENGTH_COLUMNS = [...PARTS, 'difference'] as const;
export type LengthColumn = (typeof LENGTH_COLUMNS)[number];
/** Columns of numbers: these, and what a run made of the pairs. */
export const NUMBER_COLUMNS = [...LENGTH_COLUMNS, ...MARGIN_COLUMNS] as const;
export type NumberColumn = (typeof NUMBER_COLUMNS)[number];
/** What lines can be sorted by. */
export const SORT_COLUMNS = ['row', ...NUMBER_COLUMNS, 'source', 'problems'] as const;
export type SortColumn = (typeof SORT_COLUMNS)[number];

/** How somebody looks at a table. */
export interface TableQuery {
  readonly filter: string;
  readonly sort: { readonly column: SortColumn; readonly descending: boolean } | null;
  /** What lengths are counted in, where a filter does not say. */
  readonly unit: Unit;
}

export const WHOLE_TABLE: TableQuery = { filter: '', sort: null, unit: 'characters' };

/** Tells whether a line is wanted, by its columns. */
export type LineTest = (columns: TableColumns, line: number) => boolean;

/** A filter, read. */
export interface TableFilter {
  /** Each must hold. */
  readonly tests: readonly LineTest[];
  /** Each must be in one of the line's texts; lower case. */
  readonly words: readonly string[];
  /** It says something of tokens. */
  readonly usesTokens: boolean;
}

/**
 * Reads a filter as it is typed: `words "some words" problem:duplicate source:hh chosen>200 difference<0 tokens>1024 margin<0 row:7`. What
 * compares something that is no column is a word, as is what has no value that fits.
 */
export function parseTableFilter(text: string, unit: Unit): TableFilter {
  const tests: LineTest[] = [];
  const words: string[] = [];
  let usesTokens = false;
  for (const term of termsOf(text)) {
    const wanted = term.replaceAll('"', '').toLowerCase();
    const condition = term.startsWith('"') ? undefined : readCondition(wanted);
    if (condition === undefined) {
      if (wanted !== '') words.push(wanted);
      continue;
    }
    // It has no value yet.
    if (condition.value === '' && isColumn(condition.name)) continue;
    const number = numberTest(condition, unit);
    const test = number?.test ?? problemTest(condition) ?? sourceTest(condition);
    if (test === undefined) words.push(wanted);
    else tests.push(test);
    if (number?.unit === 'tokens') usesTokens = true;
  }
  return { tests, words, usesTokens };
}

function isColumn(name: string): boolean {
  return name === 'problem' || name === 'problems' || name === 'source' || readNumberName(name, 'characters') !== undefined;
}

/** The numbers that a name stands for: `chosen`, `chosen_tokens`, `tokens` and `characters` for the longest sequence. */
function readNumberName(name: string, unit: Unit): { column: NumberColumn | 'longest' | 'row'; unit: Unit } | undefined {
  if (name === 'row') return { column: 'row', unit: 'characters' };
  const margin = marginNamed(name);
  if (margin !== undefined) return { column: margin, unit: 'characters' };
  if (name === 'length') return { column: 'longest', unit };
  if ((UNITS as readonly string[]).includes(name)) return { column: 'longest', unit: name as Unit };
  const [, own = name, given] = /^(.*)_(characters|tokens)$/.exec(name) ?? [];
  if (own === 'length') return { column: 'longest', unit: given as Unit };
  if (!(LENGTH_COLUMNS as readonly string[]).includes(own)) return undefined;
  return { column: own as LengthColumn, unit: (given as Unit | undefined) ?? unit };
}

/** What a run made of a pair goes by the names of its columns, and by shorter ones. */
function marginNamed(name: string): MarginColumn | undefined {
  const short: Readonly<Record<string, MarginColumn>> = { start: 'margin_start', change: 'margin_change' };
  return short[name] ?? MARGIN_COLUMNS.find((column) => column === name);
}

export function isMarginColumn(column: string): column is MarginColumn {
  return (MARGIN_COLUMNS as readonly string[]).includes(column);
}

function numberTest({ name, how, value }: Condition, shown: Unit): { test: LineTest; unit: Unit } | undefined {
  const named = readNumberName(name, shown);
  if (named === undefined || Number.isNaN(Number(value))) return undefined;
  const { column, unit } = named;
  // A colon between a name and a number: that number.
  const comparison = how === ':' ? '=' : how;
  const test: LineTest = (columns, line) => {
    const own =
      column === 'row'
        ? columns.row(line) + 1
        : column === 'longest'
          ? longest(columns, line, unit)
          : numberOf(columns, line, column, unit);
    return own !== undefined && compares(own, comparison, value);
  };
  return { test, unit };
}

/** `problem:duplicate`, `problem:error`, `problem:any`, `problem:none`. */
function problemTest({ name, how, value }: Condition): LineTest | undefined {
  if ((name !== 'problem' && name !== 'problems') || (how !== ':' && how !== '=' && how !== '!=')) return undefined;
  const is = how !== '!=';
  if (value === 'none') return (columns, line) => (columns.problems(line) === 0) === is;
  const bits = bitsNamed(value);
  return (columns, line) => ((columns.problems(line) & bits) !== 0) === is;
}

function bitsNamed(value: string): number {
  if (value === 'any') return 0xffffffff;
  const severity = Object.keys(SEVERITY_BITS).find((name) => name === value || `${name}s` === value) as Severity | undefined;
  if (severity !== undefined) return SEVERITY_BITS[severity];
  const exact = value.replace(/^wishbone\//, '');
  if (Object.hasOwn(CHECK_SEVERITIES, exact)) return problemBits([exact as CheckName]);
  return problemBits(CHECKS.filter((check) => check.startsWith(exact)));
}

function sourceTest({ name, how, value }: Condition): LineTest | undefined {
  if (name !== 'source') return undefined;
  // Sources are few, lines are many.
  const known: boolean[] = [];
  return (columns, line) => {
    const number = columns.sourceNumber(line);
    return (known[number] ??= compares((columns.sources[number] ?? '').toLowerCase(), how, value));
  };
}

/** A number of a line; undefined where it is not known. */
export function numberOf(columns: TableColumns, line: number, column: NumberColumn, unit: Unit): number | undefined {
  if (isMarginColumn(column)) return columns.margins?.value(columns, line, column);
  if (column === 'difference') {
    const [chosen, rejected] = [columns.lengthOf(line, 'chosen', unit), columns.lengthOf(line, 'rejected', unit)];
    return chosen === UNKNOWN || rejected === UNKNOWN ? undefined : chosen - rejected;
  }
  const length = columns.lengthOf(line, column, unit);
  return length === UNKNOWN ? undefined : length;
}

/** Of the pair's longer sequence, the prompt with the response. */
function longest(columns: TableColumns, line: number, unit: Unit): number | undefined {
  const lengths = PARTS.map((part: Part) => columns.lengthOf(line, part, unit));
  if (lengths.includes(UNKNOWN)) return undefined;
  const [prompt, chosen, rejected] = lengths as [number, number, number];
  return prompt + Math.max(chosen, rejected);
}
