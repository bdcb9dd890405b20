import { columnsOf, type TableColumn } from './columns.js';
import { type Condition, type FilterProblem, hasWord, isNamed, numberOf, type RunFilter } from './filter.js';
import type { RunRow } from './row.js';

export interface CheckedFilter {
  /** Without the terms that can mean nothing. */
  readonly sound: RunFilter;
  /** Of the first of these. */
  readonly problem: FilterProblem | undefined;
}

/**
 * Looks for terms of a filter that can mean nothing of any run: signs that compare nothing, columns that there are not, numbers compared with
 * what is none. A part of some run's name is never one of them.
 */
export function checkFilter(filter: RunFilter, rows: readonly RunRow[]): CheckedFilter {
  const isInName = (text: string): boolean => rows.some((row) => hasWord(row, text));
  const problems: FilterProblem[] = [];
  const doubtful = filter.doubtful.filter(({ text, problem }) => {
    if (isInName(text)) return true;
    problems.push(problem);
    return false;
  });
  const columns = filter.conditions.length === 0 ? [] : columnsOf(rows).all;
  const conditions = filter.conditions.filter((condition) => {
    const problem = problemOf(condition, rows, columns);
    if (problem === undefined || isInName(condition.text)) return true;
    problems.push(problem);
    return false;
  });
  return { sound: { ...filter, doubtful, conditions }, problem: problems[0] };
}

/** Where there is no run, there is nothing to know of columns. */
function problemOf(
  { name, how, value, text: term, isQuoted }: Condition,
  rows: readonly RunRow[],
  columns: readonly TableColumn[],
): FilterProblem | undefined {
  if (isQuoted === true || rows.length === 0) return undefined;
  const named = columns.filter(({ id }) => isNamed(id, name));
  if (named.length === 0) {
    const advice = 'name a figure such as loss or accuracy, or an option as in run.json';
    return { term, what: `there is no column "${name}"`, advice, column: name };
  }
  if (how === ':' || how === '=' || how === '!=' || numberOf(value) !== undefined) return undefined;
  const values = named.flatMap(({ id }) => rows.flatMap(({ cells }) => cells[id] ?? []));
  if (values.length === 0 || values.some((each) => typeof each !== 'number')) return undefined;
  return { term, what: `"${value}" is no number, and ${name} is one`, advice: `write a number behind ${name}${how}` };
}
