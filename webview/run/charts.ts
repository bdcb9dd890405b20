import { formatBytes, formatMetric, formatPercent, formatRate } from '../../src/format.js';
import type { EvalSeriesName } from '../../src/protocol/run.js';
import type { Theme } from '../ui/theme.js';
import type { CurveName } from './series.js';

export interface Curve {
  readonly series: CurveName;
  readonly label: string;
  /** In a panel with one run; with several, each run has a colour. */
  readonly color: (theme: Theme) => string;
  /** Tells curves apart without colour. */
  readonly style?: 'dashed' | 'dotted';
  /** The figure of the evaluation split that belongs beside it. */
  readonly evaluation?: EvalSeriesName;
}

export interface ChartOptions {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly format: (value: number) => string;
  /** How values stand at the axis; by default as plain numbers. */
  readonly formatTick?: (value: number) => string;
  /** Fixed ends of the vertical axis. */
  readonly range?: readonly [min: number, max: number];
  /** Whether the logarithmic axis is for it: only what is never negative. */
  readonly mayBeLogarithmic?: boolean;
  /** For what is set and not measured, or only rises: a mean of it says nothing that it does not say itself. */
  readonly isExact?: boolean;
}

const blue = ({ blue: color }: Theme): string => color;
const chosen = { label: 'Chosen', color: ({ green }: Theme): string => green };
const rejected = { label: 'Rejected', color: ({ red }: Theme): string => red, style: 'dashed' } as const;

/** Every chart of the panel, in reading order. One without a number is not shown. */
export const CHARTS: readonly ChartOptions[] = [
  {
    title: 'Loss',
    curves: [{ series: 'loss', label: 'Loss', color: blue, evaluation: 'loss' }],
    format: formatMetric,
    mayBeLogarithmic: true,
  },
  {
    title: 'Reward margin',
    curves: [{ series: 'rewards/margins', label: 'Margin', color: blue, evaluation: 'rewards/margins' }],
    format: formatMetric,
  },
  {
    title: 'Accuracy',
    curves: [{ series: 'rewards/accuracies', label: 'Accuracy', color: blue, evaluation: 'rewards/accuracies' }],
    format: formatPercent,
    formatTick: formatPercent,
    range: [0, 1],
  },
  {
    title: 'Rewards',
    curves: [
      { series: 'rewards/chosen', ...chosen, evaluation: 'rewards/chosen' },
      { series: 'rewards/rejected', ...rejected, evaluation: 'rewards/rejected' },
    ],
    format: formatMetric,
  },
  {
    title: 'Log-probability',
    curves: [
      { series: 'logps/chosen', ...chosen, evaluation: 'logps/chosen' },
      { series: 'logps/rejected', ...rejected, evaluation: 'logps/rejected' },
    ],
    format: formatMetric,
  },
  {
    title: 'Gradient norm',
    curves: [{ series: 'grad_norm', label: 'Gradient norm', color: blue }],
    format: formatMetric,
    mayBeLogarithmic: true,
  },
  {
    title: 'Learning rate',
    curves: [{ series: 'learning_rate', label: 'Learning rate', color: blue }],
    format: formatMetric,
    formatTick: formatMetric,
    isExact: true,
    mayBeLogarithmic: true,
  },
  {
    title: 'Pairs/s',
    curves: [{ series: 'pairs/s', label: 'Pairs/s', color: blue }],
    format: formatRate,
    formatTick: formatRate,
    mayBeLogarithmic: true,
  },
  {
    title: 'Tokens/s',
    curves: [{ series: 'tokens/s', label: 'Tokens/s', color: blue }],
    format: formatRate,
    formatTick: formatRate,
    mayBeLogarithmic: true,
  },
  {
    title: 'Of speed of light',
    curves: [{ series: 'speedOfLight', label: 'Of speed of light', color: blue }],
    format: formatPercent,
    formatTick: formatPercent,
  },
  {
    title: 'Memory',
    curves: [{ series: 'memory', label: 'Memory', color: blue }],
    format: formatBytes,
    formatTick: formatBytes,
    isExact: true,
  },
];

