import type { ChartDataset } from 'chart.js';

import { type Theme, withAlpha } from '../ui/theme.js';
import type { ChartOptions, Curve } from './charts.js';
import { decimate, isPositive, type Point } from './decimate.js';
import { runStyle } from './palette.js';
import type { ChartRun } from './runs.js';
import { type Axis, evalColumn, nearestRow, rowOf } from './series.js';
import type { Stretch } from './viewport.js';

/** Of a panel with one run, where curves have colours of their own. */
const DASHES = { dashed: [7, 3], dotted: [2, 2] } as const;

/** A point of an evaluation: the best one is marked. */
interface EvalPoint extends Point {
  readonly best?: boolean;
}

function isBest(raw: unknown): boolean {
  return (raw as EvalPoint | undefined)?.best === true;
}

export type LineData = ChartDataset<'line', Point[]>;

/** How lines are drawn at the moment. */
export interface Drawing {
  readonly axis: Axis;
  readonly shown: Stretch;
  /** Rows that the thick line averages over. */
  readonly window: (rows: number) => number;
  readonly logarithmic: boolean;
  /** How wide the drawn area is in pixels: more points than that show nothing more. */
  readonly width: number;
}

/** One line of a chart: a curve of a run, in training or in evaluation, with what Chart.js draws of it. */
export class Line {
  readonly datasets: LineData[];
  hidden = false;
  #color = '';
  #background = '';

  constructor(
    readonly curve: Curve,
    readonly run: ChartRun,
    readonly place: number,
    readonly isEval: boolean,
    readonly options: ChartOptions,
    readonly several: boolean,
  ) {
    const base: LineData = {
      data: [],
      pointRadius: 0,
      pointHoverRadius: 0,
      borderJoinStyle: 'round',
      spanGaps: false,
    };
    this.datasets = isEval
      ? [
          {
            ...base,
            borderWidth: 1.5,
            // A point at the edge is drawn whole.
            clip: 7,
            pointStyle: 'circle',
            spanGaps: true,
            pointRadius: ({ raw }) => (isBest(raw) ? 5.5 : 3),
            pointBackgroundColor: ({ raw }) => (isBest(raw) ? this.#color : this.#background),
          },
        ]
      : [
          { ...base, borderWidth: 1 },
          { ...base, borderWidth: 2 },
        ];
  }

  /** What it is called: with several runs, by its run. */
  get label(): string {
    if (!this.several) return this.curveLabel;
    const curve = this.options.curves.length > 1 ? ` · ${this.curve.label}` : '';
    return `${this.run.name}${curve}${this.isEval ? ' (eval)' : ''}`;
  }

  /** What its curve is called, whichever run's it is. */
  get curveLabel(): string {
    return `${this.curve.label}${this.isEval ? ' (eval)' : ''}`;
  }

  /** Dashes by which a curve is told from the others of its chart, whichever run's it is. */
  get curveDash(): readonly number[] {
    return this.curve.style === undefined ? [] : DASHES.dotted;
  }

  /** True when it has a number somewhere. */
  get hasData(): boolean {
    if (!this.isEval) return this.run.series.has(this.curve.series);
    const column = this.run.evals === undefined ? undefined : evalColumn(this.run.evals, this.curve.series);
    return column?.some((value) => !Number.isNaN(value)) ?? false;
  }

  color(theme: Theme): string {
    return this.several ? runStyle(theme, this.place).color : this.curve.color(theme);
  }

  /** As a canvas takes dashes. */
  dash(theme: Theme): readonly number[] {
    const { style } = this.curve;
    if (!this.several) return style === undefined ? [] : DASHES[style];
    const { dash, dots } = runStyle(theme, this.place);
    return style === undefined ? dash : dots;
  }

  setTheme(theme: Theme): void {
    const color = this.color(theme);
    this.#color = color;
    this.#background = theme.background;
    this.datasets.forEach((dataset, i) => {
      const isThin = !this.isEval && i === 0;
      dataset.borderDash = isThin ? [] : [...this.dash(theme)];
      dataset.borderColor = isThin ? withAlpha(color, theme.highContrast ? 0.6 : this.several ? 0.2 : 0.35) : color;
      if (!this.isEval) dataset.pointBackgroundColor = color;
      dataset.pointBorderColor = color;
    });
  }

  draw(drawing: Drawing): void {
    const { series } = this.run;
    const hidden = this.hidden || !this.run.visible;
    for (const dataset of this.datasets) dataset.hidden = hidden;
    if (hidden) return;
    if (this.isEval) {
      this.datasets[0]!.data = this.#evalPoints(drawing);
      return;
    }
    const x = series.axis(drawing.axis);
    const window = this.options.isExact === true ? 1 : drawing.window(series.length);
    // One row more on each side, so that lines run out of the picture instead of ending in it.
    const begin = Math.max(0, rowOf(x, drawing.shown[0]) - 1);
    const end = Math.min(series.length, rowOf(x, drawing.shown[1]) + 2);
    const drawable = drawing.logarithmic ? isPositive : undefined;
    const [raw, mean] = this.datasets as [LineData, LineData];
    // Lowest and highest of every pixel for the thin line; the thick one is calm.
    raw.data = window > 1 ? decimate(x, series.curve(this.curve.series), 2 * drawing.width, begin, end, drawable) : [];
    const most = window > 1 ? drawing.width : 2 * drawing.width;
    mean.data = decimate(x, series.smoothed(this.curve.series, window), most, begin, end, drawable);
    // A line of one point is invisible.
    mean.pointRadius = end - begin === 1 ? 3 : 0;
  }

  /** Its value at a place of the axis, or its last; NaN when there is none. */
  valueAt(axis: Axis, x: number | undefined): number {
    const { series, evals } = this.run;
    if (this.isEval) {
      if (evals === undefined) return NaN;
      const column = evalColumn(evals, this.curve.series);
      if (x === undefined) return column?.at(-1) ?? NaN;
      return column?.[nearestRow(this.#evalPlaces(axis), x)] ?? NaN;
    }
    const curve = series.curve(this.curve.series);
    if (x !== undefined) return curve[nearestRow(series.axis(axis), x)] ?? NaN;
    return curve.at(-1) ?? NaN;
  }

  #evalPlaces(axis: Axis): number[] {
    const { series, evals } = this.run;
    const x = series.axis(axis);
    return Array.from(evals?.step ?? [], (step) => (axis === 'step' ? step : (x[nearestRow(series.steps, step)] ?? 0)));
  }

  #evalPoints({ axis, logarithmic, width }: Drawing): Point[] {
    const column = (this.run.evals === undefined ? undefined : evalColumn(this.run.evals, this.curve.series)) ?? [];
    const places = this.#evalPlaces(axis);
    const points = decimate(places, column, 2 * width, 0, places.length, logarithmic ? isPositive : undefined);
    const best = this.bestAt(axis);
    return points.map((point) => (point.x === best ? { ...point, best: true } : point));
  }

  /** Where on an axis the best evaluation stands; undefined where there is none. */
  bestAt(axis: Axis): number | undefined {
    const { evals } = this.run;
    const row = evals?.step.indexOf(evals.best ?? NaN) ?? -1;
    return row < 0 ? undefined : this.#evalPlaces(axis)[row];
  }
}
