import { type MaskLayout, segmentAt, treeAt } from '../../src/core/mask/index.js';
import type { Cell } from './viewport.js';

/** Which keys go where; shown to people as it stands here. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ['Arrows', 'one token: up and down change the token that looks, left and right the one looked at'],
  ['Shift + arrows', 'one tile of 128'],
  ['Ctrl + arrows', 'to the next segment'],
  ['Page Up, Page Down', 'to the previous or next tree'],
  ['Home, End', 'to the first token of the tree, to the token itself'],
  ['Enter', 'zoom in to single tokens and back'],
  ['+, −, 0', 'zoom in, zoom out, show everything'],
  [', and .', 'previous and next bin'],
  ['Escape', 'clear the selected cell'],
];

export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
}

/** Where a key takes the cursor; undefined when it is none that moves it. */
export function moved(layout: MaskLayout, { query, key }: Cell, press: KeyPress, tile: number): Cell | undefined {
  const rows = layout.tokens.length;
  const along = (row: number, direction: -1 | 1): number => {
    if (press.ctrlKey || press.metaKey) return nextSegment(layout, row, direction);
    return Math.min(rows - 1, Math.max(0, row + direction * (press.shiftKey ? tile : 1)));
  };
  const tree = treeAt(layout, query);
  switch (press.key) {
    case 'ArrowUp':
      return { query: along(query, -1), key };
    case 'ArrowDown':
      return { query: along(query, 1), key };
    case 'ArrowLeft':
      return { query, key: along(key, -1) };
    case 'ArrowRight':
      return { query, key: along(key, 1) };
    case 'Home':
      return { query, key: tree.begin };
    case 'End':
      return { query, key: query };
    case 'PageUp': {
      const begin = tree.begin === 0 ? 0 : treeAt(layout, tree.begin - 1).begin;
      return { query: begin, key: begin };
    }
    case 'PageDown': {
      const begin = tree.end >= rows ? tree.begin : tree.end;
      return { query: begin, key: begin };
    }
    default:
      return undefined;
  }
}

/** The first row of the segment after, or of this one, then the one before. */
function nextSegment(layout: MaskLayout, row: number, direction: -1 | 1): number {
  const segment = segmentAt(layout, row);
  const begin = layout.segmentBegin[segment]!;
  if (direction === 1) return layout.segmentBegin[segment + 1] ?? layout.tokens.length - 1;
  return row > begin ? begin : (layout.segmentBegin[segment - 1] ?? 0);
}
