/** The messages between the extension host and the packing view. Both sides check what they receive. */

import type { BinTotals, Histogram, PackingOverview, PlanCost } from '../core/inspect/index.js';
import { MASK_ROLES } from '../core/mask/layout.js';
import {
  isStarts,
  PLAN_SIDES,
  type PlanHostMessage,
  type PlanPageMessage,
  type PlanSide,
  readPlanHostMessage,
  readPlanPageMessage,
} from './plan.js';
import { type Check, type Messages, readMessage } from './shape.js';
import { isCount, isIntegers, isNumber } from './values.js';

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
  /** Scrolls a bin of the plan into view. */
  | { readonly type: 'focus'; readonly bin: number };

/** Most bins whose segments may be sent at once. */
export const MOST_BINS = 512;

export type PackingPageMessage =
  | PlanPageMessage
  | { readonly type: 'bins'; readonly side: PlanSide; readonly from: number; readonly to: number }
  /** Shows a bin of the plan in the mask inspector; without one, that of a row. */
  | { readonly type: 'mask'; readonly bin: number | null; readonly row: number | null };

const PAGE_MESSAGES: Messages<Exclude<PackingPageMessage, PlanPageMessage>> = {
  bins: ['and', { side: ['one of', PLAN_SIDES], from: isCount, to: isCount }, ({ from, to }) => to >= from && to - from <= MOST_BINS],
  mask: ['and', { bin: ['or null', isCount], row: ['or null', isCount] }, ({ bin, row }) => bin !== null || row !== null],
};

export function readPackingPageMessage(value: unknown): PackingPageMessage | undefined {
  return readMessage(value, [], PAGE_MESSAGES) ?? readPlanPageMessage(value);
}

const TOTALS: Check<BinTotals> = [
  'and',
  { stepStart: isStarts, roleTokens: isIntegers },
  ({ stepStart, roleTokens }) => roleTokens.length === MASK_ROLES.length * stepStart.at(-1)! && roleTokens.every((tokens) => tokens >= 0),
];

const COST: Check<PlanCost> = {
  binsLowerBound: isNumber,
  flopsRatio: isNumber,
  predictedSpeedup: isNumber,
  predictedSpeedupUnpacked: isNumber,
};

const COUNTS: Check<Histogram['counts']> = { prompt: isIntegers, chosen: isIntegers, rejected: isIntegers };
const NUMBERS: Check<Histogram['medians']> = { prompt: isNumber, chosen: isNumber, rejected: isNumber };

const HISTOGRAM: Check<Histogram> = [
  'and',
  { width: isCount, counts: COUNTS, medians: NUMBERS, longest: NUMBERS },
  ({ width, counts }) => width > 0 && LENGTH_KINDS.every((kind) => counts[kind].length === counts.prompt.length),
];

const HOST_MESSAGES: Messages<Exclude<PackingHostMessage, PlanHostMessage>> = {
  overview: [
    'and',
    { shared: TOTALS, naive: TOTALS, histogram: HISTOGRAM, cost: ['or null', COST], focus: ['or null', isCount] },
    ({ shared, naive }) => shared.stepStart.length === naive.stepStart.length,
  ],
  bins: [
    'and',
    {
      side: ['one of', PLAN_SIDES],
      from: isCount,
      segmentStart: isStarts,
      segmentLength: isIntegers,
      segmentRole: isIntegers,
      segmentPair: isIntegers,
      segmentRow: isIntegers,
    },
    ({ segmentStart, segmentLength, segmentRole, segmentPair, segmentRow }) => {
      const columns = [segmentLength, segmentRole, segmentPair, segmentRow];
      return (
        columns.every((column) => column.length === segmentStart.at(-1)) &&
        segmentLength.every((length) => length > 0) &&
        segmentRole.every((role) => role >= 0 && role < MASK_ROLES.length)
      );
    },
  ],
  focus: { bin: isCount },
};

export function readPackingHostMessage(value: unknown): PackingHostMessage | undefined {
  return readMessage(value, [], HOST_MESSAGES) ?? readPlanHostMessage(value);
}
