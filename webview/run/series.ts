import { SERIES, type SeriesName, type SeriesUpdate } from '../../src/protocol.js';

/** The curves as the host sent them: one row per step, in full. */
export class SeriesStore {
  readonly step: number[] = [];
  readonly columns: Readonly<Record<SeriesName, number[]>> = Object.fromEntries(
    SERIES.map((name) => [name, [] as number[]]),
  ) as Record<SeriesName, number[]>;

  get length(): number {
    return this.step.length;
  }

  /** Takes over an update; false when it does not join the rows that are here, so that rows are missing between. */
  apply(update: SeriesUpdate): boolean {
    if (update.from > this.length) return false;
    replaceFrom(this.step, update.from, update.step);
    for (const name of SERIES) replaceFrom(this.columns[name], update.from, update.columns[name]);
    return true;
  }

  clear(): void {
    this.step.length = 0;
    for (const name of SERIES) this.columns[name].length = 0;
  }
}

/** Not `push(...values)`: a long run has more values than a call may have arguments. */
function replaceFrom(target: number[], from: number, values: Float64Array): void {
  target.length = from;
  for (const value of values) target.push(value);
}
