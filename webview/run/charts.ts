import { formatBytes, formatMetric, formatPercent, formatRate, formatTick } from '../../src/format.js';
import { CHART_TITLES, type Drawn, EVAL_SERIES, METRICS, RATES, SERIES, SOURCE_SERIES, type Unit } from '../../src/metrics.js';
import type { Theme } from '../ui/theme.js';
import { runStyle } from './palette.js';
import type { CurveName } from './series.js';

export interface Curve {
  readonly series: CurveName;
  readonly label: string;
  /** In a panel with one run; with several, each run has a colour. */
  readonly color: (theme: Theme) => string;
  /** Tells curves apart without colour. */
  readonly style?: 'dashed' | 'dotted';
  /** It has a figure of the evaluation split beside it, by the same name. */
  readonly evaluation: boolean;
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

/** How values of a unit read, and how they stand at an axis. */
const FORMATS: Readonly<Partial<Record<Unit, (value: number) => string>>> = {
  fraction: formatPercent,
  bytes: formatBytes,
  'per second': formatRate,
};

/** At an axis, where two that differ must not read the same. */
const TICKS: typeof FORMATS = { ...FORMATS, fraction: (value) => `${formatTick(100 * value)}%` };

/** Chosen and rejected responses look the same in every chart; others by their place. */
function lookOf(label: string, place: number): Pick<Curve, 'color' | 'style'> {
  if (label === 'Chosen') return { color: ({ green }) => green };
  return place === 0 ? { color: ({ blue }) => blue } : { color: ({ red }) => red, style: 'dashed' };
}

function chart(title: string, drawn: Drawn, curves: readonly Curve[]): ChartOptions {
  const { unit, range, logarithmic, exact } = drawn;
  const format = FORMATS[unit];
  // A learning rate is too small a number for a plain axis.
  const tick = TICKS[unit] ?? (exact === true ? formatMetric : undefined);
  return {
    title,
    curves,
    format: format ?? formatMetric,
    ...(tick === undefined ? {} : { formatTick: tick }),
    ...(range === undefined ? {} : { range }),
    ...(logarithmic === undefined ? {} : { mayBeLogarithmic: true }),
    ...(exact === undefined ? {} : { isExact: true }),
  };
}

const drawnOf = (name: CurveName): Drawn => ({ ...METRICS, ...RATES })[name as keyof typeof METRICS | keyof typeof RATES];
const hasEvaluation = (name: string): boolean => (EVAL_SERIES as readonly string[]).includes(name);

/** Every chart of the panel, in reading order. One without a number is not shown. */
export const CHARTS: readonly ChartOptions[] = CHART_TITLES.map((title) => {
  const all = [...SERIES, ...(Object.keys(RATES) as (keyof typeof RATES)[])];
  const shown = all.filter((name) => drawnOf(name).chart === title);
  const curves = shown.map((series, place): Curve => {
    const { label } = drawnOf(series);
    return { series, label, ...lookOf(label, place), evaluation: hasEvaluation(series) };
  });
  return chart(title, drawnOf(shown[0]!), curves);
});

/**
 * Charts of what the sources of datasets come to: with one run, a curve for each source; with several, whose runs have the
 * colours, a chart for each.
 */
export function sourceCharts(sources: readonly string[], several: boolean): ChartOptions[] {
  if (sources.length < 2) return [];
  return SOURCE_SERIES.flatMap((name) => {
    const drawn: Drawn = METRICS[name];
    const curves = sources.map((source, place): Curve => {
      const color = (theme: Theme): string => runStyle(theme, place).color;
      return { series: `${name} of ${source}`, label: source, color, evaluation: hasEvaluation(name) };
    });
    if (!several) return [chart(`${drawn.chart} by source`, drawn, curves)];
    return curves.map((curve) => chart(`${drawn.chart}: ${curve.label}`, drawn, [curve]));
  });
}
