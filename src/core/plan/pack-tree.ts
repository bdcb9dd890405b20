import type { PrefixTree } from './tree.js';

/** Sequences that go into one bin together, and what of the tree they need. */
interface Bundle {
  /** Indices into the tree's sequences. */
  readonly sequences: number[];
  /** The segments of their paths, each once. */
  readonly segments: number[];
  /** Sum of the segments' lengths. */
  tokens: number;
}

/**
 * How many tokens bundles must have in common to be kept together for it. Much of a tree is shared for trifles: all
 * sequences of a chat template begin alike. Keeping together what shares a few tokens makes bundles that pack badly.
 */
const leastCommons = [1, 16, 64, 256, Infinity];

/** One bin more is accepted when it saves this fraction of a bin's tokens. */
const binWorth = 1 / 16;

/**
 * Divides the sequences of a tree among bins of at most `capacity` tokens, each holding the paths its sequences need,
 * so that few tokens are held twice. The sequences of a pair stay together unless they do not fit into one bin.
 *
 * Greedy: pairs are bundled in the tree's order while each has at least `leastCommon` tokens in common with those
 * before it and the bundle fits; the bundles are placed best fit decreasing, where it is counted only once what a bin already
 * holds. This is done for several values of `leastCommon`; the division with the fewest tokens wins, a bin counting as
 * 1/16 of its capacity. Deterministic. No sequence may be longer than the capacity.
 *
 * @returns the bins, each a list of indices into the tree's sequences in rising order, ordered by their first sequence
 */
export function packTree(tree: PrefixTree, capacity: number): number[][] {
  if (tree.tokens <= capacity) return [tree.sequences.map((_, sequence) => sequence)];
  const packing = new TreePacking(tree, capacity);
  let best: readonly Bundle[] | undefined;
  let bestCost = Infinity;
  for (const leastCommon of leastCommons) {
    const bins = packing.place(packing.bundle(leastCommon), leastCommon);
    const cost = bins.reduce((sum, bin) => sum + bin.tokens, bins.length * capacity * binWorth);
    if (cost < bestCost) [best, bestCost] = [bins, cost];
  }
  const packed = (best ?? []).map((bin) => bin.sequences.sort((a, b) => a - b));
  return packed.sort((a, b) => (a[0] as number) - (b[0] as number));
}

class TreePacking {
  private readonly lengths: Int32Array;
  /** What has to be placed, in the tree's order: neighbours have the most in common. */
  private readonly units: readonly Bundle[];

  constructor(
    private readonly tree: PrefixTree,
    private readonly capacity: number,
  ) {
    this.lengths = Int32Array.from(tree.segments, ({ begin, end }) => end - begin);
    const leaf = ({ sequences }: Bundle): number => tree.paths[sequences[0] as number]?.at(-1) ?? 0;
    this.units = this.pairs().sort((a, b) => leaf(a) - leaf(b));
  }

  /** Joins units that follow each other while they fit and have enough in common. */
  bundle(leastCommon: number): Bundle[] {
    const bundles: Bundle[] = [];
    /** For each segment, how many bundles there were when it was last taken into one: the last has it when all. */
    const heldBy = new Int32Array(this.lengths.length);
    for (const unit of this.units) {
      const last = bundles.at(-1);
      let common = 0;
      for (const segment of unit.segments) if (heldBy[segment] === bundles.length) common += this.length(segment);
      if (last !== undefined && common >= leastCommon && last.tokens + unit.tokens - common <= this.capacity) {
        for (const sequence of unit.sequences) last.sequences.push(sequence);
        for (const segment of unit.segments) if (heldBy[segment] !== bundles.length) last.segments.push(segment);
        last.tokens += unit.tokens - common;
      } else {
        bundles.push({ sequences: [...unit.sequences], segments: [...unit.segments], tokens: unit.tokens });
      }
      for (const segment of unit.segments) heldBy[segment] = bundles.length;
    }
    return bundles;
  }

  /**
   * Best fit decreasing: the bundle with the most tokens first, each into the bin with which it has the most in common
   * (less than `leastCommon` counts as nothing), of those into the fullest with room.
   */
  place(bundles: readonly Bundle[], leastCommon: number): Bundle[] {
    const bins: Bundle[] = [];
    /** For each segment, the bins that hold it. */
    const holders: number[][] = Array.from(this.lengths, () => []);
    const common = new Int32Array(bundles.length);
    const longestFirst = bundles.map((bundle, order) => ({ bundle, order }));
    longestFirst.sort((a, b) => b.bundle.tokens - a.bundle.tokens || a.order - b.order);
    for (const { bundle } of longestFirst) {
      common.fill(0, 0, bins.length);
      for (const segment of bundle.segments) {
        for (const bin of holders[segment] as number[]) common[bin] = (common[bin] as number) + this.length(segment);
      }
      const index = this.bestBin(bins, bundle, common, leastCommon);
      const bin = bins[index] ?? { sequences: [], segments: [], tokens: 0 };
      if (index === bins.length) bins.push(bin);
      for (const sequence of bundle.sequences) bin.sequences.push(sequence);
      bin.tokens += bundle.tokens - (common[index] as number);
      for (const segment of bundle.segments) {
        const holding = holders[segment] as number[];
        if (!holding.includes(index)) holding.push(index);
      }
    }
    return bins;
  }

  /** @returns the number of bins when none has room */
  private bestBin(bins: readonly Bundle[], bundle: Bundle, common: Int32Array, leastCommon: number): number {
    let best = bins.length;
    let bestCommon = -1;
    let bestTokens = -1;
    for (const [index, bin] of bins.entries()) {
      const shared = common[index] as number;
      if (bin.tokens + bundle.tokens - shared > this.capacity) continue;
      const counted = shared >= leastCommon ? shared : 0;
      if (counted > bestCommon || (counted === bestCommon && bin.tokens > bestTokens)) {
        best = index;
        bestCommon = counted;
        bestTokens = bin.tokens;
      }
    }
    return best;
  }

  /** Each pair a bundle, or each of its sequences when the pair does not fit into a bin. */
  private pairs(): Bundle[] {
    const byPair = new Map<number, number[]>();
    for (const [index, { pair }] of this.tree.sequences.entries()) {
      const sequences = byPair.get(pair);
      if (sequences === undefined) byPair.set(pair, [index]);
      else sequences.push(index);
    }
    return [...byPair.values()].flatMap((sequences) => {
      const whole = this.bundleOf(sequences);
      return whole.tokens <= this.capacity ? [whole] : sequences.map((sequence) => this.bundleOf([sequence]));
    });
  }

  private bundleOf(sequences: number[]): Bundle {
    const segments = [...new Set(sequences.flatMap((sequence) => this.tree.paths[sequence] as number[]))];
    return { sequences, segments, tokens: segments.reduce((sum, segment) => sum + this.length(segment), 0) };
  }

  private length(segment: number): number {
    return this.lengths[segment] as number;
  }
}
