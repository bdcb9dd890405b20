import type { Headline, RankTimes, RunHistory, TimePhase, TimeSpent } from '../core/history/index.js';
import { TIME_WORDS, trainingShare } from '../core/history/index.js';
import { type RecomputedLayers, recomputedText } from '../core/options/index.js';
import type { KeptForecast } from '../core/run/index.js';
import { formatPercent, formatSeconds, plural } from '../format.js';
import { clock } from './terminal.js';

/** Loss, margin and accuracy as columns of a table show them; a dash for what is not known. */
export function figureCells(figures: Headline | undefined): string[] {
  return [figure(figures?.loss, 4), figure(figures?.margin, 3), percent(figures?.accuracy)];
}

/** What the figures are of: "evaluation at step 40", "the last 104 pairs". */
export function figuresOf({ of, step, pairs }: Headline): string {
  return of === 'evaluation' ? `evaluation at step ${step}` : `mean of the last ${pairs} pairs`;
}

export function figure(value: number | undefined, digits: number): string {
  return value?.toFixed(digits) ?? '-';
}

export function percent(value: number | undefined): string {
  return value === undefined ? '-' : formatPercent(value);
}

/** Figures, and what they are of, as rows of a summary. */
export function headlineRows(figures: Headline | undefined): [string, string][] {
  if (figures === undefined) return [];
  const of = figuresOf(figures);
  const rows: [string, string][] = [
    ['loss', `${figure(figures.loss, 4)} (${of})`],
    ['margin', figure(figures.margin, 3)],
    ['accuracy', percent(figures.accuracy)],
  ];
  const { best } = figures;
  if (best !== undefined && best.step !== figures.step) {
    rows.push([
      'best',
      `step ${best.step}: loss ${figure(best.loss, 4)}, margin ${figure(best.margin, 3)}, accuracy ${percent(best.accuracy)}`,
    ]);
  }
  return rows;
}

/** "0:14 in all; 81% of the time was training" */
export function timeText(spent: TimeSpent): string {
  const over = spent.sessions > 1 ? ` over ${plural(spent.sessions, 'start')}` : '';
  return `${clock(spent.total)} in all${over}; ${percent(trainingShare(spent))} of the time was training`;
}

/** What the time went to, as rows of a summary. */
export function timeRows(spent: TimeSpent | undefined): [string, string][] {
  if (spent === undefined || !(spent.total > 0)) return [];
  const { estimated } = spent;
  const note =
    estimated === 0 ? '' : ` (of ${plural(estimated, 'start')} by the times of its events: waiting for checkpoints is training there)`;
  return [
    ['time', timeText(spent)],
    ['time went to', `${partsText(spent.seconds)}${note}`],
  ];
}

/** What was computed again of the layers, as the runner said; undefined where it did not. */
export function recomputedLayers({ recompute }: Pick<RunHistory, 'recompute'>): RecomputedLayers | undefined {
  return recompute && { layers: recompute.layers, mlp: recompute.mlp, block: recompute.block };
}

/** The same as rows of a summary. */
export function recomputedRows({ recompute }: Pick<RunHistory, 'recompute'>): [string, string][] {
  const text = recompute && recomputedText(recompute);
  return text === undefined ? [] : [['recomputed', text]];
}

/** How several devices shared the latest steps, as rows of a summary. */
export function rankRows(ranks: RankTimes | undefined): [string, string][] {
  if (ranks === undefined) return [];
  const { communication, share, slowest, seconds } = ranks;
  const which = seconds.length > 0 ? `the slowest of ${seconds.length} computed` : 'the slowest computed';
  return [
    [
      'devices',
      `waited ${formatSeconds(communication)} of a step for each other (${formatPercent(share)}); ` +
        `${which} ${formatPercent(slowest - 1)} longer than the mean`,
    ],
  ];
}

/** What a run was or is predicted to take, as rows of a summary. */
export function predictedRows(time: KeptForecast | undefined): [string, string][] {
  if (time === undefined) return [];
  return [
    ['predicted time', `${clock(time.total)}: ${partsText(time.seconds)}`],
    ['', time.sources.join(', ')],
  ];
}

function partsText(seconds: Readonly<Record<string, number>>): string {
  return Object.entries(seconds)
    .filter(([, took]) => took >= 0.05)
    .map(([phase, took]) => `${TIME_WORDS[phase as TimePhase] ?? phase} ${took.toFixed(1)} s`)
    .join(', ');
}
