import path from 'node:path';

import { type Headline, headline } from '../core/history/index.js';
import { datasetName, type RunListing, type RunState } from '../core/run/index.js';
import { type JobStatus, jobText } from '../core/slurm/index.js';
import { modelName } from '../core/hub/cache.js';
import { formatCount, formatDuration, formatMetric, formatPercent, formatRate, plural, sentence } from '../format.js';
import type { LiveRun } from './runs/live-run.js';

/** The icon of a state, as VS Code writes icons in labels. */
export const STATE_ICONS: Readonly<Record<RunState, string>> = {
  planned: '$(circle-outline)',
  queued: '$(clock)',
  starting: '$(sync~spin)',
  running: '$(sync~spin)',
  stopping: '$(sync~spin)',
  finished: '$(check)',
  stopped: '$(debug-pause)',
  failed: '$(error)',
  crashed: '$(warning)',
};

/** The name of a state within a sentence. */
export const STATE_NAMES: Readonly<Record<RunState, string>> = {
  planned: 'not started',
  queued: 'queued',
  starting: 'starting',
  running: 'running',
  stopping: 'stopping',
  finished: 'finished',
  stopped: 'stopped',
  failed: 'failed',
  crashed: 'crashed',
};

type Watched = Pick<LiveRun, 'config' | 'state' | 'history' | 'job'>;

/** The status bar's text for one run. */
export function statusText({ config, state, history }: Watched): string {
  const icon = STATE_ICONS[state];
  switch (state) {
    case 'running': {
      const { phase, progress, pace, totalSteps } = history;
      if (phase === 'train' && totalSteps !== undefined) {
        const steps = `${formatCount(history.step)}/${formatCount(totalSteps)}`;
        return pace === undefined ? `${icon} ${steps}` : `${icon} ${steps} · ${formatDuration(pace.secondsLeft)} left`;
      }
      const done = progress !== undefined && progress.total > 0 ? ` ${formatPercent(progress.done / progress.total)}` : '';
      return `${icon} Wishbone: ${phase === 'reference' ? 'reference pass' : phase === 'export' ? 'exporting' : 'starting'}${done}`;
    }
    case 'queued':
    case 'starting':
    case 'stopping':
      return `${icon} Wishbone: ${STATE_NAMES[state]}`;
    default:
      return `${icon} ${config.name} ${STATE_NAMES[state]}`;
  }
}

/** The status bar's tooltip: rows of name and value. */
export function statusRows({ config, state, history, job }: Watched): [name: string, value: string][] {
  const rows: [string, string][] = [
    ['State', STATE_NAMES[state]],
    ...jobRows(job, state),
    ['Dataset', datasetName(config.dataset)],
    ['Model', modelName(config.model.path)],
  ];
  rows.push(...figureRows(headline(history)));
  const { pace } = history;
  if (pace !== undefined) rows.push(['Speed', `${formatRate(pace.pairsPerSecond)} pairs/s, ${formatRate(pace.tokensPerSecond)} tokens/s`]);
  return rows;
}

function jobRows(job: JobStatus | undefined, state: RunState): [string, string][] {
  return job === undefined ? [] : [['Slurm', jobText(job, state)]];
}

/** A run's figures with what they are of: rows of name and value. */
function figureRows(figures: Headline | undefined): [name: string, value: string][] {
  if (figures === undefined) return [];
  const { of, step, pairs, loss, margin, accuracy, best } = figures;
  const isEval = of === 'evaluation';
  const name = (what: string): string => (isEval ? `Eval ${what}` : sentence(what));
  const rows: [string, string][] = [
    [name('loss'), formatMetric(loss)],
    [name('margin'), formatMetric(margin)],
    [name('accuracy'), formatPercent(accuracy)],
    [
      'Figures from',
      isEval ? `${plural(pairs, 'eval pair')}, after step ${formatCount(step)}` : `the last ${plural(pairs, 'pair')} trained on`,
    ],
  ];
  if (best !== undefined) rows.push(['Best evaluation', bestText(best)]);
  return rows;
}

/** `step 40: loss 0.7300, accuracy 61%`. */
export function bestText({ step, loss, accuracy }: NonNullable<Headline['best']>): string {
  return `step ${formatCount(step)}: loss ${formatMetric(loss)}, accuracy ${formatPercent(accuracy)}`;
}

/** A run's figures in one line: those of the evaluation say so, and which was the best where that is not the latest. */
export function figuresText(figures: Headline): string {
  const { of, step, loss, accuracy, best } = figures;
  const prefix = of === 'evaluation' ? 'eval ' : '';
  const parts = [`${prefix}loss ${formatMetric(loss)}`, `${prefix}accuracy ${formatPercent(accuracy)}`];
  if (best !== undefined && best.step !== step) parts.push(`best ${formatMetric(best.loss)} at step ${formatCount(best.step)}`);
  return parts.join(' · ');
}

/** Longer names leave no room for figures in a side bar. */
const LONGEST_LABEL = 19;

/** A run's name in the Runs view: a long one without its middle. */
export function runLabel(name: string): string {
  const characters = [...name];
  if (characters.length <= LONGEST_LABEL) return name;
  const half = (LONGEST_LABEL - 1) / 2;
  return `${characters.slice(0, Math.ceil(half)).join('')}…${characters.slice(-Math.floor(half)).join('')}`;
}

/** Accuracy and loss, in so few characters that a side bar has room for them; behind them what they are of. */
function shortFigures({ of, pairs, loss, accuracy }: Headline): string {
  const isPlain = loss !== undefined && (loss === 0 || (Math.abs(loss) >= 1e-3 && Math.abs(loss) < 1000));
  const short = isPlain ? loss.toPrecision(3).replace('-', '−') : formatMetric(loss);
  return `${formatPercent(accuracy)} ${short} · ${of === 'evaluation' ? 'eval' : `last ${plural(pairs, 'pair')}`}`;
}

/** A run in the Runs view: what stands beside its name, what matters most first. */
export function runDescription(listing: RunListing): string {
  if (listing.problem !== undefined) return 'cannot be read';
  const { state, step, steps, figures, secondsLeft, tags, job } = listing;
  const parts: string[] = figures === undefined ? [] : [shortFigures(figures)];
  const counted = steps === undefined ? undefined : `${formatCount(step)}/${formatCount(steps)}`;
  if (state === 'running' && steps !== undefined && steps > 0) {
    parts.push(formatPercent(step / steps));
    if (secondsLeft !== undefined) parts.push(`${formatDuration(secondsLeft)} left`);
  } else if (state !== 'finished') {
    const waits = state === 'queued' && job !== undefined && job.reason !== '' ? ` (${job.reason})` : '';
    parts.push(
      `${state === 'queued' && job?.requeued ? 'requeued' : STATE_NAMES[state]}${waits}`,
      ...(counted === undefined || state === 'planned' ? [] : [counted]),
    );
  }
  const best = figures?.best;
  if (best !== undefined && best.step !== figures!.step) parts.push(`best ${formatMetric(best.loss)} at step ${formatCount(best.step)}`);
  parts.push(...tags.map((tag) => `#${tag}`));
  return parts.join(' · ');
}

/** A run in the Runs view, told in full: rows of name and value. */
export function runRows(listing: Exclude<RunListing, { problem: Error }>): [name: string, value: string][] {
  const { config, state, step, steps, figures, secondsLeft, tags, folder, job } = listing;
  const rows: [string, string][] = [['State', STATE_NAMES[state]], ...jobRows(job, state)];
  if (steps !== undefined) rows.push(['Step', `${formatCount(step)} of ${formatCount(steps)}`]);
  if (secondsLeft !== undefined && state === 'running') rows.push(['Time left', formatDuration(secondsLeft)]);
  rows.push(...figureRows(figures));
  rows.push(
    ['Dataset', `${datasetName(config.dataset)}, ${plural(config.dataset.pairs, 'pair')}`],
    ['Model', modelName(config.model.path)],
    ['Sharing', config.plan.sharing],
  );
  if (tags.length > 0) rows.push(['Tags', tags.join(', ')]);
  rows.push(['Started', config.created.slice(0, 16).replace('T', ' ') + ' UTC'], ['Folder', folder]);
  return rows;
}

/** Names of runs that went wrong, as many as a message has room for. */
const MOST_NAMES = 3;

/** The ends of several runs in a sentence: how many of each kind, and which went wrong. */
export function endsText(runs: readonly { readonly name: string; readonly state: RunState }[]): string {
  const count = (state: RunState): number => runs.filter((run) => run.state === state).length;
  const states = (['finished', 'stopped', 'failed', 'crashed'] as const).filter((state) => count(state) > 0);
  const bad = runs.filter(({ state }) => state === 'failed' || state === 'crashed').map(({ name }) => name);
  const names = [...bad.slice(0, MOST_NAMES), ...(bad.length > MOST_NAMES ? [`${bad.length - MOST_NAMES} more`] : [])];
  const which = names.length === 0 ? '' : ` (${names.join(', ')})`;
  return `${plural(runs.length, 'run')} ended: ${states.map((state) => `${count(state)} ${STATE_NAMES[state]}`).join(', ')}${which}.`;
}

/** A run in a list to pick from: label, description and detail. */
export function listingText(listing: RunListing): { label: string; description: string; detail: string } {
  if (listing.problem !== undefined) {
    return {
      label: `$(question) ${path.basename(listing.folder)}`,
      description: 'cannot be read',
      detail: listing.problem.what,
    };
  }
  const { config, state, step, steps, figures } = listing;
  const progress = steps === undefined ? [] : [`step ${formatCount(step)} of ${formatCount(steps)}`];
  const judged = figures === undefined ? [] : [figuresText(figures)];
  return {
    // A list does not spin.
    label: `${STATE_ICONS[state].replace('~spin', '')} ${config.name}`,
    description: [STATE_NAMES[state], ...progress, ...judged].join(' · '),
    detail: `${datasetName(config.dataset)} (${plural(config.dataset.pairs, 'pair')}) · ${modelName(config.model.path)}`,
  };
}
