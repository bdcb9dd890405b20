import {
  Chart,
  type ChartConfiguration,
  type ChartDataset,
  LinearScale,
  LineController,
  LineElement,
  PointElement,
  Tooltip,
} from 'chart.js';

import type { SeriesName } from '../../src/protocol.js';
import { formatCount, formatTick } from '../../src/format.js';
import { element } from '../ui/dom.js';
import { type Theme, withAlpha } from '../ui/theme.js';
import { decimate, type Point, smoothingWindow, trailingMean } from './decimate.js';
import type { SeriesStore } from './series.js';
import { chartSummary } from './words.js';

// Only what line charts need, so that the bundle leaves the rest out.
Chart.register(LineController, LineElement, PointElement, LinearScale, Tooltip);

/** More points than a panel is wide in pixels show nothing more. */
const MOST_POINTS = 1200;

export interface Curve {
  readonly series: SeriesName;
  readonly label: string;
  readonly color: (theme: Theme) => string;
  /** Tells curves apart without colour. */
  readonly style?: 'dashed' | 'dotted';
}

const DASHES = { dashed: [7, 3], dotted: [2, 2] } as const;

export interface ChartOptions {
  readonly title: string;
  readonly curves: readonly Curve[];
  readonly format: (value: number) => string;
  /** How values stand at the axis; by default as plain numbers. */
  readonly formatTick?: (value: number) => string;
  /** Fixed ends of the vertical axis. */
  readonly range?: readonly [min: number, max: number];
}

type Line = ChartDataset<'line', Point[]>;

/** One titled line chart over the steps: each curve as it is, thin, and its trailing mean, thick. */
export class RunChart {
  readonly root: HTMLElement;
  readonly #options: ChartOptions;
  readonly #canvas: HTMLCanvasElement;
  readonly #keys: HTMLElement[];
  readonly #chart: Chart<'line', Point[]>;
  readonly #store: SeriesStore;

  constructor(options: ChartOptions, store: SeriesStore, theme: Theme) {
    this.#options = options;
    this.#store = store;
    this.#canvas = element('canvas', { role: 'img' });
    this.#keys = options.curves.map(({ label, style = '' }) =>
      element('span', { class: 'key' }, element('span', { class: `swatch ${style}` }), label),
    );
    const heading = element('div', { class: 'chart-heading' }, element('h2', {}, options.title));
    // A single curve is named by the title.
    if (options.curves.length > 1) heading.append(...this.#keys);
    this.root = element(
      'section',
      { class: options.curves.length > 1 ? 'chart wide' : 'chart' },
      heading,
      element('div', { class: 'canvas' }, this.#canvas),
    );
    this.#chart = new Chart(this.#canvas, this.#configuration());
    this.setTheme(theme);
    this.draw();
  }

  /** Draws the store as it is now. */
  draw(): void {
    const { step, columns } = this.#store;
    const window = smoothingWindow(step.length);
    this.#options.curves.forEach(({ series }, i) => {
      const [raw, mean] = this.#linesOf(i);
      raw.data = window > 1 ? decimate(step, columns[series], MOST_POINTS) : [];
      mean.data = decimate(step, trailingMean(columns[series], window), MOST_POINTS);
      // A line of one point is invisible.
      mean.pointRadius = step.length === 1 ? 3 : 0;
    });
    const x = this.#chart.options.scales!['x']!;
    x.min = 1;
    x.max = Math.max(2, step.at(-1) ?? 2);
    this.#chart.update('none');
    const summary = this.#options.curves.map(({ series, label }) =>
      chartSummary(label, step, columns[series], this.#options.format),
    );
    this.#canvas.setAttribute('aria-label', `${this.#options.title}. ${summary.join('. ')}`);
  }

  setTheme(theme: Theme): void {
    this.#options.curves.forEach(({ color }, i) => {
      const [raw, mean] = this.#linesOf(i);
      raw.borderColor = withAlpha(color(theme), theme.highContrast ? 0.6 : 0.35);
      mean.borderColor = color(theme);
      mean.pointBackgroundColor = color(theme);
      this.#keys[i]!.style.setProperty('--key-color', color(theme));
    });
    const font = { family: theme.font, size: Math.max(10, theme.fontSize - 2) };
    for (const axis of ['x', 'y']) {
      const scale = this.#chart.options.scales![axis]!;
      scale.ticks = { ...scale.ticks, color: theme.muted, font };
      scale.grid = { ...scale.grid, color: withAlpha(theme.grid, theme.highContrast ? 0.5 : 0.2) };
      scale.border = { display: true, color: withAlpha(theme.grid, theme.highContrast ? 1 : 0.5) };
    }
    const tooltip = this.#chart.options.plugins!.tooltip!;
    Object.assign(tooltip, {
      backgroundColor: theme.tooltipBackground,
      borderColor: theme.tooltipBorder,
      titleColor: theme.foreground,
      bodyColor: theme.foreground,
      titleFont: { ...font, weight: 'bold' },
      bodyFont: font,
    });
    this.#chart.update('none');
  }

  #linesOf(curve: number): [raw: Line, mean: Line] {
    return [this.#chart.data.datasets[2 * curve]! as Line, this.#chart.data.datasets[2 * curve + 1]! as Line];
  }

  #configuration(): ChartConfiguration<'line', Point[]> {
    const { curves, range, formatTick: tick = formatTick } = this.#options;
    const line: Omit<Line, 'data'> = { pointRadius: 0, pointHoverRadius: 0, borderJoinStyle: 'round', spanGaps: false };
    return {
      type: 'line',
      data: {
        datasets: curves.flatMap(({ label, style }): Line[] => [
          { ...line, label, data: [], borderWidth: 1 },
          {
            ...line,
            label,
            data: [],
            borderWidth: 2,
            ...(style === undefined ? {} : { borderDash: [...DASHES[style]] }),
          },
        ]),
      },
      options: {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        parsing: false,
        normalized: true,
        interaction: { mode: 'nearest', axis: 'x', intersect: false },
        scales: {
          x: {
            type: 'linear',
            ticks: {
              precision: 0,
              maxRotation: 0,
              autoSkipPadding: 16,
              callback: (value) => formatCount(Number(value)),
            },
          },
          y: {
            type: 'linear',
            ...(range === undefined ? {} : { min: range[0], max: range[1] }),
            ticks: { maxTicksLimit: 6, callback: (value) => tick(Number(value)) },
          },
        },
        plugins: {
          tooltip: {
            displayColors: false,
            borderWidth: 1,
            cornerRadius: 3,
            padding: 8,
            // One item stands for all: its text is looked up in the full series, not in the drawn points.
            filter: (_item, index) => index === 0,
            callbacks: {
              title: ([item]) => (item === undefined ? '' : `Step ${formatCount(Math.round(item.parsed.x ?? 0))}`),
              label: (item) => this.#valuesAt(Math.round(item.parsed.x ?? 0)),
            },
          },
        },
      },
    };
  }

  #valuesAt(step: number): string[] {
    const row = rowOf(this.#store.step, step);
    return this.#options.curves.map(
      ({ series, label }) => `${label}: ${this.#options.format(this.#store.columns[series][row] ?? NaN)}`,
    );
  }
}

/** Row of a step in a rising column; of the next one above it when it is not there. */
function rowOf(steps: readonly number[], step: number): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low;
}
