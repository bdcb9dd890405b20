import { type MeanInterval, meanInterval } from '../statistics/index.js';
import type { PairChange } from './changes.js';

/** What a change is told apart by. */
const PART_NAMES = ['source', 'length', 'longer', 'overlap', 'familiarity', 'position', 'difference', 'shared', 'class'] as const;
export type PartName = (typeof PART_NAMES)[number];

/** Pairs, or tokens, that are alike. */
export interface ChangeGroup {
  readonly label: string;
  /** Mean change of the chosen side in nats, with its interval: of a pair, or of a token. */
  readonly chosen: MeanInterval;
  /** Mean change of a token of the chosen responses. */
  readonly perToken: number;
  /** Of the rejected side, beside it; undefined where there is none such. */
  readonly rejected: { readonly n: number; readonly mean: number } | undefined;
  /** Of all pairs or tokens that are told apart here, the fraction in this group. */
  readonly share: number;
  /** Of the sum of all changes, what this group adds, as a fraction of it: the parts of all groups add up to 1. */
  readonly part: number;
}

/** A change, told apart by one thing. */
export interface ChangePart {
  readonly by: PartName;
  readonly title: string;
  /** What is counted and averaged. */
  readonly of: 'pairs' | 'tokens';
  readonly groups: readonly ChangeGroup[];
}

/** Something whose change is known, and the label of its group; `tokens`: that the change is spread over. */
export interface Labelled {
  readonly label: string;
  readonly change: number;
  readonly tokens: number;
}

/**
 * Tells a change apart by labels.
 *
 * @param order of the labels; those without anything in them are left out
 * @returns undefined where there are not two groups
 */
export function partOf(
  { by, title, of }: Omit<ChangePart, 'groups'>,
  chosen: readonly Labelled[],
  rejected: readonly Labelled[],
  order: readonly string[] = labelsOf(chosen),
): ChangePart | undefined {
  const total = chosen.reduce((sum, { change }) => sum + change, 0);
  const groups = order.flatMap((label): ChangeGroup[] => {
    const own = chosen.filter((one) => one.label === label);
    const mean = meanInterval(own.map(({ change }) => change));
    if (mean === undefined) return [];
    const beside = rejected.filter((one) => one.label === label).map(({ change }) => change);
    const sum = mean.mean * mean.n;
    return [
      {
        label,
        chosen: mean,
        perToken:
          sum /
          Math.max(
            1,
            own.reduce((all, { tokens }) => all + tokens, 0),
          ),
        rejected: beside.length === 0 ? undefined : { n: beside.length, mean: beside.reduce((a, b) => a + b, 0) / beside.length },
        share: own.length / chosen.length,
        part: total === 0 ? 0 : sum / total,
      },
    ];
  });
  return groups.length < 2 ? undefined : { by, title, of, groups };
}

/** The most frequent first. */
function labelsOf(labelled: readonly Labelled[]): string[] {
  const counts = new Map<string, number>();
  for (const { label } of labelled) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([label]) => label);
}

/** A part by a label for each pair, whose rejected response is of the same group. */
export function pairPart(
  by: PartName,
  title: string,
  pairs: readonly PairChange[],
  labelOf: (pair: PairChange) => string,
  order?: readonly string[],
): ChangePart | undefined {
  const labels = pairs.map(labelOf);
  const chosen = pairs.map(({ chosen: change, chosenTokens: tokens }, i): Labelled => ({ label: labels[i]!, change, tokens }));
  const rejected = pairs.map(({ rejected: change, rejectedTokens: tokens }, i): Labelled => ({ label: labels[i]!, change, tokens }));
  return partOf({ by, title, of: 'pairs' }, chosen, rejected, order);
}

/** Words for the quarters of some numbers, by value; fewer where many are the same. `order`: from the least. */
export function quarters(
  values: readonly number[],
  text: (low: number, high: number) => string,
): { readonly labelOf: (value: number) => string; readonly order: readonly string[] } {
  const sorted = [...values].sort((a, b) => a - b);
  const ends = [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * (sorted.length - 1))]!);
  const bounds = [...new Set(ends)].filter((end) => end < sorted.at(-1)!);
  const groupOf = (value: number): number => bounds.filter((bound) => value > bound).length;
  const order = Array.from({ length: bounds.length + 1 }, (_, group) => {
    const own = sorted.filter((value) => groupOf(value) === group);
    return text(own[0]!, own.at(-1)!);
  });
  // Quarters whose words are the same are one.
  return { labelOf: (value) => order[groupOf(value)]!, order: [...new Set(order)] };
}
