import type { StepMetric } from '../../metrics.js';
import type { EvalRow, RunHistory } from './history.js';

/** So many of the latest pairs a training figure is a mean over, at least: one step's few say little of the run. */
const LEAST_PAIRS = 100;

/** What a run is judged by in a line: its figures, and what they are of. A figure that is no number is undefined. */
export interface Headline {
  /**
   * `evaluation`: pairs that are not trained on, after `step`, the latest evaluation. `training`: the mean over the latest
   * `pairs` pairs, up to `step`.
   */
  readonly of: 'evaluation' | 'training';
  readonly step: number;
  readonly pairs: number;
  readonly loss: number | undefined;
  readonly margin: number | undefined;
  readonly accuracy: number | undefined;
  /** The best evaluation so far by `metric_for_best_model`; undefined without one. */
  readonly best: BestEvaluation | undefined;
}

export interface BestEvaluation {
  readonly step: number;
  readonly loss: number | undefined;
  readonly margin: number | undefined;
  readonly accuracy: number | undefined;
}

/**
 * A run's figures: of its latest evaluation as soon as there is one, else a mean over the latest pairs trained on.
 *
 * @returns undefined before the first step
 */
export function headline(history: Pick<RunHistory, 'steps' | 'columns' | 'evals' | 'best'>): Headline | undefined {
  const latest = history.evals.at(-1);
  const best = history.best === undefined ? undefined : { step: history.best.step, ...figures(history.best) };
  if (latest !== undefined) {
    return { of: 'evaluation', step: latest.step, pairs: latest.pairs, ...figures(latest), best };
  }
  const { steps, columns } = history;
  if (steps.length === 0) return undefined;
  let from = steps.length;
  let pairs = 0;
  while (from > 0 && pairs < LEAST_PAIRS) pairs += columns.pairs[--from]! || 0;
  const mean = (name: StepMetric): number | undefined => {
    let sum = 0;
    for (let row = from; row < steps.length; row++) sum += columns[name][row]! * (columns.pairs[row]! || 0);
    // One that is no number makes the mean none: that is to be seen.
    return known(pairs === 0 ? columns[name].at(-1)! : sum / pairs);
  };
  return {
    of: 'training',
    step: steps.at(-1)!,
    pairs,
    loss: mean('loss'),
    margin: mean('rewards/margins'),
    accuracy: mean('rewards/accuracies'),
    best,
  };
}

function figures(row: EvalRow): Pick<Headline, 'loss' | 'margin' | 'accuracy'> {
  return {
    loss: known(row.loss),
    margin: known(row['rewards/margins']),
    accuracy: known(row['rewards/accuracies']),
  };
}

function known(value: number): number | undefined {
  return Number.isNaN(value) ? undefined : value;
}
