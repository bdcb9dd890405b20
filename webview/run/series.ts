import { RATES, SERIES, type SeriesName, SOURCE_SERIES, type SourceSeriesName } from '../../src/metrics.js';
import type { EvalSeries, SeriesUpdate } from '../../src/protocol/run.js';
import { extendTrailingMean } from './smooth.js';

/** What the horizontal axis counts: steps, seconds of training, or tokens computed. */
export const AXES = ['step', 'time', 'tokens'] as const;
export type Axis = (typeof AXES)[number];

/** A figure of one source of a dataset. */
export type SourceCurve = `${SourceSeriesName} of ${string}`;

/** What can be drawn: what the host sends, and rates that follow from it. */
export type CurveName = SeriesName | keyof typeof RATES | SourceCurve;

function sourceOf(curve: string): { readonly metric: SourceSeriesName; readonly source: string } | undefined {
  const metric = SOURCE_SERIES.find((name) => curve.startsWith(`${name} of `));
  return metric === undefined ? undefined : { metric, source: curve.slice(`${metric} of `.length) };
}

/** The values of a curve at evaluations; undefined where there are none. */
export function evalColumn({ columns, sources }: EvalSeries, curve: string): Float32Array | undefined {
  const found = sourceOf(curve);
  return found === undefined ? (columns as Readonly<Record<string, Float32Array>>)[curve] : sources?.[found.source]?.[found.metric];
}

/** A typed array that grows. */
class Column<A extends Float32Array | Float64Array> {
  length = 0;
  #data: A;

  constructor(readonly make: (length: number) => A) {
    this.#data = make(1024);
  }

  /** The values as they are now; not a copy, and only good until the next change. */
  get values(): A {
    return this.#data.subarray(0, this.length) as A;
  }

  replaceFrom(from: number, values: ArrayLike<number>): void {
    this.#reserve(from + values.length);
    this.#data.set(values, from);
    this.length = from + values.length;
  }

  /** Room for so many values, of which those from `from` on are for the caller to set. */
  resize(length: number): A {
    this.#reserve(length);
    this.length = length;
    return this.values;
  }

  #reserve(length: number): void {
    if (length <= this.#data.length) return;
    const grown = this.make(Math.max(length, 2 * this.#data.length));
    grown.set(this.#data.subarray(0, this.length));
    this.#data = grown;
  }
}

const singles = (): Column<Float32Array> => new Column((length) => new Float32Array(length));
const doubles = (): Column<Float64Array> => new Column((length) => new Float64Array(length));

interface Smoothed {
  readonly window: number;
  readonly column: Column<Float32Array>;
}

/** One run's curves as the host sent them: one row per step, in full; with what follows from them. */
export class RunSeries {
  readonly #step = doubles();
  readonly #columns = Object.fromEntries(SERIES.map((name) => [name, singles()])) as Record<SeriesName, Column<Float32Array>>;
  readonly #sources = new Map<string, Record<SourceSeriesName, Column<Float32Array>>>();
  readonly #rates = Object.fromEntries(Object.keys(RATES).map((name) => [name, singles()])) as Record<
    keyof typeof RATES,
    Column<Float32Array>
  >;
  /** Sums over the rows so far. */
  readonly #time = doubles();
  readonly #tokens = doubles();
  readonly #smoothed = new Map<CurveName, Smoothed>();
  #isOverview = false;

  get length(): number {
    return this.#step.length;
  }

  /** True while rows between are missing: sums and means over rows are not yet what they will be. */
  get isOverview(): boolean {
    return this.#isOverview;
  }

  /** Takes over an update; false when it does not join the rows that are here, so that rows are missing between. */
  apply(update: SeriesUpdate): boolean {
    const { from } = update;
    if (from > this.length) return false;
    this.#isOverview = update.overview === true;
    this.#step.replaceFrom(from, update.step);
    for (const name of SERIES) this.#columns[name].replaceFrom(from, update.columns[name]);
    this.#applySources(update);
    this.#derive(from);
    for (const { column } of this.#smoothed.values()) column.length = Math.min(column.length, from);
    return true;
  }

  /** Names of the sources that some row had pairs of. */
  get sources(): readonly string[] {
    return [...this.#sources.keys()];
  }

  #applySources({ from, step, sources = {} }: SeriesUpdate): void {
    if (from === 0) this.#sources.clear();
    for (const name of Object.keys(sources)) {
      if (this.#sources.has(name)) continue;
      const made = SOURCE_SERIES.map((metric) => [metric, singles()] as const);
      for (const [, column] of made) column.resize(from).fill(NaN);
      this.#sources.set(name, Object.fromEntries(made) as Record<SourceSeriesName, Column<Float32Array>>);
    }
    const none = new Float32Array(step.length).fill(NaN);
    for (const [name, columns] of this.#sources) {
      for (const metric of SOURCE_SERIES) columns[metric].replaceFrom(from, sources[name]?.[metric] ?? none);
    }
  }

  /** The step of every row, rising. */
  get steps(): Float64Array {
    return this.#step.values;
  }

  /** Where every row stands on an axis, rising. */
  axis(axis: Axis): Float64Array {
    return { step: this.#step, time: this.#time, tokens: this.#tokens }[axis].values;
  }

  curve(name: CurveName): Float32Array {
    if (Object.hasOwn(RATES, name)) return this.#rates[name as keyof typeof RATES].values;
    const found = sourceOf(name);
    if (found === undefined) return this.#columns[name as SeriesName].values;
    return this.#sources.get(found.source)?.[found.metric].values ?? new Float32Array(this.length).fill(NaN);
  }

  /** Mean of each value of a curve and those before it, at most `window` of them. */
  smoothed(name: CurveName, window: number): Float32Array {
    if (window <= 1) return this.curve(name);
    let smoothed = this.#smoothed.get(name);
    if (smoothed?.window !== window) {
      smoothed = { window, column: singles() };
      this.#smoothed.set(name, smoothed);
    }
    const { column } = smoothed;
    const from = column.length;
    if (from < this.length) extendTrailingMean(this.curve(name), window, from, column.resize(this.length));
    return column.values;
  }

  /** True when a curve has a number somewhere. */
  has(name: CurveName): boolean {
    return this.curve(name).some((value) => !Number.isNaN(value));
  }

  #derive(from: number): void {
    const { length } = this;
    const seconds = this.#columns.seconds.values;
    const pairs = this.#columns.pairs.values;
    const tokens = this.#columns.tokens.values;
    const time = this.#time.resize(length);
    const total = this.#tokens.resize(length);
    const pairRate = this.#rates['pairs/s'].resize(length);
    const tokenRate = this.#rates['tokens/s'].resize(length);
    const communication = this.#columns.communication.values;
    const share = this.#rates['communication share'].resize(length);
    const slowest = this.#columns.slowest_rank.values;
    const over = this.#rates['slowest over mean'].resize(length);
    for (let i = from; i < length; i++) {
      const took = seconds[i]! > 0 ? seconds[i]! : 0;
      time[i] = (i === 0 ? 0 : time[i - 1]!) + took;
      total[i] = (i === 0 ? 0 : total[i - 1]!) + (tokens[i]! || 0);
      pairRate[i] = took > 0 ? pairs[i]! / took : NaN;
      tokenRate[i] = took > 0 ? tokens[i]! / took : NaN;
      share[i] = took > 0 ? communication[i]! / took : NaN;
      over[i] = slowest[i]! - 1;
    }
  }
}

/** First row whose value is not below `value`, in a rising column. */
export function rowOf(values: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The row nearest to a value of a rising column; -1 when it is empty. */
export function nearestRow(values: ArrayLike<number>, value: number): number {
  const row = rowOf(values, value);
  if (row === values.length) return values.length - 1;
  return row > 0 && value - values[row - 1]! < values[row]! - value ? row - 1 : row;
}
