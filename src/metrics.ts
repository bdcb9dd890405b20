/**
 * What the runner reports of a step or an evaluation (docs/metrics.md), each metric in one row: the reading of the event log,
 * the columns of a run's history, tables, the series of panels and their charts all follow from here.
 */

export type Unit = 'nats' | 'fraction' | 'bytes' | 'seconds' | 'per second' | 'FLOP' | 'count' | 'none';

/** The charts of a run, in reading order. */
export const CHART_TITLES = [
  'Loss',
  'Reward margin',
  'Accuracy',
  'Rewards',
  'Log-probabilities',
  'Negative log-likelihood',
  'Log odds',
  'Gradient norm',
  'Learning rate',
  'Pairs/s',
  'Tokens/s',
  'Of speed of light',
  'Communication',
  'Slowest device',
  'Memory',
] as const;
export type ChartTitle = (typeof CHART_TITLES)[number];

/** What is drawn of a figure, and how. */
export interface Drawn {
  readonly label: string;
  readonly unit: Unit;
  readonly chart?: ChartTitle;
  /** Ends of the axis, where they are fixed. */
  readonly range?: readonly [min: number, max: number];
  /** Never negative, and over so wide a range that a logarithmic axis may be wished for. */
  readonly logarithmic?: true;
  /** Set and not measured, or only rising: a mean of it says nothing that it does not say itself. */
  readonly exact?: true;
}

export interface Metric extends Drawn {
  /** `metric`: a number, or null where it is not finite. */
  readonly kind: 'count' | 'number' | 'metric';
  /** Not every runner, or not every loss, says it. */
  readonly optional?: true;
  /** Evaluations have it too, with `eval_` before its name. */
  readonly evaluation?: true;
  /** It is also said for each source of a dataset that has several. */
  readonly source?: true;
  /** The lower, or the higher, the better. */
  readonly better?: 'lower' | 'higher';
  /** The best evaluation may be chosen by it. */
  readonly choosesBest?: true;
  /** Axes and rates of panels are made of it. */
  readonly axis?: true;
}

/** Names are those of the event log, in its order; TRL's where TRL has the metric. */
export const METRICS = {
  epoch: { label: 'Epoch', unit: 'none', kind: 'number' },
  pairs: { label: 'Pairs', unit: 'count', kind: 'count', axis: true, source: true },
  tokens: { label: 'Tokens', unit: 'count', kind: 'count', axis: true },
  seconds: { label: 'Seconds', unit: 'seconds', kind: 'number', axis: true },
  flops: { label: 'FLOPs', unit: 'FLOP', kind: 'number' },
  speedOfLight: { label: 'Of speed of light', unit: 'fraction', kind: 'metric', chart: 'Of speed of light', better: 'higher' },
  loss: {
    label: 'Loss',
    unit: 'nats',
    kind: 'metric',
    chart: 'Loss',
    logarithmic: true,
    evaluation: true,
    source: true,
    better: 'lower',
    choosesBest: true,
  },
  'rewards/chosen': {
    label: 'Chosen',
    unit: 'nats',
    kind: 'metric',
    chart: 'Rewards',
    evaluation: true,
    better: 'higher',
    choosesBest: true,
  },
  'rewards/rejected': { label: 'Rejected', unit: 'nats', kind: 'metric', chart: 'Rewards', evaluation: true, better: 'lower' },
  'rewards/margins': {
    label: 'Margin',
    unit: 'nats',
    kind: 'metric',
    chart: 'Reward margin',
    evaluation: true,
    source: true,
    better: 'higher',
    choosesBest: true,
  },
  'rewards/accuracies': {
    label: 'Accuracy',
    unit: 'fraction',
    kind: 'metric',
    chart: 'Accuracy',
    range: [0, 1],
    evaluation: true,
    source: true,
    better: 'higher',
    choosesBest: true,
  },
  'logps/chosen': { label: 'Chosen', unit: 'nats', kind: 'metric', chart: 'Log-probabilities', evaluation: true, better: 'higher' },
  'logps/rejected': { label: 'Rejected', unit: 'nats', kind: 'metric', chart: 'Log-probabilities', evaluation: true, better: 'lower' },
  /** Losses `sft`, `orpo` and `cpo`. */
  nll_loss: {
    label: 'Negative log-likelihood',
    unit: 'nats',
    kind: 'metric',
    chart: 'Negative log-likelihood',
    logarithmic: true,
    optional: true,
    evaluation: true,
    better: 'lower',
  },
  /** Loss `orpo`. */
  log_odds_ratio: {
    label: 'Log sigmoid of the ratio',
    unit: 'none',
    kind: 'metric',
    chart: 'Log odds',
    optional: true,
    evaluation: true,
    better: 'higher',
  },
  log_odds_chosen: {
    label: 'Log odds ratio',
    unit: 'none',
    kind: 'metric',
    chart: 'Log odds',
    optional: true,
    evaluation: true,
    better: 'higher',
  },
  grad_norm: { label: 'Gradient norm', unit: 'none', kind: 'metric', chart: 'Gradient norm', logarithmic: true },
  learning_rate: { label: 'Learning rate', unit: 'none', kind: 'metric', chart: 'Learning rate', logarithmic: true, exact: true },
  memory: { label: 'Memory', unit: 'bytes', kind: 'metric', chart: 'Memory', optional: true, exact: true, better: 'lower' },
  /** Of several devices. */
  communication: { label: 'Exposed communication', unit: 'seconds', kind: 'number', optional: true, axis: true, better: 'lower' },
  slowest_rank: { label: 'Slowest over mean', unit: 'none', kind: 'number', optional: true, axis: true, better: 'lower' },
} as const satisfies Readonly<Record<string, Metric>>;

/** Figures of a step that follow from others. */
export const RATES = {
  'pairs/s': { label: 'Pairs/s', unit: 'per second', chart: 'Pairs/s', logarithmic: true },
  'tokens/s': { label: 'Tokens/s', unit: 'per second', chart: 'Tokens/s', logarithmic: true },
  'communication share': { label: 'Of a step', unit: 'fraction', chart: 'Communication' },
  'slowest over mean': { label: 'Over mean', unit: 'fraction', chart: 'Slowest device' },
} as const satisfies Readonly<Record<string, Drawn>>;

type Table = typeof METRICS;
/** The metrics whose rows have a mark. */
type With<Mark> = { [K in keyof Table]: Table[K] extends Mark ? K : never }[keyof Table];

export type StepMetric = keyof Table;
export type OptionalMetric = With<{ readonly optional: true }>;
export type EvalMetricName = With<{ readonly evaluation: true }>;
export type SourceMetric = With<{ readonly source: true }>;
export type BestMetric = `eval_${With<{ readonly choosesBest: true }>}`;
/** What panels are sent: what is drawn, and what axes and rates are made of. */
export type SeriesName = With<{ readonly chart: string }> | With<{ readonly axis: true }>;
export type EvalSeriesName = EvalMetricName & SeriesName;
export type SourceSeriesName = SourceMetric & With<{ readonly chart: string }>;

const names = Object.keys(METRICS) as readonly StepMetric[];
const row = (name: StepMetric): Metric => METRICS[name];

export const STEP_METRICS = names;
export const EVAL_METRICS = names.filter((name) => row(name).evaluation === true) as readonly EvalMetricName[];
export const SOURCE_METRICS = names.filter((name) => row(name).source === true) as readonly SourceMetric[];
export const BEST_METRICS = names.filter((name) => row(name).choosesBest === true).map((name) => `eval_${name}`) as readonly BestMetric[];
export const SERIES = names.filter((name) => row(name).chart !== undefined || row(name).axis === true) as readonly SeriesName[];
export const EVAL_SERIES = EVAL_METRICS.filter((name) => row(name).chart !== undefined) as readonly EvalSeriesName[];
export const SOURCE_SERIES = SOURCE_METRICS.filter((name) => row(name).chart !== undefined) as readonly SourceSeriesName[];

/** What kind of value a metric has in the event log. */
type ValueOf<K extends StepMetric> = Table[K]['kind'] extends 'metric' ? number | null : number;

/** A step's metrics, as the event log has them. */
export type StepMetrics = { readonly [K in Exclude<StepMetric, OptionalMetric>]: ValueOf<K> } & {
  readonly [K in OptionalMetric]?: ValueOf<K>;
};
/** An evaluation's, likewise. */
export type EvalMetrics = { readonly [K in Exclude<EvalMetricName, OptionalMetric> as `eval_${K}`]: ValueOf<K> } & {
  readonly [K in EvalMetricName & OptionalMetric as `eval_${K}`]?: ValueOf<K>;
};
/** The metrics of each source that a step or evaluation has pairs of, by the source's name. */
export type SourceMetrics = Readonly<Record<string, { readonly [K in SourceMetric]: ValueOf<K> }>>;
