import type { StepMetric } from '../../metrics.js';
import type { RunHistory } from './history.js';

/** A sign that a run goes wrong. */
export interface Divergence {
  readonly kind: 'not-finite' | 'collapse' | 'saturation' | 'overfitting';
  readonly what: string;
  readonly advice: string;
}

/** Steps that a judgement needs on each side: fewer say more of the pairs in them than of the run. */
const WINDOW = 20;
/** Chosen responses may become somewhat less likely in any DPO run; this many nats and this part of them is no longer that. */
const COLLAPSE_NATS = 30;
const COLLAPSE_PART = 0.5;
/** All pairs are told apart, and the loss is this part of what it began with. */
const SATURATED_ACCURACY = 0.995;
const SATURATED_LOSS_PART = 0.02;

/** Evaluations in a row that must be worse than the best: one alone may be chance. */
const WORSE_EVALS = 2;
/** The evaluation's loss has risen by this part of the best, and by at least so much. */
const RISEN_PART = 0.05;
const RISEN = 0.01;

type Columns = Pick<RunHistory, 'steps' | 'columns' | 'evals'>;

/** What looks wrong with a run by its latest steps; nothing when all is well. Looks at a few rows and the evaluations. */
export function divergences(history: Columns): Divergence[] {
  const found = [notFinite(history), collapse(history), overfitting(history), saturation(history)];
  return found.flatMap((sign) => sign ?? []);
}

function notFinite({ steps, columns }: Columns): Divergence | undefined {
  const last = steps.length - 1;
  if (last < 0 || !Number.isNaN(columns.loss[last]!)) return undefined;
  let first = last;
  while (first > 0 && Number.isNaN(columns.loss[first - 1]!)) first--;
  return {
    kind: 'not-finite',
    what: `the loss has not been a number since step ${steps[first]!}`,
    advice: 'the run no longer learns anything: stop it, and start again with a lower learning rate or longer warm-up',
  };
}

function collapse({ steps, columns }: Columns): Divergence | undefined {
  if (steps.length < 2 * WINDOW) return undefined;
  const begin = mean(columns['logps/chosen'], 0, WINDOW);
  const now = mean(columns['logps/chosen'], steps.length - WINDOW, steps.length);
  const lost = begin - now;
  if (!(lost > COLLAPSE_NATS && lost > COLLAPSE_PART * Math.abs(begin))) return undefined;
  return {
    kind: 'collapse',
    what: `chosen responses are becoming unlikely: their log-probability fell from ${begin.toFixed(0)} to ${now.toFixed(0)}`,
    advice: 'the model may be forgetting how to write: lower the learning rate, raise beta, or add an SFT term to the loss',
  };
}

/** What is learnt further on holds for the pairs trained on only. */
function overfitting({ evals }: Columns): Divergence | undefined {
  const known = evals.filter(({ loss }) => !Number.isNaN(loss));
  let best = 0;
  known.forEach(({ loss }, i) => {
    if (loss < known[best]!.loss) best = i;
  });
  const since = known.slice(best + 1);
  const [lowest, last] = [known[best], since.at(-1)];
  if (lowest === undefined || last === undefined || since.length < WORSE_EVALS) return undefined;
  const risen = last.loss - lowest.loss;
  if (!(risen >= RISEN && risen >= RISEN_PART * Math.abs(lowest.loss))) return undefined;
  return {
    kind: 'overfitting',
    what:
      `evaluation has become worse since step ${lowest.step}: its loss was ${lowest.loss.toFixed(3)} then ` +
      `and is ${last.loss.toFixed(3)} after step ${last.step}`,
    advice:
      'the model is memorising its training pairs instead of learning what holds for others: stop, and export ' +
      'the best model; for the next run use fewer epochs, a lower learning rate or a higher beta',
  };
}

function saturation({ steps, columns }: Columns): Divergence | undefined {
  if (steps.length < 3 * WINDOW) return undefined;
  const recent = (name: StepMetric): number => mean(columns[name], steps.length - 2 * WINDOW, steps.length);
  const begin = mean(columns.loss, 0, WINDOW);
  if (!(recent('rewards/accuracies') >= SATURATED_ACCURACY)) return undefined;
  if (!(recent('loss') < SATURATED_LOSS_PART * begin)) return undefined;
  return {
    kind: 'saturation',
    what: `nothing is left to learn: every pair is ranked correctly, with a margin of ${recent('rewards/margins').toFixed(1)}`,
    advice: 'further steps only widen the margins: stop here and keep the checkpoint, or use fewer epochs or a higher beta',
  };
}

/** Of the values that are numbers; NaN when there is none. */
function mean(values: readonly number[], from: number, to: number): number {
  let sum = 0;
  let count = 0;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    sum += value;
    count++;
  }
  return count === 0 ? NaN : sum / count;
}
