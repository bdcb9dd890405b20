import { EVAL_COLUMNS, type RunHistory, STEP_COLUMNS } from './history.js';

/** What a table of figures is made of. */
export interface CsvRun {
  readonly name: string;
  readonly history: Pick<RunHistory, 'steps' | 'columns' | 'evals'>;
}

/**
 * Every figure of every step as CSV (RFC 4180, `\n`): one row a step and run, evaluations beside the step they followed.
 * What there is no number for is empty.
 */
export function historyCsv(runs: readonly CsvRun[]): string {
  const lines = [['run', 'step', ...STEP_COLUMNS, ...EVAL_COLUMNS.map((name) => `eval_${name}`)].join(',')];
  for (const { name, history } of runs) {
    const evals = new Map(history.evals.map((row) => [row.step, row]));
    const run = quoted(name);
    history.steps.forEach((step, row) => {
      const found = evals.get(step);
      lines.push(
        [
          run,
          step,
          ...STEP_COLUMNS.map((column) => cell(history.columns[column][row])),
          ...EVAL_COLUMNS.map((column) => cell(found?.[column])),
        ].join(','),
      );
    });
  }
  return `${lines.join('\n')}\n`;
}

function cell(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '' : String(value);
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
