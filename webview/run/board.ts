import { element } from '../ui/dom.js';
import type { Theme } from '../ui/theme.js';
import { AXIS_FORMATS, RunChart } from './chart.js';
import { type ChartOptions, CHARTS, sourceCharts } from './charts.js';
import { attachGestures } from './gestures.js';
import type { Drawing } from './line.js';
import type { ChartRun } from './runs.js';
import { type Axis, nearestRow } from './series.js';
import { smoothingWindow } from './smooth.js';
import { panBy, shownStretch, type Stretch, type Viewport, withFull, zoomAt, zoomTo } from './viewport.js';

/** How long one frame may be spent on drawing; charts that are left wait for the next. */
const FRAME_MILLISECONDS = 9;

/** What the person has set for all charts. */
export interface BoardSettings {
  readonly axis: Axis;
  /** Rows that the thick line averages over; `auto`: by the length of the run. */
  readonly smoothing: number | 'auto';
  readonly logarithmic: boolean;
}

/** All charts of the panel: one horizontal axis, one crosshair. Draws what is on the screen, and only what changed. */
export class ChartBoard {
  readonly root: HTMLElement;
  /** Those of the figures that every run has. */
  readonly #always: readonly RunChart[];
  /** Those of the sources of the runs' datasets. */
  #bySource: readonly RunChart[] = [];
  #sourceTitles: readonly string[] = [];
  readonly #announcement = element('p', { class: 'sr-only', role: 'status', 'aria-live': 'polite' });
  readonly #noSteps = element('p', { class: 'no-steps' }, 'Curves appear after the first step.');
  readonly #observer: IntersectionObserver;
  readonly #dirty = new Set<RunChart>();
  readonly #onScreen = new Set<RunChart>();
  readonly #onViewport: (viewport: Viewport) => void;
  #runs: readonly ChartRun[] = [];
  #theme: Theme;
  #settings: BoardSettings = { axis: 'step', smoothing: 'auto', logarithmic: false };
  #viewport: Viewport = { full: [0, 1], zoomed: undefined };
  /** Called with a step that somebody wants to know more of. */
  onPick: ((step: number) => void) | undefined;
  #crosshair: number | undefined;
  /** Where the pointer or the keys are. */
  #active: RunChart | undefined;
  #frame: number | undefined;

  constructor(theme: Theme, onViewport: (viewport: Viewport) => void) {
    this.#theme = theme;
    this.#onViewport = onViewport;
    this.#always = CHARTS.map((options) => this.#make(options));
    this.root = element(
      'div',
      { class: 'charts without-steps' },
      this.#noSteps,
      ...this.charts.map(({ root }) => root),
      this.#announcement,
    );
    this.#observer = new IntersectionObserver(
      (entries) => {
        for (const { target, isIntersecting } of entries) {
          const chart = this.charts.find(({ root }) => root === target);
          if (chart === undefined) continue;
          if (isIntersecting) this.#onScreen.add(chart);
          else this.#onScreen.delete(chart);
        }
        this.#schedule();
      },
      // Drawn a little before they scroll into view.
      { rootMargin: '160px' },
    );
    for (const { root } of this.charts) this.#observer.observe(root);
  }

  get charts(): readonly RunChart[] {
    return [...this.#always, ...this.#bySource];
  }

  #make(options: ChartOptions): RunChart {
    const chart: RunChart = new RunChart(
      options,
      () => this.#redraw(chart),
      () => this.enlarge(chart.isLarge ? undefined : chart),
    );
    attachGestures(chart, this);
    return chart;
  }

  /** Charts by source are made anew when there are other sources. */
  #placeSources(): void {
    const sources = [...new Set(this.#runs.flatMap(({ series }) => series.sources))];
    const wanted = sourceCharts(sources, this.#runs.length > 1);
    const titles = wanted.flatMap(({ title, curves }) => [title, ...curves.map(({ label }) => label)]);
    if (titles.join('\n') === this.#sourceTitles.join('\n')) return;
    for (const chart of this.#bySource) {
      this.#observer.unobserve(chart.root);
      this.#onScreen.delete(chart);
      this.#dirty.delete(chart);
      if (this.#active === chart) this.#active = undefined;
      chart.root.remove();
      chart.dispose();
    }
    this.#sourceTitles = titles;
    this.#bySource = wanted.map((options) => this.#make(options));
    for (const chart of this.#bySource) {
      this.#announcement.before(chart.root);
      this.#observer.observe(chart.root);
      chart.setRuns(this.#runs, this.#theme);
    }
  }

  /** Lets go of what outlives its elements. */
  dispose(): void {
    this.#observer.disconnect();
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    for (const chart of this.charts) chart.dispose();
  }

  get settings(): BoardSettings {
    return this.#settings;
  }

  set settings(settings: BoardSettings) {
    if (settings.axis !== this.#settings.axis) {
      this.#viewport = { full: this.#viewport.full, zoomed: undefined };
      this.#crosshair = undefined;
    }
    this.#settings = settings;
    this.changed();
  }

  get viewport(): Viewport {
    return this.#viewport;
  }

  setRuns(runs: readonly ChartRun[]): void {
    this.#runs = runs;
    this.#placeSources();
    for (const chart of this.charts) chart.setRuns(runs, this.#theme);
    this.changed();
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    for (const chart of this.charts) chart.setTheme(theme);
    this.#redraw(...this.charts);
  }

  /** The rows of some run are others now. */
  changed(): void {
    this.#placeSources();
    this.#setViewport(withFull(this.#viewport, this.#full()));
    const empty = this.#runs.every(({ series }) => series.length === 0);
    this.root.classList.toggle('without-steps', empty);
    this.#noSteps.hidden = !empty;
    for (const chart of this.charts) chart.root.hidden = !empty && !chart.hasData;
    this.#redraw(...this.charts);
  }

  zoom(factor: number, anchor?: number): void {
    const [min, max] = shownStretch(this.#viewport);
    this.#show(zoomAt(this.#viewport, anchor ?? this.#crosshair ?? (min + max) / 2, factor));
  }

  zoomTo(stretch: Stretch): void {
    this.#show(zoomTo(this.#viewport, stretch));
  }

  /** @param first the chart that should move without delay */
  pan(part: number, first?: RunChart): void {
    this.#show(panBy(this.#viewport, part), first);
  }

  reset(): void {
    this.#show({ full: this.#viewport.full, zoomed: undefined });
  }

  /** Shows one chart large, or none. */
  enlarge(large: RunChart | undefined): void {
    const before = this.charts.find(({ isLarge }) => isLarge);
    for (const chart of this.charts) if (chart.isLarge !== (chart === large)) chart.isLarge = chart === large;
    // Where it moves to, the eye goes too.
    (large ?? before)?.root.scrollIntoView({ block: 'nearest' });
  }

  get large(): RunChart | undefined {
    return this.charts.find(({ isLarge }) => isLarge);
  }

  /** Marks a place of the axis in every chart, and says in one which it is; `undefined` marks none. */
  mark(x: number | undefined, active?: RunChart): void {
    const to = x === undefined ? undefined : this.#snap(x);
    if (to === this.#crosshair && active === this.#active) return;
    this.#crosshair = to;
    this.#active = active;
    for (const chart of this.#onScreen) this.#setCrosshair(chart);
  }

  #setCrosshair(chart: RunChart): void {
    const x = this.#crosshair;
    chart.setCrosshair(x, x === undefined || chart !== this.#active ? undefined : this.placeText(x));
  }

  /** Moves the mark by so many drawn points, and says what is there. */
  step(chart: RunChart, by: number): void {
    const [min, max] = shownStretch(this.#viewport);
    const x = this.#longest()?.series.axis(this.#settings.axis) ?? new Float64Array();
    if (x.length === 0) return;
    const row = this.#crosshair === undefined ? (by > 0 ? nearestRow(x, min) - 1 : x.length) : nearestRow(x, this.#crosshair);
    // In a long run, as far as can be seen.
    const shownRows = nearestRow(x, max) - nearestRow(x, min);
    const stride = Math.max(1, Math.round(shownRows / chart.width)) * by;
    const to = x[Math.min(x.length - 1, Math.max(0, row + stride))]!;
    if (to < min || to > max) this.#show(zoomTo(this.#viewport, [to - (max - min) / 2, to + (max - min) / 2]));
    this.mark(to, chart);
    this.#announcement.textContent = `${this.placeText(to)}: ${chart.valuesText(to)}`;
  }

  /** How a place of the axis reads. */
  placeText(x: number): string {
    const text = AXIS_FORMATS[this.#settings.axis](x);
    return { step: `step ${text}`, time: text, tokens: `${text} tokens` }[this.#settings.axis];
  }

  /** Asks for more of the step that is nearest to a place. */
  pick(x: number | undefined): void {
    const series = this.#longest()?.series;
    if (x === undefined || series === undefined || series.length === 0) return;
    this.onPick?.(series.axis('step')[nearestRow(series.axis(this.#settings.axis), x)]!);
  }

  get crosshair(): number | undefined {
    return this.#crosshair;
  }

  /** Draws everything at once, also what is not on the screen, for a picture. */
  drawAll(): RunChart[] {
    const shown = this.charts.filter(({ root }) => !root.hidden);
    for (const chart of shown) this.#draw(chart);
    return shown;
  }

  #full(): Stretch {
    const { axis } = this.#settings;
    const first = axis === 'step' ? 1 : 0;
    let last = first;
    for (const { series } of this.#runs) last = Math.max(last, series.axis(axis).at(-1) ?? first);
    return [first, last > first ? last : first + 1];
  }

  /** The nearest place where some run has a row: with several, the longest knows most of them. */
  #snap(x: number): number {
    const axis = this.#longest()?.series.axis(this.#settings.axis);
    return axis?.[nearestRow(axis, x)] ?? x;
  }

  #longest(): ChartRun | undefined {
    let longest = this.#runs.find(({ visible }) => visible) ?? this.#runs[0];
    for (const run of this.#runs) if (run.visible && run.series.length > longest!.series.length) longest = run;
    return longest;
  }

  #show(viewport: Viewport, first?: RunChart): void {
    this.#setViewport(viewport);
    this.#redraw(...(first === undefined ? [] : [first]), ...this.charts);
  }

  #setViewport(viewport: Viewport): void {
    this.#viewport = viewport;
    this.#onViewport(viewport);
  }

  #redraw(...charts: readonly RunChart[]): void {
    // Those that wait already keep their turn, so that all are drawn in the end.
    for (const chart of charts) this.#dirty.add(chart);
    if (charts.length > this.charts.length) {
      // The first one is under somebody's hand.
      const rest = [...this.#dirty].filter((chart) => chart !== charts[0]);
      this.#dirty.clear();
      for (const chart of [charts[0]!, ...rest]) this.#dirty.add(chart);
    }
    this.#schedule();
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined;
      const end = performance.now() + FRAME_MILLISECONDS;
      for (const chart of this.#dirty) {
        if (!this.#onScreen.has(chart)) continue;
        this.#dirty.delete(chart);
        this.#draw(chart);
        if (performance.now() > end) break;
      }
      if ([...this.#dirty].some((chart) => this.#onScreen.has(chart))) this.#schedule();
    });
  }

  #draw(chart: RunChart): void {
    const { axis, smoothing, logarithmic } = this.#settings;
    const drawing: Omit<Drawing, 'width'> = {
      axis,
      shown: shownStretch(this.#viewport),
      window: smoothing === 'auto' ? smoothingWindow : () => smoothing,
      logarithmic,
    };
    chart.draw(drawing);
    this.#setCrosshair(chart);
  }
}
