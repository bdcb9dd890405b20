import { WishboneError } from '../../../core/errors.js';
import { type CardForecast, CARDS_CONNECTION, type ForecastState } from '../../../core/forecast/index.js';
import { TIME_WORDS, type TimePhase } from '../../../core/history/index.js';
import { recomputedText } from '../../../core/options/index.js';
import { formatBytes, formatCount, formatDuration, formatEpochs, formatPercent, formatRatio, plural, sentence } from '../../../format.js';
import type { ForecastFigure, ForecastView } from '../../../protocol/launch.js';
import { locations } from '../../error-text.js';
import { progressText } from '../../plan-progress-text.js';
import { dataNotices, sharingNotices, waysOut } from './data-notices.js';

type Done = Extract<ForecastState, { kind: 'done' }>;

/** Formats a forecast for the form. */
export function forecastView(state: ForecastState, trusted: boolean): ForecastView {
  switch (state.kind) {
    case 'none':
      return { kind: 'none' };
    case 'working': {
      const { progress } = state;
      if (progress === undefined) return { kind: 'working', text: 'Planning', fraction: -1 };
      const fraction = progress.total > 0 ? Math.min(1, progress.done / progress.total) : -1;
      return { kind: 'working', text: progressText(progress), fraction };
    }
    case 'failed':
      return failureView(state);
    case 'done':
      return {
        kind: 'done',
        figures: figuresOf(state, trusted),
        notices: [...dataNotices(state.plan.summary), ...sharingNotices(state.plan.summary)],
      };
  }
}

function failureView({ error, without }: Extract<ForecastState, { kind: 'failed' }>): ForecastView {
  if (error instanceof WishboneError) {
    const { what, where, advice } = error;
    return {
      kind: 'failed',
      what: sentence(what),
      where,
      advice: sentence(advice),
      opens: locations(where).length > 0,
      actions: waysOut(without),
    };
  }
  const what = error instanceof Error ? error.message : String(error);
  return { kind: 'failed', what: `Internal error in Wishbone: ${what}`, where: '', advice: '', opens: false, actions: [] };
}

function figuresOf({ plan, time, memory, cards = [] }: Done, trusted: boolean): ForecastFigure[] {
  const { summary, slowest, evalPairs, speedup } = plan;
  const figure = (label: string, value: string, detail: string, tone: 'plain' | 'bad' = 'plain'): ForecastFigure => ({
    label,
    value,
    detail,
    tone,
  });
  return [
    figure('Pairs', formatCount(summary.pairs), pairsDetail(summary, evalPairs)),
    figure(
      'Steps',
      formatCount(summary.steps),
      `in ${plural(summary.bins, 'bin')} of up to ${plural(summary.capacity, 'token')}, ${formatPercent(summary.fill)} full`,
    ),
    figure(
      'Tokens',
      formatCount(summary.planTokens),
      summary.sharing === 'none'
        ? 'every response has its own prompt'
        : `${formatCount(summary.naiveTokens)} without sharing: ${formatRatio(summary.tokenRatio)}`,
    ),
    figure(
      'Predicted speedup',
      formatRatio(speedup.packed),
      `vs. naive pairing, ${formatRatio(speedup.unpacked)} vs. unpacked pairs; on ${/^NVIDIA/.test(speedup.device) ? 'an' : 'a'} ${speedup.device}`,
    ),
    figure(
      'Slowest bin',
      `${formatRatio(slowest.overMean)} the mean`,
      `step ${formatCount(slowest.step)}, bin ${formatCount(slowest.bin)}: ${plural(slowest.tokens, 'token')}`,
    ),
    memoryFigure(memory, trusted),
    time === undefined
      ? figure('Time', 'not known yet', 'known after the first run or measurement on this machine')
      : figure('Time', `about ${formatDuration(time.total)}`, timeDetail(time)),
    ...cards.filter((card) => card.cards > 1).map(cardFigure),
  ];
}

/** What several cards would take. */
function cardFigure({ cards, seconds, communication, exposed, shard, memory, fits }: CardForecast): ForecastFigure {
  const ms = (time: number): string => `${(1000 * time).toFixed(1)} ms`;
  const parts = [
    ...(memory === undefined ? [] : [`${formatBytes(memory)} a card${fits === false ? ', which does not fit' : ''}`]),
    `communication ${ms(communication)} a step, ${ms(exposed)} of it waited for`,
    ...(shard === 'none' ? [] : [`sharding: ${shard}`]),
    CARDS_CONNECTION.name,
  ];
  const tone = fits === false ? 'bad' : 'plain';
  return { label: `On ${cards} cards`, value: `about ${formatDuration(seconds)}`, detail: parts.join('; '), tone };
}

/** Its longest parts, and what it is taken from. */
function timeDetail({ seconds, sources }: NonNullable<Done['time']>): string {
  const parts = Object.entries(seconds)
    .filter(([, took]) => took >= 0.05)
    .map(([phase, took]) => `${TIME_WORDS[phase as TimePhase]} ${took < 10 ? `${took.toFixed(1)} s` : formatDuration(took)}`);
  return `${parts.join(', ')}; ${sources.join(', ')}`;
}

function pairsDetail(summary: Done['plan']['summary'], evalPairs: number | undefined): string {
  const parts = [
    ...(summary.epochs === 1 ? [] : [formatEpochs(summary.epochs)]),
    ...(summary.leftOutRows > 0 ? [`${plural(summary.leftOutRows, 'unreadable row')} left out`] : []),
    ...(summary.skipped > 0 ? [`${formatCount(summary.skipped)} too long, left out`] : []),
    ...(summary.truncated > 0 ? [`${formatCount(summary.truncated)} truncated`] : []),
    ...(summary.droppedByMargin > 0 ? [`${formatCount(summary.droppedByMargin)} below the minimum margin`] : []),
    ...(evalPairs === undefined ? [] : [`${formatCount(evalPairs)} for evaluation`]),
  ];
  return parts.length === 0 ? 'the whole dataset' : parts.join(', ');
}

function memoryFigure(memory: Done['memory'], trusted: boolean): ForecastFigure {
  const label = 'Peak memory';
  if (memory === undefined) {
    const detail = trusted ? 'asking the runner' : 'needs a trusted workspace';
    return { label, value: trusted ? '…' : 'not known', detail, tone: 'plain' };
  }
  if (memory instanceof WishboneError) {
    return { label, value: 'not known', detail: `${sentence(memory.what)}: ${memory.advice}`, tone: 'bad' };
  }
  const value = formatBytes(memory.bytes);
  if (memory.fits === false) {
    return { label, value, detail: `does not fit in ${formatBytes(memory.deviceBytes)}. ${memory.advice ?? ''}`, tone: 'bad' };
  }
  const where = memory.deviceBytes === undefined ? 'on the CPU' : `of ${formatBytes(memory.deviceBytes)} on the GPU`;
  const parts = `weights ${formatBytes(memory.weights)}, optimizer ${formatBytes(memory.optimizer)}, activations ${formatBytes(memory.activations)}`;
  const text = memory.recompute && recomputedText(memory.recompute);
  const again = text === undefined ? '' : `; ${text} are computed again`;
  const host = memory.host === undefined || memory.host === 0 ? '' : `; ${formatBytes(memory.host)} of the host's memory`;
  return { label, value, detail: `${where}: ${parts}${again}${host}`, tone: 'plain' };
}
