import { formatCount, formatMetric, formatOption, formatPercent, formatRate, UNKNOWN } from '../../src/format.js';
import { type Metric, METRICS, type StepMetric } from '../../src/metrics.js';
import type { Difference, RunStatus, RunWarning } from '../../src/protocol/run.js';
import { STATE_WORDS } from './words.js';

/** A cell of the table of results: what it says, and what it is sorted by. */
export interface Cell {
  readonly text: string;
  /** Undefined where there is nothing: last, whichever way it is sorted. */
  readonly sort: number | string | undefined;
  /** Told when it is pointed at. */
  readonly title?: string;
}

export interface Column {
  readonly id: string;
  readonly label: string;
  /** A setting is named as in `run.json`. */
  readonly isSetting: boolean;
  /** Whether the greater value is the better one: then that comes first. */
  readonly isDescending: boolean;
  readonly isNumber: boolean;
}

/** One run of a comparison, as the table takes it. */
export interface ResultRun {
  readonly name: string;
  readonly status: RunStatus | undefined;
}

const column = (id: string, label: string, more: Partial<Column> = {}): Column => ({
  id,
  label,
  isSetting: false,
  isDescending: false,
  isNumber: true,
  ...more,
});

/** A column of a metric. */
const figure = (id: string, name: StepMetric): Column => {
  const { label, better }: Metric = METRICS[name];
  return column(id, label, { isDescending: better === 'higher' });
};

const RESULTS: readonly Column[] = [
  column('run', 'Run', { isNumber: false }),
  column('state', 'State', { isNumber: false }),
  figure('loss', 'loss'),
  figure('accuracy', 'rewards/accuracies'),
  column('best', 'Best loss'),
  figure('margin', 'rewards/margins'),
];
/** What is looked at less often, behind the settings. */
const FURTHER: readonly Column[] = [
  column('of', 'Figures from', { isNumber: false }),
  column('step', 'Step', { isDescending: true }),
  column('speed', 'Pairs/s', { isDescending: true }),
];

const WARNING_WORDS: Readonly<Record<RunWarning['kind'], string>> = {
  'not-finite': 'not a number',
  collapse: 'collapse',
  saturation: 'saturated',
  overfitting: 'overfitting',
  runner: 'warning',
};

/** The columns of a comparison: results, the settings that differ, and what else there is. */
export function resultColumns(differences: readonly Difference[]): Column[] {
  return [
    ...RESULTS,
    ...differences.map(({ setting, values }) => {
      const isNumber = values.every((value) => value === '' || Number.isFinite(Number(value)));
      // The section says nothing that the name does not; a hash is of the dataset or of the eval dataset.
      return column(setting, setting.replace(/^(training|plan|runner)\./, ''), { isSetting: true, isNumber });
    }),
    ...FURTHER,
  ];
}

/** A run's cells, one a column. */
export function resultCells({ name, status }: ResultRun, run: number, differences: readonly Difference[]): Cell[] {
  const settings = differences.map(({ values }): Cell => {
    const value = values[run] ?? '';
    if (value === '') return { text: UNKNOWN, sort: undefined };
    const number = Number(value);
    // As it was typed: what a float holds beyond twelve digits is nobody's.
    return Number.isFinite(number) ? { text: formatOption(Number(number.toPrecision(12))), sort: number } : { text: value, sort: value };
  });
  const nothing = (columns: readonly Column[]): Cell[] => columns.map(() => NOTHING);
  if (status === undefined) return [{ text: name, sort: name }, ...nothing(RESULTS.slice(1)), ...settings, ...nothing(FURTHER)];
  const { step, steps } = status;
  return [
    { text: name, sort: name },
    stateCell(status),
    metric(status.loss, formatMetric),
    metric(status.accuracy, formatPercent),
    bestCell(status),
    metric(status.margin, formatMetric),
    ...settings,
    ofCell(status),
    steps === null ? NOTHING : { text: `${formatCount(step)} of ${formatCount(steps)}`, sort: step },
    metric(status.pairsPerSecond, formatRate),
  ];
}

const NOTHING: Cell = { text: UNKNOWN, sort: undefined };

function metric(value: number | null, format: (value: number) => string): Cell {
  return value === null ? NOTHING : { text: format(value), sort: value };
}

function stateCell({ gone, state, warnings }: RunStatus): Cell {
  if (gone) return { text: 'Deleted', sort: 'Deleted', title: 'Its folder was deleted or moved.' };
  const words = [STATE_WORDS[state], ...warnings.map(({ kind }) => WARNING_WORDS[kind])].join(' · ');
  return { text: words, sort: words, ...(warnings.length === 0 ? {} : { title: warnings.map(({ what }) => what).join('\n') }) };
}

function ofCell({ figures }: RunStatus): Cell {
  if (figures === null) return NOTHING;
  const { of, step, pairs } = figures;
  const text = of === 'evaluation' ? `evaluation, step ${formatCount(step)}` : `last ${formatCount(pairs)} pairs trained on`;
  return { text, sort: text };
}

function bestCell({ best }: RunStatus): Cell {
  if (best === null || best.loss === null) return NOTHING;
  return { text: `${formatMetric(best.loss)} at ${formatCount(best.step)}`, sort: best.loss };
}

/** The order of rows by one column: what there is nothing of comes last. */
export function sortedRows(rows: readonly (readonly Cell[])[], by: number, descending: boolean): number[] {
  const order = rows.map((_, row) => row);
  const sign = descending ? -1 : 1;
  return order.sort((a, b) => {
    const [x, y] = [rows[a]![by]?.sort, rows[b]![by]?.sort];
    if (x === undefined || y === undefined) return x === y ? a - b : x === undefined ? 1 : -1;
    if (typeof x === 'number' && typeof y === 'number') return sign * (x - y) || a - b;
    return sign * String(x).localeCompare(String(y), 'en', { numeric: true }) || a - b;
  });
}
