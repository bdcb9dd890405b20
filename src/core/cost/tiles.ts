/** Rows and columns of the tiles in which the GPU's attention kernels work. */
export const TILE_SIZE = 128;

/**
 * The tiles of a mask at or below its diagonal; above it there is nothing for any causal kernel. Tiles at the end of a
 * bin may be smaller.
 */
export interface TileCounts {
  /** No query of the tile sees a key of it: not computed. */
  readonly skipped: number;
  /** Every query of it sees every key of it: needs no element mask. */
  readonly full: number;
  /** Computed whole and masked. */
  readonly partial: number;
}

/**
 * Counts the tiles of a bin's mask, where row k is visible to row q exactly when `k <= q < visibleUntil[k]`.
 *
 * Below the diagonal a tile of keys is seen by a tile of queries when its greatest `visibleUntil` lies beyond the first
 * query, and whole when its least lies beyond the last (FlashMask, arXiv 2410.01359, section 4.2). On the diagonal every
 * row sees itself, and only a tile of one row is full.
 *
 * @param visibleUntil the bin's rows, bin-local
 */
export function countTiles(visibleUntil: Int32Array, tile = TILE_SIZE): TileCounts {
  const rows = visibleUntil.length;
  const tiles = Math.ceil(rows / tile);
  let full = 0;
  let partial = 0;
  for (let key = 0; key < tiles; key++) {
    const begin = key * tile;
    const end = Math.min(begin + tile, rows);
    let least = rows;
    let most = 0;
    for (let row = begin; row < end; row++) {
      const until = visibleUntil[row] as number;
      if (until < least) least = until;
      if (until > most) most = until;
    }
    // Tiles of queries after this one whose first row lies before `most`; their last row before `least`.
    const seen = Math.max(0, Math.ceil(most / tile) - 1 - key);
    const whole = Math.max(0, (least === rows ? tiles : Math.floor(least / tile)) - 1 - key);
    const diagonal = end - begin === 1 ? 1 : 0;
    full += whole + diagonal;
    partial += seen - whole + 1 - diagonal;
  }
  return { skipped: (tiles * (tiles + 1)) / 2 - full - partial, full, partial };
}

/** Tiles not skipped of causal sequences that lie one behind the other: naive pairing in one endless bin. */
export function causalTiles(lengths: Iterable<number>, tile = TILE_SIZE): number {
  let tiles = 0;
  let start = 0;
  for (const length of lengths) {
    // A tile of queries looks back to where the sequence of its first row begins.
    const first = Math.floor(start / tile);
    const before = Math.floor((start + length - 1) / tile) - first;
    tiles += (before * (before + 1)) / 2;
    start += length;
  }
  // Those on the diagonal.
  return tiles + Math.ceil(start / tile);
}
