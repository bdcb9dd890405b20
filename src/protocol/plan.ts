/** What the mask inspector and the packing view have in common: a plan that is opened, shown and left. */

import type { PlanSide } from '../core/inspect/index.js';
import { isCount, isIntegers, isObject, isOneOf, isText } from './values.js';

export type { PlanSide };
export const PLAN_SIDES = ['shared', 'naive'] as const satisfies readonly PlanSide[];

export interface PlanHeader {
  /** JSON of where the plan comes from: kept by the page, so that the host finds the plan again after a reload. */
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
  /** There is no plan to show. `again`: opening it once more may help. */
  | { readonly type: 'empty'; readonly reason: string; readonly advice: string; readonly again: boolean }
  /** What has changed around the plan since it was made; empty when nothing has. */
  | { readonly type: 'notice'; readonly text: string; readonly again: boolean };

export const PLAN_REQUESTS = ['ready', 'cancel', 'again', 'choose'] as const;
export type PlanRequest = (typeof PLAN_REQUESTS)[number];
export type PlanPanelMessage =
  | { readonly type: PlanRequest }
  /** Shows a row of the dataset in the editor; 0-based. */
  | { readonly type: 'open-row'; readonly row: number };

/** A message both panels may send, or undefined when it is not one. */
export function readPlanPanelMessage(value: unknown): PlanPanelMessage | undefined {
  if (!isObject(value)) return undefined;
  if (isOneOf(value['type'], PLAN_REQUESTS)) return { type: value['type'] };
  return value['type'] === 'open-row' && isCount(value['row']) ? { type: 'open-row', row: value['row'] } : undefined;
}

/** A message both panels may get, or undefined when it is not one. */
export function readPlanHostMessage(value: unknown): PlanHostMessage | undefined {
  if (!isObject(value)) return undefined;
  switch (value['type']) {
    case 'plan':
      return isPlanHeader(value['plan']) ? { type: 'plan', plan: value['plan'] } : undefined;
    case 'opening': {
      const { text, fraction } = value;
      const known = typeof fraction === 'number' && fraction >= 0 && fraction <= 1;
      return isText(text) && (fraction === null || known) ? { type: 'opening', text, fraction } : undefined;
    }
    case 'empty': {
      const { reason, advice, again } = value;
      return isText(reason) && isText(advice) && typeof again === 'boolean'
        ? { type: 'empty', reason, advice, again }
        : undefined;
    }
    case 'notice': {
      const { text, again } = value;
      return isText(text) && typeof again === 'boolean' ? { type: 'notice', text, again } : undefined;
    }
    default:
      return undefined;
  }
}

function isPlanHeader(value: unknown): value is PlanHeader {
  return (
    isObject(value) &&
    isOneOf(value['kind'], ['run', 'dataset']) &&
    ['source', 'name', 'datasetName', 'datasetPath', 'modelName', 'sharing'].every((name) => isText(value[name])) &&
    ['capacity', 'epochs', 'pairs', 'naiveTokens', 'planTokens'].every((name) => isCount(value[name])) &&
    isStarts(value['stepStart']) &&
    value['stepStart'].length > 1 &&
    ['noFlops', 'noText'].every((name) => value[name] === null || isText(value[name]))
  );
}

/** Numbers that begin at 0 and never fall: where parts of a list begin, and where the last one ends. */
export function isStarts(value: unknown): value is Int32Array {
  if (!isIntegers(value) || value[0] !== 0) return false;
  for (let i = 1; i < value.length; i++) if (value[i]! < value[i - 1]!) return false;
  return true;
}

/** What a page keeps over a reload of the window, or undefined when it is not that. */
export function readPlanPanelState(value: unknown): { readonly source: string; readonly bin: number } | undefined {
  return isObject(value) && isText(value['source']) && isCount(value['bin'])
    ? { source: value['source'], bin: value['bin'] }
    : undefined;
}
