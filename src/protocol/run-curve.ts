/** The part of the run panel's messages that is about how the margin of one pair went. */

import type { Check } from './shape.js';
import { PAIR_LIST_OF } from './run-pairs.js';
import { isCount, isFlag, isNumber, isNumberOrNull, isText } from './values.js';

/** A pair by its row, 0-based and counted through the dataset's files, and its place among those of the row. */
export interface CurveAsked {
  readonly of: (typeof PAIR_LIST_OF)[number];
  readonly row: number;
  readonly nth: number;
}

/** What is no number is null. */
export interface ShownPoint {
  readonly step: number;
  readonly margin: number | null;
  readonly rewardChosen: number | null;
  readonly rewardRejected: number | null;
  /** Mean margin of all pairs of that step or evaluation. */
  readonly around: number | null;
}

export interface ShownCurve {
  readonly asked: CurveAsked;
  /** The file's name and the row in it, from 1. */
  readonly place: string;
  readonly points: readonly ShownPoint[];
  /** The margin was 0 before training. */
  readonly startsAtZero: boolean;
  /** Why there is none; empty when there is one. */
  readonly problem: string;
}

export const CURVE_ASKED: Check<CurveAsked> = { of: ['one of', PAIR_LIST_OF], row: isCount, nth: isCount };

const POINT: Check<ShownPoint> = {
  step: isNumber,
  margin: isNumberOrNull,
  rewardChosen: isNumberOrNull,
  rewardRejected: isNumberOrNull,
  around: isNumberOrNull,
};

export const SHOWN_CURVE: Check<ShownCurve> = {
  asked: CURVE_ASKED,
  place: isText,
  points: ['list of', POINT],
  startsAtZero: isFlag,
  problem: isText,
};
