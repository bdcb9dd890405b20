import { TILE_SIZE } from '../cost/tiles.js';
import type { MaskLayout } from './layout.js';

/** What attention does with a tile: nothing, with a mask for every element, or as if there were no mask. */
export const TileKind = { above: 0, skipped: 1, partial: 2, full: 3 } as const;
export type TileKind = (typeof TileKind)[keyof typeof TileKind];

/** The tiles of one block. Tiles count from the block's first row, as in the kernels. */
export interface TileBlock {
  /** First row of the block. */
  readonly begin: number;
  readonly rows: number;
  /** Tiles on a side; those at the end may hang over. */
  readonly side: number;
  /** [side × side], row-major: query tile, key tile. `above` where every key comes after every query. */
  readonly kinds: Uint8Array;
}

export interface TileMap {
  readonly tile: number;
  readonly blocks: readonly TileBlock[];
  readonly full: number;
  readonly partial: number;
  /** Below the diagonal, but nothing in it is visible. */
  readonly skipped: number;
}

/**
 * Sorts the tiles on and below the diagonal of every block into skipped (`max(visible_until) <= first query`), full
 * (below the diagonal and `min(visible_until) > last query`) and partial ones (FlashMask, arXiv 2410.01359). Both
 * rules are exact: a key that is visible to any later query is visible to the tile's first.
 */
export function classifyTiles(layout: Pick<MaskLayout, 'blockStart' | 'visibleUntil'>, tile = TILE_SIZE): TileMap {
  const counts = [0, 0, 0, 0];
  const blocks: TileBlock[] = [];
  for (let block = 0; block + 1 < layout.blockStart.length; block++) {
    const begin = layout.blockStart[block]!;
    const rows = layout.blockStart[block + 1]! - begin;
    const kinds = classifyBlock(layout.visibleUntil.subarray(begin, begin + rows), begin, tile);
    for (const kind of kinds) counts[kind]!++;
    blocks.push({ begin, rows, side: Math.ceil(rows / tile), kinds });
  }
  const [, skipped, partial, full] = counts as [number, number, number, number];
  return { tile, blocks, full, partial, skipped };
}

function classifyBlock(visibleUntil: Int32Array, begin: number, tile: number): Uint8Array {
  const rows = visibleUntil.length;
  const side = Math.ceil(rows / tile);
  const least = new Int32Array(side).fill(2 ** 31 - 1);
  const most = new Int32Array(side);
  for (let key = 0; key < rows; key++) {
    const column = Math.floor(key / tile);
    const until = visibleUntil[key]! - begin;
    if (until < least[column]!) least[column] = until;
    if (until > most[column]!) most[column] = until;
  }
  const kinds = new Uint8Array(side * side);
  for (let row = 0; row < side; row++) {
    const first = row * tile;
    const last = Math.min(first + tile, rows) - 1;
    for (let column = 0; column < row; column++) {
      kinds[row * side + column] = most[column]! <= first ? TileKind.skipped : least[column]! > last ? TileKind.full : TileKind.partial;
    }
    // On the diagonal some keys come later; a tile of a single row has none of these.
    kinds[row * side + row] = last === first ? TileKind.full : TileKind.partial;
  }
  return kinds;
}

/** The kind of the tile that a cell lies in; `above` between blocks. */
export function tileAt(map: TileMap, query: number, key: number): TileKind {
  const block = map.blocks.find(({ begin, rows }) => query >= begin && query < begin + rows);
  if (block === undefined || key < block.begin || key >= block.begin + block.rows) return TileKind.above;
  const row = Math.floor((query - block.begin) / map.tile);
  const column = Math.floor((key - block.begin) / map.tile);
  return block.kinds[row * block.side + column] as TileKind;
}
