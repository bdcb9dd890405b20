import { EVAL_METRICS, type EvalMetricName, SOURCE_METRICS, type SourceMetric, STEP_METRICS, type StepMetric } from '../../metrics.js';
import type {
  CheckpointEvent,
  DeviceReading,
  EvalEvent,
  FailedEvent,
  FinishedEvent,
  RecomputeEvent,
  RunEvent,
  RunPhase,
  SampleEvent,
  StartEvent,
  StepEvent,
  StoppedEvent,
  WarningEvent,
} from '../events/events.js';
import { PhaseClock, type TimeSpent } from './phase-clock.js';
import { type RankTimes, RecentRanks } from './ranks.js';

/** Figures of one source of the dataset, a column each. */
export type SourceColumns = Readonly<Record<SourceMetric, number[]>>;

/** One evaluation. A figure that the runner did not say, or could not express, is NaN. */
export type EvalRow = {
  readonly step: number;
  /** Pairs it is over. */
  readonly pairs: number;
  /** The best so far by `metric_for_best_model`. */
  readonly best: boolean;
  /** Of each source that it has pairs of, by name. */
  readonly sources: ReadonlyMap<string, Readonly<Record<SourceMetric, number>>>;
} & Readonly<Record<EvalMetricName, number>>;

/** Recent steps that speed is judged by. */
const RECENT_STEPS = 20;

/** How fast a run goes, over its most recent steps. */
export interface Pace {
  readonly pairsPerSecond: number;
  readonly tokensPerSecond: number;
  /** Fraction of the measured ceiling, or undefined when it is not known. */
  readonly speedOfLight: number | undefined;
  /** Seconds until the last step is done, at this pace. */
  readonly secondsLeft: number;
}

/**
 * What a run's events add up to: one column per metric, one row per step, rising step numbers.
 *
 * A step that was done again replaces the earlier one. A resume drops the steps after its checkpoint: the weights they
 * led to are gone, and they are about to be done again.
 */
export class RunHistory {
  /** Step numbers, from 1, rising. */
  readonly steps: number[] = [];
  /** Same length as `steps`. A value the runner could not express (NaN, infinity) is NaN. */
  readonly columns: Readonly<Record<StepMetric, number[]>> = Object.fromEntries(
    STEP_METRICS.map((name) => [name, [] as number[]]),
  ) as Record<StepMetric, number[]>;
  /** Of each source, by name, as they are first met. Same length as `steps`; NaN where a step has no pair of it. */
  readonly sources = new Map<string, SourceColumns>();

  start: StartEvent | undefined;
  starts = 0;
  phase: RunPhase | undefined;
  /** Progress within the present phase, in bins. */
  progress: { readonly done: number; readonly total: number } | undefined;
  ceilingFlops: number | undefined;
  /** What this start of the run computes again; undefined before that is decided, and from older runners. */
  recompute: RecomputeEvent | undefined;
  /** Whole checkpoints, oldest first, latest of each step. */
  checkpoints: CheckpointEvent[] = [];
  /** Oldest first, one a step. */
  evals: readonly EvalRow[] = [];
  /** Oldest first, one a step and model. */
  samples: readonly SampleEvent[] = [];
  exportPath: string | undefined;
  /** Steps that led to the exported model. */
  exportStep: number | undefined;
  /** What the present start of the run goes on without; each once. */
  warnings: readonly WarningEvent[] = [];
  /** The GPUs of the present start as they were told of last. */
  devices: readonly DeviceReading[] = [];
  /** How the run ended, until it is resumed. */
  terminal: FinishedEvent | StoppedEvent | FailedEvent | undefined;
  lastEvent: RunEvent | undefined;
  /** Rows before this one are as they were at the last {@link takeChangedFrom}. */
  #changedFrom = 0;
  readonly #clock = new PhaseClock();
  readonly #ranks = new RecentRanks();

  /** Steps of the whole run, or undefined before the runner said so. */
  get totalSteps(): number | undefined {
    return this.start?.steps;
  }

  /** The latest step done; before the first one, the step the run was resumed from, or 0. */
  get step(): number {
    return this.steps.at(-1) ?? this.start?.resumedFrom ?? 0;
  }

  /** The best evaluation so far by `metric_for_best_model`, or undefined. */
  get best(): EvalRow | undefined {
    for (let i = this.evals.length - 1; i >= 0; i--) if (this.evals[i]!.best) return this.evals[i];
    return undefined;
  }

  /** Where the time went so far, over all starts; undefined before the first. */
  get timeSpent(): TimeSpent | undefined {
    return this.#clock.spent(this.lastEvent);
  }

  /** How the devices of the present start share its latest steps; undefined for a single one. */
  get ranks(): RankTimes | undefined {
    return this.#ranks.times;
  }

  /** The newest value of a column that is a number, or undefined. */
  latest(column: StepMetric): number | undefined {
    const value = this.columns[column].at(-1);
    return value === undefined || Number.isNaN(value) ? undefined : value;
  }

  /** Forgets everything, for a log that begins again. */
  clear(): void {
    this.#cut(0);
    this.start = undefined;
    this.starts = 0;
    this.phase = undefined;
    this.progress = undefined;
    this.ceilingFlops = undefined;
    this.recompute = undefined;
    this.checkpoints = [];
    this.evals = [];
    this.samples = [];
    this.exportPath = undefined;
    this.exportStep = undefined;
    this.warnings = [];
    this.devices = [];
    this.terminal = undefined;
    this.lastEvent = undefined;
    this.#clock.clear();
    this.#ranks.clear();
  }

  add(event: RunEvent): void {
    this.#clock.add(event, this.lastEvent);
    this.lastEvent = event;
    switch (event.type) {
      case 'start':
        this.start = event;
        this.starts++;
        this.phase = undefined;
        this.progress = undefined;
        this.terminal = undefined;
        this.recompute = undefined;
        this.warnings = [];
        this.devices = [];
        this.#ranks.clear();
        this.exportPath = undefined;
        this.exportStep = undefined;
        this.#cut(this.#rowOf((event.resumedFrom ?? 0) + 1));
        this.checkpoints = this.checkpoints.filter(({ step }) => step <= (event.resumedFrom ?? 0));
        this.evals = this.evals.filter(({ step }) => step <= (event.resumedFrom ?? 0));
        this.samples = this.samples.filter(({ step }) => step <= (event.resumedFrom ?? 0));
        break;
      case 'phase':
        this.phase = event.phase;
        this.progress = undefined;
        break;
      case 'progress':
        this.phase = event.phase;
        this.progress = { done: event.done, total: event.total };
        break;
      case 'recompute':
        this.recompute = event;
        break;
      case 'ceiling':
        this.ceilingFlops = event.flops;
        break;
      case 'step':
        this.phase = 'train';
        this.progress = undefined;
        this.#addStep(event);
        this.#ranks.add(event);
        break;
      case 'eval':
        this.evals = [...this.evals.filter(({ step }) => step < event.step), evalRow(event)];
        break;
      case 'sample':
        this.samples = [...this.samples.filter(({ step, model }) => step !== event.step || model !== event.model), event];
        break;
      case 'checkpoint':
        this.checkpoints = [...this.checkpoints.filter(({ step }) => step < event.step), event];
        break;
      case 'devices':
        this.devices = event.devices;
        break;
      case 'warning':
        if (!this.warnings.some(({ what, where }) => what === event.what && where === event.where))
          this.warnings = [...this.warnings, event];
        break;
      case 'export':
        this.exportPath = event.path;
        this.exportStep = event.step ?? this.step;
        break;
      case 'finished':
      case 'stopped':
      case 'failed':
        this.terminal = event;
        break;
    }
  }

  /** First row that is new or other than it was at the last call; the number of rows when nothing changed. */
  takeChangedFrom(): number {
    const from = Math.min(this.#changedFrom, this.steps.length);
    this.#changedFrom = this.steps.length;
    return from;
  }

  /** Speed over the latest steps of this start, or undefined before the first. */
  get pace(): Pace | undefined {
    const first = this.#rowOf((this.start?.resumedFrom ?? 0) + 1);
    const from = Math.max(first, this.steps.length - RECENT_STEPS);
    let rows = 0;
    let seconds = 0;
    let pairs = 0;
    let tokens = 0;
    let light = 0;
    for (let row = from; row < this.steps.length; row++) {
      const took = this.columns.seconds[row]!;
      if (!(took > 0)) continue;
      rows++;
      seconds += took;
      pairs += this.columns.pairs[row]!;
      tokens += this.columns.tokens[row]!;
      // Weighted by time: the fraction of the ceiling reached over these steps as a whole.
      light += this.columns.speedOfLight[row]! * took;
    }
    if (rows === 0) return undefined;
    const left = Math.max(0, (this.totalSteps ?? this.step) - this.step);
    return {
      pairsPerSecond: pairs / seconds,
      tokensPerSecond: tokens / seconds,
      speedOfLight: Number.isNaN(light) ? undefined : light / seconds,
      secondsLeft: (left * seconds) / rows,
    };
  }

  #addStep(event: StepEvent): void {
    const row = this.#rowOf(event.step);
    if (this.steps[row] !== event.step) {
      // Not at the end only when the log is out of order; then the row is opened where it belongs.
      const isLast = row === this.steps.length;
      for (const column of [this.steps, ...this.#allColumns()]) {
        if (isLast) column.push(NaN);
        else column.splice(row, 0, NaN);
      }
      this.steps[row] = event.step;
    }
    for (const name of STEP_METRICS) this.columns[name][row] = event[name] ?? NaN;
    for (const name of Object.keys(event.sources ?? {})) {
      if (!this.sources.has(name)) this.sources.set(name, this.#newSource());
    }
    for (const [source, columns] of this.sources) {
      const figures = event.sources?.[source];
      for (const name of SOURCE_METRICS) columns[name][row] = figures?.[name] ?? NaN;
    }
    this.#changedFrom = Math.min(this.#changedFrom, row);
  }

  /** Columns of a source that no row before spoke of. */
  #newSource(): SourceColumns {
    const empty = (): number[] => Array.from({ length: this.steps.length }, () => NaN);
    return Object.fromEntries(SOURCE_METRICS.map((name) => [name, empty()])) as Record<SourceMetric, number[]>;
  }

  #allColumns(): number[][] {
    const ofSources = [...this.sources.values()].flatMap((columns) => Object.values(columns));
    return [...Object.values(this.columns), ...ofSources];
  }

  /** Row of the first step that is not below this one. */
  #rowOf(step: number): number {
    let low = 0;
    let high = this.steps.length;
    // A new step is nearly always the last.
    if (high === 0 || this.steps[high - 1]! < step) return high;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.steps[middle]! < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #cut(row: number): void {
    if (row >= this.steps.length) return;
    for (const column of [this.steps, ...this.#allColumns()]) column.length = row;
    if (row === 0) this.sources.clear();
    this.#changedFrom = Math.min(this.#changedFrom, row);
  }
}

function evalRow(event: EvalEvent): EvalRow {
  const figures = EVAL_METRICS.map((name) => [name, event[`eval_${name}`] ?? NaN]);
  const sources = Object.entries(event.sources ?? {}).map(([source, of]) => {
    const row = Object.fromEntries(SOURCE_METRICS.map((name) => [name, of[name] ?? NaN]));
    return [source, row as Record<SourceMetric, number>] as const;
  });
  return {
    step: event.step,
    pairs: event.pairs,
    best: event.best,
    sources: new Map(sources),
    ...(Object.fromEntries(figures) as Record<EvalMetricName, number>),
  };
}
