import { EVAL_METRICS, type Metric, METRICS, SOURCE_METRICS, STEP_METRICS } from '../../metrics.js';
import type { EvalRow, RunHistory } from './history.js';

/** What a table of figures is made of. */
export interface CsvRun {
  readonly name: string;
  readonly history: Pick<RunHistory, 'steps' | 'columns' | 'sources' | 'evals'>;
}

/** A column: its name, and its value in a row of a run, beside the evaluation after that step. */
interface Column {
  readonly name: string;
  readonly value: (history: CsvRun['history'], row: number, evaluation: EvalRow | undefined) => number | undefined;
}

/**
 * Every figure of every step as CSV (RFC 4180, `\n`): one row a step and run, evaluations beside the step they followed. Figures
 * of a source are `sources/<its name>/<metric>`. What there is no number for is empty, and what only some losses have is left
 * out where no run has it.
 */
export function historyCsv(runs: readonly CsvRun[]): string {
  const columns = columnsOf(runs);
  const lines = [['run', 'step', ...columns.map(({ name }) => quoted(name))].join(',')];
  for (const { name, history } of runs) {
    const evals = new Map(history.evals.map((row) => [row.step, row]));
    const run = quoted(name);
    history.steps.forEach((step, row) => {
      const evaluation = evals.get(step);
      lines.push([run, step, ...columns.map(({ value }) => cell(value(history, row, evaluation)))].join(','));
    });
  }
  return `${lines.join('\n')}\n`;
}

function columnsOf(runs: readonly CsvRun[]): Column[] {
  const histories = runs.map(({ history }) => history);
  const isOptional = (metric: Metric): boolean => metric.optional === true;
  const ofStep = STEP_METRICS.filter((name) => !isOptional(METRICS[name]) || histories.some(({ columns }) => columns[name].some(isNumber)));
  const ofEval = EVAL_METRICS.filter(
    (name) => !isOptional(METRICS[name]) || histories.some(({ evals }) => evals.some((row) => isNumber(row[name]))),
  );
  const sources = [...new Set(histories.flatMap((history) => [...history.sources.keys()]))];
  const evalSources = [...new Set(histories.flatMap(({ evals }) => evals.flatMap((row) => [...row.sources.keys()])))];
  return [
    ...ofStep.map((name): Column => ({ name, value: ({ columns }, row) => columns[name][row] })),
    ...sources.flatMap((source) =>
      SOURCE_METRICS.map((name): Column => {
        return { name: `sources/${source}/${name}`, value: (history, row) => history.sources.get(source)?.[name][row] };
      }),
    ),
    ...ofEval.map((name): Column => ({ name: `eval_${name}`, value: (_, __, evaluation) => evaluation?.[name] })),
    ...evalSources.flatMap((source) =>
      SOURCE_METRICS.map((name): Column => {
        return { name: `eval_sources/${source}/${name}`, value: (_, __, evaluation) => evaluation?.sources.get(source)?.[name] };
      }),
    ),
  ];
}

const isNumber = (value: number): boolean => !Number.isNaN(value);

function cell(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : String(value);
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
