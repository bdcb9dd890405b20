/**
 * The messages between the extension host and the run panel. Both sides check what they receive: the host because a
 * webview is a browser page, the page because it may be older than the host that talks to it.
 */

import { EVAL_SERIES, type EvalSeriesName, SERIES, type SeriesName, SOURCE_SERIES, type SourceSeriesName } from '../metrics.js';
import type { Verdicts, VerdictTable } from '../core/pairs/index.js';
import type { SampleText } from '../core/sample/index.js';
import { isMarkdown, isWebAddress, type MarkNode } from './markdown.js';
import { PAIR_LIST_OF, PAIRS_ASKED, type PairsAsked, SHOWN_PAIRS, type ShownPairs } from './run-pairs.js';
import { CURVE_ASKED, type CurveAsked, SHOWN_CURVE, type ShownCurve } from './run-curve.js';
import { JUDGED_ASKED, type JudgedAsked, SHOWN_JUDGED, type ShownJudged } from './run-judged.js';
import { SHOWN_WHY, type ShownWhy, WHY_ASKED, WHY_REMEDIES, type WhyAsked } from './run-why.js';
import { type Check, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isFloats, isNumber, isNumberOrNull, isObject, isPng, isSingles, isText, isTexts } from './values.js';

/** The state of a run (see `RunState`). */
export const PANEL_STATES = ['planned', 'queued', 'starting', 'running', 'stopping', 'finished', 'stopped', 'failed', 'crashed'] as const;
export type PanelState = (typeof PANEL_STATES)[number];

export const PANEL_PHASES = ['load', 'ceiling', 'reference', 'train', 'export'] as const;
export type PanelPhase = (typeof PANEL_PHASES)[number];

/** What the time of a run goes to, in this order. */
export const PANEL_TIMES = [
  'load',
  'ceiling',
  'reference',
  'train',
  'communication',
  'evaluation',
  'samples',
  'checkpoints',
  'export',
  'other',
] as const;
export type PanelTime = (typeof PANEL_TIMES)[number];

/** Where the time of a run went. */
export interface TimeStatus {
  readonly parts: readonly { readonly phase: PanelTime; readonly seconds: number }[];
  /** Times that the run was started. */
  readonly sessions: number;
  /** Of these, so many whose time is taken from the times of their events. */
  readonly estimated: number;
}

/** How long a run was predicted to take, and what that was taken from. */
export interface PredictedTime {
  readonly parts: TimeStatus['parts'];
  readonly sources: readonly string[];
}

/** What does not change during a run. */
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
  /** What the run was predicted to take when it was started; null when that is not known. */
  readonly predicted: PredictedTime | null;
  readonly tags: readonly string[];
  /** The user's notes; empty if there are none. */
  readonly notes: string;
  /** All settings of the run, in reading order. */
  readonly settings: readonly SettingsGroup[];
  /** The shell command that repeats the run. */
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
  /** What it means; empty if the name says it. */
  readonly help: string;
  /** Whether it differs from the default. */
  readonly changed: boolean;
}

/** How a run ended, or null while it has not. */
export type RunEnd =
  | { readonly kind: 'finished'; readonly seconds: number; readonly exportPath: string | null }
  | { readonly kind: 'stopped'; readonly step: number }
  /** `sameCause`: whether it would probably fail again. */
  | { readonly kind: 'failed'; readonly what: string; readonly where: string; readonly advice: string; readonly sameCause: boolean }
  | {
      readonly kind: 'crashed';
      readonly exit: string;
      /** What to do, most likely first. */
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

/** A GPU that the run works on; null for what its driver does not say. */
export interface DeviceStatus {
  readonly name: string;
  /** 0 to 1, over the last seconds. */
  readonly utilisation: number | null;
  /** Bytes, of all processes. */
  readonly memory: number | null;
  readonly memoryTotal: number | null;
  /** °C. */
  readonly temperature: number | null;
  /** W. */
  readonly power: number | null;
}

/** How a run stands with a tracker. */
export interface TrackerStatus {
  readonly label: string;
  /** The run's page there, `http` or `https`; null when there is none, or none yet. */
  readonly url: string | null;
  /** What is to be known beside that; empty when all of the run is there. */
  readonly text: string;
}

/** How several devices share the latest steps. */
export interface RanksStatus {
  /** Seconds of a step in which nothing was computed for waiting on others. */
  readonly communication: number;
  /** Of the step, 0 to 1. */
  readonly share: number;
  /** The longest time that one computed over the mean. */
  readonly slowest: number;
  /** Seconds that each computed in a step; empty when that is not known. */
  readonly seconds: readonly number[];
}

export interface RunStatus {
  readonly state: PanelState;
  /** The job of a run that a cluster has, in a line; empty where there is none. */
  readonly job: string;
  /** True once the run's folder was deleted or moved away. */
  readonly gone: boolean;
  readonly phase: PanelPhase | null;
  /** Bins done and in all within the phase; null when it is not counted. */
  readonly progress: { readonly done: number; readonly total: number } | null;
  /** Last step done. */
  readonly step: number;
  /** Total steps; null until the runner has said. */
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
  /** "activations of the MLPs of 12 of 32 layers": what is computed again; null where nothing is. */
  readonly recomputed: string | null;
  /** GPUs of a run that is at work. */
  readonly devices: readonly DeviceStatus[];
  /** Null for a single device. */
  readonly ranks: RanksStatus | null;
  /** Null before the run was started. */
  readonly time: TimeStatus | null;
  /** The step from which a resume would continue; null if it would start over. */
  readonly checkpoint: number | null;
  readonly end: RunEnd | null;
  readonly warnings: readonly RunWarning[];
  /** Lines of the event log that could not be read. */
  readonly skippedLines: number;
  /** False in a workspace that is not trusted: then the panel only shows. */
  readonly mayAct: boolean;
  /** The trackers that the run is sent to. */
  readonly trackers: readonly TrackerStatus[];
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

/** All evaluations so far, since there are few. */
export interface EvalSeries {
  readonly step: Float64Array;
  readonly columns: Readonly<Record<EvalSeriesName, Float32Array>>;
  readonly sources?: SourceSeries;
  /** Step of the best one; null when none is. */
  readonly best: number | null;
}

export const RUN_WARNINGS = ['not-finite', 'collapse', 'saturation', 'overfitting', 'runner'] as const;

/** A sign that a run is going wrong; `runner`: what the runner says it goes on without. */
export interface RunWarning {
  readonly kind: (typeof RUN_WARNINGS)[number];
  readonly what: string;
  /** Null where it is the run as a whole. */
  readonly where: string | null;
  readonly advice: string;
}

/** A setting that differs between the runs of the panel. */
export interface Difference {
  /** As in `run.json`, such as `training.beta`. */
  readonly setting: string;
  /** One for each run. */
  readonly values: readonly string[];
}

/** `run` says which run of the panel is meant, in the order in which they were opened. */
export type RunHostMessage =
  | { readonly type: 'header'; readonly run: number; readonly header: RunHeader }
  | { readonly type: 'status'; readonly run: number; readonly status: RunStatus }
  | { readonly type: 'series'; readonly run: number; readonly update: SeriesUpdate }
  | { readonly type: 'evals'; readonly run: number; readonly evals: EvalSeries }
  /** All samples of the first run so far. `problem`: why their texts cannot be shown; empty when they can. */
  | { readonly type: 'samples'; readonly samples: readonly SampleText[]; readonly problem: string }
  /** How many runs the panel shows, how they differ, and the names of those that can no longer be opened. */
  | {
      readonly type: 'runs';
      readonly count: number;
      readonly differences: readonly Difference[];
      readonly missing: readonly string[];
    }
  /** Of several runs: whether they are really better than one another. */
  | { readonly type: 'verdicts'; readonly verdicts: Verdicts }
  /** Notes on the runs of a comparison, as they are and as they read. */
  | { readonly type: 'comparison-notes'; readonly notes: string; readonly read: readonly MarkNode[] }
  /** What became of the first run's pairs. */
  | { readonly type: 'pairs'; readonly shown: ShownPairs }
  /** How one of the first run's pairs went. */
  | { readonly type: 'curve'; readonly shown: ShownCurve }
  /** Why the first run's chosen responses became less likely. */
  | { readonly type: 'why'; readonly shown: ShownWhy }
  /** That is to be shown now. */
  | { readonly type: 'show-why' }
  /** What was judged of the first run's completions. */
  | { readonly type: 'judged'; readonly shown: ShownJudged }
  /** That is to be shown now, this comparison of it. */
  | { readonly type: 'show-judged'; readonly id: string }
  /** The last lines of the first run's log. */
  | { readonly type: 'log'; readonly lines: readonly string[] }
  /** Whether the panel is a preview, which the next run opened from the Runs view replaces. */
  | { readonly type: 'preview'; readonly preview: boolean }
  /** There is no run to show. */
  | { readonly type: 'empty'; readonly reason: string };

/** Requests without further data. The host knows which runs are meant. */
export const RUN_REQUESTS = [
  'ready',
  'stop',
  'resume',
  'reveal',
  'reveal-export',
  'export-best',
  'stop-and-export-best',
  'reveal-best',
  'export-gguf',
  'push',
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
  'cancel-why',
  'explain',
  'judge',
] as const;
export type RunPageRequest = (typeof RUN_REQUESTS)[number];
export type RunPageMessage =
  | { readonly type: RunPageRequest }
  | { readonly type: 'remove-run'; readonly run: number }
  /** Replaces the notes of the first run. */
  | { readonly type: 'set-notes'; readonly folder: string; readonly notes: string }
  /** Replaces the notes on the comparison of these runs. */
  | { readonly type: 'set-comparison-notes'; readonly folders: readonly string[]; readonly notes: string }
  | { readonly type: 'get-pairs'; readonly asked: PairsAsked }
  /** Shows a pair in its dataset, as text or in the table. `row`: 0-based, counted through the files. */
  | { readonly type: 'open-pair'; readonly of: PairsAsked['of']; readonly row: number; readonly how: (typeof PAIR_OPENED)[number] }
  | { readonly type: 'get-curve'; readonly asked: CurveAsked }
  | { readonly type: 'get-why'; readonly asked: WhyAsked }
  | { readonly type: 'get-judged'; readonly asked: JudgedAsked }
  /** Opens the form of the run with a change that helps. */
  | { readonly type: 'use-remedy'; readonly name: (typeof WHY_REMEDIES)[number] }
  | { readonly type: 'save-image'; readonly name: string; readonly png: Uint8Array };

/** How a pair is shown in its dataset. */
export const PAIR_OPENED = ['text', 'table'] as const;

/** Longer notes are not accepted (see `labels.json`). */
export const LONGEST_NOTES = 20_000;

/** What a page keeps across a reload of the window: the folders of its runs, in order. */
export interface RunPageState {
  readonly folders: readonly string[];
}

const isNotes = (value: unknown): value is string => isText(value) && value.length <= LONGEST_NOTES;

const PAGE_MESSAGES: Messages<RunPageMessage> = {
  'remove-run': { run: isCount },
  'set-notes': { folder: isText, notes: isNotes },
  'set-comparison-notes': { folders: isTexts, notes: isNotes },
  'get-pairs': { asked: PAIRS_ASKED },
  'open-pair': { of: ['one of', PAIR_LIST_OF], row: isCount, how: ['one of', PAIR_OPENED] },
  'get-curve': { asked: CURVE_ASKED },
  'get-why': { asked: WHY_ASKED },
  'get-judged': { asked: JUDGED_ASKED },
  'use-remedy': { name: ['one of', WHY_REMEDIES] },
  'save-image': { name: isText, png: isPng },
};

export function readRunPageMessage(value: unknown): RunPageMessage | undefined {
  return readMessage(value, RUN_REQUESTS, PAGE_MESSAGES);
}

export function readRunPageState(value: unknown): RunPageState | undefined {
  if (!isObject(value)) return undefined;
  // Panels from before there could be several runs keep `folder`.
  const folders = isText(value['folder']) ? [value['folder']] : value['folders'];
  if (!isTexts(folders) || folders.length === 0) return undefined;
  return folders.every((folder) => folder.startsWith('/')) ? { folders } : undefined;
}

const TIME_PARTS: Check<TimeStatus['parts']> = ['list of', { phase: ['one of', PANEL_TIMES], seconds: isNumber }];

const HEADER: Check<RunHeader> = {
  folder: isText,
  id: isText,
  name: isText,
  datasetName: isText,
  datasetPath: isText,
  pairs: isCount,
  leftOut: isText,
  modelName: isText,
  modelPath: isText,
  sharing: isText,
  tokenRatio: isNumberOrNull,
  planProblem: ['or null', isText],
  predicted: ['or null', { parts: TIME_PARTS, sources: isTexts }],
  tags: isTexts,
  notes: isText,
  settings: [
    'list of',
    {
      title: isText,
      rows: ['list of', { name: isText, value: isText, help: isText, changed: isFlag }],
    },
  ],
  command: isText,
  commandWithout: isTexts,
};

const END: Check<RunEnd> = [
  'by kind',
  {
    finished: { seconds: isNumber, exportPath: ['or null', isText] },
    stopped: { step: isCount },
    failed: { what: isText, where: isText, advice: isText, sameCause: isFlag },
    crashed: { exit: isText, advice: isTexts, log: isTexts },
  },
];

const WARNING: Check<RunWarning> = {
  kind: ['one of', RUN_WARNINGS],
  what: isText,
  where: ['or null', isText],
  advice: isText,
};

const DEVICE: Check<DeviceStatus> = {
  name: isText,
  utilisation: isNumberOrNull,
  memory: isNumberOrNull,
  memoryTotal: isNumberOrNull,
  temperature: isNumberOrNull,
  power: isNumberOrNull,
};

const isAddressOrNull = (value: unknown): value is string | null => value === null || (isText(value) && isWebAddress(value));

const STATUS: Check<RunStatus> = {
  state: ['one of', PANEL_STATES],
  job: isText,
  gone: isFlag,
  phase: ['or null', ['one of', PANEL_PHASES]],
  progress: ['or null', { done: isCount, total: isCount }],
  step: isCount,
  steps: ['or null', isCount],
  secondsLeft: isNumberOrNull,
  pairsPerSecond: isNumberOrNull,
  tokensPerSecond: isNumberOrNull,
  speedOfLight: isNumberOrNull,
  figures: ['or null', { of: ['one of', ['evaluation', 'training']], step: isCount, pairs: isCount }],
  loss: isNumberOrNull,
  margin: isNumberOrNull,
  accuracy: isNumberOrNull,
  best: [
    'or null',
    {
      step: isCount,
      loss: isNumberOrNull,
      margin: isNumberOrNull,
      accuracy: isNumberOrNull,
      exportPath: ['or null', isText],
      kept: isFlag,
    },
  ],
  device: ['or null', isText],
  recomputed: ['or null', isText],
  devices: ['list of', DEVICE],
  ranks: ['or null', { communication: isNumber, share: isNumber, slowest: isNumber, seconds: ['list of', isNumber] }],
  time: ['or null', { parts: TIME_PARTS, sessions: isCount, estimated: isCount }],
  checkpoint: ['or null', isCount],
  end: ['or null', END],
  warnings: ['list of', WARNING],
  skippedLines: isCount,
  mayAct: isFlag,
  trackers: ['list of', { label: isText, url: isAddressOrNull, text: isText }],
};

function isSeriesUpdate(value: unknown): value is SeriesUpdate {
  return (
    isObject(value) && isCount(value['from']) && (value['overview'] === undefined || isFlag(value['overview'])) && hasColumns(value, SERIES)
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

const SAMPLE: Check<SampleText> = {
  prompt: isText,
  reference: ['or null', isText],
  policy: ['list of', { step: isCount, text: isText }],
};

const DIFFERENCE: Check<Difference> = { setting: isText, values: isTexts };

const VERDICT_TABLE: Check<VerdictTable> = { title: isText, heading: isTexts, rows: ['list of', isTexts] };

const HOST_MESSAGES: Messages<RunHostMessage> = {
  header: { run: isCount, header: HEADER },
  status: { run: isCount, status: STATUS },
  series: { run: isCount, update: isSeriesUpdate },
  evals: { run: isCount, evals: isEvalSeries },
  samples: { samples: ['list of', SAMPLE], problem: isText },
  runs: [
    'and',
    { count: isCount, differences: ['list of', DIFFERENCE], missing: isTexts },
    ({ count, differences }) => differences.every(({ values }) => values.length === count),
  ],
  verdicts: { verdicts: { tables: ['list of', VERDICT_TABLE], notes: isTexts } },
  'comparison-notes': { notes: isText, read: isMarkdown },
  pairs: { shown: SHOWN_PAIRS },
  curve: { shown: SHOWN_CURVE },
  why: { shown: SHOWN_WHY },
  judged: { shown: SHOWN_JUDGED },
  'show-judged': { id: isText },
  log: { lines: isTexts },
  preview: { preview: isFlag },
  empty: { reason: isText },
};

export function readRunHostMessage(value: unknown): RunHostMessage | undefined {
  return readMessage(value, ['show-why'], HOST_MESSAGES);
}
