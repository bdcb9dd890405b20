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
