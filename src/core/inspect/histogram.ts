import type { Plan } from '../plan/index.js';
import type { SequenceLengths } from './packed.js';

/** How often lengths occur. */
export interface Histogram {
  /** Tokens that one class is wide: class i holds lengths `[i·width, (i+1)·width)`. */
  readonly width: number;
  readonly counts: { readonly prompt: Int32Array; readonly chosen: Int32Array; readonly rejected: Int32Array };
  readonly medians: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
  readonly longest: { readonly prompt: number; readonly chosen: number; readonly rejected: number };
}

const MOST_CLASSES = 60;
const KINDS = ['prompt', 'chosen', 'rejected'] as const;

/** Lengths in tokens of prompts, chosen and rejected responses. Pairs that come again in later epochs count once. */
export function lengthHistogram(plan: Plan, lengths: SequenceLengths): Histogram {
  const values: Record<(typeof KINDS)[number], number[]> = { prompt: [], chosen: [], rejected: [] };
  const known = new Set<number>();
  plan.pairChosen.forEach((chosen, pair) => {
    const rejected = plan.pairRejected[pair]!;
    // Of a pair that comes again, both sequences have the keys they had before.
    const key = plan.sequenceReference[chosen]! * plan.sequenceReference.length + plan.sequenceReference[rejected]!;
    if (known.has(key)) return;
    known.add(key);
    values.prompt.push(lengths.prompt[chosen]!);
    values.chosen.push(lengths.whole[chosen]! - lengths.prompt[chosen]!);
    values.rejected.push(lengths.whole[rejected]! - lengths.prompt[rejected]!);
  });
  const sorted = KINDS.map((kind) => Int32Array.from(values[kind]).sort());
  const most = Math.max(...sorted.map((all) => all.at(-1) ?? 0));
  const width = roundWidth((most + 1) / MOST_CLASSES);
  const classes = Math.floor(most / width) + 1;
  const each = <T>(make: (all: Int32Array) => T): { prompt: T; chosen: T; rejected: T } => {
    const [prompt, chosen, rejected] = sorted.map(make) as [T, T, T];
    return { prompt, chosen, rejected };
  };
  return {
    width,
    counts: each((all) => {
      const counts = new Int32Array(classes);
      for (const length of all) counts[Math.floor(length / width)]!++;
      return counts;
    }),
    medians: each(median),
    longest: each((all) => all.at(-1) ?? 0),
  };
}

function median(sorted: Int32Array): number {
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The least of 1, 2, 5, 10, 20, … that is at least this. */
function roundWidth(least: number): number {
  for (let power = 1; ; power *= 10) {
    for (const digit of [1, 2, 5]) if (digit * power >= least) return digit * power;
  }
}
