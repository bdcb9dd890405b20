/** What the mask inspector and the packing view have in common: a plan that is opened and shown. */

import type { PlanSide } from '../core/inspect/index.js';
import { type Check, type Messages, readMessage } from './shape.js';
import { isCount, isFlag, isIntegers, isObject, isText } from './values.js';

export type { PlanSide };
export const PLAN_SIDES = ['shared', 'naive'] as const satisfies readonly PlanSide[];

export interface PlanHeader {
  /** Where the plan comes from, as JSON. The page keeps it, so that the host finds the plan again after a reload. */
  readonly source: string;
  readonly kind: 'run' | 'dataset';
  readonly name: string;
  readonly datasetName: string;
  readonly datasetPath: string;
  readonly modelName: string;
  readonly sharing: string;
  /** Most tokens of a bin. */
  readonly capacity: number;
  readonly epochs: number;
  /** [S+1] bins of step s */
  readonly stepStart: Int32Array;
  readonly pairs: number;
  readonly naiveTokens: number;
  readonly planTokens: number;
  /** Why FLOPs cannot be counted; null when they can. */
  readonly noFlops: string | null;
  /** Why tokens cannot be shown as text; null when they can. */
  readonly noText: string | null;
}

export type PlanHostMessage =
  | { readonly type: 'plan'; readonly plan: PlanHeader }
  /** The plan is being read or made. `fraction` is null while it is not known. */
  | { readonly type: 'opening'; readonly text: string; readonly fraction: number | null }
  /** There is no plan to show. `again`: whether trying again may help. */
  | { readonly type: 'empty'; readonly reason: string; readonly advice: string; readonly again: boolean }
  /** What has changed since the plan was made; empty if nothing has. */
  | { readonly type: 'notice'; readonly text: string; readonly again: boolean };

export const PLAN_REQUESTS = ['ready', 'cancel', 'again', 'choose'] as const;
export type PlanRequest = (typeof PLAN_REQUESTS)[number];
export type PlanPageMessage =
  | { readonly type: PlanRequest }
  /** Shows a row of the dataset in the editor; 0-based. */
  | { readonly type: 'open-row'; readonly row: number };

/** What a page keeps across a reload of the window. */
export interface PlanPageState {
  readonly source: string;
  readonly bin: number;
}

const PAGE_MESSAGES: Messages<PlanPageMessage> = { 'open-row': { row: isCount } };

/** A message that both pages may send. */
export function readPlanPageMessage(value: unknown): PlanPageMessage | undefined {
  return readMessage(value, PLAN_REQUESTS, PAGE_MESSAGES);
}

/** Offsets that start at 0 and never decrease: where each part of a list begins, and where the last one ends. */
export function isStarts(value: unknown): value is Int32Array {
  if (!isIntegers(value) || value[0] !== 0) return false;
  for (let i = 1; i < value.length; i++) if (value[i]! < value[i - 1]!) return false;
  return true;
}

const PLAN_HEADER: Check<PlanHeader> = [
  'and',
  {
    source: isText,
    kind: ['one of', ['run', 'dataset']],
    name: isText,
    datasetName: isText,
    datasetPath: isText,
    modelName: isText,
    sharing: isText,
    capacity: isCount,
    epochs: isCount,
    stepStart: isStarts,
    pairs: isCount,
    naiveTokens: isCount,
    planTokens: isCount,
    noFlops: ['or null', isText],
    noText: ['or null', isText],
  },
  ({ stepStart }) => stepStart.length > 1,
];

const isFraction = (value: unknown): value is number => typeof value === 'number' && value >= 0 && value <= 1;

const HOST_MESSAGES: Messages<PlanHostMessage> = {
  plan: { plan: PLAN_HEADER },
  opening: { text: isText, fraction: ['or null', isFraction] },
  empty: { reason: isText, advice: isText, again: isFlag },
  notice: { text: isText, again: isFlag },
};

/** A message that both pages may get. */
export function readPlanHostMessage(value: unknown): PlanHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES);
}

export function readPlanPageState(value: unknown): PlanPageState | undefined {
  return isObject(value) && isText(value['source']) && isCount(value['bin']) ? { source: value['source'], bin: value['bin'] } : undefined;
}
