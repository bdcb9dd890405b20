import type { Sharing } from '../run/config.js';
import { commonPrefix, type TokenPair } from '../tokenizer/pair.js';

/** What a segment's tokens are (`segment_role` in docs/formats.md). */
export const SegmentRole = { prompt: 0, chosen: 1, rejected: 2, common: 3 } as const;
export type SegmentRole = (typeof SegmentRole)[keyof typeof SegmentRole];

/** The two sequences of a pair. */
export const sides = ['chosen', 'rejected'] as const;
export type Side = (typeof sides)[number];

/** A run of tokens that every sequence through it shares: tokens [begin, end) of the side's sequence, never empty. */
export interface Segment {
  /** Index of the parent segment in the tree, -1 for a root. */
  readonly parent: number;
  readonly role: SegmentRole;
  /** A side whose sequence holds the tokens. */
  readonly side: Side;
  readonly begin: number;
  readonly end: number;
}

/** A pair's prefix tree (or trees). */
export interface PairTree {
  /** Depth first: a parent comes before its children, a subtree is a run of segments. */
  readonly segments: readonly Segment[];
  /** For each side, the segments from root to leaf whose tokens are its sequence. */
  readonly paths: Readonly<Record<Side, readonly number[]>>;
  /** Sum of the segments' lengths. */
  readonly tokens: number;
}

/**
 * Arranges a pair's two sequences. `none`: each by itself. `pair`: what both have in common from the start once, even
 * where it runs on into the responses (role `common`).
 */
export function pairTree(pair: TokenPair, sharing: Sharing): PairTree {
  const stem = sharing === 'pair' ? commonPrefix(pair.chosen, pair.rejected) : 0;
  // Sequences that part before the prompt ends share nothing (the first token is context even where it differs).
  return stem < pair.promptLength ? separate(pair) : shared(pair, stem);
}

function separate(pair: TokenPair): PairTree {
  const { promptLength } = pair;
  return {
    segments: [
      { parent: -1, role: SegmentRole.prompt, side: 'chosen', begin: 0, end: promptLength },
      { parent: 0, role: SegmentRole.chosen, side: 'chosen', begin: promptLength, end: pair.chosen.length },
      { parent: -1, role: SegmentRole.prompt, side: 'rejected', begin: 0, end: promptLength },
      { parent: 2, role: SegmentRole.rejected, side: 'rejected', begin: promptLength, end: pair.rejected.length },
    ],
    paths: { chosen: [0, 1], rejected: [2, 3] },
    tokens: pair.chosen.length + pair.rejected.length,
  };
}

function shared(pair: TokenPair, stem: number): PairTree {
  const segments: Segment[] = [
    { parent: -1, role: SegmentRole.prompt, side: 'chosen', begin: 0, end: pair.promptLength },
  ];
  const stemPath = [0];
  if (stem > pair.promptLength) {
    stemPath.push(segments.length);
    segments.push({ parent: 0, role: SegmentRole.common, side: 'chosen', begin: pair.promptLength, end: stem });
  }
  const parent = segments.length - 1;
  const branch = (side: Side): number[] => {
    if (pair[side].length === stem) return stemPath;
    segments.push({ parent, role: SegmentRole[side], side, begin: stem, end: pair[side].length });
    return [...stemPath, segments.length - 1];
  };
  return {
    segments,
    paths: { chosen: branch('chosen'), rejected: branch('rejected') },
    tokens: pair.chosen.length + pair.rejected.length - stem,
  };
}

/** For each segment, the index after the last segment of its subtree. */
export function subtreeEnds(segments: readonly Segment[]): number[] {
  const ends = segments.map((_, index) => index + 1);
  for (let index = segments.length - 1; index >= 0; index--) {
    const parent = (segments[index] as Segment).parent;
    if (parent >= 0) ends[parent] = Math.max(ends[parent] as number, ends[index] as number);
  }
  return ends;
}
