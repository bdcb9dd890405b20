import type { EvalSeries } from '../../src/protocol/run.js';
import { RunSeries } from './series.js';

/** A run as the charts know it. */
export interface ChartRun {
  name: string;
  readonly series: RunSeries;
  evals: EvalSeries | undefined;
  /** False while its lines are hidden in every chart. */
  visible: boolean;
}

export function newChartRun(): ChartRun {
  return { name: '', series: new RunSeries(), evals: undefined, visible: true };
}
