import { isActive, type RunState } from '../run/states.js';
import { PASSED_OVER } from './orders.js';
import type { SweepRecord, TrialRecord } from './record.js';

/**
 * How a trial stands.
 *
 * - `waiting`: it has no run yet, or one that stopped and goes on when its turn comes
 * - `working`: its run is at work
 * - `early`: the sweep stopped it for good at a rung
 * - `skipped`: somebody passed it over
 * - `failed`: it came to nothing
 */
export type TrialState = 'waiting' | 'working' | 'finished' | 'early' | 'skipped' | 'failed';
const TRIAL_STATES = ['finished', 'working', 'waiting', 'early', 'skipped', 'failed'] as const satisfies readonly TrialState[];

export interface TrialProgress extends Pick<TrialRecord, 'name' | 'folder' | 'early'> {
  readonly state: TrialState;
  /** Why it failed, as the queue noted it. */
  readonly why: string | undefined;
  /** Its place among those that wait, from 1. */
  readonly place: number | undefined;
}

export interface SweepProgress {
  readonly trials: readonly TrialProgress[];
  readonly counts: Readonly<Record<TrialState, number>>;
  /** Nothing is left to do. */
  readonly isDone: boolean;
}

/**
 * How far a sweep is, by its record and the states of its runs.
 *
 * @param stateOf a run by its folder; undefined when it is gone
 */
export function sweepProgress({ trials, first = [] }: SweepRecord, stateOf: (folder: string) => RunState | undefined): SweepProgress {
  const place = new Map(first.map((name, i) => [name, i - first.length]));
  const states = trials.map((trial) => trialState(trial, trial.folder === undefined ? undefined : stateOf(trial.folder)));
  const line = [...trials.keys()]
    .filter((at) => states[at] === 'waiting')
    .sort((a, b) => (place.get(trials[a]!.name) ?? a) - (place.get(trials[b]!.name) ?? b));
  const counts = Object.fromEntries(TRIAL_STATES.map((state) => [state, states.filter((each) => each === state).length]));
  return {
    trials: trials.map(({ name, folder, early, skipped }, at) => ({
      ...{ name, folder, early },
      state: states[at]!,
      why: states[at] === 'failed' && skipped !== PASSED_OVER ? skipped : undefined,
      place: states[at] === 'waiting' ? line.indexOf(at) + 1 : undefined,
    })),
    counts: counts as Record<TrialState, number>,
    isDone: line.length === 0 && !states.includes('working'),
  };
}

function trialState({ skipped, early }: TrialRecord, run: RunState | undefined): TrialState {
  if (run === 'finished') return 'finished';
  if (run !== undefined && isActive(run)) return 'working';
  if (skipped !== undefined) return skipped === PASSED_OVER ? 'skipped' : 'failed';
  if (run === 'failed' || run === 'crashed') return 'failed';
  return early === undefined ? 'waiting' : 'early';
}
