import type { AdditiveTime } from '../cost/time.js';
import { SegmentRole, type PrefixTree } from './tree.js';

/**
 * Predicted time of each segment of a tree, the same wherever the tree lies and whatever else is in it: a token sees what
 * lies before it on its own path, as many tokens as its depth says.
 */
export function segmentTimes(tree: PrefixTree, time: AdditiveTime): Float64Array {
  const { segments } = tree;
  const times = new Float64Array(segments.length);
  // From the leaves up: when a segment is met, it is known whether a child of it is scored.
  const childScored = new Uint8Array(segments.length);
  for (let index = segments.length - 1; index >= 0; index--) {
    const { begin, end, role, parent } = segments[index] as (typeof segments)[number];
    const tokens = end - begin;
    const scored = role !== SegmentRole.prompt;
    if (scored && parent >= 0) childScored[parent] = 1;
    // A row is read when the token after it is scored.
    const readRows = (scored ? tokens - 1 : 0) + (childScored[index] as number);
    const visiblePairs = tokens * begin + (tokens * (tokens + 1)) / 2;
    times[index] = tokens * time.perToken + readRows * time.perReadRow + visiblePairs * time.perVisiblePair;
  }
  return times;
}

/** Predicted time of a whole tree. */
export function treeTime(tree: PrefixTree, time: AdditiveTime): number {
  return segmentTimes(tree, time).reduce((sum, segment) => sum + segment, 0);
}
