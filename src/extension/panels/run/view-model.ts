import path from 'node:path';

import { type BestEvaluation, divergences, headline, type RunHistory, type TimeSpent } from '../../../core/history/index.js';
import { datasetName, type KeptForecast, repeatCommand, type RunConfig } from '../../../core/run/index.js';
import type { DeviceReading, StartEvent } from '../../../core/events/index.js';
import { recomputedText } from '../../../core/options/index.js';
import { jobText } from '../../../core/slurm/index.js';
import { type Tracked, TRACKER_LABELS } from '../../../core/trackers/index.js';
import { modelName } from '../../../core/hub/cache.js';
import { plural, sentence } from '../../../format.js';
import { EVAL_SERIES, SERIES, SOURCE_SERIES } from '../../../metrics.js';
import {
  type BestStatus,
  type DeviceStatus,
  type EvalSeries,
  PANEL_TIMES,
  type RunEnd,
  type RunHeader,
  type RunStatus,
  type RunWarning,
  type SeriesUpdate,
  type TimeStatus,
  type TrackerStatus,
} from '../../../protocol/run.js';
import type { LiveRun } from '../../runs/live-run.js';
import type { PlanFacts } from './plan-facts.js';
import { settingsOf } from './run-settings.js';

/** Rows of an overview, about. */
const OVERVIEW_ROWS = 1000;
/** An overview is sent first when the whole has so many times its rows. */
const LEAST_SPARED = 10;

/** What takes less is no part of the time that anybody would look at. */
const LEAST_SECONDS = 0.005;

/** What the panel needs of a run: how the run store's words become the protocol's. */
type Watched = Pick<
  LiveRun,
  'folder' | 'config' | 'state' | 'history' | 'crash' | 'job' | 'log' | 'best' | 'gone' | 'sameCause' | 'trackers'
>;

export function headerOf(
  run: Pick<LiveRun, 'folder' | 'config' | 'tags' | 'notes'>,
  { tokenRatio, problem: planProblem }: PlanFacts,
  predicted?: KeptForecast,
): RunHeader {
  const { folder, config, tags, notes } = run;
  const { command, without } = repeatCommand(config);
  const { id, name, dataset, model, plan } = config;
  return {
    folder,
    id,
    name,
    datasetName: datasetName(dataset),
    datasetPath: dataset.path,
    pairs: dataset.pairs,
    leftOut: leftOutOf(dataset),
    modelName: modelName(model.path),
    modelPath: model.path,
    sharing: plan.sharing,
    tokenRatio,
    planProblem,
    predicted: predicted === undefined ? null : { parts: partsOf(predicted.seconds), sources: [...predicted.sources] },
    tags: [...tags],
    notes,
    settings: settingsOf(folder, config),
    command,
    commandWithout: without,
  };
}

function leftOutOf({ left_out: files = [] }: RunConfig['dataset']): string {
  const rows = files.reduce((sum, file) => sum + file.rows, 0);
  return rows === 0 ? '' : `${plural(rows, 'row')} left out`;
}

/** What a run runs on: how many threads is of interest only where they compute. */
function deviceText({ backend, device, threads }: StartEvent): string {
  return backend === 'cpu' ? `${device}, ${threads} ${threads === 1 ? 'thread' : 'threads'}` : device;
}

/** @param mayAct whether the workspace is trusted */
export function statusOf(run: Watched, mayAct: boolean): RunStatus {
  const { state, history } = run;
  const { start, pace } = history;
  const figures = headline(history);
  return {
    state,
    job: run.job === undefined ? '' : jobText(run.job, state),
    gone: run.gone,
    phase: history.phase ?? null,
    progress: history.progress ?? null,
    step: history.step,
    steps: history.totalSteps ?? null,
    secondsLeft: pace?.secondsLeft ?? null,
    pairsPerSecond: pace?.pairsPerSecond ?? null,
    tokensPerSecond: pace?.tokensPerSecond ?? null,
    speedOfLight: pace?.speedOfLight ?? null,
    figures: figures === undefined ? null : { of: figures.of, step: figures.step, pairs: figures.pairs },
    loss: figures?.loss ?? null,
    margin: figures?.margin ?? null,
    accuracy: figures?.accuracy ?? null,
    best: bestOf(run, figures?.best),
    device: start === undefined ? null : deviceText(start),
    recomputed: (history.recompute && recomputedText(history.recompute)) ?? null,
    devices: state === 'running' || state === 'stopping' ? history.devices.map(deviceOf) : [],
    ranks: history.ranks ?? null,
    time: timeOf(history.timeSpent),
    checkpoint: history.checkpoints.at(-1)?.step ?? null,
    end: endOf(run),
    warnings: warningsOf(run),
    skippedLines: run.log.skipped + (run.log.unfinished && run.state === 'crashed' ? 1 : 0),
    mayAct,
    trackers: run.trackers.map(trackerOf),
  };
}

function deviceOf({ name, utilisation, memory, memoryTotal, temperature, power }: DeviceReading): DeviceStatus {
  return {
    name,
    utilisation: utilisation ?? null,
    memory: memory ?? null,
    memoryTotal: memoryTotal ?? null,
    temperature: temperature ?? null,
    power: power ?? null,
  };
}

function trackerOf({ name, url, command, complete, trouble }: Tracked): TrackerStatus {
  const upload = command === undefined ? '' : `upload with: ${command}`;
  const text = complete ? upload : trouble === undefined ? 'being sent' : `not all there yet: ${trouble.what}`;
  return { label: TRACKER_LABELS[name], url: url ?? null, text };
}

function bestOf({ best: model }: Watched, best: BestEvaluation | undefined): BestStatus | null {
  if (best === undefined) return null;
  const { step, loss = null, margin = null, accuracy = null } = best;
  const isKnown = model?.step === step;
  return { step, loss, margin, accuracy, exportPath: (isKnown ? model.folder : undefined) ?? null, kept: isKnown && model.kept };
}

function timeOf(spent: TimeSpent | undefined): TimeStatus | null {
  if (spent === undefined) return null;
  const { seconds, sessions, estimated } = spent;
  return { parts: partsOf(seconds), sessions, estimated };
}

/** What comes before loading is part of it to whoever waits. */
function partsOf(seconds: Readonly<Partial<Record<string, number>>>): TimeStatus['parts'] {
  const all = { ...seconds, load: (seconds['start'] ?? 0) + (seconds['load'] ?? 0) };
  return PANEL_TIMES.map((phase) => ({ phase, seconds: (all as typeof seconds)[phase] ?? 0 })).filter(
    (part) => part.seconds >= LEAST_SECONDS,
  );
}

/**
 * Signs that a run goes wrong, none for one that was given up already for a reason of its own; and what the runner went on
 * without.
 */
function warningsOf({ state, history }: Watched): RunWarning[] {
  const signs = state === 'failed' ? [] : divergences(history).map((sign) => ({ ...sign, where: null }));
  const told = history.warnings.map(({ what, where, advice }) => ({ kind: 'runner' as const, what, where, advice }));
  return [...signs, ...told].map(({ kind, what, where, advice }) => ({
    kind,
    what: asSentence(what),
    where: where === '' ? null : where,
    advice: asSentence(advice),
  }));
}

function asSentence(text: string): string {
  return /[.!?]$/.test(text) ? sentence(text) : `${sentence(text)}.`;
}

function endOf(run: Watched): RunEnd | null {
  const { state, history, crash } = run;
  if (state === 'crashed')
    return {
      kind: 'crashed',
      exit: crash?.exit ?? 'it ended without an error message',
      advice: crash?.advice ?? [],
      log: crash?.log ?? [],
    };
  const { terminal } = history;
  // A run that was resumed keeps its old end until the new start is written.
  if (terminal === undefined || terminal.type !== state) return null;
  switch (terminal.type) {
    case 'finished':
      return { kind: 'finished', seconds: terminal.seconds, exportPath: exportFolder(run) ?? null };
    case 'stopped':
      return { kind: 'stopped', step: terminal.step };
    case 'failed':
      return { kind: 'failed', what: terminal.what, where: terminal.where, advice: terminal.advice, sameCause: run.sameCause };
  }
}

/** Where the trained model is, or undefined when there is none. Never outside the run's folder. */
export function exportFolder({ folder, history }: Pick<Watched, 'folder' | 'history'>): string | undefined {
  if (history.exportPath === undefined) return undefined;
  const absolute = path.resolve(folder, history.exportPath);
  return absolute.startsWith(folder + path.sep) ? absolute : undefined;
}

/** The rows from one on, as the panel takes them. */
export function seriesFrom(history: RunHistory, from: number): SeriesUpdate {
  return { from, ...rowsOf(history, (column) => column.slice(from)) };
}

/**
 * Rows of a long run, evenly spread with the first and the last among them: few enough to be on the screen while the whole
 * is on its way, for which a window in a browser takes a second. Undefined for a run that is short.
 */
export function overviewOf(history: RunHistory): SeriesUpdate | undefined {
  const every = Math.floor(history.steps.length / OVERVIEW_ROWS);
  if (every < LEAST_SPARED) return undefined;
  const last = history.steps.length - 1;
  const isPicked = (row: number): boolean => row === 0 || (last - row) % every === 0;
  return { from: 0, overview: true, ...rowsOf(history, (column) => column.filter((_, row) => isPicked(row))) };
}

function rowsOf(
  { steps, columns, sources }: RunHistory,
  pick: (column: readonly number[]) => readonly number[],
): Pick<SeriesUpdate, 'step' | 'columns' | 'sources'> {
  return {
    step: Float64Array.from(pick(steps)),
    columns: columnsOf(SERIES, (name) => pick(columns[name])),
    sources: Object.fromEntries([...sources].map(([source, of]) => [source, columnsOf(SOURCE_SERIES, (name) => pick(of[name]))])),
  };
}

function columnsOf<Name extends string>(names: readonly Name[], values: (name: Name) => readonly number[]): Record<Name, Float32Array> {
  return Object.fromEntries(names.map((name) => [name, Float32Array.from(values(name))])) as Record<Name, Float32Array>;
}

/** All evaluations, as the panel takes them. */
export function evalsOf({ evals, best }: Pick<RunHistory, 'evals' | 'best'>): EvalSeries {
  const sources = new Set(evals.flatMap((row) => [...row.sources.keys()]));
  return {
    step: Float64Array.from(evals, ({ step }) => step),
    columns: columnsOf(EVAL_SERIES, (name) => evals.map((row) => row[name])),
    sources: Object.fromEntries(
      [...sources].map((source) => [
        source,
        columnsOf(SOURCE_SERIES, (name) => evals.map((row) => row.sources.get(source)?.[name] ?? NaN)),
      ]),
    ),
    best: best?.step ?? null,
  };
}
