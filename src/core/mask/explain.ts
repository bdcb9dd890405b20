import { blockAt, type MaskLayout, pathTo, segmentAt } from './layout.js';

/** Why a token may or may not look at another. The first three may. */
const REASONS = ['self', 'same-segment', 'ancestor', 'later', 'sibling', 'other-tree', 'other-bin'] as const;
export type Reason = (typeof REASONS)[number];

export interface Explanation {
  readonly visible: boolean;
  readonly reason: Reason;
  /** Segment of the token that looks. */
  readonly querySegment: number;
  /** Segment of the token that is looked at. */
  readonly keySegment: number;
  /** Deepest segment that both paths go through; -1 when they have none in common. */
  readonly commonSegment: number;
}

/** Why the token of row `query` may look at the token of row `key`, or why not. */
export function explain(layout: MaskLayout, query: number, key: number): Explanation {
  const querySegment = segmentAt(layout, query);
  const keySegment = segmentAt(layout, key);
  const visible = key <= query && query < layout.visibleUntil[key]!;
  const commonSegment = deepestCommon(pathTo(layout, querySegment), pathTo(layout, keySegment));
  const reason = visible
    ? query === key
      ? 'self'
      : querySegment === keySegment
        ? 'same-segment'
        : 'ancestor'
    : blockAt(layout, query) !== blockAt(layout, key)
      ? 'other-bin'
      : query < key && key < layout.visibleUntil[query]!
        ? 'later'
        : commonSegment < 0
          ? 'other-tree'
          : 'sibling';
  return { visible, reason, querySegment, keySegment, commonSegment };
}

function deepestCommon(a: readonly number[], b: readonly number[]): number {
  let common = -1;
  for (let depth = 0; depth < Math.min(a.length, b.length) && a[depth] === b[depth]; depth++) common = a[depth]!;
  return common;
}
