import type { AdditiveTime } from '../cost/time.js';
import type { Pause } from '../work/pace.js';
import type { LayoutOptions, Sharing } from '../options/index.js';
import type { TokenPair } from '../tokenizer/pair.js';
import { balance, NOTHING_SHARED, type Load } from './balance.js';
import { packTree } from './pack-tree.js';
import { binCount, pack, spread } from './pack.js';
import { prefixTree, SIDES, TreeBuilder, type PrefixTree, type Sequence, type Side } from './tree.js';
import { segmentTimes, treeTime } from './work.js';

/** A pair of the dataset, ready to be laid out. */
export interface Unit extends Load {
  readonly pair: TokenPair;
  /** Its own trees, their sequences those of pair 0. None with sharing `tree`: a step's pairs have theirs in common. */
  readonly trees: readonly PrefixTree[];
  /** Least tokens that have to lie in one bin. */
  readonly tokens: number;
  /** Predicted time of its own trees. */
  readonly time: number;
  readonly targets: number;
  /** Index among the dataset's usable pairs. */
  readonly index: number;
}

/** A tree in a bin. */
export interface PlacedTree {
  readonly tree: PrefixTree;
  /** The number within the step of the tree's pair 0. */
  readonly firstPair: number;
}

/** One bin of a step, before it is written. */
export interface Bin {
  readonly tokens: number;
  readonly segments: number;
  /** Ordered by their sequences. A bin's own tree is made when asked for: all of a plan's would need much memory. */
  readonly trees: () => readonly PlacedTree[];
}

/** @param time how trees are timed; none with sharing `tree` */
export function toUnit(pair: TokenPair, index: number, sharing: Sharing, time: AdditiveTime): Unit {
  const trees = pairTrees(pair, sharing);
  return {
    pair,
    trees,
    tokens: togetherTokens(pair, trees, sharing),
    time: trees.reduce((sum, tree) => sum + treeTime(tree, time), 0),
    shared: [],
    targets: pair.chosen.length + pair.rejected.length - 2 * pair.promptLength,
    index,
  };
}

/** Least tokens of a pair that have to lie in one bin. */
export function leastTokens(pair: TokenPair, sharing: Sharing): number {
  return togetherTokens(pair, pairTrees(pair, sharing), sharing);
}

function togetherTokens({ chosen, rejected }: TokenPair, trees: readonly PrefixTree[], sharing: Sharing): number {
  return sharing === 'tree' ? Math.max(chosen.length, rejected.length) : trees.reduce((sum, tree) => sum + tree.tokens, 0);
}

/**
 * Divides a step's pairs among as few bins as best fit decreasing finds, of about the same predicted time, and merges what
 * the sharing allows.
 *
 * @param pause is called every now and then
 */
export async function arrange(units: readonly Unit[], options: LayoutOptions, time: AdditiveTime, pause: Pause): Promise<Bin[]> {
  return options.sharing === 'tree' ? mergedBins(units, options, time, pause) : pairBins(units, options, pause);
}

function pairTrees(pair: TokenPair, sharing: Sharing): PrefixTree[] {
  const sequences = SIDES.map((side) => sequenceOf(pair, side, 0));
  switch (sharing) {
    case 'none':
      return sequences.map((sequence) => prefixTree([sequence]));
    case 'pair':
      return [prefixTree(sequences)];
    case 'tree':
      return [];
  }
}

function sequenceOf(source: TokenPair, side: Side, pair: number): Sequence {
  return { tokens: source[side], promptLength: source.promptLength, side, pair };
}

/** Every pair with its own trees. */
async function pairBins(units: readonly Unit[], { capacity, devices = 1 }: LayoutOptions, pause: Pause): Promise<Bin[]> {
  const fewest = await pack(units, capacity, pause);
  const count = binCount(fewest.length, devices, units.length);
  const start = (await spread(units, capacity, count, pause)) ?? fewest;
  const balanced = await balance(start, units, NOTHING_SHARED, capacity, pause);
  for (const members of balanced) members.sort((a, b) => a - b);
  balanced.sort((a, b) => (a[0] as number) - (b[0] as number));
  return balanced.map((members) => {
    const placed = members.flatMap((index) => (units[index] as Unit).trees.map((tree) => ({ tree, firstPair: index })));
    return {
      tokens: placed.reduce((sum, { tree }) => sum + tree.tokens, 0),
      segments: placed.reduce((sum, { tree }) => sum + tree.segments.length, 0),
      trees: () => placed,
    };
  });
}

/** One tree a bin, of all its sequences. */
async function mergedBins(
  units: readonly Unit[],
  { capacity, devices = 1 }: LayoutOptions,
  time: AdditiveTime,
  pause: Pause,
): Promise<Bin[]> {
  const sequences = units.flatMap(({ pair }, index) => SIDES.map((side) => sequenceOf(pair, side, index)));
  const builder = new TreeBuilder();
  for (const sequence of sequences) {
    builder.add(sequence);
    await pause();
  }
  const tree = builder.finish();
  const bins: Bin[] = [];
  for (const members of await packTree(tree, segmentTimes(tree, time), { capacity, devices }, pause)) {
    const make = (): PrefixTree => prefixTree(members.map((index) => sequences[index] as Sequence));
    const { tokens, segments } = make();
    bins.push({ tokens, segments: segments.length, trees: () => [{ tree: make(), firstPair: 0 }] });
    await pause();
  }
  return bins;
}
