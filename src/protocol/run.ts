/**
 * The messages between the extension host and the run panel. Both sides check what they receive: the host because a
 * webview is a browser page, the panel because a panel may be older than the host that talks to it.
 */

import { isCount, isFloats, isNumber, isNumberOrNull, isObject, isOneOf, isText } from './values.js';

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
  readonly modelName: string;
  readonly modelPath: string;
  readonly sharing: string;
  /** Tokens of the naive plan over those of this one; null when the plan cannot be read. */
  readonly tokenRatio: number | null;
  /** What the run was told, in reading order: label and value. */
  readonly settings: readonly (readonly [label: string, value: string])[];
}

/** How a run ended, or null while it has not. */
export type RunEnd =
  | { readonly kind: 'finished'; readonly seconds: number; readonly exportPath: string | null }
  | { readonly kind: 'stopped'; readonly step: number }
  | { readonly kind: 'failed'; readonly what: string; readonly where: string; readonly advice: string }
  | { readonly kind: 'crashed'; readonly exit: string; readonly log: readonly string[] };

export interface RunStatus {
  readonly state: PanelState;
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
  readonly loss: number | null;
  readonly margin: number | null;
  readonly accuracy: number | null;
  readonly device: string | null;
  /** Newest step that a resume would go on from; null when it would begin again. */
  readonly checkpoint: number | null;
  readonly end: RunEnd | null;
  /** False in a workspace that is not trusted: then the panel only shows. */
  readonly mayAct: boolean;
}

export const SERIES = ['loss', 'chosen', 'rejected', 'margins', 'accuracies'] as const;
export type SeriesName = (typeof SERIES)[number];

/** Rows from `from` on, in place of those the panel has. NaN where the runner had no number. */
export interface SeriesUpdate {
  readonly from: number;
  /** Rising step numbers. */
  readonly step: Float64Array;
  /** Each as long as `step`. */
  readonly columns: Readonly<Record<SeriesName, Float64Array>>;
}

export type HostMessage =
  | { readonly type: 'header'; readonly header: RunHeader }
  | { readonly type: 'status'; readonly status: RunStatus }
  | { readonly type: 'series'; readonly update: SeriesUpdate }
  /** There is no run to show. */
  | { readonly type: 'empty'; readonly reason: string };

/** What the panel may ask for. The host knows which run it means. */
export const PANEL_REQUESTS = [
  'ready',
  'stop',
  'resume',
  'reveal',
  'reveal-export',
  'show-log',
  'launch',
  'open-run',
  'manage-trust',
] as const;
export type PanelRequest = (typeof PANEL_REQUESTS)[number];
export interface PanelMessage {
  readonly type: PanelRequest;
}

/** A message from a panel, or undefined when it is not one. */
export function readPanelMessage(value: unknown): PanelMessage | undefined {
  return isObject(value) && isOneOf(value['type'], PANEL_REQUESTS) ? { type: value['type'] } : undefined;
}

/** What the panel keeps over a reload of the window, or undefined when it is not that. */
export function readPanelState(value: unknown): { readonly folder: string } | undefined {
  return isObject(value) && typeof value['folder'] === 'string' && value['folder'].startsWith('/')
    ? { folder: value['folder'] }
    : undefined;
}

/** A message from the host, or undefined when it is not one. */
export function readHostMessage(value: unknown): HostMessage | undefined {
  if (!isObject(value)) return undefined;
  switch (value['type']) {
    case 'header':
      return isHeader(value['header']) ? { type: 'header', header: value['header'] } : undefined;
    case 'status':
      return isStatus(value['status']) ? { type: 'status', status: value['status'] } : undefined;
    case 'series':
      return isSeriesUpdate(value['update']) ? { type: 'series', update: value['update'] } : undefined;
    case 'empty':
      return isText(value['reason']) ? { type: 'empty', reason: value['reason'] } : undefined;
    default:
      return undefined;
  }
}

function isHeader(value: unknown): value is RunHeader {
  return (
    isObject(value) &&
    ['folder', 'id', 'name', 'datasetName', 'datasetPath', 'modelName', 'modelPath', 'sharing'].every((name) =>
      isText(value[name]),
    ) &&
    isCount(value['pairs']) &&
    isNumberOrNull(value['tokenRatio']) &&
    Array.isArray(value['settings']) &&
    value['settings'].every((row: unknown) => Array.isArray(row) && row.length === 2 && row.every(isText))
  );
}

function isStatus(value: unknown): value is RunStatus {
  return (
    isObject(value) &&
    isOneOf(value['state'], PANEL_STATES) &&
    (value['phase'] === null || isOneOf(value['phase'], PANEL_PHASES)) &&
    isProgress(value['progress']) &&
    isCount(value['step']) &&
    (value['steps'] === null || isCount(value['steps'])) &&
    ['secondsLeft', 'pairsPerSecond', 'tokensPerSecond', 'speedOfLight', 'loss', 'margin', 'accuracy'].every((name) =>
      isNumberOrNull(value[name]),
    ) &&
    (value['device'] === null || isText(value['device'])) &&
    (value['checkpoint'] === null || isCount(value['checkpoint'])) &&
    (value['end'] === null || isEnd(value['end'])) &&
    typeof value['mayAct'] === 'boolean'
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
      return isText(value['what']) && isText(value['where']) && isText(value['advice']);
    case 'crashed':
      return isText(value['exit']) && Array.isArray(value['log']) && value['log'].every(isText);
    default:
      return false;
  }
}

function isSeriesUpdate(value: unknown): value is SeriesUpdate {
  if (!isObject(value) || !isCount(value['from']) || !isFloats(value['step'])) return false;
  const { step, columns } = value;
  return isObject(columns) && SERIES.every((name) => isFloats(columns[name]) && columns[name].length === step.length);
}
