import path from 'node:path';

import { OPTION_PATHS } from '../../core/options/index.js';
import { SEED, type SweepProgress, tagOf, type TrialProgress, type TrialState } from '../../core/sweep/index.js';
import { formatCount, plural } from '../../format.js';
import type { SweepListing } from './sweep-catalog.js';

const TRIAL_NAMES: Readonly<Record<TrialState, string>> = {
  finished: 'finished',
  working: 'at work',
  waiting: 'waiting',
  early: 'stopped early',
  skipped: 'skipped',
  failed: 'failed',
};

/** What is said of a sweep whose record cannot be read. */
export const DAMAGED = 'its record is damaged';

type Whole = Exclude<SweepListing, { readonly problem: Error }>;

/** Whether a process is wanted for what is left to do. */
export function isIdle({ isAtWork }: Whole, { isDone }: SweepProgress): boolean {
  return !isAtWork && !isDone;
}

/** `2/4 done · 1 at work · 1 waiting`, with what there is of each: a side bar has room for little. */
export function sweepDescription(sweep: Whole, progress: SweepProgress): string {
  const standing = progress.isDone ? [] : sweep.wasLeft ? ['its process is gone'] : sweep.isAtWork ? [] : ['paused'];
  return [...standing, countsText(progress)].join(' · ');
}

/** `2/4 done · 1 skipped` */
export function countsText({ trials, counts }: SweepProgress): string {
  const others = (['working', 'waiting', 'early', 'skipped', 'failed'] as const).filter((state) => counts[state] > 0);
  const done = `${formatCount(counts.finished)}/${formatCount(trials.length)} done`;
  return [done, ...others.map((state) => `${formatCount(counts[state])} ${TRIAL_NAMES[state]}`)].join(' · ');
}

/** How the table of runs looks at those of a sweep: the runs of a setting together. */
export function tableLook(name: string, { trials }: SweepProgress): { readonly filter: string; readonly group: string | null } {
  const varied = trials[0]?.name.split('=')[0] ?? '';
  const option = OPTION_PATHS.find((each) => each.endsWith(`.${varied}`));
  return { filter: `#${tagOf(name)}`, group: option === undefined || option === SEED ? null : option };
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
export function trialDescription({ state, why, place, early }: TrialProgress): string {
  if (state === 'early') return `${TRIAL_NAMES.early}, step ${formatCount(early!)}`;
  if (why !== undefined) return `failed: ${why}`;
  if (place === undefined) return TRIAL_NAMES[state];
  return place === 1 ? 'next' : `waiting (${formatCount(place)})`;
}
