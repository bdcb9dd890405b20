import path from 'node:path';

import type { RunListing, RunState } from '../core/run/index.js';
import { formatCount, formatDuration, formatMetric, formatPercent, formatRate, plural } from '../format.js';
import type { LiveRun } from './runs/live-run.js';

/** The icon of a state, as VS Code writes icons in labels. */
export const STATE_ICONS: Readonly<Record<RunState, string>> = {
  planned: '$(circle-outline)',
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
  starting: 'starting',
  running: 'running',
  stopping: 'stopping',
  finished: 'finished',
  stopped: 'stopped',
  failed: 'failed',
  crashed: 'crashed',
};

type Watched = Pick<LiveRun, 'config' | 'state' | 'history'>;

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
      const done =
        progress !== undefined && progress.total > 0 ? ` ${formatPercent(progress.done / progress.total)}` : '';
      return `${icon} Wishbone: ${phase === 'reference' ? 'reference pass' : phase === 'export' ? 'exporting' : 'starting'}${done}`;
    }
    case 'starting':
    case 'stopping':
      return `${icon} Wishbone: ${STATE_NAMES[state]}`;
    default:
      return `${icon} ${config.name} ${STATE_NAMES[state]}`;
  }
}

/** The status bar's tooltip: rows of name and value. */
export function statusRows({ config, state, history }: Watched): [name: string, value: string][] {
  const rows: [string, string][] = [
    ['State', STATE_NAMES[state]],
    ['Dataset', path.basename(config.dataset.path)],
    ['Model', path.basename(config.model.path)],
  ];
  if (history.steps.length > 0) {
    rows.push(
      ['Loss', formatMetric(history.latest('loss'))],
      ['Margin', formatMetric(history.latest('rewards/margins'))],
      ['Accuracy', formatPercent(history.latest('rewards/accuracies'))],
    );
  }
  const { pace } = history;
  if (pace !== undefined)
    rows.push(['Speed', `${formatRate(pace.pairsPerSecond)} pairs/s, ${formatRate(pace.tokensPerSecond)} tokens/s`]);
  return rows;
}

/** A run in the Runs view: what stands beside its name. */
export function runDescription(listing: RunListing): string {
  if (listing.problem !== undefined) return 'cannot be read';
  const { state, step, steps, margin, accuracy, secondsLeft, tags } = listing;
  const parts: string[] = [];
  const counted = steps === undefined ? undefined : `${formatCount(step)}/${formatCount(steps)}`;
  if (state === 'running' && steps !== undefined && steps > 0) {
    parts.push(formatPercent(step / steps));
    if (secondsLeft !== undefined) parts.push(`${formatDuration(secondsLeft)} left`);
  } else if (state !== 'finished') {
    parts.push(STATE_NAMES[state], ...(counted === undefined || state === 'planned' ? [] : [counted]));
  }
  if (accuracy !== undefined) parts.push(`accuracy ${formatPercent(accuracy)}`);
  if (state === 'finished' && margin !== undefined) parts.push(`margin ${formatMetric(margin)}`);
  parts.push(...tags.map((tag) => `#${tag}`));
  return parts.join(' · ');
}

/** A run in the Runs view, told in full: rows of name and value. */
export function runRows(listing: Exclude<RunListing, { problem: Error }>): [name: string, value: string][] {
  const { config, state, step, steps, loss, margin, accuracy, secondsLeft, tags, folder } = listing;
  const rows: [string, string][] = [['State', STATE_NAMES[state]]];
  if (steps !== undefined) rows.push(['Step', `${formatCount(step)} of ${formatCount(steps)}`]);
  if (secondsLeft !== undefined && state === 'running') rows.push(['Time left', formatDuration(secondsLeft)]);
  if (loss !== undefined) rows.push(['Loss', formatMetric(loss)]);
  if (margin !== undefined) rows.push(['Margin', formatMetric(margin)]);
  if (accuracy !== undefined) rows.push(['Accuracy', formatPercent(accuracy)]);
  rows.push(
    ['Dataset', `${path.basename(config.dataset.path)}, ${plural(config.dataset.pairs, 'pair')}`],
    ['Model', path.basename(config.model.path)],
    ['Sharing', config.plan.sharing],
  );
  if (tags.length > 0) rows.push(['Tags', tags.join(', ')]);
  rows.push(['Started', config.created.slice(0, 16).replace('T', ' ') + ' UTC'], ['Folder', folder]);
  return rows;
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
  const { config, state, step, steps, loss } = listing;
  const progress = steps === undefined ? [] : [`step ${formatCount(step)} of ${formatCount(steps)}`];
  const lastLoss = loss === undefined ? [] : [`loss ${formatMetric(loss)}`];
  return {
    // A list does not spin.
    label: `${STATE_ICONS[state].replace('~spin', '')} ${config.name}`,
    description: [STATE_NAMES[state], ...progress, ...lastLoss].join(' · '),
    detail: `${path.basename(config.dataset.path)} (${plural(config.dataset.pairs, 'pair')}) · ${path.basename(config.model.path)}`,
  };
}
