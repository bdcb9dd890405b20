/**
 * The messages between the extension host and the run panel. Both sides check what they receive: the host because a
 * webview is a browser page, the panel because a panel may be older than the host that talks to it.
 */

import { EVAL_SERIES, type EvalSeriesName, SERIES, type SeriesName, SOURCE_SERIES, type SourceSeriesName } from '../metrics.js';
import type { SampleText } from '../core/sample/index.js';
import {
  isBytes,
  isCount,
  isFloats,
  isNumber,
  isNumberOrNull,
  isObject,
  isOneOf,
  isSingles,
  isText,
  isTexts,
} from './values.js';

/** How a run stands (see `RunState` of the run store). */
export const PANEL_STATES = [
  'planned',
  'starting',
  'running',
  'stopping',
  'finished',
  'stopped',
  'failed',
  'crashed',
] as const;
export type PanelState = (typeof PANEL_STATES)[number];

export const PANEL_PHASES = ['load', 'ceiling', 'reference', 'train', 'export'] as const;
export type PanelPhase = (typeof PANEL_PHASES)[number];

/** What does not change while a run runs. */
export interface RunHeader {
  /** Absolute path; shown, and kept so that the panel finds its run after a reload. */
  readonly folder: string;
  readonly id: string;
  readonly name: string;
  readonly datasetName: string;
  readonly datasetPath: string;
  /** Pairs trained on in one epoch. */
  readonly pairs: number;
  /** Rows that could not be used and were left out, as a phrase with their lines; empty when all were used. */
  readonly leftOut: string;
  readonly modelName: string;
  readonly modelPath: string;
  readonly sharing: string;
  /** Tokens of the naive plan over those of this one; null when the plan cannot be read. */
  readonly tokenRatio: number | null;
  /** Why the run cannot be started from its plan, or null when it can. */
  readonly planProblem: string | null;
  readonly tags: readonly string[];
  /** What somebody wrote down about it; empty for nothing. */
  readonly notes: string;
  /** All that the run was told, in reading order. */
  readonly settings: readonly SettingsGroup[];
  /** What repeats the run on the command line, for a shell. */
  readonly command: string;
  /** Settings that have no flag and are therefore not in the command. */
  readonly commandWithout: readonly string[];
}

export interface SettingsGroup {
  readonly title: string;
  readonly rows: readonly SettingRow[];
}

export interface SettingRow {
  readonly name: string;
  readonly value: string;
  /** What it is; empty where the name says it. */
  readonly help: string;
  /** Whether it is not what it is by default. */
  readonly changed: boolean;
}

/** How a run ended, or null while it has not. */
export type RunEnd =
  | { readonly kind: 'finished'; readonly seconds: number; readonly exportPath: string | null }
  | { readonly kind: 'stopped'; readonly step: number }
  /** `sameCause`: it would fail again, as far as can be told. */
  | { readonly kind: 'failed'; readonly what: string; readonly where: string; readonly advice: string; readonly sameCause: boolean }
  | {
      readonly kind: 'crashed';
      readonly exit: string;
      /** What to do, likeliest first. */
      readonly advice: readonly string[];
      readonly log: readonly string[];
    };

/** `evaluation`: of so many pairs, after `step`. `training`: a mean over so many pairs, the latest up to `step`. */
export interface FiguresOf {
  readonly of: 'evaluation' | 'training';
  readonly step: number;
  readonly pairs: number;
}

export interface BestStatus {
  readonly step: number;
  readonly loss: number | null;
  readonly margin: number | null;
  readonly accuracy: number | null;
  /** Absolute path of its model; null when it is not exported. */
  readonly exportPath: string | null;
  /** Whether it can be exported. */
  readonly kept: boolean;
}

export interface RunStatus {
  readonly state: PanelState;
  /** True once the run's folder was deleted or moved away. */
  readonly gone: boolean;
  readonly phase: PanelPhase | null;
  /** Bins done and in all within the phase; null when it is not counted. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  /** Last step done. */
  readonly step: number;
  /** Steps of the run; null before the runner said so. */
  readonly steps: number | null;
  readonly secondsLeft: number | null;
  readonly pairsPerSecond: number | null;
  readonly tokensPerSecond: number | null;
  /** Required FLOP/s over the device's measured rate, 0 to 1. */
  readonly speedOfLight: number | null;
  /** What loss, margin and accuracy are of; null before the first step. */
  readonly figures: FiguresOf | null;
  readonly loss: number | null;
  readonly margin: number | null;
  readonly accuracy: number | null;
  /** The best evaluation so far; null without one. */
  readonly best: BestStatus | null;
  readonly device: string | null;
  /** Newest step that a resume would go on from; null when it would begin again. */
  readonly checkpoint: number | null;
  readonly end: RunEnd | null;
  readonly warnings: readonly RunWarning[];
  /** Lines of the event log that could not be read. */
  readonly skippedLines: number;
  /** False in a workspace that is not trusted: then the panel only shows. */
  readonly mayAct: boolean;
}

/** Figures by source of the dataset; columns are as long as those beside them. */
export type SourceSeries = Readonly<Record<string, Readonly<Record<SourceSeriesName, Float32Array>>>>;

/** Rows from `from` on, in place of those the panel has. NaN where the runner had no number. */
export interface SeriesUpdate {
  readonly from: number;
  /** Rising step numbers. */
  readonly step: Float64Array;
  /** Each as long as `step`. */
  readonly columns: Readonly<Record<SeriesName, Float32Array>>;
  /** Of each source that a row so far had pairs of, by its name. */
  readonly sources?: SourceSeries;
  /** True where rows between are left out, to be seen sooner; the next update has them all. */
  readonly overview?: boolean;
}

/** All evaluations so far: there are few. */
export interface EvalSeries {
  readonly step: Float64Array;
  readonly columns: Readonly<Record<EvalSeriesName, Float32Array>>;
  readonly sources?: SourceSeries;
  /** Step of the best one; null when none is. */
  readonly best: number | null;
}

/** A sign that a run goes wrong. */
export interface RunWarning {
  readonly kind: 'not-finite' | 'collapse' | 'saturation' | 'overfitting';
  readonly what: string;
  readonly advice: string;
}

/** A setting that is not the same in all runs of the panel. */
export interface Difference {
  /** As in `run.json`, such as `training.beta`. */
  readonly setting: string;
  /** One a run. */
  readonly values: readonly string[];
}

/** `run` says which run of the panel is meant: its place in the order they were opened in. */
export type HostMessage =
  | { readonly type: 'header'; readonly run: number; readonly header: RunHeader }
  | { readonly type: 'status'; readonly run: number; readonly status: RunStatus }
  | { readonly type: 'series'; readonly run: number; readonly update: SeriesUpdate }
  | { readonly type: 'evals'; readonly run: number; readonly evals: EvalSeries }
  /** All samples of the first run so far. `problem`: why their texts cannot be shown; empty when they can. */
  | { readonly type: 'samples'; readonly samples: readonly SampleText[]; readonly problem: string }
  /** How many runs the panel shows, what differs between them, and what those are called that cannot be opened any more. */
  | {
      readonly type: 'runs';
      readonly count: number;
      readonly differences: readonly Difference[];
      readonly missing: readonly string[];
    }
  /** The last lines of the first run's log. */
  | { readonly type: 'log'; readonly lines: readonly string[] }
  /** Whether the panel shows whichever run was opened last from the Runs view, until somebody keeps it. */
  | { readonly type: 'preview'; readonly preview: boolean }
  /** There is no run to show. */
  | { readonly type: 'empty'; readonly reason: string };

/** What the panel may ask for without saying more. The host knows which runs it means. */
export const PANEL_REQUESTS = [
  'ready',
  'stop',
  'resume',
  'reveal',
  'reveal-export',
  'export-best',
  'stop-and-export-best',
  'reveal-best',
  'show-log',
  'follow-log',
  'leave-log',
  'launch',
  'open-run',
  'add-run',
  'duplicate',
  'try',
  'save-csv',
  'manage-trust',
  'masks',
  'packing',
  'rename',
  'tag',
  'keep-open',
  'copy-command',
] as const;
export type PanelRequest = (typeof PANEL_REQUESTS)[number];
export type PanelMessage =
  | { readonly type: PanelRequest }
  | { readonly type: 'remove-run'; readonly run: number }
  /** The first run's, in place of those it has. */
  | { readonly type: 'set-notes'; readonly folder: string; readonly notes: string }
  | { readonly type: 'save-image'; readonly name: string; readonly png: Uint8Array };

/** Longer notes are not taken (see `labels.json`). */
export const LONGEST_NOTES = 20_000;

/** Larger pictures are none of ours. */
const MOST_PNG_BYTES = 64 * 1024 * 1024;

/** A message from a panel, or undefined when it is not one. */
export function readPanelMessage(value: unknown): PanelMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, run, name, png, folder, notes } = value;
  if (isOneOf(type, PANEL_REQUESTS)) return { type };
  if (type === 'remove-run') return isCount(run) ? { type, run } : undefined;
  if (type === 'set-notes') return isText(folder) && isText(notes) && notes.length <= LONGEST_NOTES ? { type, folder, notes } : undefined;
  if (type === 'save-image') return isText(name) && isPng(png) ? { type, name, png } : undefined;
  return undefined;
}

/** Whether a value is a picture as a panel makes them. */
export function isPng(value: unknown): value is Uint8Array {
  if (!isBytes(value) || value.length > MOST_PNG_BYTES) return false;
  return [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a].every((byte, i) => value[i] === byte);
}

/** What the panel keeps over a reload of the window: its runs' folders, the first first. Undefined when it is not that. */
export function readPanelState(value: unknown): { readonly folders: readonly string[] } | undefined {
  if (!isObject(value)) return undefined;
  // Panels of before there were several runs in one keep `folder`.
  const folders = isText(value['folder']) ? [value['folder']] : value['folders'];
  if (!isTexts(folders) || folders.length === 0) return undefined;
  return folders.every((folder) => folder.startsWith('/')) ? { folders } : undefined;
}

/** A message from the host, or undefined when it is not one. */
export function readHostMessage(value: unknown): HostMessage | undefined {
  if (!isObject(value)) return undefined;
  const { run } = value;
  switch (value['type']) {
    case 'header':
      return isCount(run) && isHeader(value['header']) ? { type: 'header', run, header: value['header'] } : undefined;
    case 'status':
      return isCount(run) && isStatus(value['status']) ? { type: 'status', run, status: value['status'] } : undefined;
    case 'series':
      return isCount(run) && isSeriesUpdate(value['update'])
        ? { type: 'series', run, update: value['update'] }
        : undefined;
    case 'evals':
      return isCount(run) && isEvalSeries(value['evals']) ? { type: 'evals', run, evals: value['evals'] } : undefined;
    case 'runs': {
      const { count, differences, missing } = value;
      if (!isCount(count) || !Array.isArray(differences) || !isTexts(missing)) return undefined;
      return differences.every((row) => isDifference(row, count)) ? { type: 'runs', count, differences, missing } : undefined;
    }
    case 'samples': {
      const { samples, problem } = value;
      return Array.isArray(samples) && samples.every(isSample) && isText(problem) ? { type: 'samples', samples, problem } : undefined;
    }
    case 'log':
      return isTexts(value['lines']) ? { type: 'log', lines: value['lines'] } : undefined;
    case 'preview':
      return typeof value['preview'] === 'boolean' ? { type: 'preview', preview: value['preview'] } : undefined;
    case 'empty':
      return isText(value['reason']) ? { type: 'empty', reason: value['reason'] } : undefined;
    default:
      return undefined;
  }
}

function isHeader(value: unknown): value is RunHeader {
  return (
    isObject(value) &&
    ['folder', 'id', 'name', 'datasetName', 'datasetPath', 'modelName', 'modelPath', 'sharing', 'leftOut'].every((name) =>
      isText(value[name]),
    ) &&
    isCount(value['pairs']) &&
    isNumberOrNull(value['tokenRatio']) &&
    (value['planProblem'] === null || isText(value['planProblem'])) &&
    isTexts(value['tags']) &&
    isText(value['notes']) &&
    isText(value['command']) &&
    isTexts(value['commandWithout']) &&
    Array.isArray(value['settings']) &&
    value['settings'].every(isSettingsGroup)
  );
}

function isSettingsGroup(value: unknown): value is SettingsGroup {
  return (
    isObject(value) &&
    isText(value['title']) &&
    Array.isArray(value['rows']) &&
    value['rows'].every(
      (row: unknown) =>
        isObject(row) && ['name', 'value', 'help'].every((name) => isText(row[name])) && typeof row['changed'] === 'boolean',
    )
  );
}

function isStatus(value: unknown): value is RunStatus {
  return (
    isObject(value) &&
    isOneOf(value['state'], PANEL_STATES) &&
    typeof value['gone'] === 'boolean' &&
    (value['phase'] === null || isOneOf(value['phase'], PANEL_PHASES)) &&
    isProgress(value['progress']) &&
    isCount(value['step']) &&
    (value['steps'] === null || isCount(value['steps'])) &&
    ['secondsLeft', 'pairsPerSecond', 'tokensPerSecond', 'speedOfLight', 'loss', 'margin', 'accuracy'].every((name) =>
      isNumberOrNull(value[name]),
    ) &&
    (value['figures'] === null || isFiguresOf(value['figures'])) &&
    (value['best'] === null || isBest(value['best'])) &&
    (value['device'] === null || isText(value['device'])) &&
    (value['checkpoint'] === null || isCount(value['checkpoint'])) &&
    (value['end'] === null || isEnd(value['end'])) &&
    Array.isArray(value['warnings']) &&
    value['warnings'].every(isWarning) &&
    isCount(value['skippedLines']) &&
    typeof value['mayAct'] === 'boolean'
  );
}

function isFiguresOf(value: unknown): value is FiguresOf {
  return (
    isObject(value) &&
    isOneOf(value['of'], ['evaluation', 'training']) &&
    isCount(value['step']) &&
    isCount(value['pairs'])
  );
}

function isBest(value: unknown): value is BestStatus {
  return (
    isObject(value) &&
    isCount(value['step']) &&
    ['loss', 'margin', 'accuracy'].every((name) => isNumberOrNull(value[name])) &&
    (value['exportPath'] === null || isText(value['exportPath'])) &&
    typeof value['kept'] === 'boolean'
  );
}

function isProgress(value: unknown): boolean {
  return value === null || (isObject(value) && isCount(value['done']) && isCount(value['total']));
}

function isEnd(value: unknown): value is RunEnd {
  if (!isObject(value)) return false;
  switch (value['kind']) {
    case 'finished':
      return isNumber(value['seconds']) && (value['exportPath'] === null || isText(value['exportPath']));
    case 'stopped':
      return isCount(value['step']);
    case 'failed':
      return ['what', 'where', 'advice'].every((name) => isText(value[name])) && typeof value['sameCause'] === 'boolean';
    case 'crashed':
      return isText(value['exit']) && isTexts(value['advice']) && isTexts(value['log']);
    default:
      return false;
  }
}

function isSeriesUpdate(value: unknown): value is SeriesUpdate {
  return (
    isObject(value) &&
    isCount(value['from']) &&
    (value['overview'] === undefined || typeof value['overview'] === 'boolean') &&
    hasColumns(value, SERIES)
  );
}

function isEvalSeries(value: unknown): value is EvalSeries {
  return isObject(value) && hasColumns(value, EVAL_SERIES) && (value['best'] === null || isCount(value['best']));
}

function hasColumns(value: Readonly<Record<string, unknown>>, names: readonly string[]): boolean {
  const { step, columns, sources } = value;
  if (!isFloats(step) || !areColumns(columns, names, step.length)) return false;
  if (sources === undefined) return true;
  return isObject(sources) && Object.values(sources).every((source) => areColumns(source, SOURCE_SERIES, step.length));
}

function areColumns(value: unknown, names: readonly string[], length: number): boolean {
  if (!isObject(value)) return false;
  return names.every((name) => {
    const column = value[name];
    return isSingles(column) && column.length === length;
  });
}

function isSample(value: unknown): value is SampleText {
  return (
    isObject(value) &&
    isText(value['prompt']) &&
    (value['reference'] === null || isText(value['reference'])) &&
    Array.isArray(value['policy']) &&
    value['policy'].every((row: unknown) => isObject(row) && isCount(row['step']) && isText(row['text']))
  );
}

function isWarning(value: unknown): value is RunWarning {
  return (
    isObject(value) &&
    isOneOf(value['kind'], ['not-finite', 'collapse', 'saturation', 'overfitting']) &&
    isText(value['what']) &&
    isText(value['advice'])
  );
}

function isDifference(value: unknown, runs: number): value is Difference {
  return (
    isObject(value) && isText(value['setting']) && isTexts(value['values']) && value['values'].length === runs
  );
}
