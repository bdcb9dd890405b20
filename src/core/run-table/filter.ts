import { isActive, type RunState } from '../run/states.js';
import { type CellValue, type RunRow, UNREADABLE } from './row.js';

const COMPARISONS = ['<=', '>=', '!=', '<', '>', '=', ':'] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** `learning_rate>=1e-6`, `sharing:pair`. */
export interface Condition {
  /** A column's id or the end of it, lower case. */
  readonly name: string;
  readonly how: Comparison;
  readonly value: string;
  /** As it was typed, lower case: it may be no condition, but a part of a name. */
  readonly text: string;
  /** It stood in quotes, as text does. */
  readonly isQuoted?: boolean;
}

/** Why a term can mean nothing. */
export interface FilterProblem {
  /** As it was typed. */
  readonly term: string;
  readonly what: string;
  readonly advice: string;
  /** There is no such column. */
  readonly column?: string;
}

/** A term that begins as others do and says nothing: it is looked for as a word, and a problem where no run has it. */
export interface DoubtfulTerm {
  /** Without quotes, lower case. */
  readonly text: string;
  readonly problem: FilterProblem;
}

/** What somebody typed to see some of the runs: `words #tag state:failed dataset:pairs.jsonl learning_rate>1e-6`. */
export interface RunFilter {
  /** Each must be in the name, the id, a tag, or the name of model or dataset. */
  readonly words: readonly string[];
  /** Each must be one of the run's. */
  readonly tags: readonly string[];
  /** One of them must be the beginning of how the run stands; `active` is any state in which it works. */
  readonly states: readonly string[];
  /** One of them must be part of the dataset's name. */
  readonly datasets: readonly string[];
  /** Each must hold. */
  readonly conditions: readonly Condition[];
  readonly doubtful: readonly DoubtfulTerm[];
}

/** What begins like a comparison: a column, or none, and signs that compare. A colon looks for what follows it, whatever that is. */
const COMPARING = /^([a-z_][\w.]*)?([<>=!][<>=!:]*)/i;

/** What other languages write so. */
const MEANT: Readonly<Record<string, Comparison>> = {
  '=>': '>=',
  '=<': '<=',
  '==': '=',
  '===': '=',
  '<>': '!=',
  '>>': '>',
  '<<': '<',
  '!': '!=',
};

/**
 * Reads a filter as it is typed; a value with spaces, and text with signs that compare, stand in quotes. `checkFilter` takes out what means
 * nothing, such as a term that has no value yet.
 */
export function parseFilter(text: string): RunFilter {
  const filter = {
    words: [] as string[],
    tags: [] as string[],
    states: [] as string[],
    datasets: [] as string[],
    conditions: [] as Condition[],
    doubtful: [] as DoubtfulTerm[],
  };
  for (const term of termsOf(text)) {
    const [, kind, given] = /^(#|tag:|state:|dataset:)(.*)$/is.exec(term) ?? [];
    const list = { '#': filter.tags, 'tag:': filter.tags, 'state:': filter.states, 'dataset:': filter.datasets }[kind?.toLowerCase() ?? ''];
    const isQuoted = term.startsWith('"');
    const wanted = plain(given ?? term);
    const condition = list === undefined ? readCondition(wanted) : undefined;
    const doubtful = isQuoted ? undefined : list !== undefined ? (wanted === '' ? unfinished(term) : undefined) : doubtfulComparison(term);
    if (doubtful !== undefined) filter.doubtful.push(doubtful);
    else if (condition !== undefined && condition.value !== '') filter.conditions.push({ ...condition, isQuoted });
    else if (wanted !== '') (list ?? filter.words).push(wanted);
  }
  return filter;
}

const plain = (term: string): string => term.replaceAll('"', '').toLowerCase();

function doubtfulComparison(term: string): DoubtfulTerm | undefined {
  const quotes = 'or put text in quotes';
  const [, column, sign] = COMPARING.exec(term) ?? [];
  if (sign !== undefined && column === undefined)
    return doubt(term, `no column stands before "${sign}"`, `write a comparison without spaces, such as beta>0.1, ${quotes}`);
  if (sign !== undefined && !(COMPARISONS as readonly string[]).includes(sign))
    return doubt(term, `"${sign}" is no comparison`, `write ${MEANT[sign] ?? COMPARISONS.join(' ')}, ${quotes}`);
  return readCondition(plain(term))?.value === '' ? unfinished(term) : undefined;
}

const unfinished = (term: string): DoubtfulTerm => doubt(term, `nothing stands behind "${term}"`, 'write a value right behind it');
const doubt = (term: string, what: string, advice: string): DoubtfulTerm => ({ text: plain(term), problem: { term, what, advice } });

/** Reads a term that compares; undefined for one that does not. @param term without quotes, lower case */
export function readCondition(term: string): Condition | undefined {
  const [, name, how, value] = /^([a-z_][\w.]*)(<=|>=|!=|<|>|=|:)(.*)$/is.exec(term) ?? [];
  return name === undefined ? undefined : { name, how: how as Comparison, value: value!, text: term };
}

/** A filter's terms as they stand there. */
export function termsOf(text: string): string[] {
  return text.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** Whether a run is among those that a filter lets through. One that cannot be read has a folder's name and no more. */
export function matches(row: RunRow, { words, tags, states, datasets, conditions, doubtful }: RunFilter): boolean {
  const { cells } = row;
  const state = textOf(cells, 'state');
  const own = tagsOf(cells);
  return (
    words.every((word) => hasWord(row, word)) &&
    tags.every((tag) => own.includes(tag)) &&
    (datasets.length === 0 || datasets.some((part) => textOf(cells, 'dataset').includes(part))) &&
    (states.length === 0 || states.some((wanted) => isState(state, wanted))) &&
    conditions.every((condition) => holds(cells, condition) || hasWord(row, condition.text)) &&
    doubtful.every(({ text }) => hasWord(row, text))
  );
}

const textOf = (cells: RunRow['cells'], id: string): string => String(cells[id] ?? '').toLowerCase();
const tagsOf = (cells: RunRow['cells']): string[] => textOf(cells, 'tags').split(' ');

/** Whether it is in a run's name, a tag, the name of model or dataset, or its id. @param word lower case */
export function hasWord({ cells }: RunRow, word: string): boolean {
  const texts = [textOf(cells, 'name'), textOf(cells, 'dataset'), textOf(cells, 'model'), ...tagsOf(cells)];
  // An id is digits mostly: a few of them are in too many.
  return texts.some((each) => each.includes(word)) || (word.length >= 6 && textOf(cells, 'id').includes(word));
}

function isState(state: string, wanted: string): boolean {
  return state.startsWith(wanted) || (wanted === 'active' && state !== UNREADABLE && isActive(state as RunState));
}

function holds(cells: RunRow['cells'], { name, how, value }: Condition): boolean {
  const ids = Object.keys(cells).filter((id) => isNamed(id, name));
  // Of a column that the run has no value in, nothing is true but that it is not this.
  if (ids.length === 0) return false;
  return ids.some((id) => compares(cells[id]!, how, value));
}

/** Whether a condition's name means a column. */
export const isNamed = (id: string, name: string): boolean => id === name || id.endsWith(`.${name}`);

/** Whether a value is what a condition says of it. */
export function compares(cell: CellValue, how: Comparison, value: string): boolean {
  const text = String(cell).toLowerCase();
  if (how === ':') return text.includes(value);
  const wanted = numberOf(value);
  const order = typeof cell === 'number' && wanted !== undefined ? cell - wanted : text < value ? -1 : text > value ? 1 : 0;
  // A number is neither above nor below a word.
  if (typeof cell === 'number' && wanted === undefined && how !== '=' && how !== '!=') return false;
  switch (how) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** `1e-6`, `60%`. */
export function numberOf(text: string): number | undefined {
  const percent = text.endsWith('%');
  const digits = percent ? text.slice(0, -1) : text;
  const value = Number(digits);
  if (digits.trim() === '' || Number.isNaN(value)) return undefined;
  return percent ? value / 100 : value;
}
