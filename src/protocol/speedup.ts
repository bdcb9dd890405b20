/** The messages between the extension host and the speedup panel. Both sides check what they receive. */

import { FIELD, type FieldSpec, isTextMap, isValue, type Texts } from './form.js';
import { type Check, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isNumber, isNumberOrNull, isObject, isPicture, isText, isTexts } from './values.js';

/** A number with sharing, and without. */
export interface SharedNaive {
  readonly shared: number;
  readonly naive: number;
}

/** `backward` goes with clipping and AdamW. */
export const PHASES = ['reference', 'forward', 'backward'] as const;
export type Phase = (typeof PHASES)[number];

/** What was measured, ready to be drawn. */
export interface Measurement {
  readonly id: string;
  /** When it was measured, formatted for people. */
  readonly when: string;
  readonly dataset: string;
  readonly model: string;
  readonly device: string;
  readonly sharing: string;
  readonly pairs: number;
  readonly rounds: number;
  readonly tokens: SharedNaive;
  /** Required, of a round. */
  readonly flops: SharedNaive;
  /** Medians. */
  readonly seconds: SharedNaive;
  /** Least and greatest of the rounds. */
  readonly least: SharedNaive;
  readonly most: SharedNaive;
  /** naive / shared of the medians, and least and greatest of a round. */
  readonly ratio: number;
  readonly ratioLeast: number;
  readonly ratioMost: number;
  /** By the cost model. */
  readonly predictedRatio: number;
  /** Fractions of the device's rate of matrix products. */
  readonly speedOfLight: SharedNaive;
  readonly phases: Readonly<Record<Phase, SharedNaive>> | null;
  /** Where the figures come from, in one line. */
  readonly provenance: string;
}

/** What the cost model predicts before anything is measured. */
export interface Prediction {
  readonly tokens: SharedNaive;
  readonly flopsRatio: number;
  readonly ratio: number;
}

export type PredictionView =
  | { readonly kind: 'none' }
  | { readonly kind: 'working'; readonly text: string }
  | { readonly kind: 'failed'; readonly what: string; readonly where: string; readonly advice: string }
  | { readonly kind: 'done'; readonly prediction: Prediction };

export interface SpeedupState {
  readonly problems: Texts;
  /** Fields whose problem is no mistake yet: nobody has filled them in. */
  readonly quiet: readonly string[];
  readonly notes: Texts;
  /** Why it cannot be measured now; empty when it can. */
  readonly blocked: string;
  readonly trusted: boolean;
  /** `fraction` from 0 to 1, negative while it is not known; null when nothing is being measured. */
  readonly progress: { readonly text: string; readonly fraction: number; readonly secondsLeft: number | null } | null;
  /** What went wrong the last time; empty when nothing did. */
  readonly fault: string;
}

export type SpeedupHostMessage =
  | { readonly type: 'form'; readonly fields: readonly FieldSpec[]; readonly values: Texts }
  | { readonly type: 'values'; readonly values: Texts }
  | { readonly type: 'state'; readonly state: SpeedupState }
  | { readonly type: 'prediction'; readonly prediction: PredictionView }
  /** All measurements, newest first, and the id of the one to show; null for none. */
  | { readonly type: 'history'; readonly history: readonly Measurement[]; readonly shown: string | null };

export const SPEEDUP_REQUESTS = ['ready', 'measure', 'cancel', 'manage-trust'] as const;
export type SpeedupRequestName = (typeof SPEEDUP_REQUESTS)[number];

export type SpeedupPageMessage =
  | { readonly type: SpeedupRequestName }
  | { readonly type: 'set'; readonly field: string; readonly value: string }
  | { readonly type: 'choose'; readonly field: string }
  | { readonly type: 'save-image'; readonly name: string; readonly png: Uint8Array };

/** What a page keeps across a reload of the window. */
export interface SpeedupPageState {
  readonly values: Texts;
}

const PAGE_MESSAGES: Messages<SpeedupPageMessage> = {
  set: { field: isText, value: isValue },
  choose: { field: isText },
  'save-image': { name: isText, png: isPicture },
};

export function readSpeedupPageMessage(value: unknown): SpeedupPageMessage | undefined {
  return readMessage(value, SPEEDUP_REQUESTS, PAGE_MESSAGES);
}

const SHARED_NAIVE: Check<SharedNaive> = { shared: isNumber, naive: isNumber };

const STATE: Check<SpeedupState> = {
  problems: isTextMap,
  quiet: isTexts,
  notes: isTextMap,
  blocked: isText,
  trusted: isFlag,
  progress: ['or null', { text: isText, fraction: isNumber, secondsLeft: isNumberOrNull }],
  fault: isText,
};

const PREDICTION: Check<PredictionView> = [
  'by kind',
  {
    none: {},
    working: { text: isText },
    failed: { what: isText, where: isText, advice: isText },
    done: { prediction: { tokens: SHARED_NAIVE, flopsRatio: isNumber, ratio: isNumber } },
  },
];

const MEASUREMENT: Check<Measurement> = {
  id: isText,
  when: isText,
  dataset: isText,
  model: isText,
  device: isText,
  sharing: isText,
  pairs: isCount,
  rounds: isCount,
  tokens: SHARED_NAIVE,
  flops: SHARED_NAIVE,
  seconds: SHARED_NAIVE,
  least: SHARED_NAIVE,
  most: SHARED_NAIVE,
  ratio: isNumber,
  ratioLeast: isNumber,
  ratioMost: isNumber,
  predictedRatio: isNumber,
  speedOfLight: SHARED_NAIVE,
  phases: ['or null', { reference: SHARED_NAIVE, forward: SHARED_NAIVE, backward: SHARED_NAIVE }],
  provenance: isText,
};

const HOST_MESSAGES: Messages<SpeedupHostMessage> = {
  form: { fields: ['list of', FIELD], values: isTextMap },
  values: { values: isTextMap },
  state: { state: STATE },
  prediction: { prediction: PREDICTION },
  history: { history: ['list of', MEASUREMENT], shown: ['or null', isText] },
};

export function readSpeedupHostMessage(value: unknown): SpeedupHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES);
}

export function readSpeedupPageState(value: unknown): SpeedupPageState | undefined {
  return isObject(value) && isTextMap(value['values']) ? { values: value['values'] } : undefined;
}
