import type { MeanInterval } from '../statistics/index.js';
import { signed } from '../text/signed.js';
import type { ChangeGroup, ChangePart, PartName } from './decompose.js';
import { LONGER_LABELS, NEAR_LABELS } from './pair-parts.js';
import type { RemedyName } from './remedies.js';
import { DIFFERENCE_LABELS, END_CLASS, QUARTER_LABELS, SHARED_LABELS } from './token-parts.js';

/** Something that the figures of a run show, and what is known of it. */
export interface Pattern {
  readonly what: string;
  /** What the literature says of it. */
  readonly known: string;
  readonly source: string;
  /** What helps. */
  readonly remedies: readonly RemedyName[];
}

/** What patterns are looked for in. Changes are in nats. */
export interface Fallen {
  readonly chosen: MeanInterval;
  readonly rejected: MeanInterval;
  /** Mean change of a token of the chosen responses. */
  readonly perToken: number;
  readonly parts: readonly ChangePart[];
}

/** Groups of fewer say too little. */
const LEAST = 10;
/** Nats a token that chosen responses may fall by before that is called far: the model then gives each token 22 % less. */
const FAR = 0.25;
/** What the quarter of the longest responses, or of the first tokens, may have of a fall before that is called its own. */
const MUCH = 0.4;

/** The patterns of a run whose chosen responses became less likely, the most general first. */
export function patternsOf(fallen: Fallen): Pattern[] {
  const { chosen, rejected, perToken, parts } = fallen;
  const part = (by: PartName): readonly ChangeGroup[] => parts.find((one) => one.by === by)?.groups ?? [];
  return [
    rejected.mean < 0 ? together(chosen, rejected) : alone(chosen, rejected),
    overlap(part('overlap')),
    length(part('length'), part('longer')),
    source(part('source')),
    familiarity(part('familiarity')),
    afterDifference(part('difference'), part('shared')),
    firstTokens(part('position')),
    endOfText(part('class')),
    perToken < -FAR ? far(perToken) : undefined,
  ].filter((pattern) => pattern !== undefined);
}

function together(chosen: MeanInterval, rejected: MeanInterval): Pattern {
  const margin = rejected.mean < chosen.mean ? 'rejected ones by more, so margins rose all the same' : 'rejected ones by less';
  return {
    what: `Both responses became less likely: chosen ones by ${nats(-chosen.mean)} a pair, ${margin}`,
    known:
      'A loss of differences is content when both fall; what they lose goes to responses that nobody compared (likelihood displacement). Some of it is to be expected of a model that was trained on the chosen responses before',
    source: 'arXiv 2410.08847, 2402.13228, 2404.12358',
    remedies: ['sft', 'apo_zero', 'nca_pair'],
  };
}

function alone(chosen: MeanInterval, rejected: MeanInterval): Pattern {
  return {
    what: `Chosen responses fell by ${nats(-chosen.mean)} a pair, rejected ones did not (${signedNats(rejected.mean)})`,
    known:
      'That is the wrong way round. Labels may be exchanged (see the view “Probably mislabelled”), or steps too large, or it is too early to tell',
    source: 'docs/insight.md, “Pairs”',
    remedies: ['learning_rate', 'apo_zero', 'sft'],
  };
}

function overlap(groups: readonly ChangeGroup[]): Pattern | undefined {
  const enough = groups.filter(({ chosen }) => chosen.n >= LEAST);
  const [near, apart] = [enough[0], enough.at(-1)];
  if (near === undefined || apart === undefined || !NEAR_LABELS.includes(near.label) || !isLower(near, apart)) return undefined;
  return {
    what: `The nearer a pair's responses are to each other, the more the chosen one fell: ${signedNats(near.chosen.mean)} where they are ${near.label}, ${signedNats(apart.chosen.mean)} where ${apart.label}`,
    known:
      'Responses that share most of their tokens are pushed down together: what is taken from the rejected one is taken from the chosen one too',
    source: 'DPOP, arXiv 2402.13228; 2410.08847',
    remedies: ['sft', 'apo_zero', 'nca_pair'],
  };
}

function length(groups: readonly ChangeGroup[], longer: readonly ChangeGroup[]): Pattern | undefined {
  const [shortest, longest] = [groups[0], groups.at(-1)];
  const isLong = shortest !== undefined && longest !== undefined && longest.part >= MUCH && isLower(longest, shortest);
  const [above, below] = [LONGER_LABELS[0], LONGER_LABELS[2]].map((label) => longer.find((group) => group.label === label));
  const isLonger = above !== undefined && below !== undefined && isLower(above, below);
  if (!isLong && !isLonger) return undefined;
  const what = isLong
    ? `The longest chosen responses (${longest.label}), ${percent(longest.share)} of pairs, make ${percent(longest.part)} of the fall`
    : `Chosen responses that are longer than the rejected one fell more: ${signedNats(above!.chosen.mean)} a pair, shorter ones ${signedNats(below!.chosen.mean)}`;
  return {
    what,
    known: 'Log-probabilities are sums over tokens, so that long responses move most and length is learned along with the preference',
    source: 'LD-DPO, arXiv 2409.06411; 2403.19159',
    remedies: ['ld_alpha', 'sigmoid_norm'],
  };
}

function source(groups: readonly ChangeGroup[]): Pattern | undefined {
  const worst = groups
    .filter(({ chosen, part, share }) => chosen.n >= LEAST && part >= 0.2 && part >= 1.5 * share)
    .find((group) => (group.chosen.interval?.[1] ?? Infinity) < restMean(groups, group));
  if (worst === undefined) return undefined;
  return {
    what: `The source ${worst.label}, ${percent(worst.share)} of pairs, makes ${percent(worst.part)} of the fall`,
    known:
      'Its responses are likely to be of another kind than what the model writes, or its labels of another quality. Look at its pairs; a file of its own can have a weight below 1',
    source: 'docs/datasets.md',
    remedies: ['sft_steps', 'sft'],
  };
}

function familiarity(groups: readonly ChangeGroup[]): Pattern | undefined {
  const [strange, known] = [groups[0], groups.at(-1)];
  if (strange === undefined || known === undefined || !isLower(strange, known)) return undefined;
  return {
    what: `Chosen responses that were unlikely before (${strange.label}) fell more: ${signedNats(strange.chosen.mean)} a pair, likely ones ${signedNats(known.chosen.mean)}`,
    known:
      'Pairs that the model would hardly write itself are compared without being learned; training on the chosen responses first closes that gap',
    source: 'DPO, arXiv 2305.18290, section 4; 2404.10719',
    remedies: ['sft_steps', 'sft', 'apo_zero'],
  };
}

function afterDifference(groups: readonly ChangeGroup[], shared: readonly ChangeGroup[]): Pattern | undefined {
  const after = groups.find(({ label }) => label === DIFFERENCE_LABELS[2]);
  const [both, own] = SHARED_LABELS.map((label) => shared.find((group) => group.label === label));
  if (after === undefined || both === undefined || own === undefined || both.chosen.n < LEAST) return undefined;
  // Nothing told these from the rejected response, and yet they went with the others.
  if (after.part < MUCH || own.chosen.mean >= 0 || both.chosen.mean > own.chosen.mean / 2) return undefined;
  return {
    what: `Tokens that the rejected response has too changed by ${signedNats(both.chosen.mean)} each, those of the chosen one alone by ${signedNats(own.chosen.mean)}; ${percent(after.part)} of the fall comes after the responses part`,
    known:
      'What follows the first difference is scored in another context for each response; nothing in the loss keeps the chosen one of the two likely',
    source: 'DPOP, arXiv 2402.13228, section 3',
    remedies: ['sft', 'apo_zero'],
  };
}

function firstTokens(groups: readonly ChangeGroup[]): Pattern | undefined {
  const first = groups.find(({ label }) => label === QUARTER_LABELS[0]);
  if (first === undefined || first.part < MUCH || !groups.every((group) => group === first || isLower(first, group))) return undefined;
  return {
    what: `The first quarter of a response makes ${percent(first.part)} of the fall`,
    known: 'Preferences are learned in the first tokens before all, where how a response begins can be told; what follows changes little',
    source: 'arXiv 2406.05946',
    remedies: ['beta', 'learning_rate', 'sft'],
  };
}

function endOfText(groups: readonly ChangeGroup[]): Pattern | undefined {
  const end = groups.find(({ label }) => label === END_CLASS);
  if (end === undefined || end.chosen.n < LEAST || (end.chosen.interval?.[1] ?? Infinity) >= restMean(groups, end)) return undefined;
  return {
    what: `The end of text became less likely than other tokens did: ${signedNats(end.chosen.mean)}, others ${signedNats(restMean(groups, end))} each`,
    known: 'The model learns not to end, so its responses get longer',
    source: 'arXiv 2403.19159; LD-DPO, 2409.06411',
    remedies: ['ld_alpha', 'sigmoid_norm'],
  };
}

function far(perToken: number): Pattern {
  return {
    what: `Chosen responses fell far: ${nats(-perToken)} a token`,
    known:
      'The farther a model goes from its reference, the more it loses of what nobody asked it to change, and past some point it gets worse at what it was asked for',
    source: 'arXiv 2406.02900',
    remedies: ['learning_rate', 'beta'],
  };
}

/** Whether a group's mean is lower than another's beyond what chance does: by the 95 % interval of their difference. */
function isLower(a: ChangeGroup, b: ChangeGroup): boolean {
  if (a.chosen.n < LEAST || b.chosen.n < LEAST) return false;
  return b.chosen.mean - a.chosen.mean > Math.hypot(half(a), half(b));
}

function half({ chosen: { mean, interval } }: ChangeGroup): number {
  return interval === undefined ? Infinity : interval[1] - mean;
}

function restMean(groups: readonly ChangeGroup[], own: ChangeGroup): number {
  const rest = groups.filter((group) => group !== own);
  const n = rest.reduce((sum, { chosen }) => sum + chosen.n, 0);
  return rest.reduce((sum, { chosen }) => sum + chosen.mean * chosen.n, 0) / Math.max(1, n);
}

function nats(value: number): string {
  return `${value.toFixed(2)} nats`;
}

function signedNats(value: number): string {
  return `${signed(value.toFixed(2))} nats`;
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}
