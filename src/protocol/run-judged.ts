/** The part of the run panel's messages that is about completions that were judged. */

import type { Check } from './shape.js';
import { isCount, isNumber, isText } from './values.js';

export const JUDGED_OUTCOMES = ['win', 'loss', 'tie', 'unread', 'open'] as const;
export type JudgedOutcome = (typeof JUDGED_OUTCOMES)[number];

/** Which comparison somebody wants to see; null: the newest. */
export interface JudgedAsked {
  readonly id: string | null;
}

/** A win rate of the first side with its 95 % interval, 0 to 1. */
export interface ShownRate {
  readonly label: string;
  /** What it means. */
  readonly help: string;
  readonly rate: number;
  readonly low: number;
  readonly high: number;
}

export interface ShownFigure {
  readonly label: string;
  readonly help: string;
  readonly value: string;
}

/** A prompt, both texts, and what the judge said, for the first side. */
export interface ShownVerdict {
  readonly outcome: JudgedOutcome;
  readonly prompt: string;
  readonly first: string;
  readonly second: string;
  /** Each in an order of its own. */
  readonly said: readonly { readonly title: string; readonly words: string }[];
}

export interface ShownComparison {
  readonly id: string;
  readonly first: string;
  readonly second: string;
  /** What the win rate says, in a sentence. */
  readonly verdict: string;
  /** What judged, on which prompts, and when. */
  readonly note: string;
  readonly rates: readonly ShownRate[];
  readonly figures: readonly ShownFigure[];
  readonly verdicts: readonly ShownVerdict[];
  /** Further ones, which are not among them. */
  readonly more: number;
}

/** What was asked for, and what there is. */
export interface ShownJudged {
  readonly asked: JudgedAsked;
  /** Why there is nothing; empty when there is no such reason. */
  readonly problem: string;
  readonly comparisons: readonly { readonly id: string; readonly label: string }[];
  readonly shown: ShownComparison | null;
}

export const JUDGED_ASKED: Check<JudgedAsked> = { id: ['or null', isText] };

const COMPARISON: Check<ShownComparison> = {
  id: isText,
  first: isText,
  second: isText,
  verdict: isText,
  note: isText,
  rates: ['list of', { label: isText, help: isText, rate: isNumber, low: isNumber, high: isNumber }],
  figures: ['list of', { label: isText, help: isText, value: isText }],
  verdicts: [
    'list of',
    {
      outcome: ['one of', JUDGED_OUTCOMES],
      prompt: isText,
      first: isText,
      second: isText,
      said: ['list of', { title: isText, words: isText }],
    },
  ],
  more: isCount,
};

export const SHOWN_JUDGED: Check<ShownJudged> = {
  asked: JUDGED_ASKED,
  problem: isText,
  comparisons: ['list of', { id: isText, label: isText }],
  shown: ['or null', COMPARISON],
};
