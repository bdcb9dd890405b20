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
}

/** Reads a filter as it is typed; a value with spaces stands in quotes. What begins like a term and has no value yet counts for nothing. */
export function parseFilter(text: string): RunFilter {
  const filter = {
    words: [] as string[],
    tags: [] as string[],
    states: [] as string[],
    datasets: [] as string[],
    conditions: [] as Condition[],
  };
  for (const term of termsOf(text)) {
    const [, kind, given] = /^(#|tag:|state:|dataset:)(.*)$/is.exec(term) ?? [];
    const wanted = (given ?? term).replaceAll('"', '').toLowerCase();
    const list = { '#': filter.tags, 'tag:': filter.tags, 'state:': filter.states, 'dataset:': filter.datasets }[kind?.toLowerCase() ?? ''];
    if (list !== undefined) {
      if (wanted !== '') list.push(wanted);
      continue;
    }
    const condition = readCondition(wanted);
    if (condition === undefined) {
      if (wanted !== '') filter.words.push(wanted);
    } else if (condition.value !== '') filter.conditions.push(condition);
  }
  return filter;
}

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
export function matches({ cells }: RunRow, { words, tags, states, datasets, conditions }: RunFilter): boolean {
  const text = (id: string): string => String(cells[id] ?? '').toLowerCase();
  const state = text('state');
  const own = text('tags').split(' ');
  const texts = [text('name'), text('dataset'), text('model'), ...own];
  const hasWord = (word: string): boolean =>
    // An id is digits mostly: a few of them are in too many.
    texts.some((each) => each.includes(word)) || (word.length >= 6 && text('id').includes(word));
  return (
    words.every(hasWord) &&
    tags.every((tag) => own.includes(tag)) &&
    (datasets.length === 0 || datasets.some((part) => text('dataset').includes(part))) &&
    (states.length === 0 || states.some((wanted) => isState(state, wanted))) &&
    conditions.every((condition) => holds(cells, condition) || hasWord(condition.text))
  );
}

function isState(state: string, wanted: string): boolean {
  return state.startsWith(wanted) || (wanted === 'active' && state !== UNREADABLE && isActive(state as RunState));
}

function holds(cells: RunRow['cells'], { name, how, value }: Condition): boolean {
  const ids = Object.keys(cells).filter((id) => id === name || id.endsWith(`.${name}`));
  // Of a column that the run has no value in, nothing is true but that it is not this.
  if (ids.length === 0) return false;
  return ids.some((id) => compares(cells[id]!, how, value));
}

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
function numberOf(text: string): number | undefined {
  const percent = text.endsWith('%');
  const digits = percent ? text.slice(0, -1) : text;
  const value = Number(digits);
  if (digits.trim() === '' || Number.isNaN(value)) return undefined;
  return percent ? value / 100 : value;
}
