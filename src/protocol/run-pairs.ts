/** The part of the run panel's messages that is about the pairs of its run: what became of each. */

import type { PairViewName } from '../core/pairs/index.js';
import type { Check } from './shape.js';
import { isCount, isFlag, isNumberOrNull, isText } from './values.js';

export const PAIR_LIST_OF = ['train', 'evaluation'] as const;
/** The views of `wishbone pairs`, and all. */
export const PAIR_LIST_VIEWS = ['all', 'worse', 'never-learned', 'mislabelled', 'long'] as const satisfies readonly (
  | PairViewName
  | 'all'
)[];
export type PairListView = (typeof PAIR_LIST_VIEWS)[number];

/** Which pairs somebody wants to see. */
export interface PairsAsked {
  readonly of: (typeof PAIR_LIST_OF)[number];
  readonly view: PairListView;
  /** Only those trained on in this step; null: of all. */
  readonly step: number | null;
}

/** A pair. Margins that are not known are null. */
export interface ShownPair {
  /** 0-based, counted through the dataset's files. */
  readonly row: number;
  /** Of the row's pairs, from 0. */
  readonly nth: number;
  /** The file's name and the row in it, from 1. */
  readonly place: string;
  readonly source: string | null;
  readonly start: number | null;
  readonly now: number | null;
  readonly change: number | null;
  /** At the step that was asked for. */
  readonly atStep: number | null;
  readonly loss: number | null;
  readonly evidence: number | null;
  readonly seen: number;
  /** Steps done when it was last seen. */
  readonly step: number;
  readonly chosenTokens: number;
  readonly rejectedTokens: number;
}

/** What was asked for, and what there is. */
export interface ShownPairs {
  readonly asked: PairsAsked;
  readonly evaluates: boolean;
  readonly seen: number;
  readonly found: number;
  readonly pairs: readonly ShownPair[];
  /** What the view shows, and how far that can be trusted; empty for all. */
  readonly help: string;
  /** Why there are none; empty when there is no such reason. */
  readonly problem: string;
}

export const PAIRS_ASKED: Check<PairsAsked> = {
  of: ['one of', PAIR_LIST_OF],
  view: ['one of', PAIR_LIST_VIEWS],
  step: ['or null', isCount],
};

const PAIR: Check<ShownPair> = {
  row: isCount,
  nth: isCount,
  place: isText,
  source: ['or null', isText],
  start: isNumberOrNull,
  now: isNumberOrNull,
  change: isNumberOrNull,
  atStep: isNumberOrNull,
  loss: isNumberOrNull,
  evidence: isNumberOrNull,
  seen: isCount,
  step: isCount,
  chosenTokens: isCount,
  rejectedTokens: isCount,
};

export const SHOWN_PAIRS: Check<ShownPairs> = {
  asked: PAIRS_ASKED,
  evaluates: isFlag,
  seen: isCount,
  found: isCount,
  pairs: ['list of', PAIR],
  help: isText,
  problem: isText,
};
