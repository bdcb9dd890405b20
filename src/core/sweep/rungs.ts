import type { BestMetric } from '../../metrics.js';
import type { HalvingBlock } from '../config-file/index.js';
import { MOST } from '../options/rule.js';

/** Early stopping of hopeless runs, with everything decided. */
export interface Halving {
  readonly metric: BestMetric;
  readonly factor: number;
  readonly rungs?: readonly number[] | undefined;
  readonly minSteps?: number | undefined;
}

const DEFAULT_FACTOR = 3;

export function halvingOf({ metric, factor, rungs, min_steps: minSteps }: HalvingBlock): Halving {
  return { metric: metric ?? 'eval_loss', factor: factor ?? DEFAULT_FACTOR, rungs, minSteps };
}

/** The step of a rung, from 0; undefined after the last. */
export function rungStep({ rungs, minSteps, factor }: Halving, rung: number): number | undefined {
  if (rungs !== undefined) return rungs[rung];
  const step = (minSteps ?? MOST + 1) * factor ** rung;
  return step <= MOST ? step : undefined;
}

/** What was decided at a rung. Kept as it was decided, whatever becomes of the runs later. */
export interface Rung {
  readonly step: number;
  /** What was compared, by the trial's name; null where it is no number. */
  readonly values: Readonly<Record<string, number | null>>;
  /** Names of the trials that go on. */
  readonly on: readonly string[];
}

/** A trial as rungs see it. One that failed or was passed over is none. */
export interface Contender {
  readonly name: string;
  /** The same for all seeds of a setting. */
  readonly setting: string;
  /** Evaluations so far, the compared metric by step; NaN where it is no number. */
  readonly evaluations: ReadonlyMap<number, number>;
  /** It has done all of its steps. */
  readonly isFinished: boolean;
}

/** How a trial stands. */
export interface Standing {
  /** The rung that it goes for; undefined: its end. */
  readonly goal: number | undefined;
  /** It is there, and waits for others. */
  readonly waits: boolean;
  /** The rung that it did not get past, from 1, and its step. */
  readonly out: { readonly rung: number; readonly step: number } | undefined;
}

export interface Standings {
  readonly rungs: readonly Rung[];
  readonly of: ReadonlyMap<string, Standing>;
}

/**
 * Successive halving (Jamieson and Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization", algorithm 1;
 * Li et al. 2018, "Hyperband", for the rungs): at each rung, once all that are left have been evaluated there, the best
 * floor(settings / factor) go on, one at least. Seeds of a setting are judged by the mean, and go on together. It waits for all, unlike ASHA
 * (Li et al. 2020): what goes on must not depend on which run was the faster, or on how often the queue was restarted.
 *
 * Of equal settings the one that comes first in the sweep is the better; one whose mean is no number is the worst. Once a run has finished
 * without an evaluation at a rung, nothing is compared there or later. A single setting that is left needs no comparison.
 *
 * @param contenders in the order of the sweep
 * @param decided earlier decisions. One that knows nothing of a contender which has come to it is made anew, with those after it
 */
export function standings(contenders: readonly Contender[], halving: Halving, decided: readonly Rung[] = []): Standings {
  const of = new Map<string, Standing>();
  const rungs: Rung[] = [];
  let left = contenders;
  let goal: number | undefined;
  for (let k = 0; new Set(left.map(({ setting }) => setting)).size > 1; k++) {
    const step = rungStep(halving, k);
    if (step === undefined || left.some((each) => each.isFinished && !each.evaluations.has(step))) break;
    const known = decided.length > k && rungs.length === k ? decided[k] : undefined;
    const isKnown = known?.step === step && left.every(({ name }) => Object.hasOwn(known.values, name));
    if (!isKnown) decided = decided.slice(0, k);
    if (!isKnown && left.some(({ evaluations }) => !evaluations.has(step))) {
      goal = step;
      break;
    }
    const rung = isKnown ? known : decide(left, step, halving);
    rungs.push(rung);
    const on = new Set(rung.on);
    for (const { name } of left) if (!on.has(name)) of.set(name, { goal: undefined, waits: false, out: { rung: k + 1, step } });
    left = left.filter(({ name }) => on.has(name));
  }
  for (const { name, evaluations } of left) {
    of.set(name, { goal, waits: goal !== undefined && evaluations.has(goal), out: undefined });
  }
  return { rungs, of };
}

function decide(left: readonly Contender[], step: number, { metric, factor }: Halving): Rung {
  const bySetting = new Map<string, number[]>();
  for (const { setting, evaluations } of left) bySetting.set(setting, [...(bySetting.get(setting) ?? []), evaluations.get(step)!]);
  // As the runner has it for metric_for_best_model.
  const sign = metric.endsWith('loss') ? 1 : -1;
  const judged = [...bySetting].map(([setting, values]) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return { setting, cost: Number.isNaN(mean) ? Infinity : sign * mean };
  });
  // Sorting is stable: equals stay in the order of the sweep. Infinity less itself is no number.
  judged.sort((a, b) => (a.cost === b.cost ? 0 : a.cost - b.cost));
  const best = new Set(judged.slice(0, Math.max(1, Math.floor(judged.length / factor))).map(({ setting }) => setting));
  return {
    step,
    values: Object.fromEntries(
      left.map(({ name, evaluations }) => {
        const value = evaluations.get(step)!;
        return [name, Number.isFinite(value) ? value : null];
      }),
    ),
    on: left.filter(({ setting }) => best.has(setting)).map(({ name }) => name),
  };
}
