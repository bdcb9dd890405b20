/** The messages between the extension host and the speedup panel. Both sides check what they receive. */

import { type FieldSpec, isField, isList, isTextMap, LONGEST_VALUE, type Texts } from './form.js';
import { isBytes, isCount, isNumber, isNumberOrNull, isObject, isOneOf, isText } from './values.js';

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
  /** When, as people read it. */
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

/** What the cost model says before anything is measured. */
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
  /** All that was measured, newest first, and which of them is to be shown; null for none. */
  | { readonly type: 'history'; readonly history: readonly Measurement[]; readonly shown: string | null };

export const SPEEDUP_REQUESTS = ['ready', 'measure', 'cancel', 'manage-trust'] as const;
export type SpeedupRequestName = (typeof SPEEDUP_REQUESTS)[number];

export type SpeedupMessage =
  | { readonly type: SpeedupRequestName }
  | { readonly type: 'set'; readonly field: string; readonly value: string }
  | { readonly type: 'choose'; readonly field: string }
  | { readonly type: 'save-image'; readonly name: string; readonly png: Uint8Array };

/** Larger pictures are none of ours. */
const MOST_PNG_BYTES = 64 * 1024 * 1024;

/** A message from a page, or undefined when it is not one. */
export function readSpeedupMessage(value: unknown): SpeedupMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, field, value: text, name, png } = value;
  if (isOneOf(type, SPEEDUP_REQUESTS)) return { type };
  if (type === 'choose' && isText(field)) return { type, field };
  if (type === 'set' && isText(field) && isText(text) && text.length <= LONGEST_VALUE) return { type, field, value: text };
  if (type === 'save-image' && isText(name) && isBytes(png) && png.byteLength <= MOST_PNG_BYTES) return { type, name, png };
  return undefined;
}

/** A message from the host, or undefined when it is not one this page knows. */
export function readSpeedupHostMessage(value: unknown): SpeedupHostMessage | undefined {
  if (!isObject(value)) return undefined;
  const good = ((): boolean => {
    switch (value['type']) {
      case 'form':
        return isList(value['fields'], isField) && isTextMap(value['values']);
      case 'values':
        return isTextMap(value['values']);
      case 'state':
        return isState(value['state']);
      case 'prediction':
        return isPrediction(value['prediction']);
      case 'history':
        return isList(value['history'], isMeasurement) && (value['shown'] === null || isText(value['shown']));
      default:
        return false;
    }
  })();
  return good ? (value as unknown as SpeedupHostMessage) : undefined;
}

/** What a panel keeps over a reload of the window: its values, or undefined when it is something else. */
export function readSpeedupPanelState(value: unknown): Texts | undefined {
  return isObject(value) && isTextMap(value['values']) ? value['values'] : undefined;
}

function isState(value: unknown): value is SpeedupState {
  if (!isObject(value)) return false;
  const { problems, notes, blocked, trusted, progress, fault } = value;
  return (
    isTextMap(problems) &&
    isTextMap(notes) &&
    isText(blocked) &&
    typeof trusted === 'boolean' &&
    isText(fault) &&
    (progress === null ||
      (isObject(progress) && isText(progress['text']) && isNumber(progress['fraction']) && isNumberOrNull(progress['secondsLeft'])))
  );
}

function isPrediction(value: unknown): value is PredictionView {
  if (!isObject(value)) return false;
  switch (value['kind']) {
    case 'none':
      return true;
    case 'working':
      return isText(value['text']);
    case 'failed':
      return ['what', 'where', 'advice'].every((name) => isText(value[name]));
    case 'done': {
      const { prediction } = value;
      return isObject(prediction) && isSharedNaive(prediction['tokens']) && isNumber(prediction['flopsRatio']) && isNumber(prediction['ratio']);
    }
    default:
      return false;
  }
}

function isMeasurement(value: Readonly<Record<string, unknown>>): boolean {
  const { phases } = value;
  return (
    ['id', 'when', 'dataset', 'model', 'device', 'sharing', 'provenance'].every((name) => isText(value[name])) &&
    ['pairs', 'rounds'].every((name) => isCount(value[name])) &&
    ['ratio', 'ratioLeast', 'ratioMost', 'predictedRatio'].every((name) => isNumber(value[name])) &&
    ['tokens', 'flops', 'seconds', 'least', 'most', 'speedOfLight'].every((name) => isSharedNaive(value[name])) &&
    (phases === null || (isObject(phases) && PHASES.every((phase) => isSharedNaive(phases[phase]))))
  );
}

function isSharedNaive(value: unknown): value is SharedNaive {
  return isObject(value) && isNumber(value['shared']) && isNumber(value['naive']);
}
