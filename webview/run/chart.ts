import {
  Chart,
  type ChartConfiguration,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  type Scale,
} from 'chart.js';

import { formatCount, formatDuration, formatRate, formatTick } from '../../src/format.js';
import { element, setText } from '../ui/dom.js';
import { type Theme, withAlpha } from '../ui/theme.js';
import type { ChartOptions } from './charts.js';
import type { Point } from './decimate.js';
import { type Drawing, Line } from './line.js';
import { Readout, type ReadoutRows } from './readout.js';
import type { ChartRun } from './runs.js';
import type { Axis } from './series.js';
import { swatch } from './swatch.js';
import { axisTicks } from './ticks.js';
import { chartSummary } from './words.js';

// Only what line charts need, so that the bundle leaves the rest out.
Chart.register(LineController, LineElement, PointElement, LinearScale, LogarithmicScale);

/** How a place on an axis reads. */
export const AXIS_FORMATS: Readonly<Record<Axis, (value: number) => string>> = {
  step: (value) => formatCount(value),
  time: (value) => formatDuration(value),
  tokens: (value) => formatRate(value),
};

/** A chart that has no size yet gets as many. */
const LEAST_POINTS = 300;
/** Room that a tick of the horizontal axis takes at most. */
const TICK_PIXELS = 70;

/** What a key stands for: a line of a panel with one run; with several, a curve of all of them. */
interface Key {
  readonly label: string;
  readonly lines: readonly Line[];
  readonly button: HTMLElement;
  readonly value: HTMLElement;
}

/** One titled chart: a line for every curve of every run; each as it is, thin, and its trailing mean, thick. */
export class RunChart {
  readonly root: HTMLElement;
  /** What takes keys and the pointer. */
  readonly plot: HTMLElement;
  readonly options: ChartOptions;
  readonly #canvas = element('canvas', { 'aria-hidden': 'true' });
  readonly #crosshair = element('div', { class: 'crosshair', hidden: '' });
  readonly #keyArea = element('div', { class: 'keys' });
  readonly #readout = new Readout();
  readonly #enlarge = element('button', { class: 'enlarge', type: 'button' });
  readonly #chart: Chart<'line', Point[]>;
  readonly #onStale: () => void;
  #keys: Key[] = [];
  #isLarge = false;
  #lines: Line[] = [];
  #drawing: Drawing | undefined;
  #muted = '';
  #font = '';

  /**
   * @param onStale called when the chart must be drawn again: a line was hidden or shown, or its size is another
   * @param onEnlarge called when somebody asks for the chart large, or small again
   */
  constructor(options: ChartOptions, onStale: () => void, onEnlarge: () => void) {
    this.options = options;
    this.#onStale = onStale;
    this.#enlarge.addEventListener('click', onEnlarge);
    this.plot = element(
      'div',
      // It takes keys of its own, which a screen reader must let through.
      { class: 'canvas', tabindex: '0', role: 'application', 'aria-roledescription': 'chart' },
      this.#canvas,
      this.#crosshair,
      this.#readout.root,
    );
    this.root = element(
      'section',
      { class: 'chart' },
      element('div', { class: 'chart-heading' }, element('h2', {}, options.title), this.#keyArea, this.#enlarge),
      this.plot,
    );
    this.isLarge = false;
    const onResize = (): void => {
      // Chart.js calls it once while it is made, when there is nothing to draw anew.
      if (this.#drawing !== undefined) onStale();
    };
    this.#chart = new Chart(this.#canvas, {
      ...configuration(options, onResize),
      plugins: [{ id: 'best', beforeDatasetsDraw: () => this.#drawBest() }],
    });
  }

  /** Whether it takes the whole width of the page, and more of its height. */
  get isLarge(): boolean {
    return this.#isLarge;
  }

  set isLarge(isLarge: boolean) {
    this.#isLarge = isLarge;
    this.root.classList.toggle('large', isLarge);
    const label = isLarge ? `Shrink ${this.options.title}` : `Enlarge ${this.options.title}`;
    this.#enlarge.textContent = isLarge ? '⤡' : '⤢';
    this.#enlarge.setAttribute('aria-label', label);
    this.#enlarge.title = isLarge ? `${label} (Escape)` : label;
  }

  dispose(): void {
    this.#chart.destroy();
  }

  /** Takes over which runs there are. */
  setRuns(runs: readonly ChartRun[], theme: Theme): void {
    const hidden = new Set(this.#lines.filter((line) => line.hidden).map((line) => line.curveLabel));
    this.#lines = runs.flatMap((run, place) =>
      this.options.curves.flatMap((curve) =>
        [false, ...(curve.evaluation && run.evals !== undefined ? [true] : [])].map(
          (isEval) => new Line(curve, run, place, isEval, this.options, runs.length > 1),
        ),
      ),
    );
    for (const line of this.#lines) line.hidden = hidden.has(line.curveLabel);
    this.#chart.data.datasets = this.#lines.flatMap(({ datasets }) => datasets);
    const labels = [...new Set(this.#lines.map((line) => line.curveLabel))];
    this.#keys = labels.map((label) =>
      this.#key(
        label,
        this.#lines.filter((line) => line.curveLabel === label),
      ),
    );
    // Runs are told apart by the legend of all charts; a chart has keys for what is its own.
    const isPlain = runs.length > 1 && this.#keys.length < 2;
    this.#keyArea.replaceChildren(...(isPlain ? [] : this.#keys.map(({ button }) => button)));
    this.setTheme(theme);
  }

  /** True when some line has a number. */
  get hasData(): boolean {
    return this.#lines.some(({ hasData }) => hasData);
  }

  get canvas(): HTMLCanvasElement {
    return this.#canvas;
  }

  /** Label, colour and dashes of every line that is drawn in a panel with one run; with several, those are the runs'. */
  legend(theme: Theme): { readonly label: string; readonly color: string; readonly dash: readonly number[] }[] {
    return this.#lines.flatMap((line) =>
      line.several || line.hidden || !line.run.visible || !line.hasData
        ? []
        : [{ label: line.label, color: line.color(theme), dash: line.dash(theme) }],
    );
  }

  draw(drawing: Omit<Drawing, 'width'>): void {
    const logarithmic = drawing.logarithmic && this.options.mayBeLogarithmic === true;
    this.#drawing = { ...drawing, logarithmic, width: Math.max(LEAST_POINTS, this.width) };
    for (const line of this.#lines) line.draw(this.#drawing);
    const { x, y } = this.#chart.options.scales! as { x: NonNullable<unknown>; y: NonNullable<unknown> };
    Object.assign(x, { min: drawing.shown[0], max: drawing.shown[1] });
    Object.assign(x, {
      afterBuildTicks: (scale: Scale) => {
        const most = Math.max(2, Math.floor(scale.width / TICK_PIXELS));
        scale.ticks = axisTicks(drawing.axis, drawing.shown[0], drawing.shown[1], most);
      },
    });
    Object.assign(y, { type: logarithmic ? 'logarithmic' : 'linear' });
    this.#chart.update('none');
    const steps = this.#lines[0]?.run.series;
    const summary = this.#lines
      .filter(({ isEval }) => !isEval)
      .map((line) => chartSummary(line.label, steps?.steps ?? [], line.run.series.curve(line.curve.series), this.options.format));
    const label = `${this.options.title}. ${summary.join('. ')}`;
    if (this.plot.getAttribute('aria-label') !== label) this.plot.setAttribute('aria-label', label);
    for (const { lines, button } of this.#keys) button.hidden = this.hasData && !lines.some(({ hasData }) => hasData);
  }

  /**
   * Shows the line that marks a place of the axis, and the values there; without one, the latest values.
   *
   * @param place what to call it, in the chart where somebody is; undefined in the others
   */
  setCrosshair(x: number | undefined, place: string | undefined): void {
    const drawing = this.#drawing;
    const { chartArea, scales } = this.#chart;
    const isIn = x !== undefined && drawing !== undefined && x >= drawing.shown[0] && x <= drawing.shown[1];
    this.#crosshair.hidden = !isIn;
    if (isIn && chartArea !== undefined) {
      const left = scales['x']!.getPixelForValue(x);
      this.#crosshair.style.transform = `translateX(${left}px)`;
      this.#crosshair.style.top = `${chartArea.top}px`;
      this.#crosshair.style.height = `${chartArea.bottom - chartArea.top}px`;
      if (place !== undefined) this.#readout.show(place, this.#rowsAt(x), { left, chartArea });
    }
    if (!isIn || place === undefined) this.#readout.hide();
    for (const { lines, value } of this.#keys) {
      const [line, ...others] = lines;
      // Of several runs no value is that of the curve.
      const isOne = line !== undefined && others.length === 0;
      setText(value, isOne ? this.options.format(line.valueAt(drawing?.axis ?? 'step', isIn ? x : undefined)) : '');
    }
  }

  /**
   * What each of several runs is at a place: a row a run, with a value for each of its lines. Highest first, as they lie in
   * the picture. Of one run its keys say it.
   */
  #rowsAt(x: number): ReadoutRows {
    const axis = this.#drawing?.axis ?? 'step';
    const shown = this.#lines.filter((line) => line.several && !line.hidden && line.run.visible && line.hasData);
    const columns = [...new Set(shown.map(({ curveLabel }) => curveLabel))];
    const runs = [...new Set(shown.map(({ run }) => run))].map((run) => {
      const lines = shown.filter((line) => line.run === run);
      return { line: lines[0]!, values: lines.map((line) => line.valueAt(axis, x)) };
    });
    return {
      columns: columns.length > 1 ? columns : [],
      rows: runs
        .filter(({ values }) => values.some((value) => !Number.isNaN(value)))
        .sort((a, b) => (b.values[0]! || -Infinity) - (a.values[0]! || -Infinity))
        .map(({ line, values }) => ({ line, texts: values.map((value) => this.options.format(value)) })),
    };
  }

  /** The values at a place, as a screen reader should say them. */
  valuesText(x: number): string {
    const axis = this.#drawing?.axis ?? 'step';
    return this.#lines
      .filter((line) => !line.hidden && line.run.visible && line.hasData)
      .map((line) => `${line.label}: ${this.options.format(line.valueAt(axis, x))}`)
      .join(', ');
  }

  /** The place of the axis under a pixel of the canvas, and how wide the drawn area is. */
  placeOf(clientX: number): { readonly x: number; readonly part: number } {
    const { left } = this.#canvas.getBoundingClientRect();
    const { chartArea, scales } = this.#chart;
    const scale = scales['x']!;
    const pixel = clientX - left;
    const width = Math.max(1, (chartArea?.right ?? 1) - (chartArea?.left ?? 0));
    return { x: scale.getValueForPixel(pixel) ?? 0, part: (pixel - (chartArea?.left ?? 0)) / width };
  }

  /** Width of the drawn area in pixels. */
  get width(): number {
    return Math.max(1, (this.#chart.chartArea?.right ?? 1) - (this.#chart.chartArea?.left ?? 0));
  }

  setTheme(theme: Theme): void {
    for (const line of this.#lines) line.setTheme(theme);
    this.#readout.setTheme(theme);
    for (const { lines, button } of this.#keys) {
      const [line] = lines;
      if (line === undefined) continue;
      const color = line.several ? theme.foreground : line.color(theme);
      button.firstElementChild!.replaceWith(swatch(color, line.several ? line.curveDash : line.dash(theme), line.isEval));
    }
    this.#muted = theme.muted;
    this.#font = `${Math.max(10, theme.fontSize - 2)}px ${theme.font}`;
    const font = { family: theme.font, size: Math.max(10, theme.fontSize - 2) };
    for (const axis of ['x', 'y']) {
      const scale = this.#chart.options.scales![axis]!;
      scale.ticks = { ...scale.ticks, color: theme.muted, font };
      scale.grid = { ...scale.grid, color: withAlpha(theme.grid, theme.highContrast ? 0.5 : 0.2) };
      scale.border = { display: true, color: withAlpha(theme.grid, theme.highContrast ? 1 : 0.5) };
    }
    this.#chart.update('none');
  }

  /** Where the best evaluation was, of a chart with one run: a line from top to bottom with its name. */
  #drawBest(): void {
    const drawing = this.#drawing;
    const line = this.#lines.find(({ isEval, hidden, run }) => isEval && !hidden && run.visible);
    const x = drawing === undefined || line === undefined || line.several ? undefined : line.bestAt(drawing.axis);
    if (x === undefined || x < drawing!.shown[0] || x > drawing!.shown[1]) return;
    const { ctx, chartArea, scales } = this.#chart;
    const at = Math.round(scales['x']!.getPixelForValue(x)) + 0.5;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = this.#muted;
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    ctx.moveTo(at, chartArea.top);
    ctx.lineTo(at, chartArea.bottom);
    ctx.stroke();
    ctx.font = this.#font;
    ctx.textBaseline = 'top';
    // Beside the line on the side with more room.
    const isRight = at > (chartArea.left + chartArea.right) / 2;
    ctx.textAlign = isRight ? 'right' : 'left';
    ctx.fillText('best', at + (isRight ? -4 : 4), chartArea.top + 2);
    ctx.restore();
  }

  #key(label: string, lines: readonly Line[]): Key {
    const value = element('span', { class: 'value' });
    const isShown = lines.some(({ hidden }) => !hidden);
    const button = element(
      'button',
      { class: 'key', type: 'button', 'aria-pressed': String(isShown), title: 'Show or hide this line' },
      // Drawn with the theme.
      element('span'),
      element('span', { class: 'label' }, label),
      value,
    );
    button.addEventListener('click', () => {
      const hidden = lines.some((line) => !line.hidden);
      for (const line of lines) line.hidden = hidden;
      button.setAttribute('aria-pressed', String(!hidden));
      this.#onStale();
    });
    return { label, lines, button, value };
  }
}

function configuration({ range, formatTick: tick = formatTick }: ChartOptions, onResize: () => void): ChartConfiguration<'line', Point[]> {
  return {
    type: 'line',
    data: { datasets: [] },
    options: {
      animation: false,
      responsive: true,
      onResize,
      maintainAspectRatio: false,
      parsing: false,
      normalized: true,
      // Pointer and keys are ours.
      events: [],
      scales: {
        // Its ticks are ours: whole steps, round times, none twice.
        x: {
          type: 'linear',
          ticks: {
            maxRotation: 0,
            autoSkip: false,
            callback(_value, i) {
              return (this.ticks[i] as { label?: string } | undefined)?.label ?? '';
            },
          },
        },
        y: {
          type: 'linear',
          ...(range === undefined ? {} : { min: range[0], max: range[1] }),
          ticks: { maxTicksLimit: 5, callback: (value) => tick(Number(value)) },
        },
      },
    },
  };
}
