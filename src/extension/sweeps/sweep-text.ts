import path from 'node:path';

import type { SweepProgress, TrialProgress, TrialState } from '../../core/sweep/index.js';
import { formatCount, plural } from '../../format.js';
import type { SweepListing } from './sweep-catalog.js';

export const TRIAL_NAMES: Readonly<Record<TrialState, string>> = {
  finished: 'finished',
  working: 'at work',
  waiting: 'waiting',
  early: 'stopped early',
  skipped: 'skipped',
  failed: 'failed',
};

type Whole = Exclude<SweepListing, { readonly problem: Error }>;

/** Whether a process is wanted for what is left to do. */
export function isIdle({ isAtWork }: Whole, { isDone }: SweepProgress): boolean {
  return !isAtWork && !isDone;
}

/** `2 of 4 done · 1 at work · 1 waiting`, with what there is of each. */
export function sweepDescription(sweep: Whole, { trials, counts, isDone }: SweepProgress): string {
  const others = (['working', 'waiting', 'early', 'skipped', 'failed'] as const).filter((state) => counts[state] > 0);
  const standing = isDone ? [] : sweep.wasLeft ? ['its process is gone'] : sweep.isAtWork ? [] : ['paused'];
  return [
    ...standing,
    `${formatCount(counts.finished)} of ${formatCount(trials.length)} done`,
    ...others.map((state) => `${formatCount(counts[state])} ${TRIAL_NAMES[state]}`),
  ].join(' · ');
}

/** A sweep told in full: rows of name and value. */
export function sweepRows(sweep: Whole, { trials, counts, isDone }: SweepProgress): [name: string, value: string][] {
  const state = isDone
    ? 'done'
    : sweep.isAtWork
      ? 'at work'
      : sweep.wasLeft
        ? 'nobody works on it: its process is gone. Go On takes it up again'
        : 'paused';
  const states = (Object.keys(TRIAL_NAMES) as TrialState[]).filter((each) => counts[each] > 0);
  return [
    ['State', state],
    ['Runs', plural(trials.length, 'run')],
    ...states.map((each): [string, string] => [TRIAL_NAMES[each], formatCount(counts[each])]),
    ['Config', sweep.record.config],
    ['Folder', path.dirname(sweep.file)],
  ];
}

/** What stands beside the name of a trial that has no run to show. */
export function trialDescription({ state, why, place }: TrialProgress): string {
  if (why !== undefined) return `failed: ${why}`;
  if (place === undefined) return TRIAL_NAMES[state];
  return place === 1 ? 'waiting, next' : `waiting, number ${formatCount(place)}`;
}
