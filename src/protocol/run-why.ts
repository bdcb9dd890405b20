/** The part of the run panel's messages that is about why chosen responses of its run became less likely. */

import type { RemedyName, WhyAnswer } from '../core/why/index.js';
import type { Check } from './shape.js';
import { isCount, isFlag, isNumber, isNumberOrNull, isText, isTexts } from './values.js';
import { PAIR_LIST_OF } from './run-pairs.js';

export const WHY_VERDICTS = ['fell', 'rose', 'unclear', 'none'] as const satisfies readonly WhyAnswer['verdict'][];

export const WHY_REMEDIES = [
  'sft',
  'apo_zero',
  'nca_pair',
  'ld_alpha',
  'sigmoid_norm',
  'sft_steps',
  'beta',
  'learning_rate',
] as const satisfies readonly RemedyName[];

/** What somebody wants to know. */
export interface WhyAsked {
  /** Which pairs; null: those evaluated, where there are any. */
  readonly of: (typeof PAIR_LIST_OF)[number] | null;
  /** The models are to be asked for every token of some pairs. */
  readonly tokens: boolean;
}

/** Pairs or tokens that are alike, and how far their log-probabilities came, in nats. */
export interface ShownGroup {
  readonly label: string;
  readonly n: number;
  readonly mean: number;
  /** The mean's 95 % interval; null for a single one. */
  readonly low: number | null;
  readonly high: number | null;
  /** Of a token. */
  readonly perToken: number;
  /** Mean of the rejected side; null where there is none such. */
  readonly rejected: number | null;
  /** Fraction of the whole change. */
  readonly part: number;
}

export interface ShownPart {
  readonly title: string;
  readonly of: 'pairs' | 'tokens';
  readonly groups: readonly ShownGroup[];
}

/** An option that helps, with what it would change; values as they are written in a run config. */
export interface ShownRemedy {
  readonly name: RemedyName;
  readonly label: string;
  readonly why: string;
  readonly source: string;
  readonly changes: readonly { readonly option: string; readonly before: string; readonly after: string }[];
  /** Why this run cannot have it; empty where it can. */
  readonly problem: string;
}

/** What was asked for, and the answer. */
export interface ShownWhy {
  readonly asked: WhyAsked;
  /** Why there is none; empty when there is one. */
  readonly problem: string;
  readonly of: (typeof PAIR_LIST_OF)[number];
  readonly evaluates: boolean;
  readonly verdict: (typeof WHY_VERDICTS)[number];
  readonly summary: string;
  readonly notes: readonly string[];
  readonly parts: readonly ShownPart[];
  /** What the tokens say, in a sentence; empty where they were not asked for. */
  readonly tokens: string;
  readonly tokenParts: readonly ShownPart[];
  readonly patterns: readonly { readonly what: string; readonly known: string; readonly source: string }[];
  readonly remedies: readonly ShownRemedy[];
}

export const WHY_ASKED: Check<WhyAsked> = { of: ['or null', ['one of', PAIR_LIST_OF]], tokens: isFlag };

const GROUP: Check<ShownGroup> = {
  label: isText,
  n: isCount,
  mean: isNumber,
  low: isNumberOrNull,
  high: isNumberOrNull,
  perToken: isNumber,
  rejected: isNumberOrNull,
  part: isNumber,
};
const PART: Check<ShownPart> = { title: isText, of: ['one of', ['pairs', 'tokens']], groups: ['list of', GROUP] };

export const SHOWN_WHY: Check<ShownWhy> = {
  asked: WHY_ASKED,
  problem: isText,
  of: ['one of', PAIR_LIST_OF],
  evaluates: isFlag,
  verdict: ['one of', WHY_VERDICTS],
  summary: isText,
  notes: isTexts,
  parts: ['list of', PART],
  tokens: isText,
  tokenParts: ['list of', PART],
  patterns: ['list of', { what: isText, known: isText, source: isText }],
  remedies: [
    'list of',
    {
      name: ['one of', WHY_REMEDIES],
      label: isText,
      why: isText,
      source: isText,
      changes: ['list of', { option: isText, before: isText, after: isText }],
      problem: isText,
    },
  ],
};
