/** The messages between the extension host and the packing view. Both sides check what they receive. */

import type { BinTotals, Histogram, PackingOverview, PlanCost } from '../core/inspect/index.js';
import { MASK_ROLES } from '../core/mask/layout.js';
import {
  isStarts,
  PLAN_SIDES,
  type PlanHostMessage,
  type PlanPanelMessage,
  type PlanSide,
  readPlanHostMessage,
  readPlanPanelMessage,
} from './plan.js';
import { isCount, isIntegers, isNumber, isObject, isOneOf } from './values.js';

export const LENGTH_KINDS = ['prompt', 'chosen', 'rejected'] as const;

/** The segments of bins `[from, to)` of one side. Sizes: B bins, G segments. */
export interface BinsMessage {
  readonly type: 'bins';
  readonly side: PlanSide;
  readonly from: number;
  /** [B+1] */
  readonly segmentStart: Int32Array;
  /** [G] tokens */
  readonly segmentLength: Int32Array;
  /** [G] index into `MASK_ROLES` */
  readonly segmentRole: Int32Array;
  /** [G] the plan's number of the pair, -1 when several pairs' sequences go through the segment */
  readonly segmentPair: Int32Array;
  /** [G] 0-based row of the dataset, -1 likewise */
  readonly segmentRow: Int32Array;
}

export interface OverviewMessage extends PackingOverview {
  readonly type: 'overview';
  /** Bin of the plan to bring into view; null for none. */
  readonly focus: number | null;
}

export type PackingHostMessage =
  | PlanHostMessage
  | OverviewMessage
  | BinsMessage
  /** Brings a bin of the plan into view. */
  | { readonly type: 'focus'; readonly bin: number };

/** Most bins whose segments are sent at once. */
export const MOST_BINS = 512;

export type PackingPanelMessage =
  | PlanPanelMessage
  | { readonly type: 'bins'; readonly side: PlanSide; readonly from: number; readonly to: number }
  /** Shows a bin of the plan in the mask inspector; without one, that of a row. */
  | { readonly type: 'mask'; readonly bin: number | null; readonly row: number | null };

/** A message from a packing view, or undefined when it is not one. */
export function readPackingPanelMessage(value: unknown): PackingPanelMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, side, from, to, bin, row } = value;
  switch (type) {
    case 'bins':
      return isOneOf(side, PLAN_SIDES) && isCount(from) && isCount(to) && to >= from && to - from <= MOST_BINS
        ? { type, side, from, to }
        : undefined;
    case 'mask':
      if ((bin !== null && !isCount(bin)) || (row !== null && !isCount(row))) return undefined;
      return bin === null && row === null ? undefined : { type, bin, row };
    default:
      return readPlanPanelMessage(value);
  }
}

/** A message to a packing view, or undefined when it is not one. */
export function readPackingHostMessage(value: unknown): PackingHostMessage | undefined {
  if (!isObject(value)) return undefined;
  const { type, shared, naive, histogram, cost, focus, bin } = value;
  switch (type) {
    case 'overview':
      return isTotals(shared) &&
        isTotals(naive) &&
        shared.stepStart.length === naive.stepStart.length &&
        isHistogram(histogram) &&
        (cost === null || isCost(cost)) &&
        (focus === null || isCount(focus))
        ? { type, shared, naive, histogram, cost, focus }
        : undefined;
    case 'bins':
      return readBins(value);
    case 'focus':
      return isCount(bin) ? { type, bin } : undefined;
    default:
      return readPlanHostMessage(value);
  }
}

function isTotals(value: unknown): value is BinTotals {
  if (!isObject(value)) return false;
  const { stepStart, roleTokens } = value;
  return (
    isStarts(stepStart) &&
    isIntegers(roleTokens) &&
    roleTokens.length === MASK_ROLES.length * stepStart.at(-1)! &&
    roleTokens.every((tokens) => tokens >= 0)
  );
}

function isCost(value: unknown): value is PlanCost {
  return (
    isObject(value) &&
    ['binsLowerBound', 'flopsRatio', 'predictedSpeedup', 'predictedSpeedupUnpacked'].every((name) => isNumber(value[name]))
  );
}

function isHistogram(value: unknown): value is Histogram {
  if (!isObject(value)) return false;
  const { width, counts, medians, longest } = value;
  if (!isCount(width) || width === 0 || !isObject(counts) || !isObject(medians) || !isObject(longest)) return false;
  const [first, ...others] = LENGTH_KINDS.map((kind) => counts[kind]);
  return (
    isIntegers(first) &&
    others.every((column) => isIntegers(column) && column.length === first.length) &&
    LENGTH_KINDS.every((kind) => isNumber(medians[kind]) && isNumber(longest[kind]))
  );
}

function readBins(value: Readonly<Record<string, unknown>>): BinsMessage | undefined {
  const { side, from, segmentStart, segmentLength, segmentRole, segmentPair, segmentRow } = value;
  if (!isOneOf(side, PLAN_SIDES) || !isCount(from) || !isStarts(segmentStart)) return undefined;
  if (!isIntegers(segmentLength) || !isIntegers(segmentRole) || !isIntegers(segmentPair) || !isIntegers(segmentRow))
    return undefined;
  const segments = segmentStart.at(-1)!;
  if ([segmentLength, segmentRole, segmentPair, segmentRow].some((column) => column.length !== segments))
    return undefined;
  if (!segmentLength.every((length) => length > 0)) return undefined;
  if (!segmentRole.every((role) => role >= 0 && role < MASK_ROLES.length)) return undefined;
  return { type: 'bins', side, from, segmentStart, segmentLength, segmentRole, segmentPair, segmentRow };
}
