import type { Pause } from '../work/pace.js';
import { balance, type Load } from './balance.js';
import { binCount, longestFirst, SPREAD_PARTS } from './pack.js';
import type { PrefixTree } from './tree.js';

/** What lies in one bin whatever happens: a pair, or a sequence of one that does not fit into a bin. */
interface Unit extends Load {
  /** Indices into the tree's sequences. */
  readonly sequences: readonly number[];
  /** All its tokens. */
  readonly whole: number;
}

/** Units that are placed together, and the shared segments that they need. */
interface Bundle {
  readonly units: number[];
  readonly shared: number[];
  tokens: number;
  /** About: what units share is counted for each. */
  time: number;
}

/** A bin that is being filled. */
interface Bin {
  readonly units: number[];
  /** The shared segments that it holds. */
  readonly held: Set<number>;
  tokens: number;
  time: number;
}

/**
 * How many tokens bundles must have in common to be kept together for it. Much of a tree is shared for trifles: all
 * sequences of a chat template begin alike. Keeping together what shares a few tokens makes bundles that pack badly.
 */
const LEAST_COMMONS = [1, 16, 64, 256, Infinity];

/** Bins of about the same time may cost this much more than the cheapest. */
const MOST_SPREAD_COST = 1.0005;

/** Which bin is taken of those that have equally much in common with a bundle. */
const fullest = ({ tokens }: Bin): number => tokens;
const fastest = ({ time }: Bin): number => -time;

/** One bin more is accepted when it saves this fraction of a bin's tokens. */
const BIN_WORTH = 1 / 16;

/**
 * Divides the sequences of a tree among bins of at most `capacity` tokens, each holding the paths its sequences need,
 * so that few tokens are held twice and the bins take about the same time. The sequences of a pair stay together unless
 * they do not fit into one bin.
 *
 * Greedy: pairs are bundled in the tree's order while each has at least `leastCommon` tokens in common with those
 * before it and the bundle fits; the bundles are placed best fit decreasing, where it is counted only once what a bin already
 * holds. This is done for several values of `leastCommon`; the division with the fewest tokens wins, a bin counting as
 * 1/16 of its capacity. It is done again with the first of the bundles spread over the bins by time, when that costs next to
 * nothing ({@link SPREAD_PARTS}). Then pairs are exchanged until the bins are balanced ({@link balance}). Deterministic. No sequence
 * may be longer than the capacity.
 *
 * For several devices there are {@link binCount} bins, each with about its share of the tokens, even where that costs some more of them.
 *
 * @param times predicted time of each segment
 * @returns the bins, each a list of indices into the tree's sequences in rising order, ordered by their first sequence
 */
export async function packTree(
  tree: PrefixTree,
  times: Float64Array,
  { capacity, devices = 1 }: { readonly capacity: number; readonly devices?: number },
  pause: Pause,
): Promise<number[][]> {
  if (tree.tokens <= capacity && devices === 1) return [tree.sequences.map((_, sequence) => sequence)];
  const packing = new TreePacking(tree, times, capacity, pause);
  let best: { readonly bins: readonly Bin[]; readonly leastCommon: number } | undefined;
  let bestCost = Infinity;
  for (const leastCommon of LEAST_COMMONS) {
    const bins = await packing.place(packing.bundle(leastCommon), leastCommon);
    const cost = costOf(bins, capacity);
    if (cost < bestCost) [best, bestCost] = [{ bins, leastCommon }, cost];
  }
  if (best === undefined) throw new RangeError('a tree has sequences');
  const count = binCount(best.bins.length, devices, packing.units);
  const more = devices > 1 ? await dividedBins(tree, times, { capacity, count, longest: packing.longest }, pause) : undefined;
  const packed = more
    ? await packing.balance(more, DIVIDED_GROWTH)
    : await packing.balance(await packing.spread(best.bins, best.leastCommon));
  for (const bin of packed) bin.sort((a, b) => a - b);
  return packed.sort((a, b) => (a[0] as number) - (b[0] as number));
}

/** Across devices the slowest bin decides: an exchange that makes it faster may cost the others this much of a bin. */
const DIVIDED_GROWTH = 0.1;

/** How far beyond its share of a step's tokens a bin is filled for the sake of what its sequences have in common. */
const SHARE_LIMITS = [1.1, 1.5, Infinity];

/**
 * Places the units in just `count` bins: what has much in common together, but no bin with much more than its share.
 * Of all ways that leave no bin empty the one whose longest bin is shortest.
 *
 * @param of.longest tokens of the longest unit
 * @returns undefined when there is no such way
 */
async function dividedBins(
  tree: PrefixTree,
  times: Float64Array,
  { capacity, count, longest }: { readonly capacity: number; readonly count: number; readonly longest: number },
  pause: Pause,
): Promise<readonly Bin[] | undefined> {
  let best: readonly Bin[] | undefined;
  let shortest = Infinity;
  for (const share of SHARE_LIMITS) {
    const limit = Math.min(capacity, Math.max(longest, Math.ceil((share * tree.tokens) / count)));
    const packing = new TreePacking(tree, times, limit, pause);
    for (const leastCommon of LEAST_COMMONS) {
      const bins = await packing.place(packing.bundle(leastCommon), leastCommon, { count, part: 1 });
      const most = Math.max(...bins.map(({ tokens }) => tokens));
      if (bins.length !== count || bins.some(({ units }) => units.length === 0) || most >= shortest) continue;
      [best, shortest] = [bins, most];
    }
    if (best !== undefined) return best;
  }
  return undefined;
}

function costOf(bins: readonly Bin[], capacity: number): number {
  return bins.reduce((sum, bin) => sum + bin.tokens, bins.length * capacity * BIN_WORTH);
}

class TreePacking {
  readonly #tree: PrefixTree;
  readonly #times: Float64Array;
  readonly #capacity: number;
  readonly #pause: Pause;
  readonly #lengths: Int32Array;
  /** For each segment, how many units need it. */
  readonly #users: Int32Array;
  /** In the tree's order: neighbours have the most in common. */
  readonly #units: readonly Unit[];

  constructor(tree: PrefixTree, times: Float64Array, capacity: number, pause: Pause) {
    this.#tree = tree;
    this.#times = times;
    this.#capacity = capacity;
    this.#pause = pause;
    this.#lengths = Int32Array.from(tree.segments, ({ begin, end }) => end - begin);
    const groups = this.#groups();
    this.#users = new Int32Array(this.#lengths.length);
    for (const { segments } of groups) for (const segment of segments) this.#users[segment] = (this.#users[segment] as number) + 1;
    this.#units = groups.map(({ sequences, segments }) => this.#unit(sequences, segments));
  }

  get units(): number {
    return this.#units.length;
  }

  /** Tokens of the longest unit. */
  get longest(): number {
    return this.#units.reduce((most, { whole }) => Math.max(most, whole), 0);
  }

  /** Joins units that follow each other while they fit and have enough in common. */
  bundle(leastCommon: number): Bundle[] {
    const bundles: Bundle[] = [];
    /** For each segment, how many bundles there were when it was last taken into one: the last has it when all. */
    const heldBy = new Int32Array(this.#lengths.length);
    for (const [index, unit] of this.#units.entries()) {
      const last = bundles.at(-1);
      let common = 0;
      for (const segment of unit.shared) if (heldBy[segment] === bundles.length) common += this.#length(segment);
      if (last !== undefined && common >= leastCommon && last.tokens + unit.whole - common <= this.#capacity) {
        last.units.push(index);
        for (const segment of unit.shared) if (heldBy[segment] !== bundles.length) last.shared.push(segment);
        last.tokens += unit.whole - common;
        last.time += unit.time;
      } else {
        bundles.push({ units: [index], shared: [...unit.shared], tokens: unit.whole, time: unit.time });
      }
      for (const segment of unit.shared) heldBy[segment] = bundles.length;
    }
    return bundles;
  }

  /**
   * Best fit decreasing: the bundle with the most tokens first, each into the bin with which it has the most in common
   * (less than `leastCommon` counts as nothing), of those into the fullest with room.
   *
   * @param spread `part` of all tokens go into the fastest of `count` bins instead of the fullest
   */
  async place(bundles: readonly Bundle[], leastCommon: number, spread = { count: 0, part: 0 }): Promise<Bin[]> {
    const open = (): Bin => ({ units: [], held: new Set(), tokens: 0, time: 0 });
    const bins = Array.from({ length: spread.count }, open);
    let toSpread = spread.part * bundles.reduce((sum, { tokens }) => sum + tokens, 0);
    /** For each segment, the bins that hold it. */
    const holders: (number[] | undefined)[] = new Array<undefined>(this.#lengths.length);
    const common = new Int32Array(bundles.length + spread.count);
    for (const order of longestFirst(bundles)) {
      const bundle = bundles[order] as Bundle;
      const holdersOf = bundle.shared.map((segment) => (holders[segment] ??= []));
      // What every bin holds need not be added bin by bin.
      let everywhere = 0;
      holdersOf.forEach((holding, at) => {
        if (holding.length === bins.length) everywhere += this.#length(bundle.shared[at] as number);
      });
      common.fill(everywhere, 0, bins.length);
      holdersOf.forEach((holding, at) => {
        if (holding.length === bins.length) return;
        const length = this.#length(bundle.shared[at] as number);
        for (const bin of holding) common[bin] = (common[bin] as number) + length;
      });
      const prefer = toSpread > 0 ? fastest : fullest;
      const index = this.#bestBin(bins, bundle, common, leastCommon, prefer);
      if (index === bins.length) {
        bins.push(open());
        common[index] = 0;
      }
      const bin = bins[index] as Bin;
      bin.tokens += bundle.tokens - (common[index] as number);
      bin.time += bundle.time;
      toSpread -= bundle.tokens;
      for (const unit of bundle.units) bin.units.push(unit);
      bundle.shared.forEach((segment, at) => {
        if (bin.held.has(segment)) return;
        bin.held.add(segment);
        (holdersOf[at] as number[]).push(index);
      });
      await this.#pause();
    }
    return bins;
  }

  /** Exchanges units among the bins. @returns for each bin its sequences */
  async balance(bins: readonly Bin[], growth?: number): Promise<number[][]> {
    const units = bins.map((bin) => bin.units);
    const shared = { tokens: this.#lengths, time: this.#times };
    const balanced = await balance(units, this.#units, shared, this.#capacity, this.#pause, growth);
    return balanced.map((bin) => bin.flatMap((unit) => (this.#units[unit] as Unit).sequences));
  }

  /** Places the bundles once more so that bins take about the same time. @returns the given bins when that costs more */
  async spread(bins: readonly Bin[], leastCommon: number): Promise<readonly Bin[]> {
    const bundles = this.bundle(leastCommon);
    const most = costOf(bins, this.#capacity) * MOST_SPREAD_COST;
    for (const part of SPREAD_PARTS) {
      const spread = await this.place(bundles, leastCommon, { count: bins.length, part });
      const whole = spread.length === bins.length && spread.every(({ units }) => units.length > 0);
      if (whole && costOf(spread, this.#capacity) <= most) return spread;
    }
    return bins;
  }

  /** @returns the number of bins when none has room */
  #bestBin(bins: readonly Bin[], bundle: Bundle, common: Int32Array, leastCommon: number, prefer: (bin: Bin) => number): number {
    let best = bins.length;
    let bestCommon = -1;
    let bestValue = -Infinity;
    for (let index = 0; index < bins.length; index++) {
      const bin = bins[index] as Bin;
      const shared = common[index] as number;
      if (bin.tokens + bundle.tokens - shared > this.#capacity) continue;
      const counted = shared >= leastCommon ? shared : 0;
      const value = prefer(bin);
      if (counted > bestCommon || (counted === bestCommon && value > bestValue)) {
        best = index;
        bestCommon = counted;
        bestValue = value;
      }
    }
    return best;
  }

  /** The pairs, or each of their sequences when the pair does not fit into a bin, with their segments in the tree's order. */
  #groups(): { readonly sequences: readonly number[]; readonly segments: readonly number[] }[] {
    const byPair = new Map<number, number[]>();
    for (const [index, { pair }] of this.#tree.sequences.entries()) {
      const sequences = byPair.get(pair);
      if (sequences === undefined) byPair.set(pair, [index]);
      else sequences.push(index);
    }
    const groupOf = (sequences: readonly number[]): { sequences: readonly number[]; segments: readonly number[] } => {
      const segments = new Set<number>();
      for (const sequence of sequences) for (const segment of this.#tree.paths[sequence] ?? []) segments.add(segment);
      return { sequences, segments: [...segments] };
    };
    const tokens = (segments: readonly number[]): number => segments.reduce((sum, segment) => sum + this.#length(segment), 0);
    const groups = [...byPair.values()].flatMap((sequences) => {
      const whole = groupOf(sequences);
      return tokens(whole.segments) <= this.#capacity ? [whole] : sequences.map((sequence) => groupOf([sequence]));
    });
    const leaf = ({ sequences }: { readonly sequences: readonly number[] }): number =>
      this.#tree.paths[sequences[0] as number]?.at(-1) ?? 0;
    return groups.sort((a, b) => leaf(a) - leaf(b));
  }

  #unit(sequences: readonly number[], segments: readonly number[]): Unit {
    const shared = segments.filter((segment) => (this.#users[segment] as number) > 1);
    let [whole, tokens, time] = [0, 0, 0];
    for (const segment of segments) {
      whole += this.#length(segment);
      if ((this.#users[segment] as number) > 1) continue;
      tokens += this.#length(segment);
      time += this.#times[segment] as number;
    }
    return { sequences, whole, tokens, time, shared };
  }

  #length(segment: number): number {
    return this.#lengths[segment] as number;
  }
}
