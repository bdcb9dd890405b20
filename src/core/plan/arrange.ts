import type { LayoutOptions, Sharing } from '../run/config.js';
import type { TokenPair } from '../tokenizer/pair.js';
import { packTree } from './pack-tree.js';
import { pack } from './pack.js';
import { prefixTree, sides, type PrefixTree, type Sequence, type Side } from './tree.js';

/** A pair of the dataset, ready to be laid out. */
export interface Unit {
  readonly pair: TokenPair;
  /** Its own trees, their sequences those of pair 0. None with sharing `tree`: a step's pairs have theirs in common. */
  readonly trees: readonly PrefixTree[];
  /** Least tokens that have to lie in one bin. */
  readonly tokens: number;
  readonly targets: number;
  /** Index among the dataset's usable pairs: the key of its sequences. */
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

export function toUnit(pair: TokenPair, index: number, sharing: Sharing): Unit {
  const trees = pairTrees(pair, sharing);
  return {
    pair,
    trees,
    tokens:
      sharing === 'tree'
        ? Math.max(pair.chosen.length, pair.rejected.length)
        : trees.reduce((sum, tree) => sum + tree.tokens, 0),
    targets: pair.chosen.length + pair.rejected.length - 2 * pair.promptLength,
    index,
  };
}

/** Divides a step's pairs among bins and merges what the sharing allows. */
export function arrange(units: readonly Unit[], options: LayoutOptions): Bin[] {
  return options.sharing === 'tree' ? mergedBins(units, options.capacity) : pairBins(units, options.capacity);
}

function pairTrees(pair: TokenPair, sharing: Sharing): PrefixTree[] {
  const sequences = sides.map((side) => sequenceOf(pair, side, 0));
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
function pairBins(units: readonly Unit[], capacity: number): Bin[] {
  const packed = pack(
    units.map((unit) => unit.tokens),
    capacity,
  );
  return packed.map((members) => {
    const placed = members.flatMap((index) =>
      (units[index] as Unit).trees.map((tree) => ({ tree, firstPair: index })),
    );
    return {
      tokens: placed.reduce((sum, { tree }) => sum + tree.tokens, 0),
      segments: placed.reduce((sum, { tree }) => sum + tree.segments.length, 0),
      trees: () => placed,
    };
  });
}

/** One tree a bin, of all its sequences. */
function mergedBins(units: readonly Unit[], capacity: number): Bin[] {
  const sequences = units.flatMap(({ pair }, index) => sides.map((side) => sequenceOf(pair, side, index)));
  return packTree(prefixTree(sequences), capacity).map((members) => {
    const make = (): PrefixTree => prefixTree(members.map((index) => sequences[index] as Sequence));
    const { tokens, segments } = make();
    return { tokens, segments: segments.length, trees: () => [{ tree: make(), firstPair: 0 }] };
  });
}
