/** What the tokens of a row are; the numbers are `segment_role` in docs/formats.md. */
export const MASK_ROLES = ['prompt', 'chosen', 'rejected', 'common'] as const;
export type MaskRole = (typeof MASK_ROLES)[number];

/**
 * Tokens laid out in rows, and which of them see each other: token k is visible to token q exactly when
 * `k <= q < visibleUntil[k]`. One bin of a plan is one block. Several blocks are several bins drawn as one picture, one
 * after the other; tokens of different blocks never meet. Sizes: N rows, B blocks, G segments. All indices count from
 * the first row or segment of the layout.
 */
export interface MaskLayout {
  /** [B+1] rows at which blocks begin; the last is N */
  readonly blockStart: Int32Array;
  /** [N] token ids */
  readonly tokens: Int32Array;
  /** [N] depth of the token on its own path */
  readonly position: Int32Array;
  /** [N] row after the last one that may look at the token */
  readonly visibleUntil: Int32Array;
  /** [G] segments cover the rows in order */
  readonly segmentBegin: Int32Array;
  /** [G] */
  readonly segmentEnd: Int32Array;
  /** [G] segment that this one continues, -1 for a root */
  readonly segmentParent: Int32Array;
  /** [G] index into {@link MASK_ROLES} */
  readonly segmentRole: Int32Array;
  /** [G] 0-based row of the dataset whose pair alone goes through the segment, -1 when several pairs do */
  readonly segmentRow: Int32Array;
}

export function rowCount(layout: Pick<MaskLayout, 'tokens'>): number {
  return layout.tokens.length;
}

/** Index of the last element that is at most `value` in rising numbers; -1 when all are greater. */
export function lastAtMost(rising: Int32Array, value: number): number {
  let low = 0;
  let high = rising.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rising[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The segment that a row lies in. */
export function segmentAt(layout: Pick<MaskLayout, 'segmentBegin'>, row: number): number {
  return lastAtMost(layout.segmentBegin, row);
}

/** The block that a row lies in. */
export function blockAt(layout: Pick<MaskLayout, 'blockStart'>, row: number): number {
  return lastAtMost(layout.blockStart, row);
}

/** The segments from the root to this one. */
export function pathTo(layout: Pick<MaskLayout, 'segmentParent'>, segment: number): number[] {
  const path = [];
  for (let at = segment; at >= 0; at = layout.segmentParent[at]!) path.push(at);
  return path.reverse();
}

/** Rows `[begin, end)` of the tree that a row lies in. */
export function treeAt(layout: MaskLayout, row: number): { readonly begin: number; readonly end: number } {
  const root = pathTo(layout, segmentAt(layout, row))[0]!;
  const begin = layout.segmentBegin[root]!;
  return { begin, end: layout.visibleUntil[begin]! };
}

/** (query, key) cells that the mask lets through. */
export function visibleCells({ visibleUntil }: Pick<MaskLayout, 'visibleUntil'>): number {
  let cells = 0;
  for (let key = 0; key < visibleUntil.length; key++) cells += visibleUntil[key]! - key;
  return cells;
}

/** (query, key) cells that a plain causal mask would let through, block by block. */
export function causalCells({ blockStart }: Pick<MaskLayout, 'blockStart'>): number {
  let cells = 0;
  for (let block = 0; block + 1 < blockStart.length; block++) {
    const rows = blockStart[block + 1]! - blockStart[block]!;
    cells += (rows * (rows + 1)) / 2;
  }
  return cells;
}
