import {
  EVAL_METRICS,
  type EvalMetrics,
  type Metric,
  METRICS,
  SOURCE_METRICS,
  type SourceMetrics,
  STEP_METRICS,
  type StepMetrics,
} from '../../metrics.js';
import { WishboneError } from '../errors.js';

interface EventHead {
  /** From 0, never repeated, goes on after a resume. */
  readonly seq: number;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
}

const RUN_PHASES = ['load', 'ceiling', 'reference', 'train', 'export'] as const;
export type RunPhase = (typeof RUN_PHASES)[number];

export interface StartEvent extends EventHead {
  readonly type: 'start';
  readonly version: string;
  readonly backend: string;
  readonly device: string;
  readonly threads: number;
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, in clock ticks since boot. */
  readonly pidStart: number;
  readonly bootId: string;
  readonly resumedFrom: number | null;
  readonly steps: number;
  readonly pairs: number;
  readonly parameters: number;
}

export interface PhaseEvent extends EventHead {
  readonly type: 'phase';
  readonly phase: RunPhase;
}

export interface ProgressEvent extends EventHead {
  readonly type: 'progress';
  readonly phase: RunPhase;
  readonly done: number;
  readonly total: number;
}

export interface CeilingEvent extends EventHead {
  readonly type: 'ceiling';
  /** FLOP/s. */
  readonly flops: number;
}

/** Of how many layers the backward pass computes the MLP again, or all of it, so that less is kept. */
export interface RecomputeEvent extends EventHead {
  readonly type: 'recompute';
  readonly layers: number;
  readonly mlp: number;
  readonly block: number;
}

/** `speedOfLight`: fraction of the measured ceiling, or null when it is not known. `memory`: the most held at once so far. */
export interface StepEvent extends EventHead, StepMetrics {
  readonly type: 'step';
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** Of a dataset with several. */
  readonly sources?: SourceMetrics;
  /** Of several devices: seconds that each computed the gradient of its bins, by rank. Older runners do not say. */
  readonly rank_seconds?: readonly number[];
}

/** Metrics of the eval set under TRL's names with `eval_` before each; other fields as in a step. */
export interface EvalEvent extends EventHead, EvalMetrics {
  readonly type: 'eval';
  /** Steps done. */
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly pairs: number;
  readonly seconds: number;
  /** The best so far by `metric_for_best_model`. */
  readonly best: boolean;
  readonly sources?: SourceMetrics;
}

/** Completions of the same prompts by one model. */
export interface SampleEvent extends EventHead {
  readonly type: 'sample';
  /** Steps done. */
  readonly step: number;
  /** `reference`: what the policy is held to, or started from. */
  readonly model: 'policy' | 'reference';
  /** Token ids. */
  readonly prompts: readonly (readonly number[])[];
  /** One a prompt; an end token last where there is one. */
  readonly completions: readonly (readonly number[])[];
}

export interface CheckpointEvent extends EventHead {
  readonly type: 'checkpoint';
  readonly step: number;
  /** Relative to the run folder. */
  readonly path: string;
}

/** How a GPU fares. What its driver does not say is not there. */
export interface DeviceReading {
  readonly name: string;
  /** Share of the time since the event before in which it computed, 0 to 1. */
  readonly utilisation?: number;
  /** Bytes, of all processes. */
  readonly memory?: number;
  readonly memoryTotal?: number;
  /** °C. */
  readonly temperature?: number;
  /** W, mean since the event before. */
  readonly power?: number;
}

/** The GPUs of the first process, now and then. */
export interface DevicesEvent extends EventHead {
  readonly type: 'devices';
  readonly devices: readonly DeviceReading[];
}

/** Something failed that the run goes on without. */
export interface WarningEvent extends EventHead {
  readonly type: 'warning';
  readonly what: string;
  readonly where: string;
  readonly advice: string;
}

/** Seconds of wall time of one start of a run, by what they went to; a later runner may name more. */
export type PhaseSeconds = Readonly<Record<string, number>>;

export interface ExportEvent extends EventHead {
  readonly type: 'export';
  readonly path: string;
  /** Steps that led to it, when those are not all: the best evaluation's. */
  readonly step?: number;
}

export interface FinishedEvent extends EventHead {
  readonly type: 'finished';
  readonly steps: number;
  readonly seconds: number;
  /** Bytes; older runners do not say. */
  readonly peakMemory?: number;
  /** Older runners do not say. */
  readonly phases?: PhaseSeconds;
}

export interface StoppedEvent extends EventHead {
  readonly type: 'stopped';
  readonly step: number;
  /** Of this start; older runners do not say. */
  readonly seconds?: number;
  /** Older runners do not say. */
  readonly phases?: PhaseSeconds;
}

export interface FailedEvent extends EventHead {
  readonly type: 'failed';
  readonly what: string;
  readonly where: string;
  readonly advice: string;
  readonly exitCode: number;
}

/** One line of `events.jsonl` (docs/formats.md). Numbers that JSON cannot hold (NaN, infinity) are null. */
export type RunEvent =
  | StartEvent
  | PhaseEvent
  | ProgressEvent
  | RecomputeEvent
  | CeilingEvent
  | StepEvent
  | EvalEvent
  | SampleEvent
  | CheckpointEvent
  | DevicesEvent
  | WarningEvent
  | ExportEvent
  | FinishedEvent
  | StoppedEvent
  | FailedEvent;

type FieldKind =
  | 'tokens'
  | 'model'
  | 'flag'
  | 'count'
  | 'number'
  | 'metric'
  | 'text'
  | 'phase'
  | 'step or null'
  | 'sources'
  | 'phases'
  | 'devices'
  | 'seconds by rank';

/** The kinds of these metrics, those apart that not every event has. */
function kindsOf(names: readonly (keyof typeof METRICS)[], prefix: string): Record<'always' | 'sometimes', Record<string, FieldKind>> {
  const kinds: Record<'always' | 'sometimes', Record<string, FieldKind>> = { always: {}, sometimes: { sources: 'sources' } };
  for (const name of names) {
    const { kind, optional }: Metric = METRICS[name];
    kinds[optional === true ? 'sometimes' : 'always'][prefix + name] = kind;
  }
  return kinds;
}

const OF_STEP = kindsOf(STEP_METRICS, '');
const OF_EVAL = kindsOf(EVAL_METRICS, 'eval_');

const FIELDS: Readonly<Record<RunEvent['type'], Readonly<Record<string, FieldKind>>>> = {
  start: {
    version: 'text',
    backend: 'text',
    device: 'text',
    threads: 'count',
    pid: 'count',
    pidStart: 'count',
    bootId: 'text',
    resumedFrom: 'step or null',
    steps: 'count',
    pairs: 'count',
    parameters: 'count',
  },
  phase: { phase: 'phase' },
  progress: { phase: 'phase', done: 'count', total: 'count' },
  recompute: { layers: 'count', mlp: 'count', block: 'count' },
  ceiling: { flops: 'number' },
  step: { step: 'count', steps: 'count', ...OF_STEP.always },
  eval: { step: 'count', steps: 'count', epoch: 'number', pairs: 'count', seconds: 'number', best: 'flag', ...OF_EVAL.always },
  sample: { step: 'count', model: 'model', prompts: 'tokens', completions: 'tokens' },
  checkpoint: { step: 'count', path: 'text' },
  devices: { devices: 'devices' },
  warning: { what: 'text', where: 'text', advice: 'text' },
  export: { path: 'text' },
  finished: { steps: 'count', seconds: 'number' },
  stopped: { step: 'count' },
  failed: { what: 'text', where: 'text', advice: 'text', exitCode: 'count' },
};

/** Checked where they are there. */
const SOMETIMES: Readonly<Record<string, readonly (readonly [string, FieldKind])[]>> = {
  step: [...Object.entries(OF_STEP.sometimes), ['rank_seconds', 'seconds by rank']],
  eval: Object.entries(OF_EVAL.sometimes),
  finished: [['phases', 'phases']],
  stopped: [
    ['seconds', 'number'],
    ['phases', 'phases'],
  ],
};
/** The same as lists: logs have many lines. */
const FIELD_LISTS = new Map(Object.entries(FIELDS).map(([type, fields]) => [type, Object.entries(fields)]));

/**
 * Reads one line of `events.jsonl`.
 *
 * Fields beyond the known ones are let through, so that a later runner may say more.
 *
 * @param where named in errors, for example `events.jsonl, line 7`
 * @throws WishboneError when the line is not JSON, the type is unknown, or a field is missing or of the wrong type
 */
export function parseEvent(line: string, where: string): RunEvent {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw bad(`not valid JSON: ${(error as Error).message}`, where);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad('not a JSON object', where);
  const event = value as Record<string, unknown>;
  const type = event['type'];
  if (typeof type !== 'string' || !Object.hasOwn(FIELDS, type)) {
    throw bad(`unknown event type ${JSON.stringify(type)}`, where);
  }
  if (!isCount(event['seq'])) throw bad('field "seq" is not a whole number', where);
  if (typeof event['time'] !== 'string' || !isTime(event['time'])) throw bad('field "time" is not a time', where);
  for (const [name, kind] of FIELD_LISTS.get(type)!) {
    // Own fields only, so that a name like "constructor" in the table could never be met by the prototype.
    const field = Object.hasOwn(event, name) ? event[name] : undefined;
    if (!matches(kind, field)) throw bad(`field "${name}" of a ${type} event: expected ${KIND_TEXT[kind]}`, where);
  }
  for (const [name, kind] of SOMETIMES[type] ?? []) {
    if (!Object.hasOwn(event, name)) continue;
    if (!matches(kind, event[name])) throw bad(`field "${name}" of a ${type} event: expected ${KIND_TEXT[kind]}`, where);
  }
  return value as RunEvent;
}

const KIND_TEXT: Readonly<Record<FieldKind, string>> = {
  tokens: 'lists of token ids',
  model: 'policy or reference',
  flag: 'true or false',
  count: 'a whole number of at least 0',
  number: 'a number',
  metric: 'a number or null',
  text: 'a text',
  phase: RUN_PHASES.join(', '),
  'step or null': 'a step or null',
  sources: 'metrics by the name of their source',
  phases: 'seconds by phase',
  devices: 'readings of devices',
  'seconds by rank': 'a list of seconds',
};

const OF_DEVICE = ['utilisation', 'memory', 'memoryTotal', 'temperature', 'power'] as const;

function matches(kind: FieldKind, value: unknown): boolean {
  switch (kind) {
    case 'tokens':
      return Array.isArray(value) && value.every((ids) => Array.isArray(ids) && ids.every(isCount));
    case 'model':
      return value === 'policy' || value === 'reference';
    case 'flag':
      return typeof value === 'boolean';
    case 'count':
      return isCount(value);
    case 'number':
      return typeof value === 'number' && Number.isFinite(value);
    case 'metric':
      return value === null || (typeof value === 'number' && Number.isFinite(value));
    case 'text':
      return typeof value === 'string';
    case 'phase':
      return (RUN_PHASES as readonly unknown[]).includes(value);
    case 'step or null':
      return value === null || isCount(value);
    case 'sources':
      return isObject(value) && Object.values(value).every(isSource);
    case 'phases':
      return isObject(value) && Object.values(value).every((seconds) => matches('number', seconds) && (seconds as number) >= 0);
    case 'devices':
      return Array.isArray(value) && value.every(isDevice);
    case 'seconds by rank':
      return Array.isArray(value) && value.every((seconds) => matches('number', seconds) && (seconds as number) >= 0);
  }
}

function isDevice(value: unknown): boolean {
  if (!isObject(value) || typeof value['name'] !== 'string') return false;
  return OF_DEVICE.every((name) => value[name] === undefined || matches('number', value[name]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSource(value: unknown): boolean {
  return isObject(value) && SOURCE_METRICS.every((name) => matches(METRICS[name].kind, value[name]));
}

/** The form that the runner writes is told by its look, which is many times as fast. */
function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) || !Number.isNaN(Date.parse(text));
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function bad(what: string, where: string): WishboneError {
  return new WishboneError(what, where, 'the line is skipped; if the run looks wrong, see runner.log in its folder');
}

/** True for the events that end a run (until it is resumed). */
export function isTerminal(event: RunEvent): event is FinishedEvent | StoppedEvent | FailedEvent {
  return event.type === 'finished' || event.type === 'stopped' || event.type === 'failed';
}
