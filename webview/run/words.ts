import { formatCount, formatDuration, formatPercent, plural, sentence, formatSeconds } from '../../src/format.js';
import type { PanelPhase, PanelState, PanelTime, PredictedTime, RanksStatus, RunStatus, TimeStatus } from '../../src/protocol/run.js';

export const STATE_WORDS: Readonly<Record<PanelState, string>> = {
  planned: 'Not started',
  queued: 'Queued',
  starting: 'Starting',
  running: 'Running',
  stopping: 'Stopping',
  finished: 'Finished',
  stopped: 'Stopped',
  failed: 'Failed',
  crashed: 'Crashed',
};

const PHASE_WORDS: Readonly<Record<PanelPhase, string>> = {
  load: 'Loading the model',
  ceiling: "Measuring this machine's speed",
  reference: 'Reference log-probabilities',
  train: 'Training',
  export: 'Writing the trained model',
};

/** What time goes to, in a legend. */
export const TIME_WORDS: Readonly<Record<PanelTime, string>> = {
  load: 'Loading',
  ceiling: 'Measuring this machine',
  reference: 'Reference',
  train: 'Training',
  communication: 'Waiting for other devices',
  evaluation: 'Evaluation',
  samples: 'Samples',
  checkpoints: 'Waiting for checkpoints',
  export: 'Export',
  other: 'Other',
};

/** What the run does now, in a few words; the empty text when that is told elsewhere. */
export function activityText(status: RunStatus): string {
  switch (status.state) {
    case 'queued':
      return sentence(status.job);
    case 'starting':
      return 'Starting the runner';
    case 'running':
      return status.phase === null ? 'Starting' : PHASE_WORDS[status.phase];
    case 'stopping':
      return 'Finishing the step, then writing a checkpoint';
    default:
      return '';
  }
}

/** How far the bar is, 0 to 1, or undefined when that is not known. */
export function barFraction(status: RunStatus): number | undefined {
  const { state, phase, progress, step, steps } = status;
  if (state === 'finished') return 1;
  const active = state === 'running' || state === 'stopping';
  if (active && phase !== 'train' && phase !== null) {
    return progress !== null && progress.total > 0 ? Math.min(1, progress.done / progress.total) : undefined;
  }
  if (state === 'starting' || (state === 'queued' && steps === null)) return undefined;
  if (steps === null || steps === 0) return active ? undefined : 0;
  return Math.min(1, step / steps);
}

/** The line beside the bar: steps, or bins of the phase. */
export function progressText(status: RunStatus): string {
  const { state, phase, progress, step, steps } = status;
  if ((state === 'running' || state === 'stopping') && phase !== 'train' && progress !== null && progress.total > 0) {
    return `${formatPercent(progress.done / progress.total)} of ${plural(progress.total, 'bin')}`;
  }
  if (steps === null) return '';
  return `Step ${formatCount(step)} of ${formatCount(steps)}`;
}

/** The line at the bar's end: time left while training, how long it took at the end. */
export function timeText(status: RunStatus): string {
  if (status.end?.kind === 'finished') return `took ${formatDuration(status.end.seconds)}`;
  if (status.state !== 'running' || status.phase !== 'train' || status.secondsLeft === null) return '';
  return `${formatDuration(status.secondsLeft)} left`;
}

/** What a screen reader says of a chart. */
export function chartSummary(
  title: string,
  steps: ArrayLike<number>,
  values: ArrayLike<number>,
  format: (value: number) => string,
): string {
  let first = 0;
  while (first < values.length && Number.isNaN(values[first]!)) first++;
  if (first === values.length) return `${title}: no values yet`;
  let last = values.length - 1;
  while (Number.isNaN(values[last]!)) last--;
  if (first === last) return `${title}: ${format(values[first]!)} at step ${formatCount(steps[first]!)}`;
  return (
    `${title}: from ${format(values[first]!)} at step ${formatCount(steps[first]!)} ` +
    `to ${format(values[last]!)} at step ${formatCount(steps[last]!)}`
  );
}

/** Seconds with a digit behind the point where they are few. */
export function secondsText(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(seconds < 0.1 ? 2 : 1)} s` : formatDuration(seconds);
}

/** How much of the time was training, and how much there was. */
export function timeSummary({ parts, sessions }: TimeStatus): string {
  const total = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  const training = parts.find(({ phase }) => phase === 'train')?.seconds ?? 0;
  const over = sessions > 1 ? ` over ${plural(sessions, 'start')}` : '';
  return `${formatPercent(training / total)} of ${secondsText(total)}${over} was training`;
}

/** What was predicted before the start, by phase, and what from. */
export function predictedText({ parts, sources }: PredictedTime): string {
  const total = parts.reduce((sum, { seconds }) => sum + seconds, 0);
  const each = parts
    .filter(({ seconds }) => seconds >= 0.05)
    .map(({ phase, seconds }) => `${TIME_WORDS[phase].toLowerCase()} ${secondsText(seconds)}`);
  return `Predicted before the start: ${secondsText(total)} (${each.join(', ')}); ${sources.join(', ')}.`;
}

/** What these figures are, where they are not all the runner's own. @param goesOn the run has not ended */
export function timeNote({ estimated, sessions }: TimeStatus, goesOn: boolean): string {
  const cut = estimated - (goesOn ? 1 : 0);
  if (cut <= 0) return '';
  const which = sessions === 1 ? 'the time' : `the time of ${plural(cut, 'start')}`;
  return `The runner did not say where ${which} went: it is taken from its events, and waiting for checkpoints counts as training.`;
}

/** What devices waited for each other, and how far the slowest was behind. */
export function ranksText({ communication, share, slowest, seconds }: RanksStatus): string {
  const waiting = `Waiting for each other: ${formatSeconds(communication)} of a step, ${formatPercent(share)}.`;
  const which = seconds.length > 0 ? `The slowest of ${seconds.length} computes` : 'The slowest computes';
  return `${waiting} ${which} ${formatPercent(slowest - 1)} longer than the mean.`;
}

/** @param mean of all */
export function rankLabel(rank: number, seconds: number, mean: number): string {
  const beyond = seconds / mean - 1;
  const than = Number.isFinite(beyond) ? `, ${formatPercent(Math.abs(beyond))} ${beyond < 0 ? 'less' : 'more'} than the mean` : '';
  return `Device ${rank} computes ${formatSeconds(seconds)} of a step${than}`;
}
